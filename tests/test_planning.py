from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from selective_query import Outcomes
from selective_query.budgets import BatteryLife, MaxLatency, MinAccuracy
from selective_query.costs import CLOUD, LTE_M, STM32F746, Deployment, Source
from selective_query.datasets import make_selective_query
from selective_query.exceptions import BudgetInfeasibleError
from selective_query.metrics import accuracy_at_coverage
from selective_query.planning import plan

matplotlib.use("Agg")
COSTS = Deployment(
    device=STM32F746, base_ms=100, link=LTE_M, cloud=CLOUD, payload_bytes=3072,
    inputs_per_day=500,
)  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    outcomes = make_selective_query(3000, regime="uniform", random_state=0).outcomes
    return outcomes, 1 - outcomes.base_proba.max(axis=1)


def accuracy(rows, coverage):
    outcomes, score = rows
    return accuracy_at_coverage(
        score, outcomes.base_utility, outcomes.global_utility, coverage=coverage
    )


def latency(costs):
    return MaxLatency(150, costs)


def test_all_queries_that_a_limit_allows_are_spent(rows):
    found = plan(*rows, COSTS, latency)
    least = MaxLatency(150, COSTS).least_coverage()
    assert found.coverage == pytest.approx(least, abs=1e-3)
    answered, lost = accuracy(rows, least), COSTS.chance_lost
    expected = (1 - lost) * answered + lost * found.base_accuracy
    assert found.accuracy == pytest.approx(expected)
    assert found.costs["latency_ms"] == pytest.approx(150, abs=0.5)
    assert found.base_accuracy < found.accuracy < found.global_accuracy


def test_queries_that_bring_nothing_are_not_spent(rows):
    outcomes, _ = rows
    # Nothing but the benefit itself ranks: beyond its positive rows queries do harm.
    found = plan(outcomes, outcomes.benefit, COSTS, lambda c: MaxLatency(1e6, c))
    assert found.coverage == pytest.approx((outcomes.benefit <= 0).mean(), abs=1e-3)
    everywhere = [
        accuracy((outcomes, outcomes.benefit), c) for c in np.linspace(0, 1, 51)
    ]
    assert found.accuracy >= max(everywhere) - COSTS.chance_lost


def test_a_floor_is_reached_with_the_fewest_queries(rows):
    target = accuracy(rows, 0.6)
    found = plan(*rows, COSTS, MinAccuracy(target))
    assert found.coverage == pytest.approx(0.6, abs=0.02)
    assert found.accuracy >= target - 1e-9
    both = plan(*rows, COSTS, MinAccuracy(target), lambda c: BatteryLife(20, c))
    assert both.coverage == found.coverage


def test_budgets_that_contradict_each_other_are_named(rows):
    with pytest.raises(BudgetInfeasibleError, match="No coverage keeps to"):
        plan(
            *rows, COSTS, MinAccuracy(accuracy(rows, 0.5)), lambda c: MaxLatency(101, c)
        )
    with pytest.raises(ValueError, match="at least one budget"):
        plan(*rows, COSTS)


def test_lost_queries_are_answered_by_the_base(rows):
    shaky = replace(COSTS, link=LTE_M.with_(availability=0.5))
    found = plan(*rows, shaky, 0.6)
    expected = 0.75 * accuracy(rows, 0.6) + 0.25 * found.base_accuracy
    assert found.accuracy == pytest.approx(expected, abs=2e-3)
    sure = plan(*rows, COSTS, MinAccuracy(found.accuracy))
    assert sure.coverage > found.coverage


def test_what_plan_cannot_work_with_is_named(rows):
    outcomes, score = rows
    alone = Outcomes(base_proba=outcomes.base_proba, base_utility=outcomes.base_utility)
    with pytest.raises(ValueError, match="needs outcomes with a global"):
        plan(alone, score, COSTS, latency)
    for wrong in ("entropy", score[:5], outcomes.base_proba):
        with pytest.raises(ValueError, match="score must be one number for each row"):
            plan(outcomes, wrong, COSTS, latency)
    with pytest.raises(ValueError, match="must return a budget.* Got None"):
        plan(outcomes, score, COSTS, lambda costs: None)


def test_assumed_constants_are_asked_again_and_known_ones_are_not(rows):
    found = plan(*rows, COSTS, lambda c: BatteryLife(60, c))
    names = [s.constant for s in found.sensitivities]
    assert "link.energy_mj_per_wake_up" in names
    assert "device.clock_mhz" not in names, "published"
    first = found.sensitivities[0]
    profile, constant = first.constant.split(".")
    half = getattr(COSTS, profile).with_(**{constant: first.value / 2})
    again = plan(
        *rows,
        replace(COSTS, **{profile: half}),
        lambda c: BatteryLife(60, c),
    )
    assert again.coverage == pytest.approx(first.coverages[0])
    swings = [s.swing for s in found.sensitivities]
    assert swings == sorted(swings, reverse=True)
    own = replace(COSTS, link=LTE_M.with_(energy_mj_per_wake_up=150.0))
    names = [s.constant for s in plan(*rows, own, latency).sensitivities]
    assert "link.energy_mj_per_wake_up" not in names, "given by the user"


def test_a_constant_that_breaks_the_plan_is_infeasible_not_an_error(rows):
    found = plan(*rows, COSTS, lambda c: BatteryLife(115, c))
    broken = [s for s in found.sensitivities if np.isnan(s.coverages).any()]
    assert broken
    assert all(s.swing == np.inf for s in broken)
    assert "infeasible" in str(found)
    assert len(found.plot().patches) > 0


def test_a_plan_reads_as_words(rows):
    text = str(plan(*rows, COSTS, latency))
    assert "Let the base answer" in text
    assert "An answer takes 150 ms on average" in text
    assert "mean latency <= 150 ms" in text
    assert "The battery lasts" in text


def test_without_assumptions_there_is_nothing_to_vary(rows):
    sure = Source("measured")
    parts = {
        name: replace(
            getattr(COSTS, name),
            sources=dict.fromkeys(getattr(COSTS, name).constants(), sure),
        )
        for name in ("device", "link", "cloud")
    }
    model = replace(COSTS, **parts)
    assert plan(*rows, model, latency).sensitivities == ()
