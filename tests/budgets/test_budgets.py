import dataclasses
import pickle

import numpy as np
import pytest
from sklearn.base import clone

from selective_query import HybridClassifier
from selective_query.budgets import (
    All,
    BatteryLife,
    Certificate,
    Coverage,
    GroupCoverage,
    MaxEnergy,
    MaxExcessError,
    MaxLatency,
    MaxPrice,
    MinAccuracy,
    MinSelectiveAccuracy,
    Mixed,
    OperatingPoint,
    QueryRate,
    as_budget,
)
from selective_query.costs import ConstantCosts
from selective_query.exceptions import BudgetInfeasibleError

COSTS = ConstantCosts(
    base_price=0.001,
    query_price=0.01,
    base_latency_ms=40,
    query_latency_ms=400,
    base_energy_mj=2,
    query_energy_mj=50,
    idle_power_mw=0.01,
    battery_mwh=1000,
    inputs_per_day=1000,
)
BUDGETS = [
    Coverage(0.8),
    QueryRate(0.25),
    MinAccuracy(0.9),
    MaxExcessError(0.01),
    MinSelectiveAccuracy(0.95),
    MaxPrice(0.003, COSTS),
    MaxLatency(100, COSTS),
    MaxLatency(100, COSTS, statistic="p95"),
    MaxEnergy(20, COSTS),
    BatteryLife(200, COSTS),
    Mixed(Coverage(0.7), QueryRate(0.2)),
    Mixed(Coverage(0.7), QueryRate(0.2), seed=1),
    All(Coverage(0.7), QueryRate(0.2)),
    All(Coverage(0.7), MinAccuracy(0.95)),
]


@pytest.mark.parametrize("budget", BUDGETS, ids=repr)
def test_budgets_are_values(budget):
    copy = pickle.loads(pickle.dumps(budget))
    assert copy == budget
    assert hash(copy) == hash(budget)
    assert eval(repr(budget)) == budget
    assert sum(budget == other for other in BUDGETS) == 1
    estimator = HybridClassifier(None, None, coverage=budget)
    assert clone(estimator).coverage == budget


def test_budgets_are_frozen():
    with pytest.raises(AttributeError):
        Coverage(0.8).minimum = 0.5


def test_a_number_is_a_least_coverage():
    assert as_budget(0.8) == Coverage(0.8)
    assert as_budget(np.float32(0.5)).least_coverage() == 0.5
    assert as_budget(BUDGETS[2]) is BUDGETS[2]


@pytest.mark.parametrize("wrong", [True, -0.1, 1.1, "0.5", np.nan, [0.5]])
def test_values_that_are_not_budgets_are_refused(wrong):
    with pytest.raises(ValueError, match="coverage must be"):
        as_budget(wrong)
    with pytest.raises(ValueError, match="minimum must be a number"):
        Coverage(wrong)


def test_percentages_are_noticed():
    with pytest.raises(ValueError, match=r"Did you mean 0\.95"):
        MinAccuracy(95)
    for given, meant in ((95, "0.95"), (1.5, "0.015"), (100, "1")):
        with pytest.raises(ValueError, match=f"Did you mean {meant}[?]"):
            as_budget(given)
    with pytest.raises(ValueError, match=r"Got 100\.5\.$"):
        as_budget(100.5)


@pytest.mark.parametrize(
    ("limit", "coverage"),
    [
        (Coverage(0.8), 0.8),
        (QueryRate(0.25), 0.75),
        (MaxPrice(0.003, COSTS), 0.8),  # 1 + (1 - c) 10 = 3
        (MaxLatency(100, COSTS), 0.85),  # 40 + (1 - c) 400 = 100
        (MaxLatency(100, COSTS, "p95"), 0.95),
        (MaxLatency(440, COSTS, "p95"), 0.0),
        (MaxEnergy(12, COSTS), 0.8),  # 2 + (1 - c) 50 = 12
        # 3600 J of charge, 0.864 J a day of idling, 12 J a day of inputs at c = 0.8
        (BatteryLife(3600 / 12.864, COSTS), 0.8),
    ],
    ids=repr,
)
def test_limits_amount_to_a_coverage(limit, coverage):
    assert limit.least_coverage() == pytest.approx(coverage, abs=1e-9)


@pytest.mark.parametrize(
    ("limit", "nearest"),
    [
        (MaxPrice(0.0005, COSTS), 0.001),
        (MaxLatency(39, COSTS), 40),
        (MaxLatency(39, COSTS, "p99"), 40),
        (MaxEnergy(1, COSTS), 2),
        (BatteryLife(10_000, COSTS), 3600 / 2.864),
    ],
    ids=repr,
)
def test_a_limit_below_the_cost_of_the_base_is_infeasible(limit, nearest):
    with pytest.raises(BudgetInfeasibleError, match="without any query") as caught:
        limit.least_coverage()
    assert caught.value.budget == limit
    assert caught.value.nearest == pytest.approx(nearest)


