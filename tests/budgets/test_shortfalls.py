"""Statements of certificates without a confidence hold on new data."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from selective_query import Outcomes, RoutingPolicy
from selective_query.budgets import (
    All,
    Calibration,
    CalibrationScores,
    Coverage,
    GroupCoverage,
    JudgedRows,
    MaxExcessError,
    MaxLatency,
    MaxQueryCost,
    MinAccuracy,
    MinSelectiveAccuracy,
    Mixed,
    QueryRate,
)
from selective_query.budgets._solving.shortfalls import short_by, standard_error
from selective_query.costs import ConstantCosts
from selective_query.datasets import make_selective_query
from selective_query.exceptions import CalibrationWarning
from tests.budgets.population import Population
from tests.budgets.test_own_budgets import MaxErrorAmongKept


def solve(rows, budget, exact=True):
    scores = CalibrationScores(rows.score, rows.weight, exact=exact)
    return Calibration(scores, rows).solve(budget)


def check(shortfalls, said):
    """Check that about half of the draws fall short, by about the stated amount."""
    short = np.array(shortfalls) > 0
    assert 0.4 < short.mean() < 0.62
    ratio = np.mean(np.array(shortfalls)[short]) / np.mean(said)
    assert 0.6 < ratio < 1.1


@pytest.mark.parametrize(
    "budget", [MinAccuracy(0.87), MaxExcessError(0.03), MinSelectiveAccuracy(0.85)]
)
def test_floors_are_missed_as_often_and_by_as_much_as_stated(budget):
    population, rng = Population(), np.random.default_rng(0)
    truth = {
        MinAccuracy: lambda t: 0.87 - population.accuracy(t),
        MaxExcessError: lambda t: population.excess(t) - 0.03,
        MinSelectiveAccuracy: lambda t: 0.85 - population.selective_accuracy(t),
    }[type(budget)]
    shortfalls, said = [], []
    for _ in range(300):
        point = solve(population.draw(500, rng), budget)
        shortfalls.append(truth(point.threshold))
        said += point.certificate.short_by
    check(shortfalls, said)


@pytest.mark.parametrize("kind", [All, Mixed])
def test_mean_costs_are_missed_as_often_and_by_as_much_as_stated(kind):
    rng = np.random.default_rng(1)
    shortfalls, said = [], []
    for _ in range(120):
        doubt, cost = rng.uniform(size=200), rng.exponential(size=200)
        outcomes = Outcomes(
            base_proba=np.column_stack([1 - doubt / 2, doubt / 2]),
            base_utility=rng.uniform(size=200) > 0.5 * doubt,
            global_utility=np.ones(200),
            query_cost=cost,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CalibrationWarning)
            policy = RoutingPolicy("max_probability", kind(MaxQueryCost(0.3)))
            point = policy.fit(outcomes).operating_point_
        mixture = point.mixtures[0] if kind is Mixed else [(point.thresholds[0][1], 1)]
        # Cost and score are independent, and coverage at t is 2 t.
        shortfalls.append(sum(s * max(0, 1 - 2 * t) for t, s in mixture) - 0.3)
        said += [by for by in point.certificate.short_by if by is not None]
    assert len(said) > 110
    check(shortfalls, said)


def test_certificates_state_only_what_holds():
    rows = Population().draw(400, np.random.default_rng(2))
    costs = ConstantCosts(base_latency_ms=40, query_latency_ms=400)
    assert str(solve(rows, All(0.6, QueryRate(0.3))).certificate) == (
        "coverage >= 0.6 and query rate <= 0.3 holds on average, exactly, by 400 "
        "calibration rows (exact order statistic)"
    )
    # A percentile that is missed in half of the draws does not hold on average.
    tail = str(solve(rows, MaxLatency(100, costs, "p95")).certificate)
    assert tail.startswith("coverage >= 0.95, as p95 latency <= 100 ms takes, holds on")
    floor = solve(rows, All(Coverage(0.01), MinAccuracy(0.87))).certificate
    assert floor.short_by[0] is None
    assert str(floor) == (
        "coverage >= 0.01 and accuracy >= 0.87 is met on 400 calibration rows "
        "(estimated curve); about half of the time, new data miss accuracy >= 0.87 by "
        f"about {floor.short_by[1]:.2g}"
    )
    assert "by estimate" in str(solve(rows, MinAccuracy(0.87), exact=False))
    easy = solve(rows, MinSelectiveAccuracy(0.3)).certificate
    assert easy.short_by == (None,)
    assert str(easy).endswith("by two standard errors or more")
    own = solve(rows, MaxErrorAmongKept(0.1)).certificate
    assert str(own).endswith("new data miss MaxErrorAmongKept(error=0.1)")


def test_weights_that_are_no_counts_are_not_exact():
    rng = np.random.default_rng(3)
    scores = CalibrationScores(rng.uniform(size=60), rng.lognormal(size=60), exact=True)
    assert "approximately" in str(Calibration(scores).solve(0.5))


@pytest.mark.parametrize("exact", [True, False])
def test_whole_weights_may_be_importances(exact):
    """For example one per class, so statements about counts carry a condition."""
    rows = Population().draw(400, np.random.default_rng(2))
    weighted = replace(rows, weight=np.where(np.arange(400) % 2, 1.0, 3.0))
    limit = solve(weighted, 0.6, exact=exact).certificate
    how = "exactly if sample_weight counts rows" if exact else "approximately"
    assert limit.n == 800 and limit.weighted
    assert f"holds on average, {how}, by calibration rows of weight 800" in str(limit)
    for floor in (MinAccuracy(0.87), MinSelectiveAccuracy(0.3)):
        told = str(solve(weighted, floor, exact=exact).certificate)
        assert "on calibration rows of weight 800 in all" in told
        assert told.endswith(" if sample_weight counts rows")
    # Rows of weight zero have no influence.
    ones = replace(rows, weight=1.0 * (np.arange(400) % 2))
    told = str(solve(ones, 0.6, exact=exact).certificate)
    assert "by 200 calibration rows (" in told and "sample_weight" not in told


def test_groups_of_whole_weights_say_so_too():
    rows = make_selective_query(400, random_state=0).outcomes
    rows = replace(rows, sample_weight=np.where(np.arange(400) % 2, 1.0, 3.0))
    budget = GroupCoverage(0.5, by="predicted_class")
    policy = RoutingPolicy("max_probability", budget).fit(rows)
    told = str(policy.operating_point_.certificate)
    assert "weight 800" in told and told.endswith(" if sample_weight counts rows")


def test_a_row_at_the_threshold_counts_as_kept_in_measurements():
    rows = JudgedRows([0, 0, 1, 1], [1, 0, 0, 0], np.ones(4), np.ones(4))
    np.testing.assert_array_equal(rows.utility(0.0), [1, 0, 1, 1])
    weight = MinSelectiveAccuracy(0.4).values(rows, 0.0)[1]
    np.testing.assert_array_equal(weight, [1, 1, 0, 0])


def test_rows_without_errors_still_leave_a_possible_shortfall():
    rows = Population().draw(50, np.random.default_rng(4))
    rows = type(rows)(rows.score, np.ones(50), np.ones(50), np.ones(50))
    assert solve(rows, MinAccuracy(1)).certificate.short_by == (0.02,)
    # Querying everything cannot exceed the global's error, so nothing can fall short.
    rows = type(rows)(rows.score, np.zeros(50), np.ones(50), np.ones(50))
    assert solve(rows, MaxExcessError(0)).certificate.short_by == (None,)


@pytest.mark.parametrize("gap", [None, 0.1, 0.9])
def test_shortfalls_of_groups(gap):
    rng = np.random.default_rng(5)
    doubt = rng.uniform(size=400)
    group = (doubt > rng.uniform(size=400)).astype(int)
    outcomes = Outcomes(
        base_proba=np.column_stack([1 - doubt / 2, doubt / 2]),
        base_utility=rng.uniform(size=400) > 0.6 * doubt,
        global_utility=np.ones(400),
        group=group,
    )
    budget = All(Coverage(0.5), GroupCoverage({1: 0.1 if gap else 0.4}, max_gap=gap))
    policy = RoutingPolicy("max_probability", budget).fit(outcomes)
    overall, groups = policy.operating_point_.certificate.short_by
    coverage = dict(policy.operating_point_.coverages)
    error = [np.sqrt(c * (1 - c) / (group == g).sum()) for g, c in coverage.items()]
    assert overall == pytest.approx(0.025, abs=0.001)
    wanted = {None: error[1], 0.1: np.hypot(*error), 0.9: None}[gap]
    assert groups == (wanted and pytest.approx(wanted, rel=0.01))


def test_a_margin_of_two_standard_errors_is_seldom_missed():
    assert short_by(0.02, 0.01) is None
    assert short_by(0.0, 0.0) is None, "met for certain"
    assert short_by(0.0199, 0.012345) == 0.0123
    assert np.isnan(short_by(1.0, np.nan))


def test_a_standard_error_uses_the_effective_sample_size():
    values, weight = np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 2.0])
    # Variance 3/16 over four rows with an effective number of two.
    assert standard_error(values, weight, 0.5) == pytest.approx((3 / 16 / 2) ** 0.5)
    assert np.isnan(standard_error(values, 0 * weight, 1.0))
