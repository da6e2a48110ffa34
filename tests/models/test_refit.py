"""The effect of a fit on all rows, estimated from fits with known outputs."""

import numpy as np
import pytest

from selective_query._models.refit import FoldAnswers, change_by_refit

N = 60
ROW = np.arange(N)
# Distributed equally over each of four and of five folds and the compared rows.
WEIGHT = np.where(ROW // 20 == 1, 3.0, 0.5)
SOME = ROW[(ROW // 20) % 2 == 0]


class Fits:
    """Outputs of fits on some of n_folds folds: level + slope / folds + an offset."""

    def __init__(self, n_folds):
        rng = np.random.default_rng(0)
        self.n_folds = n_folds
        self.level, self.slope, self.seen, self.offset = rng.normal(size=(4, N))

    def held_out(self, n_fitted_on, offset=0.0):
        return self.level + self.slope / n_fitted_on + offset

    def known(self, n_fitted_on, offset=0.0):
        return self.seen + 2 / n_fitted_on + offset

    def without(self, folds, offset=0.0):
        left_out = np.isin(ROW % self.n_folds, folds)
        seen = np.intersect1d(SOME, ROW[~left_out])
        n = self.n_folds - len(folds)
        test = ROW[left_out]
        return FoldAnswers(
            test,
            self.held_out(n, offset)[test],
            seen,
            self.known(n, offset)[seen],
        )

    def change(self, of_folds, of_coarser, final):
        k = self.n_folds
        folds = [self.without([i], of_folds[i]) for i in range(k)]
        coarser = [
            self.without([i, (i + 1) % k], offset)
            for i, offset in zip(range(0, k, 2), of_coarser, strict=True)
        ]
        return change_by_refit(folds, coarser, SOME, final, WEIGHT)


@pytest.mark.parametrize("n_folds", [4, 5, 10])
def test_the_trend_over_sizes_goes_on(n_folds):
    fits = Fits(n_folds)
    no_offset = np.zeros(n_folds)
    final = fits.known(n_folds)[SOME]
    parts = fits.change(no_offset, no_offset[::2], final)
    moved = sum(answers @ mass for answers, _, mass, _ in parts)
    expected = WEIGHT @ (fits.held_out(n_folds) - fits.held_out(n_folds - 1))
    assert moved == pytest.approx(expected)


def test_the_final_fit_has_a_scale_of_its_own():
    """Fold offsets are removed, the final fit's offset is added, weighted by row."""
    fits = Fits(4)
    of_folds, of_coarser = np.array([3.0, -1.0, 0.5, 4.0]), np.array([-2.0, 5.0])
    final = fits.known(4, fits.offset)[SOME]
    parts = fits.change(of_folds, of_coarser, final)
    moved = sum(answers @ mass for answers, _, mass, _ in parts)
    before = WEIGHT @ (fits.held_out(3) + of_folds[ROW % 4])
    own = np.average(fits.offset[SOME], weights=WEIGHT[SOME])
    after = WEIGHT @ fits.held_out(4) + WEIGHT.sum() * own
    assert moved == pytest.approx(after - before)


def test_answers_come_with_their_rows_and_with_no_mass_in_all():
    fits = Fits(5)
    parts = fits.change(np.zeros(5), np.zeros(3), fits.known(5)[SOME])
    assert all(len(answers) == len(row) == len(mass) for answers, row, mass, _ in parts)
    assert sum(mass.sum() for _, _, mass, _ in parts) == pytest.approx(0)
    np.testing.assert_array_equal(parts[-1].row, SOME)
    # Rows without weight have no influence, in any part.
    for _, row, mass, _ in parts:
        np.testing.assert_array_equal(np.sign(np.abs(mass)), np.sign(WEIGHT[row]))
