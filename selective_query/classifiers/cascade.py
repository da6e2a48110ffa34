"""CascadeClassifier: models of increasing cost, queried one after the other."""

from numbers import Real

from sklearn.base import ClassifierMixin, MetaEstimatorMixin
from sklearn.utils.metaestimators import available_if

from selective_query._models.answers import ask
from selective_query._models.crossfit import to_outcomes
from selective_query._models.sides import FitRows, Side, rows_of_fit, warn_if_weak
from selective_query._utils.fitting import (
    become,
    refuse_other_names,
    remember_columns,
    unfitted,
)
from selective_query._utils.labels import pick_rows
from selective_query._utils.validation import (
    BaseComposition,
    Interval,
    fit_context,
    will_offer,
)
from selective_query.budgets._solving.calibration import hold_out
from selective_query.classifiers._deciding import warn_of_nesting
from selective_query.classifiers._fit_checks import CONSTRAINTS, tagged
from selective_query.classifiers._named_models import check_certifiable, named_models
from selective_query.classifiers._on_device import footprint_of, refuse_too_large
from selective_query.classifiers._walk import ABSTAIN, check_stand_in
from selective_query.classifiers._walking import WalkingMixin
from selective_query.footprint._device_check import check_device
from selective_query.outcomes import ChainOutcomes
from selective_query.routers.base import BaseRouter
from selective_query.routers.registry import make_router, refuse_bound
from selective_query.tiers import CascadePolicy
from selective_query.tiers._goals import one_for_each, own_shares


def _last_has_proba(self):
    models = getattr(self, "estimators_", None) or [m for _, m in self.estimators]
    if not will_offer(models[-1], "predict_proba"):
        raise AttributeError(
            "predict_proba is not offered, because the last estimator has none."
        )
    return True


