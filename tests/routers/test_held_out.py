"""Held-out scores: carried by rank to the scale of the final router."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.neighbors import KNeighborsRegressor

from selective_query import RoutingPolicy
from selective_query.datasets import make_selective_query
from selective_query.routers import LearnedRouter
from selective_query.routers._held_out import held_out_scores

N = 400
FOLDS = [
    (np.flatnonzero(np.arange(N) % 4 != k), np.flatnonzero(np.arange(N) % 4 == k))
    for k in range(4)
]


@pytest.fixture
def doubt():
    return np.random.default_rng(0).normal(size=N)


def carried(folds, final, weight=None):
    return held_out_scores(folds, final, np.ones(N) if weight is None else weight)


def test_folds_on_scales_of_their_own_come_to_one(doubt):
    folds = [
        (train, test, 10.0**k * np.exp(doubt) - k)
        for k, (train, test) in enumerate(FOLDS)
    ]
    score = carried(folds, 5 * doubt)
    assert spearmanr(score, doubt).statistic > 0.998
    for rank in (0.1, 0.5, 0.9):
        expected = np.quantile(5 * doubt, rank)
        assert np.quantile(score, rank) == pytest.approx(expected, abs=0.1)


def test_beyond_the_known_scores_the_order_goes_on():
    row = np.arange(float(N))
    counted = ((row > 100) & (row < 300)).astype(float)
    score = carried([(*rows, row) for rows in FOLDS], 2 * row, counted)
    for _, test in FOLDS:
        assert (np.diff(score[test]) > 0).all()
    np.testing.assert_allclose(score, 2 * row, rtol=0.02, atol=4)


def test_infinite_scores_stay(doubt):
    final = doubt.copy()
    final[:8], final[8:16] = np.inf, -np.inf
    score = carried([(*rows, final) for rows in FOLDS], final)
    assert (score[:8] == np.inf).all() and (score[8:16] == -np.inf).all()
    assert np.isfinite(score[16:]).all()


def test_ties_stay_ties_though_their_shares_differ():
    kind = np.random.default_rng(1).integers(3, size=N)
    folds = [
        (*rows, np.array([0.0, 0.1 + 0.01 * k, 0.5])[kind])
        for k, rows in enumerate(FOLDS)
    ]
    score = carried(folds, np.array([-1.0, 2.0, 3.0])[kind])
    np.testing.assert_array_equal(score, np.array([-1.0, 2.0, 3.0])[kind])


@pytest.mark.parametrize("n_times", [2, 3])
def test_weights_are_repeated_rows(doubt, n_times):
    weight = np.where(np.arange(N) % 3 == 0, float(n_times), 1.0)
    folds = [(*rows, doubt**3 + k) for k, rows in enumerate(FOLDS)]
    row = np.repeat(np.arange(N), weight.astype(int))
    repeated = [
        (np.flatnonzero(row % 4 != k), np.flatnonzero(row % 4 == k), score[row])
        for k, (_, _, score) in enumerate(folds)
    ]
    score = held_out_scores(repeated, doubt[row], np.ones(len(row)))
    np.testing.assert_allclose(score, carried(folds, doubt, weight)[row])


def test_a_fold_without_weight_has_no_influence(doubt):
    fold = np.arange(N) % 4
    there = np.flatnonzero(fold != 1)
    final, own = np.exp(doubt), doubt + 0.1 * fold
    score = carried([(*rows, own) for rows in FOLDS], final, 1.0 * (fold != 1))
    number = np.unique(fold[there], return_inverse=True)[1]
    three = [
        (np.flatnonzero(number != k), np.flatnonzero(number == k), own[there])
        for k in range(3)
    ]
    expected = carried(three, final[there], np.ones(len(there)))
    np.testing.assert_allclose(score[there], expected)


def test_a_router_that_memorises_its_rows_keeps_fold_scores():
    """Each training row is its own nearest neighbour, so its score is its outcome."""
    outcomes = make_selective_query(1000, regime="specialist", random_state=0).outcomes
    by_heart = LearnedRouter(KNeighborsRegressor(50, weights="distance"))
    score = by_heart.fit_score(outcomes)
    known = by_heart.query_score(outcomes.evidence)
    assert np.abs(known - outcomes.benefit).mean() < 0.05
    assert np.abs(score - outcomes.benefit).mean() > 0.1
    policy = RoutingPolicy(by_heart, coverage=0.7).fit(outcomes)
    new = make_selective_query(4000, regime="specialist", random_state=1).outcomes
    assert policy.decide(new.evidence).mean() == pytest.approx(0.7, abs=0.05)


def test_scores_the_other_way_round_are_carried_the_other_way_round():
    rng = np.random.default_rng(2)
    kinds = rng.choice(4, size=N, p=[0.1, 0.2, 0.3, 0.4])
    final = np.array([-1.0, 0.0, 3.0, 4.0])[kinds]
    folds = [
        (train, test, final + (k - final) * (rng.uniform(size=N) < 0.2))
        for k, (train, test) in enumerate(FOLDS)
    ]
    weight = rng.uniform(size=N)
    reversed_ = [(train, test, -score) for train, test, score in folds]
    score = carried(folds, final, weight)
    np.testing.assert_allclose(carried(reversed_, -final, weight), -score, atol=1e-12)


@pytest.mark.parametrize("knows", [-7.0, 1000.0])
def test_a_single_training_score_gives_no_ranks(knows):
    score = np.arange(float(N))
    folds = []
    for train, test in FOLDS:
        folds.append((train, test, score.copy()))
        folds[-1][2][train] = knows
    np.testing.assert_array_equal(carried(folds, np.full(N, 2.0)), score)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_large_tie_takes_in_all_ranks_that_it_spans(share):
    final = np.repeat([0.0, 8.0], N // 2)
    folds = [
        (train, test, np.where(np.arange(N) < share * N, 1.0, 2.0))
        for train, test in FOLDS
    ]
    assert carried(folds, final)[0] == 0


@pytest.mark.parametrize("n_folds", [2, 4, 8])
def test_held_out_scores_approach_training_scores_with_more_folds(n_folds):
    """Training scores are spread over 0 to 1, held-out scores over .15 to .85."""
    row = np.arange(4000)
    known = np.random.default_rng(3).permutation((row + 0.5) / 4000)
    folds = []
    for k in range(n_folds):
        test = row % n_folds == k
        score = np.where(test, 0.15 + 0.7 * known, known)
        folds.append((np.flatnonzero(~test), np.flatnonzero(test), score))
    found = held_out_scores(folds, known, np.ones(4000))
    # A share 1 / n_folds of the rows has scores like the training scores.
    grid = np.linspace(0, 1, 1001)
    held_out = np.clip((grid - 0.15) / 0.7, 0, 1)
    law = (1 - 1 / n_folds) * held_out + grid / n_folds
    for rank in (0.1, 0.5, 0.9):
        expected = np.interp(rank, law, grid)
        assert np.quantile(found, rank) == pytest.approx(expected, abs=0.01)


def test_a_tie_split_by_rounding_does_not_count_as_memorisation(doubt):
    """Most scores of each fold are one number, up to differences in the last digit."""
    folds = []
    for k, (train, test) in enumerate(FOLDS):
        tied = np.where(doubt < 0.8, -0.9 - k / 100, doubt)
        tied[test] = np.where(
            doubt[test] < 0.8, np.nextafter(tied[test], 0), tied[test]
        )
        folds.append((train, test, tied))
    final = np.where(doubt < 0.8, -0.5, doubt)
    score = carried(folds, final)
    np.testing.assert_allclose(score[doubt < 0.8], -0.5)
