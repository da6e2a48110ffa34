from dataclasses import replace

import pytest

from selective_query.budgets import MaxTierCost
from selective_query.costs import (
    CLOUD,
    LTE_M,
    STM32F746,
    WIFI,
    ConstantCosts,
    Deployment,
    tier_costs,
)


@pytest.mark.parametrize("quantity", ["price", "latency_ms", "energy_mj"])
def test_costs_of_two_tiers_are_those_of_their_deployment(quantity):
    costs = Deployment(
        device=STM32F746,
        base_ms=20,
        link=LTE_M,
        cloud=CLOUD.with_(price_per_query=0.001),
        payload_bytes=64,
    )
    first, second = tier_costs([costs], quantity)
    of = getattr(costs, quantity)
    for coverage in (0.2, 0.7):
        assert first + (1 - coverage) * second == pytest.approx(of(coverage))
    if quantity != "price":
        budget = MaxTierCost(of(0.6), costs=(first, second))
        assert budget.least_coverage() == pytest.approx(0.6)


def test_each_hop_adds_what_a_query_over_it_does():
    near = Deployment(
        device=STM32F746, base_ms=20, link=WIFI, cloud=CLOUD, payload_bytes=64
    )
    far = replace(near, link=LTE_M)
    costs = tier_costs([near, far], "latency_ms")
    assert len(costs) == 3
    assert costs[:2] == tier_costs([near], "latency_ms")
    assert costs[2] > costs[1]


def test_invalid_chains_of_deployments_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        tier_costs([])
    with pytest.raises(ValueError, match="quantity must be one of"):
        tier_costs([ConstantCosts()], "bytes")
    with pytest.raises(TypeError, match="must be CostModels"):
        tier_costs([3.0])
