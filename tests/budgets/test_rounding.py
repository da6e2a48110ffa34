"""After every rounding the calibration rows still satisfy each part of a budget."""

import numpy as np
import pytest

from selective_query import Evidence, Outcomes, RoutingPolicy
from selective_query.budgets import (
    All,
    Calibration,
    CalibrationScores,
    Coverage,
    GroupCoverage,
    JudgedRows,
    MaxQueryCost,
    Mixed,
    MixedOperatingPoint,
)
from selective_query.budgets._columns import RowColumns
from selective_query.budgets._solving.group_program import group_levels
from selective_query.budgets.operating_points import kept_by_mixtures
from selective_query.exceptions import CalibrationWarning


def confidences(score, y, **fields):
    proba = np.column_stack([score, 1 - score])
    return Outcomes(base_proba=proba, global_proba=np.eye(2)[y], y=y, **fields)


def noisy(seed, n=200, **fields):
    """Draw a base that is right on a random 80 % of rows, a global right on 85 %."""
    rng = np.random.default_rng(seed)
    doubt = rng.uniform(size=n)
    return Outcomes(
        base_proba=np.column_stack([1 - doubt / 2, doubt / 2]),
        base_utility=rng.uniform(size=n) < 0.8,
        global_utility=rng.uniform(size=n) < 0.85,
        query_cost=rng.lognormal(sigma=1.5, size=n),
        group=rng.integers(4, size=n),
        sample_weight=rng.integers(0, 3, size=n) if seed % 2 else None,
        **fields,
    )


def chance_kept(policy, outcomes):
    """Return the probability that the base answers, over the draws of a mixture."""
    point = policy.operating_point_
    score = policy.query_score(outcomes)
    if not isinstance(point, MixedOperatingPoint):
        return point.keeps(score, outcomes.evidence)
    grid = (np.arange(1000) + 0.5) / 1000
    decided = [
        kept_by_mixtures(point.mixtures, score, outcomes.group, np.full(len(score), u))
        for u in grid
    ]
    return np.mean(decided, axis=0)


def mean_cost(kept, outcomes):
    return np.average((1 - kept) * outcomes.query_cost, weights=outcomes.weight)


def coverages(kept, outcomes):
    rows = [outcomes.group == g for g in np.unique(outcomes.group)]
    return np.array([np.average(kept[r], weights=outcomes.weight[r]) for r in rows])


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e9])
def test_one_expensive_row_is_not_queried(unit):
    cost = np.full(100, 0.1 * unit)
    cost[90] = 50.0 * unit
    outcomes = confidences(
        np.linspace(0.99, 0.51, 100),
        (np.arange(100) % 3 == 0).astype(int),
        query_cost=cost,
    )
    policy = RoutingPolicy("max_probability", MaxQueryCost(0.1 * unit)).fit(outcomes)
    kept = policy.decide(outcomes.evidence)
    assert mean_cost(kept, outcomes) <= 0.1 * unit
    assert not kept[91:].any()


def test_gap_between_groups_of_equal_benefit_is_kept():
    outcomes = confidences(
        np.linspace(0.99, 0.51, 100),
        np.arange(100) % 2,
        group=np.repeat(["sure", "unsure"], 50),
    )
    budget = All(Coverage(0.5), GroupCoverage(0, max_gap=0.05))
    policy = RoutingPolicy("max_probability", budget).fit(outcomes)
    sure, unsure = coverages(policy.decide(outcomes.evidence), outcomes)
    assert abs(sure - unsure) <= 0.05 + 1e-9
    assert 0.5 <= (sure + unsure) / 2 < 0.6


