"""The linear program over score thresholds, compared with all pairs of thresholds."""

import itertools

import numpy as np
import pytest

from selective_query.budgets._solving.group_program import (
    expected_benefit,
    group_levels,
    plan_groups,
)
from selective_query.budgets.operating_points import kept_by_mixtures

N = 40
RNG = np.random.default_rng(0)
SCORE = RNG.integers(0, 25, size=N).astype(float)
VALUE = SCORE / 25 - 0.3
WEIGHT = RNG.integers(1, 4, size=N).astype(float)
COST = RNG.exponential(size=N)
GROUP = np.arange(N) % 2
ASKED = {"least": np.zeros(2), "overall": 0.0, "max_gap": None, "max_cost": None}


def plan(**asked):
    asked = {**ASKED, **asked}
    cost = None if asked["max_cost"] is None else COST
    return plan_groups(SCORE, VALUE, WEIGHT, GROUP, 2, cost=cost, **asked)


def figures(kept):
    """Return coverage of both groups and of all rows, mean cost, gain of queries."""
    groups = [np.average(kept[g == GROUP], weights=WEIGHT[g == GROUP]) for g in (0, 1)]
    queried = (1 - kept) * WEIGHT / WEIGHT.sum()
    return *groups, 1 - queried.sum(), queried @ COST, queried @ VALUE


def keeps_to(kept, *, least, overall, max_gap, max_cost, tolerance=1e-9):
    first, second, all_rows, cost, _ = figures(kept)
    return (
        first >= least[0] - tolerance
        and second >= least[1] - tolerance
        and all_rows >= overall - tolerance
        and (max_gap is None or abs(first - second) <= max_gap + tolerance)
        and (max_cost is None or cost <= max_cost + tolerance)
    )


def chance_kept(mixture):
    kept = np.zeros(N)
    for g, mixed in enumerate(mixture):
        for threshold, share in mixed:
            kept += (g == GROUP) * share * (threshold >= SCORE)
    return kept


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"overall": 0.7},
        {"least": np.array([0.3, 0.8])},
        {"max_cost": 0.15},
        {"max_gap": 0.03},
        {"overall": 0.6, "max_gap": 0.0, "least": np.array([0.65, 0.0])},
        {"overall": 0.4, "max_cost": 0.3, "max_gap": 0.1},
    ],
    ids=lambda asked: " ".join(asked) or "nothing",
)
def test_the_plan_keeps_to_what_is_asked_and_no_pair_of_thresholds_gains_more(asked):
    found = plan(**asked)
    kept = chance_kept(found.mixture)
    first, second, _, _, gain = figures(kept)
    assert keeps_to(kept, **{**ASKED, **asked}, tolerance=1e-6)
    np.testing.assert_allclose(found.coverage, [first, second], atol=1e-6)
    assert found.value == pytest.approx(gain, abs=1e-6)
    assert all(sum(s for _, s in mixed) == pytest.approx(1) for mixed in found.mixture)
    levels = np.append(-np.inf, np.unique(SCORE))
    pairs = (
        levels_of[GROUP]
        for levels_of in map(np.array, itertools.product(levels, repeat=2))
    )
    best = max(
        figures((pair >= SCORE).astype(float))[-1]
        for pair in pairs
        if keeps_to((pair >= SCORE).astype(float), **{**ASKED, **asked})
    )
    assert gain >= best - 1e-6
    # Two single thresholds rarely satisfy the gap.
    assert gain <= best + 0.03 or "max_gap" in asked


def test_groups_with_a_binding_constraint_get_their_own_threshold():
    assert not plan(overall=0.8).apart.any()
    assert plan(overall=0.6, least=np.array([0.0, 0.9])).apart.tolist() == [False, True]
    assert plan(max_cost=0.1).apart.all()
    assert not plan(max_cost=9.0, overall=0.8).apart.any()
    assert plan(max_gap=0.0).apart.any()
    assert not plan(max_gap=0.9, overall=0.8).apart.any()


def test_levels_are_sums_over_what_a_threshold_keeps():
    score = np.where(np.arange(N) % 8 == 0, -np.inf, SCORE)
    levels = group_levels(score, VALUE, WEIGHT, COST)
    assert levels.n == WEIGHT.sum()
    assert list(levels.threshold) == list(np.unique(score))
    for t, kept, gain, cost in zip(
        levels.threshold, levels.kept, levels.gain, levels.cost, strict=True
    ):
        queried = score > t
        assert kept == pytest.approx(WEIGHT[~queried].sum())
        assert gain == pytest.approx((WEIGHT * VALUE)[queried].sum())
        assert cost == pytest.approx((WEIGHT * COST)[queried].sum())
    free = group_levels(SCORE, VALUE, WEIGHT)
    assert free.threshold[0] == -np.inf and free.kept[0] == 0
    assert not free.cost.any()


def test_places_are_found_by_coverage_and_by_threshold():
    levels = group_levels(np.arange(4.0), np.ones(4), np.ones(4))
    places = [levels.place_for(c) for c in (0.0, 0.01, 0.25, 0.26, 0.75, 1.0)]
    assert places == [0, 1, 1, 2, 3, 4]
    assert [levels.place_at(t) for t in (-np.inf, -1, 0, 0.5, 3, np.inf)] == [
        0, 0, 1, 1, 4, 4,
    ]  # fmt: skip
    assert [levels.threshold_of(p) for p in (0, 1, 4)] == [-np.inf, 0, np.inf]


def test_some_levels_are_spread_evenly():
    levels = group_levels(np.arange(100.0), np.ones(100), np.ones(100), most=10)
    np.testing.assert_array_equal(levels.kept, np.append(0, np.arange(1, 101, 11)))
    np.testing.assert_array_equal(levels.threshold[1:], np.arange(0, 100, 11))
    exact = group_levels(np.arange(10.0), np.ones(10), np.ones(10), most=10)
    np.testing.assert_array_equal(exact.kept, np.arange(11))


def test_expected_benefit_is_monotone_and_weighted():
    score = np.array([1.0, 2.0, 2.0, 3.0, -np.inf, 0.5])
    benefit = np.array([0.5, 1.0, 0.0, 0.25, 1.0, -1.0])
    weight = np.array([1.0, 3.0, 1.0, 4.0, 1.0, 2.0])
    # Rows of score 2 have a mean of 0.75, those of score 3 less, so both are pooled,
    # and so is the row of score 1, which must not be above them.
    pooled = (3 * 1.0 + 4 * 0.25) / 8
    np.testing.assert_allclose(
        expected_benefit(score, benefit, weight),
        [0.5, pooled, pooled, pooled, 0.0, -1.0],
    )
    assert not expected_benefit(np.full(2, np.inf), benefit[:2], weight[:2]).any()


def test_the_chance_of_a_row_picks_its_threshold():
    mixtures = [[(1.0, 0.25), (3.0, 0.75)], [(np.inf, 1.0)]]
    chance = np.array([0.0, 0.24, 0.25, 0.99, 0.99, 0.0])
    place = np.array([0, 0, 0, 0, 0, 1])
    score = np.array([2.0, 1.0, 2.0, 3.0, 3.5, 9.0])
    kept = kept_by_mixtures(mixtures, score, place, chance)
    assert kept.tolist() == [False, True, True, True, False, True]
    # Shares that sum to slightly less than one still cover every row.
    short = [[(1.0, 0.5), (3.0, 0.5 - 1e-9)]]
    at_the_end = kept_by_mixtures(short, score[:1], place[:1], np.array([1 - 1e-12]))
    assert at_the_end.all()
