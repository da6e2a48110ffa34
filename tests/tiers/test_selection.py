import numpy as np
import pytest

from selective_query import ChainOutcomes, Evidence
from selective_query.budgets import GroupCoverage, MaxTierCost, MinAccuracy
from selective_query.exceptions import BudgetInfeasibleError
from selective_query.tiers import worthwhile_tiers
from tests.tiers.simulated import chain


def with_a_useless_tier(n=3000, seed=0, costs=(1, 5, 10)):
    rng = np.random.default_rng(seed)
    sure = rng.uniform(0.5, 1, size=n)
    first = rng.uniform(size=n) < sure
    known = Evidence(base_proba=np.column_stack([sure, 1 - sure]))
    return ChainOutcomes.from_utilities(
        np.column_stack([first, first, np.ones(n)]),
        costs,
        evidence=[known, known, None],
    )


@pytest.mark.parametrize("budget", [MaxTierCost(4), MaxTierCost(8), MinAccuracy(0.9)])
def test_a_tier_that_only_costs_is_left_out(budget):
    assert worthwhile_tiers(with_a_useless_tier(), budget) == (0, 2)


def test_a_first_tier_that_is_too_expensive_is_left_out():
    outcomes = with_a_useless_tier(costs=(5, 1, 10))
    assert worthwhile_tiers(outcomes, MaxTierCost(4)) == (1, 2)


def test_tiers_that_pay_stay():
    rng = np.random.default_rng(0)
    hard = rng.uniform(size=4000)
    utilities = np.column_stack([hard < 0.4, hard < 0.8, np.ones(4000)]).astype(float)
    known = Evidence(base_proba=np.column_stack([1 - hard / 2, hard / 2]))
    outcomes = ChainOutcomes.from_utilities(
        utilities, [1, 3, 30], evidence=[known, known, None]
    )
    assert worthwhile_tiers(outcomes, MaxTierCost(6)) == (0, 1, 2)
    chosen = outcomes.choose((0, 2))
    assert chosen.names == ("tier 0", "tier 2") and chosen.costs.tolist() == [1, 30]


def test_impossible_requests_are_named():
    with pytest.raises(BudgetInfeasibleError, match="by any chain of these tiers"):
        worthwhile_tiers(chain(200, 3, 0), MaxTierCost(0.5))
    with pytest.raises(ValueError, match="depends on single rows"):
        worthwhile_tiers(chain(200, 3, 0), GroupCoverage(0.5))
