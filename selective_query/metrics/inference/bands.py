"""Confidence bands for a whole accuracy-coverage curve."""

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
        Accuracy at each coverage, or the difference of two accuracies.
    low, high : ndarray of shape (n_coverages,)
        The simultaneous band: with probability ``confidence``, the true curve lies
        inside at all these coverages.
    low_pointwise, high_pointwise : ndarray of shape (n_coverages,)
        Pointwise intervals. Use them only for a single coverage that was chosen in
        advance.
    confidence : float
    p_value : float or None
        For a difference: p-value for two equal curves at all these coverages.
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
        """Coverages at which the whole band lies above zero: the first is better.

        Returns
        -------
        ndarray
        """
        return self.coverage[self.low > 0]

    def below_zero(self):
        """Coverages at which the whole band lies below zero: the first is worse.

        Returns
        -------
        ndarray
        """
        return self.coverage[self.high < 0]


def band_from_family(coverages, family, *, is_difference):
    """The band from a family of estimates, one at each coverage.

    Parameters
    ----------
    coverages : ndarray of shape (n_coverages,)
    family : Family
    is_difference : bool
        Whether the estimates are differences, in [-1, 1], or accuracies, in [0, 1].

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
    """Return an increasing array of coverages, or raise a ValueError."""
    grid = np.atleast_1d(as_numbers(coverages, "coverages")).astype(float)
    inside = grid.ndim == 1 and len(grid) and ((grid >= 0) & (grid <= 1)).all()
    if not inside or (np.diff(grid) <= 0).any():
        raise ValueError(
            "coverages must be one or more shares in [0, 1] that rise. Got "
            f"{coverages!r}. For a whole curve, leave it out."
        )
    return grid


def check_coverage_range(coverage_range):
    """Return both ends of a range of coverage, or raise a ValueError."""
    ends = as_numbers(coverage_range, "coverage_range")
    if ends.shape != (2,) or not 0 <= ends[0] < ends[1] <= 1:
        raise ValueError(
            "coverage_range must be two shares (low, high) with 0 <= low < high <= 1. "
            f"Got {coverage_range!r}. For one coverage, use differences()."
        )
    return float(ends[0]), float(ends[1])
