from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selective_query.metrics import (
    accuracy_at_coverage,
    accuracy_coverage_curve,
    deferral_area,
    selective_accuracy_at_coverage,
)
from selective_query.routers import (
    AlwaysBaseRouter,
    AlwaysGlobalRouter,
    OracleRouter,
)
from tests.metrics.drawn import kept_share
from tests.metrics.reranking import bootstrap_accuracy, interval

INF = np.inf
EIGHTHS = st.integers(0, 8).map(lambda i: i / 8)


def rows(scores, min_size=1, max_size=5):
    """Draw rows (score, base utility, global utility) with many ties."""
    return st.lists(
        st.tuples(scores, EIGHTHS, EIGHTHS), min_size=min_size, max_size=max_size
    ).map(lambda drawn: np.array(drawn, dtype=float).T)


FINITE = st.sampled_from([-1.0, 0.0, 0.5, 2.0])
ANY = st.sampled_from([-INF, -1.0, 0.0, 0.5, INF])


def over_all_orders(score, base, query, n_kept):
    """Return mean accuracy and mean kept base utility over all orders of the rows."""
    accuracy, kept_utility = [], []
    for order in permutations(range(len(score))):
        order = np.array(order)
        by_score = order[np.argsort(score[order], kind="stable")]
        kept, queried = by_score[:n_kept], by_score[n_kept:]
        accuracy.append((base[kept].sum() + query[queried].sum()) / len(score))
        kept_utility.append(base[kept].mean() if n_kept else np.nan)
    return np.mean(accuracy), np.mean(kept_utility)


# The curve against an independent computation


@given(rows(FINITE))
@settings(max_examples=60, deadline=None)
def test_curve_is_the_mean_over_all_orders_of_tied_rows(drawn):
    score, base, query = drawn
    n = len(score)
    curve = accuracy_coverage_curve(score, base, query)
    for n_kept in range(n + 1):
        accuracy, kept_utility = over_all_orders(score, base, query, n_kept)
        assert curve.accuracy_at(n_kept / n) == pytest.approx(accuracy, abs=1e-12)
        np.testing.assert_allclose(
            curve.selective_accuracy_at(n_kept / n), kept_utility, atol=1e-12
        )


@given(rows(ANY))
@settings(max_examples=60, deadline=None)
def test_infinite_scores_bound_the_coverage(drawn):
    score, base, query = drawn
    n = len(score)
    never, always = (score == -INF).sum(), (score == INF).sum()
    curve = accuracy_coverage_curve(score, base, query)
    assert curve.coverage[0] == pytest.approx(never / n)
    assert curve.coverage[-1] == pytest.approx(1 - always / n)
    for n_kept in range(n + 1):
        possible = min(max(n_kept, never), n - always)
        accuracy, kept_utility = over_all_orders(score, base, query, possible)
        assert curve.accuracy_at(n_kept / n) == pytest.approx(accuracy, abs=1e-12)
        np.testing.assert_allclose(
            curve.selective_accuracy_at(n_kept / n), kept_utility, atol=1e-12
        )


@given(
    rows(FINITE, max_size=30),
    st.floats(0, 1),
    st.lists(st.integers(0, 3), min_size=30, max_size=30),
)
@settings(max_examples=60, deadline=None)
def test_weights_are_repeated_rows_and_cut_groups_are_lines(drawn, coverage, weight):
    score, base, query = drawn
    weight = np.array(weight[: len(score)])
    weight[0] += 1
    again = [np.repeat(column, weight) for column in (score, base, query)]
    weighted = accuracy_coverage_curve(score, base, query, sample_weight=weight)
    repeated = accuracy_coverage_curve(*again)
    share = 1 - kept_share(again[0], coverage, np.ones(weight.sum()))
    expected = np.mean(share * again[2] + (1 - share) * again[1])
    for curve in (weighted, repeated):
        assert curve.accuracy_at(coverage) == pytest.approx(expected, abs=1e-12)
    assert deferral_area(score, base, query, sample_weight=weight) == pytest.approx(
        deferral_area(*again), abs=1e-12
    )
    np.testing.assert_allclose(
        weighted.selective_accuracy_at([0.3, 1.0]),
        repeated.selective_accuracy_at([0.3, 1.0]),
        atol=1e-12,
    )


