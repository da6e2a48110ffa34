import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta, betabinom, binom, kstest

from selective_query.budgets import Calibration, CalibrationScores, as_budget
from selective_query.budgets._solving.thresholds import coverage_bound, rows_needed
from selective_query.exceptions import CalibrationWarning, CertificateError


class Rows:
    """Calibration rows with known scores only."""

    def __init__(self, score, weight=None, *, exact, shift=None):
        scores = CalibrationScores(score, weight, exact=exact, shift=shift)
        self.calibration = Calibration(scores)

    def cut(self, coverage, confidence=None):
        budget = None if coverage is None else as_budget(coverage)
        return self.calibration.solve(budget, confidence)


def exact(score, weight=None):
    return Rows(score, weight, exact=True)


def test_threshold_is_the_order_statistic():
    score = np.random.default_rng(0).permutation(np.arange(1.0, 20.0))  # n = 19
    point = exact(score).cut(0.8)
    assert point.certificate.rank == 16  # ceil(0.8 * 20)
    assert point.threshold == pytest.approx(16, abs=1e-10)
    assert point.coverage == pytest.approx(16 / 19)


def test_coverage_zero_and_one_need_no_rows():
    scores = exact([0.5])
    assert scores.cut(0).threshold == -np.inf
    assert scores.cut(0.0).coverage == 0
    assert scores.cut(1).threshold == np.inf
    assert scores.cut(1).coverage == 1


def test_none_cuts_at_zero_benefit():
    point = exact([-0.2, -0.1, 0.1, 0.3]).cut(None)
    assert point.threshold == 0
    assert point.coverage == 0.5


def test_tie_group_stays_with_the_base_and_is_reported():
    with pytest.warns(CalibrationWarning, match="share the score"):
        point = exact([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]).cut(0.5)
    assert point.threshold == pytest.approx(0, abs=1e-10)
    assert point.coverage == pytest.approx(11 / 12)


@pytest.mark.parametrize(
    ("coverage", "needed"), [(0.5, 5), (0.7, 9), (0.9, 29), (0.95, 59), (0.99, 299)]
)
def test_rows_needed_for_a_certificate(coverage, needed):
    score = np.arange(needed, dtype=float)
    point = exact(score).cut(coverage, confidence=0.95)
    assert np.isfinite(point.threshold)
    assert not point.certificate.vacuous
    with pytest.warns(CalibrationWarning, match=f"at least {needed} are needed"):
        point = exact(score[:-1]).cut(coverage, confidence=0.95)
    assert point.threshold == np.inf
    assert point.certificate.vacuous


def test_rank_with_confidence_is_the_smallest_that_holds():
    for n in (30, 100, 977):
        for coverage in (0.5, 0.8, 0.9):
            k = exact(np.arange(n)).cut(coverage, confidence=0.95).certificate.rank
            assert beta.sf(coverage, k, n + 1 - k) >= 0.95
            assert beta.sf(coverage, k - 1, n + 2 - k) < 0.95


def test_coverage_on_new_data_follows_the_beta_law():
    # Uniform scores: the coverage of threshold t on the whole population is t.
    rng = np.random.default_rng(1)
    n, coverage = 40, 0.8
    true = [exact(rng.uniform(size=n)).cut(coverage).threshold for _ in range(3000)]
    k = int(np.ceil(coverage * (n + 1)))
    assert kstest(true, beta(k, n + 1 - k).cdf).pvalue > 0.01
    assert np.mean(true) == pytest.approx(k / (n + 1), abs=0.005)


def test_coverage_on_a_finite_test_set_follows_the_beta_binomial_law():
    rng = np.random.default_rng(2)
    n, m, coverage, draws = 30, 25, 0.7, 3000
    k = int(np.ceil(coverage * (n + 1)))
    kept = [
        (rng.normal(size=m) <= exact(rng.normal(size=n)).cut(coverage).threshold).sum()
        for _ in range(draws)
    ]
    observed = np.bincount(kept, minlength=m + 1) / draws
    expected = betabinom(m, k, n + 1 - k).pmf(np.arange(m + 1))
    assert np.abs(observed - expected).max() < 5 * np.sqrt(0.25 / draws) / 2


