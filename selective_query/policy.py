"""RoutingPolicy: a router and an operating point, fitted on arrays."""

import copy
from dataclasses import replace
from numbers import Real

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from selective_query._calibrating import completed, fitted_out_of_fold, of_new_rows
from selective_query._plain_policy import PlainFormMixin
from selective_query._utils.fitting import UNCHANGED, become, unfitted
from selective_query._utils.validation import Interval, fit_context
from selective_query.budgets._columns import local_parts, rows_that_may_leave
from selective_query.budgets._solving.calibration import certify_jointly, hold_out
from selective_query.budgets._solving.reach import judged_rows, likely_coverage
from selective_query.budgets.combined import check_coverage
from selective_query.outcomes.evidence import Evidence
from selective_query.outcomes.outcomes import Outcomes
from selective_query.routers.base import BaseRouter
from selective_query.routers.registry import make_router, refuse_bound, router_name
from selective_query.rule import Rule, plain_labels


def _check_evidence(given, asked):
    if not isinstance(given, Evidence):
        raise TypeError(
            f"{asked} Evidence: Evidence(base_proba=). Got {type(given).__name__}."
        )


class RoutingPolicy(PlainFormMixin, BaseEstimator):
    """Decide which inputs the base answers, from its saved or live outputs.

    The engine of :class:`HybridClassifier` and :class:`AbstainingClassifier`. Use it if
    you have the outputs of your models and need no estimator around them: LLM routing,
    models in another language or on another machine.

    Parameters
    ----------
    router : str or BaseRouter, default="auto"
        Ranks the inputs; see :func:`list_routers`.
    coverage : float, Budget or None, default=0.9
        A float is the minimum share of inputs that the base answers: 1 queries nothing
        and 0 queries everything. A budget states instead what you can afford or must
        reach; see :mod:`selective_query.budgets`. None queries wherever the expected
        benefit is positive, and needs a router in units of benefit.
    confidence : float or None, default=None
        Probability, over the draw of the calibration rows, with which the budget holds
        on new data. Valid only with rows that nothing was fitted on: a router that
        learns nothing, or held-out rows.
    calibration : float or None, default=None
        Share of the rows to hold out from the router for the threshold. None uses all
        rows, with out-of-fold scores if the router learns.
    random_state : int, RandomState instance or None, default=None
        For the choice of held-out rows, and for the router.

    Attributes
    ----------
    rule_ : Rule
        The fitted router with its threshold, which makes all decisions.
    router_ : BaseRouter
        The router of the rule.
    operating_point_ : OperatingPoint
        Threshold, coverage and accuracy on the calibration rows, certificate.
    has_global_ : bool
        False for abstention.
    calibration_rows_ : JudgedRows or None
        Scores and outcomes of the rows that the threshold comes from; None if only
        their evidence was given.

    Examples
    --------
    >>> from selective_query import Outcomes, RoutingPolicy
    >>> from selective_query.datasets import make_selective_query
    >>> outcomes = make_selective_query(1000, random_state=0).outcomes
    >>> policy = RoutingPolicy("max_probability", coverage=0.8).fit(outcomes)
    >>> kept = policy.decide(outcomes.evidence)
    >>> float(kept.mean())
    0.801
    """

    _parameter_constraints = {
        "router": [str, BaseRouter],
        "coverage": "no_validation",  # check_coverage gives a better message
        "confidence": [Interval(Real, 0, 1, closed="neither"), None],
        "calibration": [Interval(Real, 0, 1, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        router="auto",
        coverage=0.9,
        *,
        confidence=None,
        calibration=None,
        random_state=None,
    ):
        self.router = router
        self.coverage = coverage
        self.confidence = confidence
        self.calibration = calibration
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, outcomes, held_out=None, *, change=(), answers_exact=True):
        """Fit the router and learn the threshold.

        Parameters
        ----------
        outcomes : Outcomes
            Rows that the models were not fitted on.
        held_out : Evidence or Outcomes, optional
            Further rows, used only for the threshold. The certificate is then exact. A
            budget on quality needs their outcomes.
        change : sequence of (Evidence, row, mass, fit), default=()
            If the outcomes come from fits on folds: how the models in use differ from
            these fits. For each part, the evidence, the rows of the outcomes that it
            belongs to, the mass with which its scores are added to theirs, and the
            number of the fit that has seen them.
        answers_exact : bool, default=True
            Whether the global's answers are those of the global in use, as required to
            certify a quality.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range, or the router lacks evidence or rows.
        BoundRouterError
            If the router is a bound, such as the oracle.
        BudgetInfeasibleError
            If no operating point meets the budget, or none can be certified to.
        CertificateError
            If `confidence` is given where it would not be valid.
        """
        if not isinstance(outcomes, Outcomes):
            raise TypeError(
                "RoutingPolicy.fit takes Outcomes: Outcomes(base_proba=, "
                f"global_proba=, y=). Got {type(outcomes).__name__}."
            )
        if held_out is None and self.calibration is not None:
            rows = hold_out(outcomes.n_rows, self.calibration, self.random_state)
            outcomes, held_out = (outcomes.take(part) for part in rows)
        if held_out is not None and len(change):
            raise ValueError(
                "change= describes how models in use differ from those of folds, and "
                "here the threshold comes from other rows. Leave out change=, or "
                "held_out= and calibration=."
            )
        fitted = unfitted(self)
        fitted.has_global_ = outcomes.has_global
        fitted.rule_ = self.new_rule(outcomes)
        rows = rows_that_may_leave(fitted.rule_.local, outcomes)
        if held_out is None:
            found = fitted_out_of_fold(
                fitted.rule_, outcomes, change, answers_exact, rows
            )
            fitted._settle(found, outcomes)
        else:
            _check_evidence(held_out, "held_out must be Outcomes or")
            fitted.router_.fit(outcomes if rows is None else outcomes.take(rows))
            # These rows set the order in which thresholds are tested on the others.
            ordering = judged_rows(fitted.rule_.score(outcomes), outcomes)
            fitted._calibrate(held_out, answers_exact, ordering)
        return become(self, fitted)

    def new_rule(self, outcomes):
        """A rule with an unfitted router and without a threshold.

        Parameters
        ----------
        outcomes : Outcomes
            What the router will learn from; a router that is trained for a coverage
            gets the one that the budget is likely to give on these rows.

        Returns
        -------
        Rule
        """
        budget = check_coverage(self.coverage)
        router = make_router(
            self.router,
            target_coverage=None
            if budget is None
            else likely_coverage(budget, outcomes),
            random_state=self.random_state,
        )
        refuse_bound(router)
        columns = tuple(outcomes.class_columns().items())
        classes = plain_labels(outcomes.classes)
        return Rule(router, local=local_parts(budget), columns=columns, classes=classes)

    def _calibrate(self, held_out, answers_exact=True, ordering=None):
        """Learn the threshold from rows that nothing was fitted on."""
        local = local_parts(check_coverage(self.coverage))
        self.rule_ = replace(self.rule_, local=local)
        if isinstance(held_out, Outcomes):
            self.has_global_ = held_out.has_global
        found = of_new_rows(self.rule_, held_out, answers_exact, ordering)
        return self._settle(found, held_out)

    def _settle(self, calibration, evidence):
        self._calibration = self._completed(calibration, evidence)
        self.rule_ = self._cut()
        return self

    def _completed(self, calibration, evidence):
        budget = check_coverage(self.coverage)
        return completed(calibration, self.rule_, budget, evidence, self.random_state)

    def _cut(self):
        budget = check_coverage(self.coverage)
        if budget is None and not self.router_.in_benefit_units:
            raise ValueError(
                "coverage=None queries where the expected benefit is positive, which "
                f"router={router_name(self.router_)!r} does not estimate. Choose "
                "router='benefit', or fit again with router='auto' and coverage=None, "
                "or give a coverage in [0, 1]."
            )
        if local_parts(budget) != self.rule_.local:
            raise ValueError(
                "StayLocal must be among the budgets already in fit, so that the "
                f"threshold takes it into account. Fitted with {self.rule_.local}, got "
                f"{local_parts(budget)}. Fit again with this budget."
            )
        if budget is not None:
            for part in budget.parts:
                part.refuse_misuse(self.router_, self.has_global_)
        rows = self._calibration.judged
        point = self._calibration.solve(budget, self.confidence)
        return self.rule_.cut(point, None if rows is None else rows.score)

    @property
    def router_(self):
        """The fitted router of the rule."""
        return self.rule_.router

    @property
    def operating_point_(self):
        """Threshold, coverage and accuracy on the calibration rows, certificate."""
        return self.rule_.operating_point

    @property
    def calibration_rows_(self):
        """Scores and outcomes of the rows that the threshold comes from."""
        check_is_fitted(self, "rule_")
        return self._calibration.judged

    def query_score(self, evidence):
        """How much a query is expected to gain; higher means query first.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        self._check_fitted()
        return self.rule_.score(evidence)

    def decide(self, evidence):
        """Whether the base answers, for each row.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        ndarray of shape (n_samples,), bool
            True where the base answers, False where the global is queried.
        """
        self._check_fitted()
        return self.rule_.decide(evidence)

    def report(self, outcomes, *, deployment=None, value=None):
        """Report how the policy performs on rows that it has not seen.

        Parameters
        ----------
        outcomes : Outcomes
        deployment : Deployment or None, default=None
            For costs; as in :meth:`Rule.report`.
        value : float or None, default=None
            Monetary value of a right answer, for a verdict on whether to route.

        Returns
        -------
        RoutingReport
            As in :meth:`Rule.report`, with the accuracy attribution between the
            calibration rows and these.
        """
        self._check_fitted()
        report = self.rule_.report(outcomes, deployment=deployment, value=value)
        if self.has_global_ == outcomes.has_global:
            vars(report).update(calibration=self.calibration_columns())
        return report

    def calibration_columns(self):
        """Rows that the threshold comes from, as arguments of `gap_attribution`.

        Returns
        -------
        dict of str to ndarray, or None
            None if only their evidence was given.
        """
        rows = self.calibration_rows_
        return rows and rows.columns(self.has_global_)

    def _check_fitted(self):
        # The full check takes as long as the decision about one row.
        if not hasattr(self, "rule_"):
            check_is_fitted(self, "rule_")

    def at(self, coverage, *, confidence=UNCHANGED):
        """Move to another operating point without refitting.

        Only the threshold changes, even for a router that was trained for a coverage.
        Certificates are pointwise: those of several operating points need not hold
        jointly.

        Parameters
        ----------
        coverage : float, Budget or None
            Minimum share of inputs that the base answers, in [0, 1], or a budget.
        confidence : float or None
            Probability with which the budget holds on new data; unchanged by default.

        Returns
        -------
        RoutingPolicy
            A shallow copy that shares the router; this policy is unchanged.
        """
        check_is_fitted(self, "rule_")
        check_coverage(coverage)
        moved = copy.copy(self)
        moved.coverage = coverage
        if confidence is UNCHANGED:
            confidence = self.operating_point_.certificate.confidence
        moved.confidence = confidence
        moved.rule_ = moved._cut()
        return moved

    def recalibrated(self, held_out):
        """Learn a new threshold on other rows, with the same router.

        Parameters
        ----------
        held_out : Evidence or Outcomes
            Rows that nothing was fitted on.

        Returns
        -------
        RoutingPolicy
            A shallow copy that shares the router; this policy is unchanged.

        Raises
        ------
        TypeError
            If `held_out` is not Evidence.
        """
        check_is_fitted(self, "rule_")
        _check_evidence(held_out, "held_out must be Outcomes or")
        moved = copy.copy(self)
        return moved._calibrate(held_out)

    def certify_jointly(self, budgets, *, confidence):
        """The policy at several operating points whose budgets hold jointly.

        The guarantees of ``at`` hold for each operating point separately. Here the
        error probability is divided among the budgets (Bonferroni), so that you may
        choose among them afterwards; each certificate shows its own share.

        Parameters
        ----------
        budgets : sequence of (float or Budget)
        confidence : float
            Probability with which all budgets hold on new data.

        Returns
        -------
        list of RoutingPolicy
            If no operating point can be certified to meet a budget, its
            ``BudgetInfeasibleError`` takes the place of the policy; the others still
            hold jointly.

        Raises
        ------
        ValueError
            If there is no budget, or the confidence is not a probability.
        """
        check_is_fitted(self, "rule_")
        return certify_jointly(self.at, budgets, confidence)
