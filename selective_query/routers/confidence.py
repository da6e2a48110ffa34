"""Routers that use only the base's confidence; one of them learns an exponent."""

import numpy as np

from selective_query._utils.numbers import check_number
from selective_query.exceptions import MissingEvidenceError
from selective_query.metrics.areas import deferral_area
from selective_query.outcomes.probabilities import TopKProba
from selective_query.routers import _scores as scores
from selective_query.routers.base import BaseRouter
from selective_query.routers.steps import Steps

MOST_ORDER = 100  # powers of logits stay finite


class _ProbabilityRouter(BaseRouter):
    """A score that is a function of the base's probabilities."""

    required_evidence = ("base_proba",)

    def query_score(self, evidence):
        # The result of the program, without the time to build one.
        return self._score(evidence.require("base_proba", type(self).__name__))


class EntropyRouter(_ProbabilityRouter):
    r"""Query where the base's output distribution has the highest entropy.

    .. math:: s(x) = -\sum_k p_k(x) \log p_k(x)

    in nats; the rule of BranchyNet and other dynamic networks, and the paper's
    baseline.

    Examples
    --------
    >>> from selective_query import Evidence
    >>> from selective_query.routers import EntropyRouter
    >>> EntropyRouter().query_score(Evidence(base_proba=[[1, 0], [0.5, 0.5]])).round(3)
    array([0.   , 0.693])
    """

    _score = staticmethod(scores.entropy)

    def program(self):
        steps = Steps()
        steps.add("reduce", steps.read("base_proba"), function="entropy")
        return steps.program("EntropyRouter")


class MaxProbabilityRouter(_ProbabilityRouter):
    r"""Query where the base's largest probability is lowest (Chow's rule, 1970).

    .. math:: s(x) = 1 - \max_k p_k(x)

    Examples
    --------
    >>> from selective_query import Evidence
    >>> from selective_query.routers import MaxProbabilityRouter
    >>> MaxProbabilityRouter().query_score(Evidence(base_proba=[[0.75, 0.25]]))
    array([0.25])
    """

    _score = staticmethod(scores.max_probability)

    def program(self):
        steps = Steps()
        steps.add("doubt", steps.read("base_proba"), k=1)
        return steps.program("MaxProbabilityRouter")


class MarginRouter(_ProbabilityRouter):
    r"""Query where the two most probable classes are closest.

    .. math:: s(x) = 1 - (p_{(1)}(x) - p_{(2)}(x))

    Examples
    --------
    >>> from selective_query import Evidence
    >>> from selective_query.routers import MarginRouter
    >>> MarginRouter().query_score(Evidence(base_proba=[[0.5, 0.25, 0.25]]))
    array([0.75])
    """

    _score = staticmethod(scores.margin)

    def program(self):
        # In single precision this keeps digits that are lost if the lead rounds to 1.
        steps = Steps()
        proba = steps.read("base_proba")
        doubt, top = (steps.add(op, proba, k=k) for op, k in (("doubt", 1), ("top", 2)))
        second = steps.add("columns", top, start=1, stop=2)
        steps.add("combine", doubt, second, function="add")
        return steps.program("MarginRouter")


class MaxLogitRouter(BaseRouter):
    r"""Query where the largest logit, relative to the p-norm of all, is lowest.

    .. math:: s(x) = -\max_k z_k(x) / \lVert z(x) \rVert_p

    with logits z centred in each row. If the evidence has no logits, log-probabilities
    are used instead.

    Parameters
    ----------
    p : float or None, default=None
        The exponent, in [1, 100]. None chooses the one with the largest deferral area
        among 2, 3, ..., 8, or max-probability if that is at least as good.

    Attributes
    ----------
    p_ : float or None
        The exponent in use; None means max-probability.
    reads_ : str
        Whether fit saw ``"base_logits"`` or only ``"base_proba"``, for the program.

    References
    ----------
    Cattelan and Silva, "How to fix a broken confidence estimator", UAI 2024.

    Examples
    --------
    >>> from selective_query import Evidence
    >>> from selective_query.routers import MaxLogitRouter
    >>> router = MaxLogitRouter(p=2)
    >>> logits = [[2.0, -1.0, -1.0], [0.0, 0.0, 0.0]]
    >>> router.query_score(Evidence(base_logits=logits)).round(3)
    array([-0.816, -0.   ])
    """

    # p = 1 gives 1/2 to every row with one logit above the mean, and so does not rank.
    candidates = (2, 3, 4, 5, 6, 7, 8)

    def __init__(self, p=None):
        self.p = p

    @property
    def learns(self):
        return self.p is None

    def fit(self, outcomes):
        has_logits = outcomes.base_logits is not None
        self.reads_ = "base_logits" if has_logits else "base_proba"
        if not self.learns:
            self._norm_order()
            return self
        logits = self._logits(outcomes)

        def area(score):
            return deferral_area(
                score,
                outcomes.base_utility,
                outcomes.query_utility,
                sample_weight=outcomes.sample_weight,
            )

        self.p_ = None
        best = -np.inf
        if outcomes.base_proba is not None:
            best = area(scores.max_probability(outcomes.base_proba))
        for p in self.candidates:
            if (reached := area(scores.max_logit_p_norm(logits, p))) > best:
                best, self.p_ = reached, p
        return self

    def _norm_order(self):
        return self.p_ if self.learns else check_number(self.p, "p", 1, MOST_ORDER)

    def query_score(self, evidence):
        self._check_fitted()
        p = self._norm_order()
        if p is None:
            # Shifted into (-1, 0], the range of the router's other scores.
            return (
                scores.max_probability(evidence.require("base_proba", "max_logit")) - 1
            )
        return scores.max_logit_p_norm(self._logits(evidence), p)

    def program(self):
        self._check_fitted()
        p, steps = self._norm_order(), Steps()
        if p is None:
            largest = steps.add("top", steps.read("base_proba"), k=1)
        else:
            logits = steps.read(getattr(self, "reads_", "base_logits"))
            if steps[logits].parameters["part"] == "base_proba":
                floor = scores.SMALLEST_PROBABILITY
                logits = steps.add("log", logits, floor=floor)
            logits = steps.add("centre", logits)
            largest = steps.add("peak", logits, order=float(p))
        steps.add("apply", largest, function="negative")
        return steps.program("MaxLogitRouter")

    @staticmethod
    def _logits(evidence):
        if evidence.base_logits is not None:
            return evidence.base_logits
        proba = evidence.require("base_proba", "MaxLogitRouter")
        if isinstance(proba, TopKProba):
            raise MissingEvidenceError(
                "MaxLogitRouter needs base_logits or the probabilities of all classes; "
                "top-k probabilities do not determine the norm of the logits. Choose "
                "max_probability, margin or entropy."
            )
        return scores.log_odds(proba)