@pytest.mark.filterwarnings("ignore:One threshold for each group")
@pytest.mark.parametrize("kind", [All, Mixed])
@pytest.mark.parametrize("seed", range(6))
def test_every_part_is_kept_by_the_calibration_rows(kind, seed):
    outcomes = noisy(seed)
    budget = kind(
        Coverage(0.4), GroupCoverage({1: 0.6}, max_gap=0.25), MaxQueryCost(0.5)
    )
    policy = RoutingPolicy("max_probability", budget).fit(outcomes)
    kept = chance_kept(policy, outcomes)
    by_group = coverages(kept, outcomes)
    tolerance = 1e-9 if kind is All else 2e-3  # of the grid
    assert mean_cost(kept, outcomes) <= 0.5 + 10 * tolerance
    assert np.ptp(by_group) <= 0.25 + tolerance
    assert by_group[1] >= 0.6 - tolerance
    assert np.average(kept, weights=outcomes.weight) >= 0.4 - tolerance
    assert policy.operating_point_.coverage == pytest.approx(
        np.average(kept, weights=outcomes.weight), abs=tolerance
    )
    assert np.average(kept, weights=outcomes.weight) < 0.97  # and some rows are queried


@pytest.mark.filterwarnings("ignore:One threshold for each group")
@pytest.mark.parametrize("seed", range(4))
def test_costs_and_gaps_are_kept_one_by_one(seed):
    outcomes = noisy(seed)
    for limit in (0.1, 0.4, 1.0):
        policy = RoutingPolicy("max_probability", MaxQueryCost(limit)).fit(outcomes)
        kept = policy.decide(outcomes.evidence)
        assert mean_cost(kept, outcomes) <= limit * (1 + 1e-9)
    for gap in (0.0, 0.02, 0.1):
        budget = All(Coverage(0.5), GroupCoverage(0, max_gap=gap))
        policy = RoutingPolicy("max_probability", budget).fit(outcomes)
        kept = policy.decide(outcomes.evidence)
        assert np.ptp(coverages(kept, outcomes)) <= gap + 1e-9
        # Groups are equalised first; all rows are kept only if nothing else is equal.
        assert gap == 0 or policy.operating_point_.coverage < 0.55


@pytest.mark.filterwarnings("ignore:The base is right about 0.0%")
def test_groups_with_other_weights_satisfy_the_checked_constraints():
    group, score = np.arange(80) % 2, np.linspace(0.01, 0.45, 80)
    outcomes = confidences(
        1 - score,
        np.ones(80, dtype=int),
        group=group,
        sample_weight=np.where(group == 0, 8.5, 0.5),
    )
    budget = All(Coverage(0.5), GroupCoverage(0, max_gap=0.02))
    policy = RoutingPolicy("max_probability", coverage=budget).fit(outcomes)
    kept = policy.decide(outcomes.evidence)
    coverages = [kept[group == g].mean() for g in (0, 1)]
    assert coverages == pytest.approx([c for _, c in policy.operating_point_.coverages])
    assert abs(np.diff(coverages)) <= 0.02


def test_with_a_zero_budget_only_free_rows_are_queried():
    cost = np.repeat([0.0, 1.0], 50)
    outcomes = confidences(
        np.linspace(0.51, 0.99, 100), np.repeat([1, 0], 50), query_cost=cost
    )
    for budget in (MaxQueryCost(0), Mixed(MaxQueryCost(0))):
        policy = RoutingPolicy("max_probability", budget).fit(outcomes)
        queried = ~policy.decide(outcomes.evidence)
        assert queried.any()
        assert not queried[50:].any()


def test_least_coverages_hold_on_average_on_new_rows():
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(400):
        doubt = rng.uniform(size=40)
        outcomes = Outcomes(
            base_proba=np.column_stack([1 - doubt / 2, doubt / 2]),
            base_utility=np.zeros(40),
            global_utility=np.ones(40),
        )
        policy = RoutingPolicy("max_probability", Mixed(Coverage(0.7))).fit(outcomes)
        (mixture,) = policy.operating_point_.mixtures
        # The threshold is on 1 - max_proba, so coverage at t is 2 t.
        seen.append(sum(share * min(1, 2 * t) for t, share in mixture))
    assert np.mean(seen) == pytest.approx(0.7, abs=0.012)