def test_with_ties_coverage_is_stochastically_no_smaller():
    rng = np.random.default_rng(3)
    n, coverage = 40, 0.7
    levels = np.arange(6)
    true = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        for _ in range(2000):
            threshold = exact(rng.integers(6, size=n)).cut(coverage).threshold
            true.append((levels <= threshold).mean())
    k = int(np.ceil(coverage * (n + 1)))
    law = beta(k, n + 1 - k)
    for level in (0.5, 0.6, 0.7, 0.8, 0.9):
        below = np.mean(np.array(true) < level)
        assert below <= law.cdf(level) + 3 * np.sqrt(0.25 / 2000)


def test_confidence_fails_in_at_most_five_percent_of_draws():
    rng = np.random.default_rng(4)
    draws = 4000
    short = [
        exact(rng.uniform(size=120)).cut(0.8, confidence=0.95).threshold < 0.8
        for _ in range(draws)
    ]
    assert np.mean(short) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)
    assert np.mean(short) > 0.02  # and not far more conservative than necessary


def test_weights_are_repeated_rows():
    rng = np.random.default_rng(5)
    score = rng.normal(size=50)
    weight = rng.integers(0, 4, size=50)
    weighted = exact(score, weight).cut(0.8)
    repeated = exact(np.repeat(score, weight)).cut(0.8)
    assert weighted.threshold == repeated.threshold
    assert weighted.certificate == replace(repeated.certificate, weighted=True)


@pytest.mark.parametrize("weight", [0.1, 1.0, 1.7])
def test_equal_weights_cut_where_no_weights_do(weight):
    score = np.random.default_rng(7).normal(size=29)
    for coverage in (0.5, 0.75, 0.9):
        weighted = exact(score, np.full(29, weight)).cut(coverage)
        assert weighted.threshold == exact(score).cut(coverage).threshold
    with pytest.warns(CalibrationWarning, match="^29 calibration rows are too few"):
        exact(score, np.full(29, weight)).cut(0.99)


@pytest.mark.parametrize("n", [30, 100])
def test_weights_that_are_not_counts_are_right_on_average(n):
    rng = np.random.default_rng(8)
    # Uniform scores: the coverage of threshold t is t, and infinity keeps everything.
    true = [
        min(CalibrationScores(u, w, exact=True).score_at(0.9), 1.0)
        for u, w in zip(
            rng.uniform(size=(1500, n)), rng.lognormal(size=(1500, n)), strict=True
        )
    ]
    assert np.mean(true) == pytest.approx(0.9, abs=3 * np.std(true) / 1500**0.5)


@pytest.mark.parametrize("weight", [0.1, 2.0, 5.0])
def test_possible_importance_weights_are_not_certified(weight):
    rows = exact(np.arange(100.0), np.where(np.arange(100) % 2, 1.0, weight))
    with pytest.raises(CertificateError, match="repeat the rows"):
        rows.cut(0.75, confidence=0.9)
    kept = exact(np.arange(100.0), np.arange(100) % 2).cut(0.75, confidence=0.9)
    assert kept.threshold == exact(np.arange(1.0, 100, 2)).cut(0.75, 0.9).threshold


def test_confidence_is_refused_where_it_would_not_hold():
    with pytest.raises(CertificateError, match="calibration=0.2"):
        Rows([1.0, 2.0], exact=False).cut(0.5, confidence=0.9)
    with pytest.raises(CertificateError, match="coverage=None"):
        exact([1.0, 2.0]).cut(None, confidence=0.9)


def test_a_shift_moves_what_is_kept():
    # Uniform on [0, 1.2] from few rows, on [0, 1.1] from more; on all: [0, 1.05].
    n = 4000
    u, row, mass = (np.arange(n) + 0.5) / n, np.arange(n), np.full(n, 0.55)
    shift = (
        np.concatenate([1.1 * u, 1.2 * u]),
        np.concatenate([mass, -mass]),
        np.concatenate([row, row]),
        np.full(2 * n, -1),
    )
    shifted = Rows(1.1 * u, exact=False, shift=shift).cut(0.8)
    assert shifted.threshold == pytest.approx(0.8 * 1.05, abs=0.005)
    plain = Rows(1.1 * u, exact=False).cut(0.8)
    assert plain.threshold == pytest.approx(0.88, abs=0.005)