class CascadeClassifier(
    WalkingMixin, ClassifierMixin, MetaEstimatorMixin, BaseComposition
):
    """Models of increasing cost; each answers some inputs and passes the rest on.

    With two models it decides as :class:`HybridClassifier` does. With more, every
    router and threshold is learned out of fold on the rows that reach its tier, and one
    budget is solved jointly for all tiers; see :class:`CascadePolicy`.

    Parameters
    ----------
    estimators : list of (str, classifier)
        In the order in which they are queried. All but the last need predict_proba; the
        last needs only ``predict``.
    router : str, BaseRouter or sequence of such, default="auto"
        Ranks the inputs at each tier but the last; see :func:`list_routers`.
    coverage : float, Budget, None or sequence of such, default=0.9
        A sequence such as ``(0.7, 0.8)`` sets, for each tier but the last, the share of
        the inputs reaching it that it answers, as numbers or budgets. A single number
        is the minimum share of all inputs that do not reach the last tier; a single
        budget, such as ``MaxTierCost(2.0)`` or ``MinAccuracy(0.95)``, applies to the
        whole chain. Both are solved jointly. None passes an input on wherever the
        expected benefit is positive.
    abstain : float or None, default=None
        Maximum share of all inputs that get no answer; see :class:`CascadePolicy`.
        ``predict_tier`` marks them.
    abstain_label : label or None, default=None
        What ``predict`` returns where there is no answer: of the same kind as the
        classes, but not one of them. None: ``predict`` answers every input, as
        pipelines, searches and metrics require.
    on_unavailable : {"raise", "previous", "abstain"}, default="raise"
        What to answer if a row reached a tier after the first and that tier gave no
        usable answer, as in :class:`HybridClassifier`. "raise" raises the error;
        "previous" takes the answer of the last tier that gave one; "abstain" gives
        `abstain_label`. No later tier is queried instead, because the budget does not
        cover that. ``fit``, ``outcomes`` and ``report`` raise.
    costs : sequence of float, optional
        Cost of querying each tier, for budgets on cost and for floors, which are
        reached at minimum cost; see :func:`selective_query.costs.tier_costs`.
    confidence : float or None, default=None
        Probability with which the budgets of all tiers hold on new data. Needs a share
        given as ``calibration=``, or frozen models with routers that learn nothing.
    calibration : None, "out_of_fold" or float, default=None
        Where the thresholds come from, as in :class:`HybridClassifier`.
    cv : int, splitter or iterable, default=5
        Folds for models that are not frozen.
    base_features : str, callable, transformer or None, default=None
        Additional evidence for the routers of all tiers but the last; as in
        :class:`HybridClassifier`.
    device : Device or None, default=None
        Device whose limits the first tier and its router must meet; as in
        :class:`HybridClassifier`.
    n_jobs : int or None, default=None
        Number of parallel fits, for joblib.
    random_state : int, RandomState instance or None, default=None
        For held-out rows and routers; the models use their own.
    verbose : int, default=0
        If above zero, a progress bar is shown for cross-fitting over two seconds.

    Attributes
    ----------
    estimators_ : list of estimator
        The models in use: fitted on all rows, or as given if frozen.
    named_estimators_ : Bunch
        The same by name.
    policy_ : CascadePolicy
    operating_point_ : CascadeOperatingPoint
        Thresholds, shares, accuracy, cost and certificates.
    classes_ : ndarray of shape (n_classes,)
    n_features_in_, feature_names_in_
        As in :class:`HybridClassifier`.
    footprint_ : FootprintReport or None
        Device resources used by the first tier and its router, and what is left.

    Notes
    -----
    There is no ``adaptation=``, because the paper's weights are defined for two models.
    Adapt the first two tiers in a :class:`HybridClassifier`, and pass its models here,
    frozen, with rows that are new to them.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.svm import SVC
    >>> from selective_query import CascadeClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X / 16
    >>> cascade = CascadeClassifier(
    ...     [
    ...         ("mcu", LogisticRegression(C=1)),
    ...         ("gateway", LogisticRegression(C=100, max_iter=500)),
    ...         ("cloud", SVC()),
    ...     ],
    ...     router="max_probability", coverage=(0.6, 0.7), cv=3,
    ... ).fit(X[:1200], y[:1200])
    >>> cascade.report(X[1200:], y[1200:]).n_answered
    (372, 150, 75)
    """

    passes_on = True

    _parameter_constraints = {
        **CONSTRAINTS,
        "estimators": "no_validation",  # _check_estimators gives a better message
        "router": [str, BaseRouter, list, tuple],
        "abstain": [Interval(Real, 0, 1, closed="left"), None],
        "abstain_label": "no_validation",  # depends on the classes: check_stand_in
        "on_unavailable": "no_validation",
        "costs": ["array-like", None],
    }

    def __init__(
        self,
        estimators,
        *,
        router="auto",
        coverage=0.9,
        abstain=None,
        abstain_label=None,
        on_unavailable="raise",
        costs=None,
        confidence=None,
        calibration=None,
        cv=5,
        base_features=None,
        device=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimators = estimators
        self.router = router
        self.coverage = coverage
        self.abstain = abstain
        self.abstain_label = abstain_label
        self.on_unavailable = on_unavailable
        self.costs = costs
        self.confidence = confidence
        self.calibration = calibration
        self.cv = cv
        self.base_features = base_features
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def get_params(self, deep=True):
        """Parameters, including those of the estimators by name.

        Parameters
        ----------
        deep : bool, default=True

        Returns
        -------
        dict
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params):
        """Set parameters, estimators by name, or parameters of an estimator.

        Parameters
        ----------
        **params

        Returns
        -------
        self
        """
        self._set_params("estimators", **params)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Fit the models that are not frozen, the routers, and the thresholds.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples
            Inputs in the form that the models take; new to frozen models.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            Frequency weights, for the models that accept them, routers and thresholds.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range, y has fewer than two classes, or labels or
            columns do not match those of a frozen model.
        BudgetInfeasibleError
            If no operating point meets the budget, or none can be certified to.
        CertificateError
            If `confidence` is given where it would not be valid.
        DeviceLimitError
            If the first tier, with or without its router, does not fit the device.
        """
        models = named_models(self.estimators)
        self._validate_names([name for name, _ in self.estimators])
        if self.device is not None:
            check_device(self.device)
        X, y, sample_weight, classes = rows_of_fit(X, y, sample_weight, models)
        self._check_stand_in(classes)
        check_certifiable(
            self.confidence,
            self.calibration,
            list(models.values()),
            self._policy().needs_learning(len(models) - 1),
            sample_weight,
        )
        for router in one_for_each(self.router, len(models) - 1):
            refuse_bound(make_router(router))
            make_router(router).check_before_fit(X)
        own_shares(self.coverage, len(models) - 1)
        for j, (who, model) in enumerate(models.items()):
            refuse_other_names(model, X, who)
            if j:
                warn_of_nesting(model, who)
        fitted = unfitted(self)
        fitted.classes_ = classes
        fitted._learn(models, X, y, sample_weight)
        return become(self, fitted)

    def _check_stand_in(self, classes):
        check_stand_in(self.on_unavailable, self.abstain_label, classes)
        unused = self.abstain is None and self.on_unavailable != ABSTAIN
        if unused and self.abstain_label is not None:
            raise ValueError(
                f"abstain_label={self.abstain_label!r} is used with abstain= a share, "
                "or with on_unavailable='abstain'. Got abstain=None and "
                f"on_unavailable={self.on_unavailable!r}."
            )

    def _learn(self, models, X, y, weight):
        held_out = None
        if isinstance(self.calibration, Real):
            train, held_out = hold_out(len(y), self.calibration, self.random_state)
            held_out = pick_rows(held_out, X, y, weight)
            X_fit, y_fit, weight = pick_rows(train, X, y, weight)
        else:
            X_fit, y_fit = X, y
        rows = FitRows(
            X_fit, y_fit, weight, self.classes_, self.cv, self.n_jobs, self.verbose
        )
        sides = [
            Side(
                model,
                rows,
                who,
                self._features_of(j),
                compares=self.calibration is None and self._is_read(j),
            )
            for j, (who, model) in enumerate(models.items())
        ]
        first_router, *_ = one_for_each(self.router, len(sides) - 1)
        refuse_too_large(sides[0], self.device, make_router(first_router))
        policy = self._policy()
        if held_out is not None:
            self._use(side.fitted for side in sides)
            fresh = self._outcomes(*held_out)
            if policy.needs_learning(len(sides) - 1):
                policy.fit(self._chain(sides), fresh)
            else:
                policy.fit(fresh)
        else:
            fresh = self._chain(sides)
            policy.fit(
                fresh,
                changes=[s.change_by_refit() if s.compares else () for s in sides],
                answers_exact=[
                    all(side.stays for side in sides[j + 1 :])
                    for j in range(len(sides) - 1)
                ],
            )
            self._use(side.fitted for side in sides)
        self.policy_ = policy
        self.operating_point_ = policy.operating_point_
        for side, tier in zip(sides, fresh.tiers, strict=True):
            if side.stays:
                warn_if_weak(side.who, tier.base_utility, tier)
        self.footprint_ = footprint_of(self.edge_, self.device, X)
        remember_columns(self, X, self.estimators_[0])

    def _chain(self, sides):
        """Answers of every model to rows that it was not fitted on."""
        rows, tiers, stays = sides[0].rows, [], True

        def ask_tier(tier, some, rows=None):
            side = sides[tier]
            if rows is None:
                return side.answers
            if not side.stays:
                return side.answers.take(rows)
            return ask(side.model, some, self.classes_, side.features, side.who)

        for side, said in zip(sides, self._said(rows.X, ask_tier), strict=True):
            stays = stays and side.stays
            fold = None if stays else rows.cross_fit.fold
            tiers.append(
                to_outcomes(said, None, rows.X, rows.y, rows.classes, rows.weight, fold)
            )
        return ChainOutcomes(tiers, self.costs, [name for name, _ in self.estimators])

    def _policy(self):
        return CascadePolicy(
            self.router,
            self.coverage,
            abstain=self.abstain,
            confidence=self.confidence,
            random_state=self.random_state,
        )

    @available_if(_last_has_proba)
    def predict_proba(self, X):
        """Class probabilities of the tier that answers.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Zero for classes that the answering model does not know.
        """
        return self._walk(X).proba

    def __sklearn_tags__(self):
        models = [model for _, model in self.estimators]
        return tagged(super().__sklearn_tags__(), models)
