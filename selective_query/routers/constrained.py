"""The paper's router: a small net trained for a coverage, thresholded at its own zero."""

from itertools import combinations
from math import ceil

import numpy as np
from sklearn.utils import check_random_state

from selective_query.probabilities import entropy, top_probabilities
from selective_query.routers._base import BaseRouter
from selective_query.routers.evidence_columns import evidence_columns


class ConstrainedRouter(BaseRouter):
    r"""Learn whom to query by constrained optimisation.

    Supervision is the paper's label :math:`o(x) = 1\{b(x) \ne g(x) = y\}`, or 1{b(x) ≠
    y} without a global. With a score s and r(x) = 1 where s(x) > 0,

    .. math::
        \min_s \; E[o \, \ell(-s)] \quad \text{subject to} \quad E[1 - r(x)] \ge c,
        \qquad \ell(s) = \log(1 + e^{s}),

    is solved as a game: the weights descend on
    :math:`E[o \, \ell(-s)] + \lambda E[\ell(s)]`, and the multiplier ascends on the
    true violation, the query rate minus 1 - c. For a fixed :math:`\lambda` the
    minimiser is positive exactly where :math:`E[o \mid x] > \lambda`: the multiplier
    is the price of a query, in right answers. The violation is measured on rows that
    the weights are not trained on, since a net that overfits queries fewer inputs of
    new data than of its own.

    A classifier or policy still learns its own threshold on this score; thresholded at
    zero, without that, the score keeps to the coverage by itself.

    Parameters
    ----------
    target_coverage : float or None, default=None
        The coverage c to train for. ``HybridClassifier`` fills in its own; None is an
        error in ``fit``.
    hidden : tuple of int, default=(128, 64)
        Widths of the hidden layers, each with batch norm and ReLU.
    n_top : int, default=10
        Pairwise margins are taken among this many top probabilities.
    n_epochs : int, default=30
        At least 600 steps are made.
    batch_size : int, default=256
    learning_rate, dual_learning_rate : float, default=0.005, 0.05
        Of the weights and of the multiplier; both fall to zero along a cosine.
    weight_decay : float, default=0.01
    validation_fraction : float, default=0.3
        Share of the rows that drives the multiplier and not the weights.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    multiplier_ : float
        The learned price of a query; about zero where the constraint is slack.
    multiplier_history_, violation_history_ : ndarray of shape (n_steps,)
    layers_ : list of (ndarray, ndarray)
        Weights and biases, batch norm folded in; scoring needs no torch.

    References
    ----------
    Kag et al., "Efficient Edge Inference by Selective Query", ICLR 2023, section 3.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import ConstrainedRouter
    >>> outcomes = make_selective_query(1000, random_state=0).outcomes
    >>> router = ConstrainedRouter(target_coverage=0.7, random_state=0).fit(outcomes)
    >>> router.multiplier_ > 0
    True
    """

    learns = True

    def __init__(
        self,
        target_coverage=None,
        *,
        hidden=(128, 64),
        n_top=10,
        n_epochs=30,
        batch_size=256,
        learning_rate=0.005,
        dual_learning_rate=0.05,
        weight_decay=0.01,
        validation_fraction=0.3,
        random_state=None,
    ):
        self.target_coverage = target_coverage
        self.hidden = hidden
        self.n_top = n_top
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dual_learning_rate = dual_learning_rate
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(self, outcomes):
        from selective_query.routers.constrained_net import train_net

        self._check_params()
        columns = self._columns(outcomes)
        self.centre_ = columns.mean(axis=0)
        scale = columns.std(axis=0)
        self.scale_ = np.where(scale > 1e-8, scale, 1.0)
        rng = check_random_state(self.random_state)
        n = len(columns)
        order = rng.permutation(n)
        n_held_out = ceil(self.validation_fraction * n)
        if n - n_held_out < 2:
            raise ValueError(
                f"ConstrainedRouter needs more than {n} rows of outcomes. Give some "
                "hundreds, or choose router='max_probability', which learns nothing."
            )
        self.layers_, self.multiplier_, history = train_net(
            (columns - self.centre_) / self.scale_,
            outcomes.proxy_label,
            outcomes.weight,
            train=order[n_held_out:],
            held_out=order[:n_held_out],
            coverage=self.target_coverage,
            hidden=self.hidden,
            n_steps=max(600, self.n_epochs * ceil(n / self.batch_size)),
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            dual_learning_rate=self.dual_learning_rate,
            weight_decay=self.weight_decay,
            seed=int(rng.randint(2**31 - 1)),
        )
        self.multiplier_history_ = np.array(history.multiplier)
        self.violation_history_ = np.array(history.violation)
        return self

    def query_score(self, evidence):
        values = (self._columns(evidence) - self.centre_) / self.scale_
        for weight, bias in self.layers_[:-1]:
            values = np.maximum(values @ weight + bias, 0)
        weight, bias = self.layers_[-1]
        return (values @ weight + bias)[:, 0]

    def _columns(self, evidence):
        """Entropy and pairwise margins of the top probabilities, logits, features."""
        if evidence.base_proba is None:
            return evidence_columns(evidence)[0].astype(float)
        n_top = min(self.n_top, evidence.base_proba.shape[1])
        top = top_probabilities(evidence.base_proba, n_top).astype(float)
        first, second = np.array(list(combinations(range(n_top), 2))).T
        parts = [
            entropy(evidence.base_proba)[:, None],
            top[:, first] - top[:, second],
            evidence.base_logits,
            evidence.base_features,
        ]
        return np.concatenate([p for p in parts if p is not None], axis=1, dtype=float)

    def _check_params(self):
        for name, least in (("n_top", 2), ("n_epochs", 1), ("batch_size", 2)):
            value = getattr(self, name)
            if value < least:
                raise ValueError(f"{name} must be at least {least}. Got {value!r}.")
        if self.target_coverage is None:
            raise ValueError(
                "target_coverage must be the coverage to train for, in [0, 1]. Got "
                "None. Set it, or use the router inside a HybridClassifier or "
                "RoutingPolicy with a coverage, which fills it in."
            )
        if not 0 < self.validation_fraction < 1:
            raise ValueError(
                "validation_fraction must lie strictly between 0 and 1. Got "
                f"{self.validation_fraction!r}."
            )