def test_all_flattens_and_needs_something():
    nested = All(All(0.5, MinAccuracy(0.9)), QueryRate(0.2))
    assert nested.parts == (Coverage(0.5), MinAccuracy(0.9), QueryRate(0.2))
    with pytest.raises(ValueError, match="at least one"):
        All()


def test_costs_are_checked():
    with pytest.raises(TypeError, match="CostModel"):
        MaxPrice(1.0, 3)
    with pytest.raises(ValueError, match="statistic"):
        MaxLatency(1.0, COSTS, statistic="p12")
    with pytest.raises(ValueError, match="base_price"):
        ConstantCosts(base_price=-1)
    with pytest.raises(ValueError, match="battery_mwh and inputs_per_day"):
        ConstantCosts().battery_days(0.5)
    with pytest.raises(ValueError, match="ms must be a number >= 0"):
        MaxLatency(-1, COSTS)


def test_a_router_that_comes_first_spares_the_base():
    costs = ConstantCosts(
        base_price=1, query_price=3, base_latency_ms=40, query_latency_ms=240,
        base_energy_mj=2, query_energy_mj=10, router_first=True,
    )  # fmt: skip
    assert costs.price(0.75) == pytest.approx(0.75 * 1 + 0.25 * 3)
    assert costs.latency_ms(0.75) == pytest.approx(0.75 * 40 + 0.25 * 240)
    assert costs.latency_ms(0.9, "p95") == 240
    assert costs.latency_ms(0.96, "p95") == 40
    assert costs.energy_mj(0.5) == pytest.approx(6)
    with pytest.raises(ValueError, match="query_price must be at least base_price"):
        ConstantCosts(base_price=2, query_price=1, router_first=True)
    with pytest.raises(ValueError, match="router_first must be True or False"):
        ConstantCosts(router_first=1)


def test_infeasible_errors_survive_pickling():
    error = BudgetInfeasibleError("text", Coverage(0.5), 0.25)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.budget, copy.nearest) == ("text", Coverage(0.5), 0.25)


def test_budgets_read_as_words():
    words = [str(budget) for budget in BUDGETS]
    assert words[0] == "coverage >= 0.8"
    assert words[7] == "p95 latency <= 100 ms"
    assert words[-1] == "coverage >= 0.7 and accuracy >= 0.95"
    assert not any("(" in text for text in words)


@pytest.mark.parametrize("wrong", [-0.01, 1.01, np.nan, True, "0.5"])
@pytest.mark.parametrize(
    "kind", [Coverage, QueryRate, MinAccuracy, MaxExcessError, MinSelectiveAccuracy]
)
def test_shares_lie_between_none_and_all(kind, wrong):
    with pytest.raises(ValueError, match=rf"{kind.__name__}: .* in \[0, 1\]"):
        kind(wrong)
    for share in (0, 1, 0.5):
        assert dataclasses.astuple(kind(share)) == (share,)


class Flat:
    """Costs without support for routers that come before the base."""

    def price(self, coverage):
        return 2.0

    def latency_ms(self, coverage, statistic="mean"):
        return 2.0

    def energy_mj(self, coverage):
        return 2.0

    def battery_days(self, coverage):
        return 2.0


def test_user_defined_costs_need_only_the_protocol():
    assert MaxPrice(2, Flat()).least_coverage() == 0
    with pytest.raises(BudgetInfeasibleError, match="without any query it is 2"):
        MaxPrice(1, Flat()).least_coverage()


def test_a_limit_of_money_needs_a_price():
    with pytest.raises(ValueError, match="charge no money, so the limit bounds"):
        MaxPrice(2, ConstantCosts(query_latency_ms=10)).least_coverage()


def test_budgets_of_groups_read_as_words():
    minimum = {f"g{i}": 0.5 for i in range(5)}
    shown = "coverage of each group >= g0: 0.5, g1: 0.5, g2: 0.5, g3: 0.5, g4: 0.5"
    assert str(GroupCoverage(minimum)) == shown
    assert str(GroupCoverage({**minimum, "g5": 0.5})) == f"{shown}, ..."
    assert str(GroupCoverage(0.5, max_gap=0.1)) == (
        "coverage of each group >= 0.5, gap <= 0.1"
    )
    assert str(GroupCoverage(0.5)) == "coverage of each group >= 0.5"


@pytest.mark.parametrize(
    ("statistic", "coverage", "told"),
    [
        ("p95", 0.97, True),
        ("p95", 0.9, False),
        ("p99", 0.97, False),
        ("p95", 1.0, False),
        ("mean", 0.97, False),
        ("p50", 0.7, False),
    ],
)
def test_a_percentile_met_because_few_query_says_so(statistic, coverage, told):
    budget = MaxLatency(100, COSTS, statistic)
    sure = Certificate(budget, 0.5, 100, None, True, "counting")
    said = str(OperatingPoint(0.5, All(budget, Coverage(0.5)), coverage, 0.9, sure))
    assert ("says nothing about their latency" in said) == told
