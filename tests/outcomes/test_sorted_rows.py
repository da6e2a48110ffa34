"""The table of rows sorted by score, and its two ways to split a tied group."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selective_query.metrics import accuracy_at_coverage
from selective_query.outcomes._sorted_rows import (
    SortedRows,
    query_share,
    sort_packed,
)
from tests.metrics.drawn import ANY, FINITE, kept_share, rows

FEW = settings(max_examples=60, deadline=None)


@given(rows(ANY, max_size=20), st.booleans())
@FEW
def test_a_threshold_keeps_a_tie_group_whole(drawn, stable):
    score, base, _, weight = drawn
    table = SortedRows(score, stable=stable)
    np.testing.assert_array_equal(table.level, np.unique(score))
    np.testing.assert_array_equal(table.level[table.group], score)
    sums, n_kept = table.kept((weight * base)[table.order]), table.kept()
    for threshold in (-np.inf, -1, 0.2, 0.5, np.inf):
        kept, cut = score <= threshold, table.cut_at(threshold)
        assert n_kept[cut] == kept.sum()
        assert sums[cut] == pytest.approx((weight * base)[kept].sum())
    usable = sums[table.reach]
    least = (weight * base)[score == -np.inf].sum()
    assert usable[0] == pytest.approx(least)
    assert usable[-1] == pytest.approx((weight * base)[score < np.inf].sum())


@given(rows(ANY, max_size=20), st.floats(0, 1))
@FEW
def test_a_coverage_splits_a_tie_group_in_expectation(drawn, coverage):
    score, _, _, weight = drawn
    cuts = SortedRows(score).split_at(np.array([coverage]), weight)
    found = cuts.kept_share(score[:, None])[:, 0]
    np.testing.assert_allclose(found, kept_share(score, coverage, weight), atol=1e-9)
    assert weight @ found == pytest.approx(coverage * weight.sum())


def test_stable_rows_keep_the_order_in_which_they_came():
    score = np.random.default_rng(0).integers(0, 3, 999).astype(float)
    order = SortedRows(score, stable=True).order
    np.testing.assert_array_equal(order, np.lexsort((np.arange(999), score)))


def test_no_rows_have_one_cut():
    table = SortedRows(np.zeros(0))
    assert table.kept().tolist() == table.kept(np.zeros(0)).tolist() == [0]
    assert not len(table.level)


@given(
    rows(FINITE, max_size=30),
    st.lists(st.floats(0, 1), min_size=1, max_size=4),
    st.lists(st.integers(0, 3), min_size=30, max_size=30),
)
@settings(max_examples=60, deadline=None)
def test_query_share(drawn, coverages, weight):
    score = drawn[0]
    weight = np.array(weight[: len(score)], dtype=float)
    weight[0] += 0.5
    share = query_share(score, coverages, weight)
    assert ((share >= 0) & (share <= 1)).all()
    assert weight @ share == pytest.approx(
        np.mean(1 - np.array(coverages)) * weight.sum(), abs=1e-9
    )
    some = weight > 0
    kept = [kept_share(score[some], c, weight[some]) for c in coverages]
    np.testing.assert_allclose(share[some], 1 - np.mean(kept, axis=0), atol=1e-9)


def test_rows_without_weight_take_no_share_from_the_others():
    score, weight = np.arange(5.0), np.array([0.0, 2.0, 0.0, 2.0, 0.0])
    for coverages, expected in (([0, 1], [0.5, 0.5]), ([0.5], [0, 1]), ([0], [1, 1])):
        share = query_share(score, coverages, weight)
        np.testing.assert_array_equal(share[weight > 0], expected)
        assert ((share >= 0) & (share <= 1)).all()


def test_rounding_pushes_no_coverage_into_the_next_tie_group():
    assert 0.55 * 100 > 55  # by rounding
    share = query_share(np.arange(100.0), [0.55], np.ones(100))
    np.testing.assert_array_equal(share, np.arange(100) >= 55)


def test_query_share_gives_the_accuracy_of_the_curve():
    rng = np.random.default_rng(1)
    score = rng.integers(0, 6, size=50)
    base, query, weight = rng.random((3, 50))
    share = query_share(score, np.array([0.37]), weight)
    mean = np.average(base + share * (query - base), weights=weight)
    assert mean == pytest.approx(
        accuracy_at_coverage(score, base, query, coverage=0.37, sample_weight=weight)
    )


def test_which_scores_are_packed():
    right = np.zeros(3, dtype=np.int8)
    for score in ([-1, 0, 1], [1e-12, -3, 7], [0, 5e-324, 1e-200], [np.inf, 0, 0]):
        assert sort_packed(np.array(score, dtype=float), right, right) is not None
    for score in ([1e-200, 0, 1], [-np.inf, 0.5, 1], [5e-324, 0, 1]):
        assert sort_packed(np.array(score, dtype=float), right, right) is None
    assert sort_packed(np.zeros(3), right.astype(float), right) is None


def test_scores_as_far_apart_as_their_bits_allow():
    one = np.float64(1).view(np.int64)
    far, further = (one + np.array([2**61 - 2, 2**61 - 1])).view(float)
    score = np.array([far, -1, 0, 1, -far, 1, -0.0])
    base = np.array([1, 0, 0, 0, 1, 1, 1], dtype=np.int8)
    benefit = np.array([0, 1, 0, 1, -1, -1, 0], dtype=np.int8)
    found = sort_packed(score, base, benefit)
    # Within a tie group, rows that the base, then the global, gets wrong come first.
    order = [4, 1, 2, 6, 3, 5, 0]
    np.testing.assert_array_equal(found[0], base[order])
    np.testing.assert_array_equal(found[1], benefit[order])
    np.testing.assert_array_equal(found[2], [1, 1, 0, 1, 0, 1, 1])
    score[0] = further
    assert sort_packed(score, base, benefit) is None