@given(rows(ANY, max_size=30), st.randoms())
@settings(max_examples=60, deadline=None)
def test_order_of_the_rows_does_not_matter(drawn, random):
    order = list(range(drawn.shape[1]))
    random.shuffle(order)
    grid = np.linspace(0, 1, 11)
    one = accuracy_coverage_curve(*drawn)
    other = accuracy_coverage_curve(*drawn[:, order])
    np.testing.assert_allclose(one.coverage, other.coverage, atol=1e-12)
    np.testing.assert_allclose(
        one.accuracy_at(grid), other.accuracy_at(grid), atol=1e-12
    )


def test_ends_of_the_curve_are_the_global_alone_and_the_base_alone():
    rng = np.random.default_rng(0)
    score = rng.integers(0, 5, size=40)
    base, query = rng.random((2, 40))
    curve = accuracy_coverage_curve(score, base, query)
    assert curve.coverage[0] == 0
    assert curve.coverage[-1] == 1
    assert curve.accuracy_at(0) == pytest.approx(query.mean())
    assert curve.accuracy_at(1) == pytest.approx(base.mean())
    assert (np.diff(curve.coverage) > 0).all()


def test_without_a_global_a_query_is_right():
    score, base = [3, 2, 1, 0], [0, 1, 0, 1]
    grid = np.linspace(0, 1, 9)
    np.testing.assert_array_equal(
        accuracy_at_coverage(score, base, coverage=grid),
        accuracy_at_coverage(score, base, np.ones(4), coverage=grid),
    )
    assert accuracy_at_coverage(score, base, coverage=0) == 1


def test_selective_accuracy_is_nan_where_nothing_is_answered():
    score, base = [3, 2, 1, 0], [0, 0, 1, 1]
    assert np.isnan(selective_accuracy_at_coverage(score, base, coverage=0))
    found = selective_accuracy_at_coverage(score, base, coverage=[0, 0.25, 0.5, 1])
    np.testing.assert_allclose(found, [np.nan, 1, 1, 0.5])
    always = selective_accuracy_at_coverage(np.full(4, INF), base, coverage=0.5)
    assert np.isnan(always)


# Bounds


def bound_curve(router, outcomes):
    return accuracy_coverage_curve(
        router.query_score(outcomes), outcomes.base_utility, outcomes.global_utility
    )


@pytest.fixture
def graded():
    from selective_query import Outcomes

    return Outcomes(
        base_utility=[1, 0, 1, 0, 0.5, 0.5, 1, 0],
        global_utility=[1, 1, 0, 0, 1.0, 0.25, 1, 1],
    )


def test_oracle_never_queries_where_nothing_is_gained(graded):
    curve = bound_curve(OracleRouter(), graded)
    gains = graded.benefit > 0
    assert curve.coverage[0] == pytest.approx(1 - gains.mean())
    best = np.maximum(graded.base_utility, graded.global_utility).mean()
    assert curve.accuracy_at(0) == pytest.approx(best)
    assert curve.accuracy_at(curve.coverage[0]) == pytest.approx(best)
    assert curve.accuracy.max() == pytest.approx(best)
    assert curve.accuracy_at(1) == pytest.approx(graded.base_utility.mean())


