"""Sums over the rows kept by each threshold, compared with sums by hand."""

import numpy as np
import pytest

from selective_query import Outcomes
from selective_query.budgets import JudgedRows, MinAccuracy
from selective_query.budgets._solving.reach import likely_coverage

RNG = np.random.default_rng(0)
SCORE = RNG.integers(0, 8, size=40).astype(float)
BASE, QUERY = RNG.choice([0.0, 0.5, 1.0], size=(2, 40))
WEIGHT = RNG.integers(0, 4, size=40).astype(float)
ROWS = JudgedRows(SCORE, BASE, QUERY, WEIGHT)


def test_levels_differ_in_what_they_keep():
    assert list(ROWS.levels) == [-np.inf, *np.unique(SCORE[WEIGHT > 0])]
    last = SCORE.max()
    without = JudgedRows(SCORE, BASE, QUERY, WEIGHT * (last > SCORE))
    assert without.levels[-1] < last, "no row of weight has the last score"
    assert (np.diff(ROWS.sweep().kept) > 0).all()


@pytest.mark.parametrize("threshold", [-np.inf, 0.0, 2.0, 2.5, 7.0, np.inf])
def test_figures_at_a_threshold_are_means_over_its_rows(threshold):
    sweep = ROWS.sweep([threshold])
    kept = threshold >= SCORE
    hybrid = np.where(kept, BASE, QUERY)
    np.testing.assert_array_equal(ROWS.utility(threshold), hybrid)
    assert sweep.coverage[0] == pytest.approx(np.average(kept, weights=WEIGHT))
    assert sweep.accuracy[0] == pytest.approx(np.average(hybrid, weights=WEIGHT))
    assert sweep.excess[0] == pytest.approx(np.average(QUERY - hybrid, weights=WEIGHT))
    if kept.any():
        selective = np.average(BASE[kept], weights=WEIGHT[kept])
        assert sweep.selective_accuracy[0] == pytest.approx(selective)
    else:
        assert np.isnan(sweep.selective_accuracy[0])


def test_the_excess_is_what_is_lost_less_what_is_won():
    kept = SCORE <= 4
    benefit = (QUERY - BASE) * WEIGHT
    sweep = ROWS.sweep([4.0])
    assert sweep.kept_worse[0] == pytest.approx(benefit[kept & (benefit > 0)].sum())
    assert sweep.kept_better[0] == pytest.approx(-benefit[kept & (benefit < 0)].sum())


def test_rows_are_tested_as_often_as_their_weight():
    sweep = ROWS.sweep([3.0])
    kept = SCORE <= 3
    times = WEIGHT.astype(int)
    for found, expected in (
        (sweep.utility(0), np.repeat(np.where(kept, BASE, QUERY), times)),
        (sweep.query_utility(), np.repeat(QUERY, times)),
        (sweep.kept_utility(0), np.repeat(BASE[kept], times[kept])),
    ):
        np.testing.assert_array_equal(np.sort(found), np.sort(expected))
    assert (sweep.utility(0) - sweep.query_utility() == 0).sum() == (
        np.repeat(~kept | (BASE == QUERY), times).sum()
    ), "both in the same order"


def test_sequential_tests_do_not_depend_on_the_order_of_rows():
    n = 1000
    rows = JudgedRows(np.arange(n), np.arange(n) < n / 2, np.ones(n), np.ones(n))
    looked_at = rows.sweep([np.inf]).utility(0)
    halves = looked_at[: n // 2].mean(), looked_at[n // 2 :].mean()
    assert abs(halves[0] - halves[1]) < 0.15


def test_rows_seen_twice_count_twice():
    once, twice = ROWS.sweep(), ROWS.sweep().grown(2)
    assert twice.n == 2 * once.n
    np.testing.assert_array_equal(twice.kept, 2 * once.kept)
    np.testing.assert_allclose(twice.accuracy, once.accuracy)


def test_answers_are_binary_where_both_sides_are():
    right, graded = np.array([0.0, 1.0]), np.array([0.5, 1.0])
    score = weight = np.ones(2)
    for base, query, binary in (
        (right, right, True),
        (graded, right, False),
        (right, graded, False),
    ):
        assert JudgedRows(score, base, query, weight).sweep().is_binary == binary


@pytest.mark.parametrize("name", ["score", "base_utility", "query_utility", "weight"])
def test_values_that_are_not_numbers_are_named(name):
    columns = {"score": SCORE, "base_utility": BASE, "query_utility": QUERY}
    columns = {**columns, "weight": WEIGHT}
    columns[name] = np.where(np.arange(40) == 3, np.nan, columns[name])
    with pytest.raises(ValueError, match=name):
        JudgedRows(**columns)


def test_a_likely_coverage_is_a_share_however_weights_are_summed():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        outcomes = Outcomes(
            base_proba=rng.dirichlet([1, 1], size=50),
            base_utility=np.ones(50),
            global_utility=np.ones(50),
            sample_weight=rng.lognormal(size=50),
        )
        assert likely_coverage(MinAccuracy(1), outcomes) == pytest.approx(1)
        assert likely_coverage(MinAccuracy(1), outcomes) <= 1
