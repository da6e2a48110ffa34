"""NetClassifier: a torch net as a classifier, trained with a loss for hybrids."""

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
    """A torch net with scikit-learn's interface, and a router head if its loss has one.

    Parameters
    ----------
    module : nn.Module or callable
        Returns logits, and ends in a linear layer. A module is copied, including its
        weights; a callable such as ``functools.partial(ConvNet, n_classes=10)`` creates
        one after the seed is set.
    loss : str or HybridLoss, default="cross_entropy"
        See :func:`selective_query.nets.training.list_losses`.
    coverage : float or None, default=None
        For `validation`, and for losses whose own coverage is None; None means 0.9.
    classes : array-like of shape (n_classes,) or None, default=None
        All labels, in case y lacks some, as in a fold; None takes the labels of y.
    n_epochs : int, default=12
        Passes over the rows.
    learning_rate : float, default=0.1
        Maximum of the one-cycle schedule (Smith and Topin, 2019) of SGD with momentum.
    batch_size : int, default=128
        Rows per step, at least 2.
    weight_decay : float, default=5e-4
        Weight decay of SGD.
    augment : callable or None, default=None
        Maps a batch of inputs to a batch of the same length, in training only.
    head_hidden : int, default=32
        Units of the router head's hidden layer; 0 makes it linear.
    validation : float or None, default=None
        Random share of the rows that is never trained on. The first epoch with the
        highest accuracy on them is kept: the accuracy of the hybrid routed by
        `query_score` at `coverage`, where a query without a global counts as correct.
        Epochs of a loss's warm-up are ignored. None trains on all rows and keeps the
        last epoch.
    patience : int or None, default=None
        Stop after this many epochs without improvement; needs `validation`.
    callbacks : list of skorch.callbacks.Callback or None, default=None
        For example ``Checkpoint``. They receive the engine, whose data are tensors. A
        callback that raises KeyboardInterrupt, as ``EarlyStopping`` does, stops
        training early; Ctrl-C aborts `fit` and keeps checkpoints.
    torch_device : str, default="auto"
        Device for training and prediction: ``"auto"`` uses CUDA if available, else the
        CPU; or a torch device such as ``"cuda:1"``. Training on CUDA uses bfloat16
        autocast. Between calls the net stays on the CPU, so that pickles do not need
        CUDA; it also predicts there if the device is unavailable.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, order of rows, augmentation and held-out rows. On a CPU
        with one thread, a fit is reproducible bit for bit; several threads may add in a
        different order.
    verbose : int, default=0
        1 shows a progress bar and a line per epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    module_ : RoutedNet
        With the layer ``"evidence"``: the loss's query score, followed by the input
        features of the last linear layer. A router reads it with
        ``base_features="evidence"``.
    history_ : skorch.history.History
        Losses per epoch, and ``valid_accuracy`` with `validation`.

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
            Numeric inputs of the module; cast to float32 batch by batch.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            Normalised in each batch.
        global_proba : array-like of shape (n_samples, n_classes), optional
            The global's probabilities for the rows, with columns in the sorted order of
            ``classes_``, from a global that was not fitted on them. Without it, a query
            counts as correct.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If X is sparse, or a callback is not a skorch callback.
        ValueError
            If shapes differ, the loss needs a global, the device is unavailable,
            or the net does not end in a linear layer with one output per class.
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
                f"loss={self.loss!r} learns from a global: pass its probabilities for "
                "the rows as global_proba=, or choose another loss."
            )
        target = make_target(label, weight, global_proba, classes)
        if not weight.all():
            # A batch with only zero weights would have no loss.
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
        """Wrap an already trained net as a classifier.

        Wrap the result in a :class:`~sklearn.frozen.FrozenEstimator` to use it as base
        or global.

        Parameters
        ----------
        module : nn.Module
            Returns logits of shape (n_samples, n_classes), and ends in a linear layer.
        classes : array-like of shape (n_classes,)
            Label of each logit.

        Returns
        -------
        NetClassifier

        Raises
        ------
        ValueError
            If the module ends in a softmax or an activation, or the number of
            `classes` differs from its outputs.
        """
        last_named = list(module.modules())[-1]
        if isinstance(last_named, PROBABILITIES):
            raise ValueError(
                "module must return logits; NetClassifier converts them to "
                f"probabilities. It ends in {last_named}; leave that out."
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
                "module must be an nn.Module or a callable that returns one. Got "
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
        """Predict class probabilities, shape (n_samples, n_classes).

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._run(X, lambda output: output.logits.softmax(1))

    def predict_proba_exits(self, X):
        """Predict class probabilities of every exit of a net trained with all exits.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_exits, n_samples, n_classes)

        Raises
        ------
        ValueError
            If the loss trained only the last exit.
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
        """Predict the most probable labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def query_score(self, X):
        """Return the query score of the loss that the net was trained with.

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
