"""HybridClassifier: a cheap base answers, and a global is queried where it pays."""

from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from selective_query._models.judging import ask_to_judge
from selective_query._utils.validation import Offers, will_offer
from selective_query.classifiers._answering import Answered, StandIn, stand_in_of
from selective_query.classifiers._deciding import decided_rows, warn_of_nesting
from selective_query.classifiers._selective import BaseSelectiveClassifier
from selective_query.planning.plans import charged, check_asked, plan
from selective_query.planning.rebinding import rebound


def _global_has_proba(self):
    model = getattr(self, "global_estimator_", self.global_estimator)
    if not will_offer(model, "predict_proba"):
        raise AttributeError(
            "predict_proba is not offered, because global_estimator has none."
        )
    return True


class HybridClassifier(BaseSelectiveClassifier):
    r"""A base answers most inputs; a global is queried about those where it helps most.

    .. math::
        \max_r \; E[(1 - r(x)) 1\{b(x) = y\} + r(x) 1\{g(x) = y\}]
        \quad \text{subject to} \quad E[1 - r(x)] \ge c

    Parameters
    ----------
    base_estimator : classifier with predict_proba
        The cheap model b, which runs on every input.
    global_estimator : classifier
        The expensive model g, which sees only queried inputs. It needs only
        ``predict``.
    router : str or BaseRouter, default="auto"
        Ranks the inputs; see :func:`list_routers`.
    coverage : float, Budget or None, default=0.9
        Minimum share of inputs that the base answers, in [0, 1]; or a budget, such as
        ``MinAccuracy(0.95)``, see :mod:`selective_query.budgets`. None queries wherever
        the expected benefit is positive. Used by ``fit``; once fitted, ``at(0.8)``
        gives a copy at another coverage, while ``set_params(coverage=0.8)`` changes
        nothing until the next ``fit``.
    confidence : float or None, default=None
        Probability with which the budget holds on new data. Needs rows that nothing was
        fitted on: a share given as ``calibration=``, or a frozen base with a router
        that learns nothing.
    calibration : None, "out_of_fold" or float, default=None
        Where the threshold comes from. None: out-of-fold scores of all rows, adjusted
        by a second round of base fits to the models fitted on all rows. Coverage on new
        data is then accurate to a point or two on average, or a warning says why not.
        ``"out_of_fold"`` skips the second round, and coverage may be off by several
        points. A float holds out that share of the rows from all fitting: exact, at the
        expense of those rows.
    cv : int, splitter or iterable, default=5
        Folds for models that are not frozen. ``cv=5`` fits the global six times, and
        the base six times, or nine with ``calibration=None``.
    adaptation : AlternatingAdaptation or None, default=None
        Refits the models that are not frozen, with weights for the rows that each will
        answer; see :class:`~selective_query.AlternatingAdaptation`.
    base_features : str, callable, transformer or None, default=None
        Additional evidence for the router: ``"logits"`` of the base, the name of a
        layer of a torch net (feature maps are averaged over positions),
        ``f(fitted_base, X)``, or a fitted transformer of X.
    device : Device or None, default=None
        Device whose limits base and router must meet: flash and SRAM, with nets at 8
        bits, everything else at 32 bits, and 32 KB of each kept free. If the size is
        known, as for nets, linear models and frozen models, it is checked before
        anything is trained; if only a fit shows it, as for large trees, the base is
        fitted first and checked right after. Routers that learn are checked at the end.
        See :func:`~selective_query.footprint.profile_estimator` for what is counted,
        and for other bit widths.
    on_unavailable : {"raise", "base", "abstain"}, default="raise"
        What to answer if the global was queried but gave no usable answer: unreachable,
        too late, refused, or NaN, a wrong shape, an unknown label. "raise" raises the
        error; "base" takes the base's answer; "abstain" gives `abstain_label`. This
        applies to predictions only: ``fit``, ``report`` and similar methods query
        patiently, leave out rows without an answer with an
        :class:`~selective_query.exceptions.UnavailableWarning`, and raise if most rows
        have none. Any other exception of the global is treated as a fault and raised.
    abstain_label : label or None, default=None
        For ``on_unavailable="abstain"``: of the same kind as the classes, but not one
        of them.
    n_jobs : int or None, default=None
        Number of parallel fits, for joblib.
    random_state : int, RandomState instance or None, default=None
        For held-out rows and the router; the models use their own.
    verbose : int, default=0
        If above zero, a progress bar is shown for cross-fitting over two seconds.

    Attributes
    ----------
    base_estimator_, global_estimator_ : estimator
        The models in use: fitted on all rows, or as given if frozen.
    policy_ : RoutingPolicy
    operating_point_ : OperatingPoint
        Threshold, calibration coverage, certificate.
    classes_ : ndarray of shape (n_classes,)
        Labels of y and of frozen models.
    n_features_in_, feature_names_in_
        Number of columns of X in ``fit``, if the base has counted them, and their
        names, if they have any.
    footprint_ : FootprintReport or None
        Device resources used by base and router, and what is left.

    Notes
    -----
    To use models that are already trained, wrap them in a
    :class:`~sklearn.frozen.FrozenEstimator`; the rows given to ``fit`` must then be new
    to them. Labels are the most probable class of each model, so a tuned decision
    threshold inside a model has no effect.

    References
    ----------
    Kag, Fedorov, Gangrade, Whatmough, Saligrama: "Efficient Edge Inference by
    Selective Query", ICLR 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import HybridClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> hybrid = HybridClassifier(
    ...     GaussianNB(), ExtraTreesClassifier(random_state=0), coverage=0.8
    ... ).fit(X[:1200], y[:1200])
    >>> hybrid.predict_coverage(X[1200:]).shape
    (597,)
    """

    # As the global of another hybrid, it would be queried about hard rows only.
    passes_on = True

    _parameter_constraints = {
        **BaseSelectiveClassifier._parameter_constraints,
        "global_estimator": [Offers(["fit", "predict"])],
        "on_unavailable": "no_validation",  # together with the label: StandIn.check
        "abstain_label": "no_validation",
    }

    def __init__(
        self,
        base_estimator,
        global_estimator,
        *,
        router="auto",
        coverage=0.9,
        confidence=None,
        calibration=None,
        cv=5,
        adaptation=None,
        base_features=None,
        device=None,
        on_unavailable="raise",
        abstain_label=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.base_estimator = base_estimator
        self.global_estimator = global_estimator
        self.router = router
        self.coverage = coverage
        self.confidence = confidence
        self.calibration = calibration
        self.cv = cv
        self.adaptation = adaptation
        self.base_features = base_features
        self.device = device
        self.on_unavailable = on_unavailable
        self.abstain_label = abstain_label
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _global_model(self):
        return self.global_estimator

    def _check_classes(self, classes):
        StandIn(self.on_unavailable, self.abstain_label).check(classes)

    def _learn(self, X, y, weight):
        warn_of_nesting(self.global_estimator, "global_estimator")
        super()._learn(X, y, weight)

    def _fit_models(self, sides):
        super()._fit_models(sides)
        self.global_estimator_ = sides.global_.fitted

    def predict(self, X):
        """Labels: the base's where it answers, otherwise the global's.

        The global gets only the queried rows, in one batch, and is not called if there
        are none. The base gets all rows or, if the router reads only the inputs, the
        kept rows.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        GlobalUnavailableError
            If a remote global fails to answer, and `on_unavailable` is "raise".
        ValueError
            If the columns of X differ from those in ``fit``, or a model's answer is not
            a distribution over its classes, or a known label, for each row.
        """
        return self._answered(X).labels

    @available_if(_global_has_proba)
    def predict_proba(self, X):
        """Class probabilities of the base or the global, chosen as in ``predict``.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Zero for classes that the answering model does not know. Where the hybrid
            abstains, the probabilities of the base.

        Raises
        ------
        GlobalUnavailableError, ValueError
            As ``predict`` does.
        """
        return self._answered(X).proba

    def predict_detailed(self, X):
        """Labels as in ``predict``, with the source, reason and time of each answer.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        Decisions
            Columns ``label``, ``answered_by``, ``queried``, ``failure``, ``score``,
            ``latency_ms`` and ``attempts``, with one entry for each row.

        Raises
        ------
        GlobalUnavailableError, ValueError
            As ``predict`` does.
        """
        return self._answered(X).detailed()

    def _answered(self, X):
        X = self._sliceable(X)
        return Answered.of(self.edge_, self.global_estimator_, X, stand_in_of(self))

    def _judged(self, X, asked=None, **least):
        return ask_to_judge(self.global_estimator_, X, self.classes_, asked, **least)

    def plan(
        self,
        X,
        y,
        deployment,
        *budgets,
        value=None,
        cost=None,
        confidence=0.95,
        sample_weight=None,
    ):
        """The most accurate operating point on a deployment, within budgets.

        ``hybrid.at(found.coverage)`` is the hybrid at this point.

        Parameters
        ----------
        X, y : array-like
            Rows that are new to models and router. All that may be sent are sent.
        deployment : Deployment
            If its ``router_macs`` is 0, the cost of the fitted router is filled in.
        *budgets : callable or Budget or float
            As for :func:`selective_query.planning.plan`.
        value : float or None, default=None
            Monetary value of a right answer. If given, the plan has a ``verdict`` on
            whether to route at all.
        cost : callable or None, default=None
            Monetary cost of an input, for the verdict; as for
            :func:`selective_query.planning.plan`.
        confidence : float, default=0.95
            Confidence of the intervals in the verdict.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        Plan

        Raises
        ------
        BudgetInfeasibleError
            If no operating point meets the budgets.
        GlobalUnavailableError
            If fewer than half of the rows were answered.
        ValueError
            If there is no budget, or the deployment runs the router before the base and
            this router needs the base.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.ensemble import ExtraTreesClassifier
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from selective_query import HybridClassifier
        >>> from selective_query.budgets import MaxLatency
        >>> from selective_query.costs import CLOUD, LTE_M, STM32F746, Deployment
        >>> X, y = load_digits(return_X_y=True)
        >>> hybrid = HybridClassifier(
        ...     GaussianNB(), ExtraTreesClassifier(random_state=0), coverage=0.8
        ... ).fit(X[:1200], y[:1200])
        >>> costs = Deployment(
        ...     device=STM32F746, base_ms=2, link=LTE_M, cloud=CLOUD, payload_bytes=64
        ... )
        >>> found = hybrid.plan(X[1200:], y[1200:], costs, MaxLatency(60, costs))
        >>> found.costs["latency_ms"] <= 60 + 1e-6
        True
        """
        check_is_fitted(self, "policy_")
        check_asked(deployment, budgets)
        if deployment.router_first and self.rule_.needs_base:
            raise ValueError(
                f"order={deployment.order!r} has the router decide before the base has "
                f"run, and {type(self.rule_.router).__name__} reads what the base "
                "says. Use PreRouter, or order='base_first'."
            )
        outcomes = self.outcomes(X, y, sample_weight=sample_weight)
        full = charged(deployment, self.rule_.router, outcomes)
        budgets = [rebound(budget, deployment, full) for budget in budgets]
        return plan(
            outcomes,
            self.rule_.score(outcomes),
            full,
            *budgets,
            value=value,
            cost=cost,
            confidence=confidence,
        )

    def report(
        self,
        X,
        y,
        *,
        query_all=False,
        sample_weight=None,
        deployment=None,
        value=None,
    ):
        """Report how the hybrid performs on labelled rows that are new to it.

        Parameters
        ----------
        X, y : array-like
            On labels that did not occur in ``fit``, both sides are wrong.
        query_all : bool, default=False
            Whether to query the global about every row, except those that must stay
            local. This gives ``global_accuracy``, against which the pair is compared,
            and the accuracy attribution. A remote global costs money, so by default it
            gets only the queried rows, and ``global_accuracy`` is nan.
        sample_weight : array-like of shape (n_samples,), optional
        deployment : Deployment or None, default=None
            For costs. If its ``router_macs`` is 0, the cost of the router is filled in.
        value : float or None, default=None
            Monetary value of a right answer, for a verdict on whether to route.

        Returns
        -------
        RoutingReport
            A mapping of figures that prints itself and renders as a page: ``accuracy``,
            ``coverage``, ``n``, ``n_queried``, ``n_unavailable`` (included in the
            queried rows), ``base_accuracy``, ``global_accuracy``,
            ``base_accuracy_on_kept``, ``global_accuracy_on_queried``; nan where there
            are no rows.

        Raises
        ------
        GlobalUnavailableError
            If none of the queried rows got an answer.
        ValueError
            If lengths differ, a label is missing or of another kind than the classes, a
            weight is negative, or there is a value without a deployment.
        """
        decided = decided_rows(self, X, y, sample_weight, query_all=query_all)
        return self._reported(*decided, deployment=deployment, value=value)