def test_a_shift_to_the_same_scores_changes_nothing():
    n = 200
    score, row = np.random.default_rng(6).normal(size=n), np.arange(n)
    shift = (
        np.tile(score, 2),
        np.repeat([0.6, -0.6], n),
        np.tile(row, 2),
        np.full(2 * n, -1),
    )
    plain = Rows(score, exact=False).cut(0.6)
    assert Rows(score, exact=False, shift=shift).cut(0.6).threshold == plain.threshold


def test_a_shift_goes_with_its_rows():
    n = 100
    score, row = np.arange(float(n)), np.arange(n)
    shift = (
        np.concatenate([score - 10, score]),
        np.repeat([1.0, -1.0], n),
        np.tile(row, 2),
        np.full(2 * n, -1),
    )
    scores = CalibrationScores(score, exact=False, shift=shift)
    half = scores.of(row < 50)
    alone = CalibrationScores(score[:50] - 10, exact=False)
    assert half.score_at(0.5) == pytest.approx(alone.score_at(0.5))


@pytest.mark.parametrize("dtype", [float, np.float32])
def test_a_row_at_the_threshold_stays_however_it_is_rounded(dtype):
    score = np.random.default_rng(0).uniform(size=101).astype(dtype)
    scores = CalibrationScores(score, exact=True)
    threshold = scores.score_at(0.8)
    at_the_cut = np.sort(score)[int(np.ceil(0.8 * 102)) - 1]
    rounded_up = at_the_cut + 4 * np.finfo(dtype).eps
    assert at_the_cut < rounded_up <= threshold
    assert scores.coverage_at(threshold) == pytest.approx(82 / 101)


def test_one_huge_score_does_not_blur_the_others():
    score = np.append(np.random.default_rng(0).uniform(size=999), 1e300)
    threshold = CalibrationScores(score, exact=True).score_at(0.5)
    assert threshold == pytest.approx(np.sort(score)[500], abs=1e-10)


def test_operating_point_reads_as_a_sentence():
    point = exact(np.arange(100.0)).cut(0.8, confidence=0.95)
    assert "for coverage >= 0.8" in str(point)
    assert "probability 0.95 over the draw of 100 calibration rows" in str(point)
    assert 0.8 <= point.certificate.bound < point.coverage


@pytest.mark.parametrize("coverage", [0.6, 0.75, 0.9, 0.95, 0.99])
def test_rows_needed_is_the_smallest_sufficient_number(coverage):
    needed = rows_needed(coverage, None)
    assert np.isfinite(exact(np.arange(float(needed))).cut(coverage).threshold)
    with pytest.warns(CalibrationWarning, match=f"at least {needed} are needed"):
        exact(np.arange(needed - 1.0)).cut(coverage)


@pytest.mark.parametrize("confidence", [0.6, 0.95])
@pytest.mark.parametrize(("rank", "n"), [(1, 10), (16, 19), (100, 100)])
def test_a_bound_of_coverage_is_that_of_the_rank(rank, n, confidence):
    bound = coverage_bound(rank, n, confidence)
    # With this probability, fewer than `rank` of n rows fall below the bound.
    assert binom.cdf(rank - 1, n, bound) == pytest.approx(confidence)
    assert coverage_bound(0, n, confidence) == 0


def test_a_certificate_shows_the_bound_of_its_rank():
    point = exact(np.arange(100.0)).cut(0.8, confidence=0.9)
    rank = point.certificate.rank
    assert point.threshold == pytest.approx(rank - 1, abs=1e-9)
    assert binom.cdf(rank - 1, 100, point.certificate.bound) == pytest.approx(0.9)


