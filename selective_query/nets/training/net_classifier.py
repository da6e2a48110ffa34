"""A torch net as a classifier, trained with any of the losses for hybrids."""

import copy
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_is_fitted
from torch import nn

from selective_query._utils.labels import label_column
from selective_query._utils.numbers import random_state_of
from selective_query._utils.torch_random import own_random_numbers
from selective_query._utils.validation import Interval, check_weights, fit_context
from selective_query.nets.training._batch import as_tensor, encode_labels, make_target
from selective_query.nets.training._early_stopping import BestEpoch, hold_out_rows
from selective_query.nets.training._engine import Rows, make_engine
from selective_query.nets.training._predicting import read_outputs
from selective_query.nets.training._routed_net import (
    EVIDENCE,
    RoutedNet,
    check_outputs,
    last_linear,
)
from selective_query.nets.training.losses import HybridLoss, make_loss

PROBABILITIES = nn.Softmax, nn.LogSoftmax, nn.Sigmoid, nn.Softmin


class NetClassifier(ClassifierMixin, BaseEstimator):
    """A torch net behind scikit-learn's interface, with a router head if its loss has.

    Parameters
    ----------
    module : nn.Module or callable
        Puts out logits, and ends in a linear layer. A module is copied, weights and
        all; a callable such as ``functools.partial(ConvNet, n_classes=10)`` makes one
        after the seed is set.
    loss : str or HybridLoss, default="cross_entropy"
        See :func:`selective_query.nets.training.list_losses`.
    coverage : float or None, default=None
        For `validation`, and for losses with a coverage of their own that leave it
        open; 0.9 where None.
    classes : array-like of shape (n_classes,) or None, default=None
        All labels that there are, where y may lack some, as in a fold; None takes those
        of y.
    n_epochs : int, default=12
        Passes over the rows.
    learning_rate : float, default=0.1
        The highest of one cycle (Smith and Topin, 2019), of SGD with momentum.
    batch_size : int, default=128
        Rows of a step, at least 2.
    weight_decay : float, default=5e-4
        Penalty on squared weights, of SGD.
    augment : callable or None, default=None
        From a batch of inputs to a batch of as many, in training only.
    head_hidden : int, default=32
        Units of the router head's hidden layer; 0 makes it linear.
    validation : float or None, default=None
        Share of the rows, drawn at random, that nothing trains on, not even at the end.
        Kept is the first epoch of highest accuracy on them: that of the hybrid routed
        by `query_score` at `coverage`, where a query without a global counts as right.
        Epochs of a loss's warm-up do not count. None trains on all rows and keeps the
        last epoch.
    patience : int or None, default=None
        Stop after so many epochs without a better one; needs `validation`.
    callbacks : list of skorch.callbacks.Callback or None, default=None
        Such as ``Checkpoint``. They see the engine, whose data are tensors. One that
        raises KeyboardInterrupt, as ``EarlyStopping`` does, ends training early; Ctrl-C
        ends `fit`, and leaves what was checkpointed.
    torch_device : str, default="auto"
        Where it trains and predicts: ``"auto"`` is CUDA where there is one, else the
        processor; or a name of torch's, as ``"cuda:1"``. Training on CUDA is in
        bfloat16 where autocast holds that safe. Between calls the net is kept on the
        processor, so that a pickle needs no CUDA; it predicts there too where the
        device is not found.
    random_state : int, RandomState instance or None, default=None
        Of first weights, order of rows, augmentation and held-out rows. On a processor
        with one thread a fit is repeated bit for bit; more threads may add in another
        order.
    verbose : int, default=0
        1 shows a bar and a line for each epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    module_ : RoutedNet
        With the layer ``"evidence"``: the loss's query score, then the features that
        the last linear layer reads. ``base_features="evidence"`` hands it to a router.
    history_ : skorch.history.History
        Losses by epoch, and ``valid_accuracy`` with `validation`.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn.datasets import load_digits
    >>> from selective_query.nets import ConvNet
    >>> from selective_query.nets.training import NetClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> net = NetClassifier(
    ...     partial(ConvNet, 10, (8, 16), n_channels=1), n_epochs=3, random_state=0
    ... ).fit(X.reshape(-1, 1, 8, 8) / 16, y)
    >>> net.predict_proba(X[:2].reshape(-1, 1, 8, 8) / 16).shape
    (2, 10)
    """

    _parameter_constraints = {
        "module": [nn.Module, callable],
        "loss": [str, HybridLoss],
        "coverage": [Interval(Real, 0, 1, closed="both"), None],
        "classes": ["array-like", None],
        "n_epochs": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "augment": [callable, None],
        "head_hidden": [Interval(Integral, 0, None, closed="left")],
        "validation": [Interval(Real, 0, 1, closed="neither"), None],
        "patience": [Interval(Integral, 1, None, closed="left"), None],
        "callbacks": [list, None],
        "torch_device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        module,
        *,
        loss="cross_entropy",
        coverage=None,
        classes=None,
        n_epochs=12,
        learning_rate=0.1,
        batch_size=128,
        weight_decay=5e-4,
        augment=None,
        head_hidden=32,
        validation=None,
        patience=None,
        callbacks=None,
        torch_device="auto",
        random_state=None,
        verbose=0,
    ):
        self.module = module
        self.loss = loss
        self.coverage = coverage
        self.classes = classes
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.augment = augment
        self.head_hidden = head_hidden
        self.validation = validation
        self.patience = patience
        self.callbacks = callbacks
        self.torch_device = torch_device
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, *, global_proba=None):
        """Train the net.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Numbers, as the module takes them; cast to float32 batch by batch.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            Normalised in each batch.
        global_proba : array-like of shape (n_samples, n_classes), optional
            What the global says about the rows, in the order of ``classes_``, which is
            sorted; by a global that did not learn from them. Without it a query counts
            as right.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            When X is sparse, or a callback is none of skorch's.
        ValueError
            When shapes differ, the loss needs a global, the device is not there, or the
            net does not end in a linear layer with as many outputs as there are
            classes.
        """
        X = as_tensor(X)
        y = label_column(y)
        if len(X) != len(y):
            raise ValueError(f"X has {len(X)} rows and y has {len(y)}.")
        assert_all_finite(y, input_name="y")
        weight = np.ones(len(y))
        if sample_weight is not None:
            weight = check_weights(sample_weight, len(y))
        self._check_settings()
        classes, label = encode_labels(y, self.classes)
        coverage = 0.9 if self.coverage is None else self.coverage
        loss = make_loss(self.loss, coverage)
        loss.check(len(classes), self.n_epochs)
        if global_proba is None and loss.needs_global:
            raise ValueError(
                f"loss={self.loss!r} learns from a global: pass global_proba=, what it "
                "says about the rows, or choose another loss."
            )
        target = make_target(label, weight, global_proba, classes)
        if not weight.all():
            # A batch of such rows alone would have no loss.
            used = torch.from_numpy(np.flatnonzero(weight))
            X, target = X[used], target.pick(used)._replace(row=torch.arange(len(used)))
        seed = random_state_of(self.random_state).randint(2**31 - 1)
        with own_random_numbers(seed):
            self._train(X, target, loss, coverage, classes)
        return self

    def _check_settings(self):
        if self.patience is not None and self.validation is None:
            raise ValueError(
                f"patience={self.patience} needs held-out rows to see whether an epoch "
                "is better. Set validation=0.1, or leave patience out."
            )

    @classmethod
    def from_trained(cls, module, classes):
        """A classifier around a net that is trained already.

        Put it into a :class:`~sklearn.frozen.FrozenEstimator` as base or global.

        Parameters
        ----------
        module : nn.Module
            Puts out logits of shape (n_samples, n_classes), and ends in a linear layer.
        classes : array-like of shape (n_classes,)
            Label of each logit.

        Returns
        -------
        NetClassifier

        Raises
        ------
        ValueError
            When the module ends in a softmax or an activation, or `classes` are not as
            many as its outputs.
        """
        last_named = list(module.modules())[-1]
        if isinstance(last_named, PROBABILITIES):
            raise ValueError(
                "module must put out logits: probabilities are made of them here. It "
                f"ends in {last_named}; leave that out."
            )
        made = cls(module)
        made.classes_ = np.asarray(classes)
        n_out = last_linear(module).out_features
        if made.classes_.ndim != 1 or len(made.classes_) != n_out:
            raise ValueError(
                f"classes must name each of the {n_out} outputs of module's last "
                f"linear layer. Got {classes!r}."
            )
        made.module_ = RoutedNet(copy.deepcopy(module), make_loss("cross_entropy"))
        made.module_.eval().cpu()
        return made

    def _train(self, X, target, loss, coverage, classes):
        module = copy.deepcopy(self.module)
        if not isinstance(module, nn.Module):
            module = module()
        if not isinstance(module, nn.Module):
            raise ValueError(
                "module must be an nn.Module or a callable that makes one. It made "
                f"{type(module).__name__}."
            )
        routed = RoutedNet(module, loss, self.head_hidden, example=X[:2])
        rows, keeper = Rows(X, target), None
        if self.validation is not None:
            rows, held_out = hold_out_rows(rows, self.validation)
            keeper = BestEpoch(held_out, coverage, self.patience, loss.n_warm_up)
        engine = make_engine(routed, self, len(rows), keeper)
        loss.start(len(X), len(classes), engine.device)
        engine.initialize()
        check_outputs(engine.module_, X[:2], len(classes))
        engine.train_on(rows)
        loss.finish()
        if keeper is not None:
            keeper.load_into(engine.module_)
        self.classes_ = classes
        self.module_ = engine.module_.eval().cpu()
        self.history_ = engine.history
        return self

    def predict_proba(self, X):
        """Class probabilities, shape (n_samples, n_classes).

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._run(X, lambda output: output.logits.softmax(1))

    def predict_proba_exits(self, X):
        """Class probabilities of every exit, of a net trained with all of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_exits, n_samples, n_classes)

        Raises
        ------
        ValueError
            When the loss trained no exits but the last.
        """
        check_is_fitted(self, "module_")
        if not self.module_.loss.reads_exits:
            raise ValueError(
                f"loss={self.loss!r} trains the last exit alone. Use "
                "loss='deep_supervision' with an EarlyExitNet."
            )
        by_row = self._run(X, lambda output: torch.stack(output.exits, 1).softmax(2))
        return by_row.swapaxes(0, 1)

    def predict(self, X):
        """The most probable labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def query_score(self, X):
        """How much a query would gain by the loss the net was trained with.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher means query first.
        """
        check_is_fitted(self, "module_")
        return self._run(X, self.module_.loss.query_score)

    def _run(self, X, read):
        check_is_fitted(self, "module_")
        return read_outputs(self.module_, X, self.torch_device, read)


__all__ = ["EVIDENCE", "NetClassifier"]