@given(rows(FINITE, max_size=30), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_no_score_beats_the_oracle(drawn, coverage):
    score, base, query = drawn
    benefit = query - base
    oracle = np.where(benefit > 0, benefit, -INF)
    mine, best = (
        accuracy_at_coverage(s, base, query, coverage=coverage) for s in (score, oracle)
    )
    assert mine <= best + 1e-12


def test_constant_bounds_are_flat(graded):
    grid = [0, 0.3, 0.7, 1]
    base = bound_curve(AlwaysBaseRouter(), graded)
    np.testing.assert_array_equal(base.coverage, [1])
    np.testing.assert_allclose(base.accuracy_at(grid), graded.base_utility.mean())
    global_ = bound_curve(AlwaysGlobalRouter(), graded)
    np.testing.assert_array_equal(global_.coverage, [0])
    np.testing.assert_allclose(global_.accuracy_at(grid), graded.global_utility.mean())


def test_what_cannot_be_ranked_is_refused():
    with pytest.raises(ValueError, match="score holds NaN, first in row 1"):
        accuracy_coverage_curve([0, np.nan], [0, 1], [1, 1])
    with pytest.raises(ValueError, match="same shape"):
        accuracy_coverage_curve([0, 1, 2], [0, 1], [1, 1])
    with pytest.raises(ValueError, match="sample_weight .* each of the 2 rows"):
        accuracy_coverage_curve([0, 1], [0, 1], [1, 1], sample_weight=[1])
    with pytest.raises(ValueError, match="same shape"):
        accuracy_coverage_curve([[0], [1]], [[0], [1]], [[1], [1]])
    with pytest.raises(ValueError, match="no rows"):
        accuracy_coverage_curve([], [], [])


# Mistakes found in other implementations


def test_shuffled_rows_of_a_calibrated_base():
    # Confidence uniform on [0.5, 1] and calibrated: on the most confident share c the
    # accuracy is 1 - c / 4. A mask made for sorted rows but applied to unsorted ones
    # gives 0.75 everywhere instead.
    n = 2000
    confidence = np.random.default_rng(0).permutation(np.linspace(0.5, 1, n))
    for kept in (0.5, 0.25, 0.1):
        found = selective_accuracy_at_coverage(
            1 - confidence, confidence, coverage=kept
        )
        assert found == pytest.approx(1 - kept / 4, abs=1e-3)


def test_tied_scores_do_not_raise_and_are_a_straight_line():
    base, query = np.array([1, 0, 0, 1]), np.array([1, 1, 1, 0])
    curve = accuracy_coverage_curve(np.zeros(4), base, query)
    np.testing.assert_allclose(curve.accuracy_at([0, 0.5, 1]), [0.75, 0.625, 0.5])
    np.testing.assert_allclose(curve.selective_accuracy_at([0.1, 1]), [0.5, 0.5])


def test_coverage_is_a_share_of_rows_not_of_distinct_scores():
    score = np.array([0.0] * 9 + [1.0])  # two distinct scores, ten rows
    base, query = np.array([1] * 9 + [0]), np.ones(10)
    assert accuracy_at_coverage(score, base, query, coverage=0.9) == pytest.approx(1)
    assert accuracy_at_coverage(score, base, query, coverage=1) == pytest.approx(0.9)


# The area


@given(rows(ANY, max_size=30))
@settings(max_examples=60, deadline=None)
def test_area_is_the_mean_accuracy_over_coverages(drawn):
    score, base, query = drawn
    cells = 20 * len(score)  # every corner of the curve is at the edge of a cell
    grid = (np.arange(cells) + 0.5) / cells
    mean = accuracy_at_coverage(score, base, query, coverage=grid).mean()
    assert deferral_area(score, base, query) == pytest.approx(mean, abs=1e-10)


# Bootstrap


def sample(rng, n):
    score = rng.random(n)
    base = (rng.random(n) > score).astype(float)
    return score, base, (rng.random(n) < 0.9).astype(float)


def test_bootstrap_is_centred_on_the_estimate_with_its_spread():
    rng = np.random.default_rng(2)
    n = 400
    score, base, query = sample(rng, n)
    # At coverage 1 the accuracy is a plain mean, whose standard error is known.
    (full, half) = bootstrap_accuracy(
        [score, score], base, query, [1.0, 0.5], n_bootstrap=600, random_state=0
    )
    error = np.sqrt(base.mean() * (1 - base.mean()) / n)
    assert full.std() == pytest.approx(error, rel=0.12)
    assert full.mean() == pytest.approx(base.mean(), abs=5 * error / np.sqrt(600))
    estimate = accuracy_at_coverage(score, base, query, coverage=0.5)
    assert half.mean() == pytest.approx(estimate, abs=0.004)


def test_bootstrap_interval_covers_the_truth():
    # Base right with probability 1 - score, global with 0.9: keeping the half with the
    # lowest scores, 0.5 * (1 - 0.25) + 0.5 * 0.9.
    truth = 0.825
    covered = []
    for seed in range(120):
        data = sample(np.random.default_rng(seed), 200)
        replicates = bootstrap_accuracy(
            data[:1], *data[1:], [0.5], n_bootstrap=150, random_state=seed
        )
        low, high = interval(replicates[0], 0.9)
        covered.append(low <= truth <= high)
    assert 0.82 <= np.mean(covered) <= 0.97


def test_bootstrap_is_paired():
    rng = np.random.default_rng(3)
    score, base, query = sample(rng, 300)
    replicates = bootstrap_accuracy(
        [score, 5 * score - 1, rng.random(300)],
        base,
        query,
        [0.6, 0.6, 0.6],
        n_bootstrap=100,
        random_state=0,
    )
    assert replicates.shape == (3, 100)
    np.testing.assert_array_equal(replicates[0], replicates[1])
    assert replicates[0].std() > 0
    # On the same resamples the noise is shared, so the difference varies less.
    difference = replicates[0] - replicates[2]
    apart = np.hypot(replicates[0].std(), replicates[2].std())
    assert difference.std() < apart


def test_bootstrap_follows_its_random_state():
    score, base, query = sample(np.random.default_rng(4), 100)

    def draw(state):
        return bootstrap_accuracy(
            [score], base, query, [0.5], n_bootstrap=20, random_state=state
        )

    np.testing.assert_array_equal(draw(0), draw(0))
    np.testing.assert_array_equal(draw(0), draw(np.random.RandomState(0)))
    assert (draw(0) != draw(1)).any()


def test_bootstrap_draws_by_weight():
    rng = np.random.default_rng(5)
    score, base, query = sample(rng, 200)
    weight = rng.integers(0, 4, size=200).astype(float)
    again = [np.repeat(column, weight.astype(int)) for column in (score, base, query)]
    kwargs = {"n_bootstrap": 600, "random_state": 0}
    (weighted,) = bootstrap_accuracy(
        [score], base, query, [0.5], sample_weight=weight, **kwargs
    )
    (repeated,) = bootstrap_accuracy(again[:1], *again[1:], [0.5], **kwargs)
    assert weighted.mean() == pytest.approx(repeated.mean(), abs=0.005)
    assert weighted.std() == pytest.approx(repeated.std(), rel=0.15)


def test_interval_is_between_percentiles():
    low, high = interval(np.array([np.arange(101.0), np.zeros(101)]), 0.9)
    np.testing.assert_allclose(low, [5, 0])
    np.testing.assert_allclose(high, [95, 0])


def test_values_out_of_range_are_refused():
    from selective_query.metrics import accuracy_at_coverage

    for coverage in (90, -0.1, np.nan):
        with pytest.raises(ValueError, match="coverage must be the share"):
            accuracy_at_coverage([1, 2], [0, 1], [1, 1], coverage=coverage)
    with pytest.raises(ValueError, match="global_utility must lie in"):
        accuracy_coverage_curve([1, 2], [0, 1], [7, 1])
    with pytest.raises(ValueError, match="base_utility must lie in"):
        accuracy_coverage_curve([1, 2], [np.nan, 1], [1, 1])
    for weight in ([0, 0], [-1, 2]):
        with pytest.raises(ValueError, match="sample_weight must be"):
            accuracy_coverage_curve([1, 2], [0, 1], [1, 1], sample_weight=weight)
