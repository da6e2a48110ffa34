"""Bands that hold a whole accuracy-coverage curve."""

from dataclasses import dataclass

import numpy as np

from selective_query._utils.numbers import as_numbers


@dataclass(frozen=True, eq=False)
class CurveBand:
    """A curve with a band around it, at a grid of coverages.

    Attributes
    ----------
    coverage : ndarray of shape (n_coverages,)
    estimate : ndarray of shape (n_coverages,)
        Accuracy at each coverage, or the difference of two.
    low, high : ndarray of shape (n_coverages,)
        The simultaneous band: the true curve lies inside at all these coverages
        together with probability ``confidence``.
    low_pointwise, high_pointwise : ndarray of shape (n_coverages,)
        Intervals that hold at each coverage by itself. A curve is to be read by these
        at one coverage only, which was chosen beforehand.
    confidence : float
    p_value : float or None
        For a difference: of the two curves being the same at all these coverages.
    """

    coverage: np.ndarray
    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    low_pointwise: np.ndarray
    high_pointwise: np.ndarray
    confidence: float
    p_value: float | None = None

    def above_zero(self):
        """Coverages at which the whole band lies above zero: A is better than B.

        Returns
        -------
        ndarray
        """
        return self.coverage[self.low > 0]

    def below_zero(self):
        """Coverages at which the whole band lies below zero: A is worse than B.

        Returns
        -------
        ndarray
        """
        return self.coverage[self.high < 0]


def band_from_family(coverages, family, *, is_difference):
    """The band of a family of estimates, one at each coverage.

    Parameters
    ----------
    coverages : ndarray of shape (n_coverages,)
    family : Family
    is_difference : bool
        Of two accuracies, in [-1, 1]; one accuracy lies in [0, 1].

    Returns
    -------
    CurveBand
    """
    least = -1.0 if is_difference else 0.0
    bounds = (
        np.clip(bound, least, 1)
        for bound in (
            family.low_simultaneous,
            family.high_simultaneous,
            family.low,
            family.high,
        )
    )
    return CurveBand(
        coverages,
        family.estimate,
        *bounds,
        confidence=family.confidence,
        p_value=float(family.p_adjusted.min()) if is_difference else None,
    )


def check_coverage_grid(coverages):
    """Coverages as an array that rises, or a ValueError."""
    grid = np.atleast_1d(as_numbers(coverages, "coverages")).astype(float)
    inside = grid.ndim == 1 and len(grid) and ((grid >= 0) & (grid <= 1)).all()
    if not inside or (np.diff(grid) <= 0).any():
        raise ValueError(
            "coverages must be one or more shares in [0, 1] that rise. Got "
            f"{coverages!r}. For a whole curve, leave it out."
        )
    return grid


def check_coverage_range(coverage_range):
    """Both ends of a range of coverage, or a ValueError."""
    ends = as_numbers(coverage_range, "coverage_range")
    if ends.shape != (2,) or not 0 <= ends[0] < ends[1] <= 1:
        raise ValueError(
            "coverage_range must be two shares (low, high) with 0 <= low < high <= 1. "
            f"Got {coverage_range!r}. For one coverage, use differences()."
        )
    return float(ends[0]), float(ends[1])
