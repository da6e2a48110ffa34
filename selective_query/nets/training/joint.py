"""Hybrid and abstaining classifiers whose base is a net, trained for its part."""

from numbers import Real

import numpy as np
from sklearn.base import clone

from selective_query._utils.labels import pick_rows
from selective_query._utils.validation import Interval
from selective_query.budgets._columns import local_parts
from selective_query.budgets._solving.calibration import hold_out
from selective_query.budgets.base import least_coverage
from selective_query.budgets.combined import check_coverage
from selective_query.classifiers.abstaining import AbstainingClassifier
from selective_query.classifiers.hybrid import HybridClassifier
from selective_query.classifiers.second_look import SecondLook
from selective_query.exceptions import CertificateError
from selective_query.nets.training._routed_net import EVIDENCE
from selective_query.nets.training.net_classifier import NetClassifier
from selective_query.outcomes import Evidence
from selective_query.routers.base import BaseRouter
from selective_query.routers.registry import make_router


class NetRouter(BaseRouter):
    """The query score of the loss that a net was trained with.

    Reads the first column of ``base_features="evidence"``.

    References
    ----------
    Kag et al., "Efficient Edge Inference by Selective Query", ICLR 2023, for a router
    trained together with its base; the losses name their own.
    """

    required_evidence = ("base_features",)

    def query_score(self, evidence):
        features = evidence.require("base_features", "NetRouter")
        return features[:, 0].astype(float)


OWN_SCORE = NetRouter()


class _TrainsNet:
    """Trains the net on a part of the rows; router and threshold come from the rest."""

    def _check_base(self):
        net = _net_of(self.base_estimator)
        if not isinstance(net, NetClassifier):
            raise ValueError(
                "estimator of base_estimator must be a NetClassifier, which is trained "
                f"here. Got {net!r}. HybridClassifier and AbstainingClassifier take a "
                "SecondLook around any model, frozen or not."
            )

    def _fit_held_out(self, X, y, weight):
        train, held_out = hold_out(len(y), self.calibration, self.random_state)
        lacking = np.setdiff1d(y[held_out], y[train])
        if len(lacking):
            raise ValueError(
                f"calibration={self.calibration} holds out every row of the labels "
                f"{lacking[:5].tolist()}, so that the net would not know them. Give "
                "more rows of them, a smaller share, or another random_state."
            )
        sides = self._sides(*pick_rows(train, X, y, weight))
        self._fit_models(sides)
        local = local_parts(check_coverage(self.coverage))
        outcomes = self._outcomes(*pick_rows(held_out, X, y, weight), local)
        self.policy_ = self._new_policy().fit(outcomes)

    def _evidence_of_fit(self, base):
        # The net is trained once, and with what the global says.
        return Evidence.of_checked(len(base.rows.y), X=base.rows.X)

    def _fit_net(self, sides):
        rows, base = sides.base.rows, clone(self.base_estimator)
        net = _net_of(base)
        net.set_params(
            **{
                name: value
                for name, value in (
                    ("coverage", self._net_coverage()),
                    ("classes", rows.classes),
                    ("random_state", self.random_state),
                )
                if getattr(net, name) is None
            }
        )
        if not np.array_equal(np.unique(net.classes), rows.classes):
            raise ValueError(
                "classes of the net in base_estimator must be the labels of y and of a "
                f"frozen global, {rows.classes[:10].tolist()}. Got {net.classes!r}. "
                "Leave classes out: they are filled in."
            )
        return base.fit(rows.X, rows.y, rows.weight, global_proba=_global_proba(sides))

    def _net_coverage(self):
        """The coverage that a limit among the budgets says, else 0.9."""
        budget = check_coverage(self.coverage)
        if budget is None or not budget.bounds_coverage:
            return 0.9
        return least_coverage(budget)

    def _check_confidence(self):
        super()._check_confidence()
        if self.confidence is not None and make_router(self.router).learns:
            raise CertificateError(
                f"confidence={self.confidence} needs a router that learns nothing, "
                "since router and threshold come from the same rows here. Use "
                "router=NetRouter(), or confidence=None."
            )


def _net_of(base):
    """What is trained of a base: all, or what it looks with."""
    return base.estimator if isinstance(base, SecondLook) else base


def _global_proba(sides):
    """What the global says about the net's rows, or their labels where that is nothing.

    In the columns of all labels.
    """
    answers, rows = sides.global_.answers, sides.base.rows
    if answers is None:
        return None
    certain = np.eye(len(rows.classes))
    proba = certain[answers.label] if answers.proba is None else answers.proba
    of_label = certain[np.searchsorted(rows.classes, rows.y)]
    return np.where(sides.global_.silent[:, None], of_label, proba)


