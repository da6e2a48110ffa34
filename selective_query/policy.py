"""RoutingPolicy: a router and an operating point, on arrays alone."""

import copy
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from selective_query._validation import Interval, fit_context
from selective_query.budgets.thresholds import CalibrationScores
from selective_query.outcomes import Evidence, Outcomes
from selective_query.routers._base import BaseRouter
from selective_query.routers.registry import make_router, refuse_bound, router_name

UNCHANGED = "unchanged"


def check_coverage(coverage):
    """Refuse what is no share: the constraints of scikit-learn would let bool pass.

    Raises
    ------
    ValueError
        When it is neither None nor a number in [0, 1].
    """
    if coverage is None:
        return
    is_share = isinstance(coverage, Real) and not isinstance(coverage, (bool, np.bool_))
    if not is_share or not 0 <= coverage <= 1:
        raise ValueError(
            "coverage must be the share of inputs that the base answers, a number in "
            "[0, 1], or None to query wherever the expected benefit is positive. Got "
            f"{coverage!r}."
            + (
                f" Did you mean {coverage / 100:g}?"
                if is_share and 1 < coverage <= 100
                else ""
            )
        )


def hold_out(n, calibration, random_state):
    """Row numbers to fit on, and a random share of all to calibrate on.

    Raises
    ------
    ValueError
        When one side would be empty.
    """
    n_held_out = round(calibration * n)
    if not 0 < n_held_out < n:
        raise ValueError(
            f"calibration={calibration} of {n} rows leaves one side empty. Give more "
            "rows or another share."
        )
    order = check_random_state(random_state).permutation(n)
    return np.sort(order[n_held_out:]), np.sort(order[:n_held_out])


class RoutingPolicy(BaseEstimator):
    """Decide which inputs the base answers, from its saved or live outputs.

    The engine of :class:`HybridClassifier` and :class:`AbstainingClassifier`, for
    those who have the outputs of their models and need no estimator around them: LLM
    routing, models of another language, another machine.

    Parameters
    ----------
    router : str or BaseRouter, default="auto"
        Who ranks the inputs; see :func:`list_routers`.
    coverage : float or None, default=0.9
        Share of inputs, at least, that the base shall answer. 1 queries nothing and 0
        everything. None queries wherever the expected benefit is positive, and needs a
        router in units of benefit.
    confidence : float or None, default=None
        Probability with which new data's coverage shall reach the target, over the
        draw of the calibration rows. Honest only with rows that nothing was fitted on:
        a router that learns nothing, or held-out rows.
    calibration : float or None, default=None
        Share of the rows to hold out from the router for the threshold. None uses all
        rows, with scores that are out of fold where the router learns.
    random_state : int, RandomState instance or None, default=None
        For the choice of held-out rows, and for the router.

    Attributes
    ----------
    router_ : BaseRouter
        The fitted router.
    operating_point_ : OperatingPoint
        Threshold, coverage on the calibration rows, certificate.

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
        "coverage": "no_validation",  # check_coverage says more
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
    def fit(self, outcomes, held_out=None):
        """Fit the router and learn the threshold.

        Parameters
        ----------
        outcomes : Outcomes
            Rows that the models were not fitted on.
        held_out : Evidence or Outcomes, optional
            Further rows, for the threshold alone. The certificate is then exact.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When a parameter is out of range, or the router lacks evidence or rows.
        BoundRouterError
            For the oracle and its kin.
        CertificateError
            When `confidence` is asked for where it would not be true.
        """
        if not isinstance(outcomes, Outcomes):
            raise TypeError(
                "RoutingPolicy.fit takes Outcomes: Outcomes(base_proba=, "
                f"global_proba=, y=). Got {type(outcomes).__name__}."
            )
        if held_out is None and self.calibration is not None:
            rows = hold_out(outcomes.n_rows, self.calibration, self.random_state)
            outcomes, held_out = (outcomes.take(part) for part in rows)
        if held_out is None:
            return self._fit(outcomes)
        self._fit_router(outcomes)
        return self._calibrate(held_out, getattr(held_out, "sample_weight", None))

    def _fit_router(self, outcomes):
        self.router_ = self._new_router().fit(outcomes)

    def _fit(self, outcomes, coarse=None, step=0.0):
        """Fit; `coarse` is evidence of the same rows by models fitted on fewer."""
        router = self._new_router()
        score = router.fit_score(outcomes)
        trend = None
        if coarse is not None:
            trend = router.query_score(outcomes), router.query_score(coarse), step
        self.router_ = router
        self._calibration_scores = CalibrationScores(
            score,
            outcomes.sample_weight,
            exact=not router.learns and outcomes.fold is None,
            trend=trend,
        )
        self.operating_point_ = self._cut()
        return self

    def _calibrate(self, held_out, weight=None):
        """Learn the threshold from evidence that nothing was fitted on."""
        if not hasattr(self, "router_"):
            self.router_ = self._new_router()
        score = self.router_.query_score(held_out)
        self._calibration_scores = CalibrationScores(score, weight, exact=True)
        self.operating_point_ = self._cut()
        return self

    def _new_router(self):
        check_coverage(self.coverage)
        router = make_router(
            self.router,
            target_coverage=self.coverage,
            random_state=self.random_state,
        )
        refuse_bound(router)
        return router

    def _cut(self):
        if self.coverage is None and not self.router_.in_benefit_units:
            raise ValueError(
                "coverage=None queries where the expected benefit is positive, which "
                f"router={router_name(self.router_)!r} does not estimate. Choose "
                "router='benefit', or fit anew with router='auto' and coverage=None, "
                "or give a coverage in [0, 1]."
            )
        return self._calibration_scores.cut(self.coverage, self.confidence)

    def query_score(self, evidence):
        """How much a query would gain, shape (n_samples,); higher = query first.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        if not hasattr(self, "router_"):
            check_is_fitted(self, "router_")
        if not isinstance(evidence, Evidence):
            raise TypeError(
                "RoutingPolicy decides on Evidence: Evidence(base_proba=). Got "
                f"{type(evidence).__name__}."
            )
        return self.router_.query_score(evidence)

    def decide(self, evidence):
        """Whether the base answers, row by row.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        ndarray of shape (n_samples,), bool
            True where the base answers, False where the global is queried.
        """
        return self.query_score(evidence) <= self.operating_point_.threshold

    def at(self, coverage, *, confidence=UNCHANGED):
        """The same policy at another operating point, without a refit.

        Only the threshold moves, also for a router that was trained for a coverage.
        Certificates are pointwise: those of several operating points need not hold
        together.

        Parameters
        ----------
        coverage : float or None
            As in the constructor.
        confidence : float or None
            As in the constructor; left as it is by default.

        Returns
        -------
        RoutingPolicy
            A shallow copy that shares the router. This one is left as it is.
        """
        check_is_fitted(self, "router_")
        check_coverage(coverage)
        moved = copy.copy(self)
        moved.coverage = coverage
        if confidence is not UNCHANGED:
            moved.confidence = confidence
        moved.operating_point_ = moved._cut()
        return moved