def test_a_tie_goes_to_the_nearer_side_where_the_count_is_an_estimate():
    def cut(n_low, weight=None, **kind):
        score = np.repeat([0.0, 1.0], [n_low, 100 - n_low])
        return CalibrationScores(score, weight, **kind).score_at(0.6)

    # Rank 61 of 100 rows, with a standard error of 4.9 rows.
    assert cut(58, exact=True) == pytest.approx(1)
    assert cut(58, exact=False) == pytest.approx(0)
    assert cut(57, exact=False) == pytest.approx(0)
    assert cut(56, exact=False) == pytest.approx(1)
    # Weights with an effective sample size of 50 give one of 6.9.
    weight = np.where(np.arange(100) % 2, 1.999, 0.001)
    assert cut(56, weight, exact=False) == pytest.approx(0)
    assert cut(50, weight, exact=False) == pytest.approx(1)
    # The upper side is nearer.
    near = np.repeat([0.0, 1.0, 2.0], [57, 5, 38])
    assert CalibrationScores(near, exact=False).score_at(0.6) == pytest.approx(1)


def test_a_count_that_crosses_a_rank_often_is_cut_in_the_middle():
    # 10 more rows from 40 on, 20 fewer from 60 on, 10 more from 80 on: the count
    # reaches 60 at 49, drops below it at 60, and reaches it again at 69.
    mass = np.array([10.0, -20.0, 10.0])
    shift = np.array([40.0, 60.0, 80.0]), mass, np.zeros(3, dtype=int)
    scores = CalibrationScores(np.arange(100.0), exact=False, shift=shift)
    assert scores.score_at(0.594) == pytest.approx(59, abs=1.01)
    # The count is 56, later drops to 51, and is 56 again after 70.
    assert scores.coverage_at(30) == pytest.approx(0.31)
    assert scores.coverage_at(45) == pytest.approx((0.56 + 0.51) / 2)
    assert scores.coverage_at(65) == pytest.approx((0.56 + 0.70) / 2)
    assert scores.coverage_at(99) == 1


def test_coverage_rises_with_the_threshold_though_a_shifted_count_does_not():
    rng = np.random.default_rng(12)
    score, moved = rng.normal(size=(2, 200))
    mass = np.where(np.arange(200) % 2, 1.0, -1.0)
    shift = moved, mass, np.arange(200), np.zeros(200, dtype=bool)
    scores = CalibrationScores(score, exact=False, shift=shift)
    assert (np.diff(scores.rows_kept) < 0).any()
    coverage = np.array([scores.coverage_at(t) for t in np.linspace(-4, 4, 500)])
    assert (np.diff(coverage) >= 0).all()
    assert coverage[0] == 0 and coverage[-1] == 1


def test_coverage_of_a_threshold_lies_between_none_and_all():
    shift = np.array([0.0, 9.0]), np.array([-5.0, 5.0]), np.zeros(2, dtype=int)
    scores = CalibrationScores(np.arange(10.0), exact=False, shift=shift)
    assert scores.coverage_at(-1) == 0
    assert scores.coverage_at(0) == 0, "a count below none"
    assert scores.coverage_at(9) == 1
    assert np.isnan(CalibrationScores([], exact=True).coverage_at(0))


@pytest.mark.parametrize(("n_tied", "is_told"), [(6, False), (7, True)])
def test_a_tie_that_moves_coverage_by_five_points_warns(n_tied, is_told):
    # Rank 51 of 100 is the first of the tied rows, all of which are kept.
    score = np.arange(100.0)
    score[50 : 50 + n_tied] = 50
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CalibrationWarning)
        point = exact(score).cut(0.5)
    assert point.coverage == pytest.approx(0.5 + n_tied / 100)
    assert bool(caught) == is_told


@pytest.mark.parametrize(("n_tied", "is_told"), [(8, False), (10, True)])
def test_after_a_refit_half_of_a_tie_may_move(n_tied, is_told):
    # Rank 51 of 100 is the last of the tied rows, half of the rows nearby.
    score = np.arange(100.0)
    score[51 - n_tied : 51] = 50
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CalibrationWarning)
        point = Rows(score, exact=False).cut(0.5)
    assert point.coverage == pytest.approx(0.51)
    assert bool(caught) == is_told


def test_a_tie_at_the_lowest_score_warns_too():
    score = np.maximum(np.arange(100.0), 19)
    with pytest.warns(CalibrationWarning, match="share the score"):
        point = Rows(score, exact=False).cut(0.19)
    assert point.threshold == pytest.approx(19)


def test_a_nan_score_is_named_by_its_row():
    with pytest.raises(ValueError, match="NaN as a score, first to calibration row 3"):
        exact(np.where(np.arange(9) == 3, np.nan, 1.0))
