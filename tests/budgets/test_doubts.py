import numpy as np
import pytest

from selective_query.budgets._solving.doubts import disagreement, share_tied

ONES = np.ones(100)
ONE_FOLD = np.zeros(100, dtype=int)


def test_a_row_of_ten_groups_ties_with_nine_of_a_hundred():
    score = np.random.default_rng(0).permutation(np.repeat(np.arange(10.0), 10))
    assert share_tied(score, ONES, ONE_FOLD, 0.7) == pytest.approx(0.09)
    assert share_tied(score, 3 * ONES, ONE_FOLD, 0.7) == pytest.approx(0.09)


def test_distinct_scores_do_not_tie():
    score = np.random.default_rng(0).normal(size=100)
    assert share_tied(score, ONES, ONE_FOLD, 0.5) == pytest.approx(0)


def test_ties_count_near_the_cut():
    score = np.maximum(np.arange(100.0), 39)
    assert share_tied(score, ONES, ONE_FOLD, 0.2) == pytest.approx(0.39)
    assert share_tied(score, ONES, ONE_FOLD, 0.7) == pytest.approx(0)


def test_folds_do_not_hide_each_others_ties():
    score, fold = np.repeat(np.arange(10.0), 10), np.arange(100) % 5
    apart = score + 0.1 * fold
    hidden = share_tied(apart, ONES, ONE_FOLD, 0.5)
    assert share_tied(apart, ONES, fold, 0.5) == pytest.approx(0.05)
    assert hidden == pytest.approx(0.01)


def test_rounding_does_not_hide_a_tie():
    score = np.repeat(np.arange(10.0), 10) + 1e-12 * np.arange(100)
    assert share_tied(score, ONES, ONE_FOLD, 0.5) == pytest.approx(0.09)


def test_infinite_scores_tie():
    score = np.where(np.arange(100) < 50, -np.inf, np.arange(100.0))
    assert share_tied(score, ONES, ONE_FOLD, 0.3) == pytest.approx(0.49)
    everywhere = np.full(100, np.inf)
    assert share_tied(everywhere, ONES, ONE_FOLD, 0.3) == pytest.approx(0.99)


def test_a_fold_without_a_row_near_the_threshold_is_ignored():
    assert share_tied(np.zeros(1), np.ones(1), np.zeros(1), 0.9) == 0


def compared(known):
    """Return the disagreement of fits on rows 0, 2, ..., 998, the last one final."""
    score = np.random.default_rng(1).normal(size=1000)
    row, fit = np.tile(np.arange(0, 1000, 2), len(known)), np.arange(len(known))
    known_score = np.concatenate([answer(score[::2]) for answer in known])
    fit = np.repeat(fit, 500)
    return disagreement(score, np.ones(1000), known_score, np.ones(len(row)), row, fit)


def shuffled(score):
    return np.random.default_rng(2).permutation(score)


def same(score):
    return score


def test_fits_that_rank_alike_agree():
    assert compared([same, same]) == 0
    assert compared([same]) == 0


def test_unrelated_fits_disagree_by_one():
    assert compared([same, shuffled]) == pytest.approx(1, abs=0.05)
    assert compared([shuffled, same]) == pytest.approx(1, abs=0.05)
    assert compared([same, shuffled, same]) == pytest.approx(0.5, abs=0.05)


def test_fits_are_compared_by_row():
    score, row = np.arange(10.0), np.array([7, 3, 1, 1, 3, 7])
    fit = np.array([0, 0, 0, 1, 1, 1])
    same_rows = disagreement(score, np.ones(10), row * 1.0, np.ones(6), row, fit)
    assert same_rows == 0
    moved = disagreement(
        score, np.ones(10), np.array([8.0, 3, 1, 1, 3, 7]), np.ones(6), row, fit
    )
    # One row of three moved by one rank of ten.
    assert moved == pytest.approx(3 * 0.1 / 3)
