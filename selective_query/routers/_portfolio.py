"""Whom the default router chooses from, and what may run on a small device."""

from selective_query.routers.benefit import BenefitRouter
from selective_query.routers.boosted_benefit import BoostedBenefitRouter
from selective_query.routers.confidence import (
    EntropyRouter,
    MarginRouter,
    MaxProbabilityRouter,
)

ANCHOR = "max_probability"
# Trees learn little from fewer rows, and would take longer than all the rest.
FEWEST_ROWS_FOR_TREES = 2000
MAX_FLASH_BYTES = 16 * 1024


def default_portfolio(outcomes):
    """Candidates by name that these rows can teach.

    Parameters
    ----------
    outcomes : Outcomes

    Returns
    -------
    dict of str to BaseRouter
    """
    candidates = {}
    if outcomes.base_proba is not None:
        candidates[ANCHOR] = MaxProbabilityRouter()
        candidates["margin"] = MarginRouter()
        candidates["entropy"] = EntropyRouter()
    candidates["benefit"] = BenefitRouter()
    both = outcomes.base_proba is not None and outcomes.global_proba is not None
    if both and outcomes.y is not None:
        candidates["benefit_mixed"] = BenefitRouter(supervision="mixed")
    if outcomes.weight.sum() >= FEWEST_ROWS_FOR_TREES:
        candidates["boosted_benefit"] = BoostedBenefitRouter()
    return candidates


def fits_small_device(router, outcomes):
    """Whether a fitted router takes no more flash than a small device can spare.

    Parameters
    ----------
    router : BaseRouter
    outcomes : Outcomes
        Evidence of the kind that it decides on.

    Returns
    -------
    bool
    """
    cost = router.decision_cost(outcomes.evidence.view(slice(1)))
    return cost.flash_bytes <= MAX_FLASH_BYTES
