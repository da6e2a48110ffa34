"""Rows that must stay: the base answers them in every system, and costs follow."""

from dataclasses import replace

import numpy as np
import pytest

from selective_query import Outcomes
from selective_query.budgets import MaxBytes, MaxEnergy, MaxLatency
from selective_query.costs import CLOUD, STM32F746, WIFI, Deployment
from selective_query.planning import on_cloud, plan, routed, routing_verdict

COSTS = Deployment(
    device=STM32F746,
    base_ms=50,
    router_macs=10_000,
    link=WIFI.with_(availability=1.0),
    payload_bytes=3072,
    cloud=CLOUD.with_(price_per_query=0.001),
)
LOSSY = replace(COSTS, link=WIFI.with_(availability=0.5), retries=0)
ROUTERLESS = replace(COSTS, router_macs=0)
SLOW = replace(COSTS, base_ms=500)
STAYS = np.arange(1000) % 4 == 0
WEIGHT = np.where(STAYS, 1.0, 2.0)
SHARE = 1 / 7  # of the weight
# The base is right where rows must stay and wrong elsewhere, and the global reversed.
ROWS = Outcomes(
    base_utility=STAYS, global_utility=~STAYS, local_only=STAYS, sample_weight=WEIGHT
)


def verdict(costs=COSTS, *budgets, **given):
    return routing_verdict(ROWS, STAYS, costs, *budgets, **{"value": 0.01, **given})


def test_the_global_alone_leaves_them_to_the_base():
    found = verdict()
    assert found.net["global alone"] == pytest.approx(0.01 - 0.001 * (1 - SHARE))
    energy = verdict(cost=lambda costs, c: costs.energy_mj(c)).net["global alone"]
    here = ROUTERLESS.energy_mj(1.0)
    there = replace(ROUTERLESS, base_ms=0.0).energy_mj(0.0)
    assert energy == pytest.approx(0.01 - SHARE * here - (1 - SHARE) * there)


def test_a_device_that_has_the_base_falls_back_on_it():
    right = np.ones(1000)
    rows = replace(ROWS, base_utility=right, global_utility=right)
    found = routing_verdict(rows, STAYS, LOSSY, value=1.0, cost=lambda costs, c: 0.0)
    assert found.net["global alone"] == pytest.approx(1.0)
    free = replace(rows, local_only=None)
    found = routing_verdict(free, STAYS, LOSSY, value=1.0, cost=lambda costs, c: 0.0)
    assert found.net["global alone"] == pytest.approx(1 - LOSSY.chance_lost)


@pytest.mark.parametrize(
    ("costs", "budget", "excluded"),
    [
        (COSTS, SHARE, set()),
        (COSTS, SHARE + 0.01, {"global alone", "pair"}),
        (COSTS, MaxBytes(3072 * (1 - SHARE) + 1, COSTS), set()),
        (COSTS, MaxBytes(3072 * (1 - SHARE) - 1, COSTS), {"global alone", "pair"}),
        # For the global alone the base runs on few rows, for the other systems on all.
        (SLOW, MaxEnergy(120, SLOW), {"base alone", "pair"}),
        (SLOW, MaxLatency(200, SLOW), {"base alone", "pair"}),
        (SLOW, MaxLatency(150, SLOW), {"base alone", "pair", "global alone"}),
    ],
)
def test_limits_weigh_what_is_sent(costs, budget, excluded):
    if len(excluded) == 3:
        with pytest.raises(ValueError, match="No system meets the budgets"):
            verdict(costs, budget)
    else:
        assert set(verdict(costs, budget).excluded) == excluded


def test_a_pair_that_sends_them_is_refused():
    with pytest.raises(ValueError, match="kept queries 250 rows that must stay"):
        routing_verdict(ROWS, ~STAYS, COSTS, value=1)


def test_all_in_the_cloud_is_all_that_may_be_sent():
    other = replace(ROWS.take(slice(500)), sample_weight=None)
    found = on_cloud(ROWS, COSTS, calibration=other)
    assert found.accuracy == pytest.approx([1.0])
    assert found.coverage == pytest.approx([SHARE])
    assert found.costs["price"] == pytest.approx([0.001 * (1 - SHARE)])
    assert found.calibration_costs["price"] == pytest.approx([0.001 * 0.75])
    assert found.calibration_accuracy == pytest.approx([1.0])


def test_no_routed_system_sends_them():
    score = np.linspace(0, 1, 1000)
    other = replace(ROWS)
    found = routed(
        ROWS, score, COSTS, calibration=other, calibration_score=score, coverages=[0, 1]
    )
    assert found.coverage == pytest.approx([SHARE, 1])
    assert found.accuracy == pytest.approx([1, SHARE])


def test_no_plan_sends_them():
    found = plan(ROWS, np.linspace(0, 1, 1000), COSTS, 0.0, value=1.0)
    assert found.coverage == pytest.approx(SHARE)
    assert found.accuracy == found.global_accuracy == pytest.approx(1.0)
    assert found.verdict.net["pair"] == pytest.approx(1.0, abs=0.01)