class HybridNetClassifier(_TrainsNet, HybridClassifier):
    """A hybrid whose base net, with its router head, is trained beside the global.

    The net is trained with a loss that knows what the global says about each row, for
    the coverage asked for; router and threshold are then learned on rows that nothing
    was trained on. A global that is not frozen is fitted on the net's rows, and what
    it says about them comes from fits without them. Rows of which a frozen one says
    nothing, since they must stay or no answer came, teach by their labels.

    Parameters
    ----------
    base_estimator : NetClassifier, or SecondLook around one
        Not fitted; the net's `loss` says what it is trained for. The net gets the
        coverage, the classes (of y and of a frozen global) and the random state where
        it has none of its own. Under a second look it is trained on the first view
        alone, and ``base_features="evidence"`` is read at the first look.
    global_estimator : classifier
    router : str or BaseRouter, default="auto"
        ``NetRouter()`` takes the loss's own score.
    coverage : float or Budget, default=0.9
        The net is trained for the coverage that a limit says, for 0.9 without one.
    confidence : float or None, default=None
        Needs a router that learns nothing, such as ``NetRouter()``.
    calibration : float, default=0.2
        Share of the rows for router and threshold.
    cv : int, splitter or iterable, default=5
        Folds for a global that is not frozen.
    base_features : str, callable, transformer or None, default="evidence"
        What the router reads beside probabilities: by default the loss's score and the
        features that the net's last layer reads.
    device : Device or None, default=None
        What the net, with its router, must fit; see :class:`HybridClassifier`.
    n_jobs : int or None, default=None
        Parallel fits of the global, for joblib.
    random_state : int, RandomState instance or None, default=None
        For held-out rows, the router, and a net that has none of its own.
    verbose : int, default=0
        Above zero, a bar shows cross-fitting that takes longer than two seconds.

    Attributes
    ----------
    base_estimator_ : NetClassifier or SecondLook
    global_estimator_ : classifier
    policy_, operating_point_, classes_
        As in :class:`HybridClassifier`.

    References
    ----------
    Kag et al., "Efficient Edge Inference by Selective Query", ICLR 2023.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sklearn.frozen import FrozenEstimator
    >>> from selective_query.nets import SignalNet
    >>> from selective_query.nets.training import HybridNetClassifier, NetClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> rows = X.reshape(-1, 8, 8) / 16
    >>> net = NetClassifier(
    ...     partial(SignalNet, 10, n_channels=8, width=16, depth=1, kernel=3),
    ...     loss="selective_query", n_epochs=4,
    ... )
    >>> class OnRows(ExtraTreesClassifier):
    ...     def fit(self, X, y, sample_weight=None):
    ...         return super().fit(X.reshape(len(X), -1), y)
    ...     def predict_proba(self, X):
    ...         return super().predict_proba(X.reshape(len(X), -1))
    >>> trees = FrozenEstimator(OnRows(random_state=0).fit(rows[:600], y[:600]))
    >>> hybrid = HybridNetClassifier(net, trees, coverage=0.7, random_state=0)
    >>> hybrid.fit(rows[600:], y[600:]).predict(rows[:3]).shape
    (3,)
    """

    _parameter_constraints = {
        **HybridClassifier._parameter_constraints,
        "base_estimator": [NetClassifier, SecondLook],
        "calibration": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        base_estimator,
        global_estimator,
        *,
        router="auto",
        coverage=0.9,
        confidence=None,
        calibration=0.2,
        cv=5,
        base_features=EVIDENCE,
        device=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            base_estimator,
            global_estimator,
            router=router,
            coverage=coverage,
            confidence=confidence,
            calibration=calibration,
            cv=cv,
            base_features=base_features,
            device=device,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )

    def _fit_models(self, sides):
        self.base_estimator_ = self._fit_net(sides)
        self.global_estimator_ = sides.global_.fitted


class AbstainingNetClassifier(_TrainsNet, AbstainingClassifier):
    """A net trained to say "I don't know".

    Parameters
    ----------
    base_estimator : NetClassifier, or SecondLook around one
        Not fitted; a loss such as ``"selective_net"``, ``"deep_gamblers"`` or
        ``"self_adaptive"`` trains it to abstain.
    router : str or BaseRouter, default=NetRouter()
        Ranks the inputs; by default the loss's own score.
    coverage : float or Budget, default=0.9
        Least share of inputs to answer, in [0, 1]; or a budget. The
        net is trained for the coverage that a limit says, for 0.9 without one.
    confidence : float or None, default=None
        Needs a router that learns nothing, such as ``NetRouter()``.
    calibration : float, default=0.2
        Share of the rows for router and threshold.
    abstain_label : label or None, default=None
        What ``predict`` returns where it abstains; see :class:`AbstainingClassifier`.
    cv : int, splitter or iterable, default=5
        Not used; the net is trained once.
    base_features : str, callable, transformer or None, default="evidence"
        What the router reads beside probabilities; see :class:`HybridNetClassifier`.
    device : Device or None, default=None
        What the net, with its router, must fit; see :class:`HybridClassifier`.
    n_jobs : int or None, default=None
        Not used.
    random_state : int, RandomState instance or None, default=None
        For held-out rows, the router, and a net that has none of its own.
    verbose : int, default=0
        Not used.

    Attributes
    ----------
    base_estimator_ : NetClassifier or SecondLook
    policy_, operating_point_, classes_
        As in :class:`AbstainingClassifier`.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn.datasets import load_digits
    >>> from selective_query.nets import ConvNet
    >>> from selective_query.nets.training import AbstainingNetClassifier, NetClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> images = X.reshape(-1, 1, 8, 8) / 16
    >>> net = NetClassifier(
    ...     partial(ConvNet, 10, (8, 16), n_channels=1), loss="self_adaptive",
    ...     n_epochs=6,
    ... )
    >>> model = AbstainingNetClassifier(net, coverage=0.7, random_state=0)
    >>> model.fit(images[:1200], y[:1200]).predict(images[1200:]).shape
    (597,)
    """

    _parameter_constraints = {
        **AbstainingClassifier._parameter_constraints,
        "base_estimator": [NetClassifier, SecondLook],
        "calibration": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        base_estimator,
        *,
        router=OWN_SCORE,
        coverage=0.9,
        confidence=None,
        calibration=0.2,
        abstain_label=None,
        cv=5,
        base_features=EVIDENCE,
        device=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            base_estimator,
            router=router,
            coverage=coverage,
            confidence=confidence,
            calibration=calibration,
            abstain_label=abstain_label,
            cv=cv,
            base_features=base_features,
            device=device,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )

    def _fit_models(self, sides):
        self.base_estimator_ = self._fit_net(sides)