@pytest.mark.parametrize("kind", [All, Mixed])
def test_thresholds_are_carried_over_to_the_scores_of_other_models(kind):
    rng = np.random.default_rng(1)
    score, group = rng.uniform(size=600), np.arange(600) % 3
    right = (rng.uniform(size=600) > score).astype(float)
    rows = JudgedRows(score, right, np.ones(600), np.ones(600))
    # The final models double every score of the fold models.
    calibration = Calibration(
        CalibrationScores(2 * score, exact=False),
        rows,
        columns=RowColumns((("GroupCoverage", None, group),)),
    )
    budget = kind(Coverage(0.4), GroupCoverage({0: 0.7}))
    point = calibration.solve(budget)
    kept = point.keeps(2 * score, Evidence(X=score[:, None], group=group))
    if kind is Mixed:
        decided = [
            kept_by_mixtures(point.mixtures, 2 * score, group, np.full(600, chance))
            for chance in np.linspace(0, 0.999, 200)
        ]
        kept = np.mean(decided, axis=0)
    assert kept.mean() == pytest.approx(point.coverage, abs=0.005)
    assert kept[group == 0].mean() == pytest.approx(0.7, abs=0.01)
    assert point.thresholds[1][1] == point.thresholds[2][1]


@pytest.mark.parametrize("n_features", [0, 1])
def test_a_mixture_of_indistinguishable_rows_warns(n_features):
    rng = np.random.default_rng(2)
    doubt = rng.choice([0.1, 0.5, 0.9], size=900)
    outcomes = Outcomes(
        base_proba=np.column_stack([1 - doubt / 2, doubt / 2]),
        base_features=rng.normal(size=(900, 1)) if n_features else None,
        base_utility=rng.uniform(size=900) > doubt,
        global_utility=np.ones(900),
    )
    policy = RoutingPolicy("max_probability", Mixed(0.85))
    if n_features:
        kept = policy.fit(outcomes).decide(outcomes.evidence)
        assert kept.mean() == pytest.approx(0.85, abs=0.04)
    else:
        with pytest.warns(CalibrationWarning, match="equal evidence are decided alike"):
            policy.fit(outcomes)


def test_the_cheap_group_is_queried_first():
    rng = np.random.default_rng(3)
    doubt, dear = rng.uniform(size=800), np.arange(800) % 2
    outcomes = Outcomes(
        base_proba=np.column_stack([1 - doubt / 2, doubt / 2]),
        base_utility=rng.uniform(size=800) > doubt,
        global_utility=np.ones(800),
        query_cost=1.0 + 9 * dear,
        group=dear,
    )
    policy = RoutingPolicy("max_probability", All(MaxQueryCost(0.5), GroupCoverage(0)))
    cheap, dear = (
        share for _, share in policy.fit(outcomes).operating_point_.coverages
    )
    assert cheap < 0.3
    assert dear > 0.9


def test_all_but_local_rows_may_be_queried():
    rng = np.random.default_rng(4)
    doubt, local = rng.uniform(size=300), np.arange(300) % 3 == 0
    outcomes = Outcomes(
        base_proba=np.column_stack([1 - doubt / 2, doubt / 2]),
        base_utility=np.zeros(300),
        global_utility=np.ones(300),
        local_only=local,
        group=np.arange(300) % 2,
    )
    policy = RoutingPolicy("max_probability", GroupCoverage(0.1)).fit(outcomes)
    np.testing.assert_array_equal(policy.decide(outcomes.evidence), local)


def test_some_levels_end_where_all_do():
    score = np.random.default_rng(5).permutation(np.arange(100.0))
    few = group_levels(score, score, np.ones(100), most=8)
    assert (few.kept[0], few.kept[1], few.kept[-1]) == (0, 1, 100)
    assert (few.gain[-1], few.cost[0]) == (0, 0)
    assert (few.threshold_of(8), few.threshold_of(7)) == (np.inf, few.threshold[7])
