"""The accuracy-coverage curve of rows that arrive in chunks, in bounded memory."""

import numpy as np

from selective_query._utils.numbers import check_whole
from selective_query.metrics._inputs import check_rows
from selective_query.metrics.coverage_curve import AccuracyCoverageCurve
from selective_query.outcomes._sorted_rows import SortedRows, reachable


class RunningCurve:
    """The accuracy-coverage curve of rows that arrive in chunks, in bounded memory.

    Rows with equal scores form one group, as on every curve. Up to `max_points` groups,
    the curve equals that of :func:`~selective_query.metrics.accuracy_coverage_curve`.
    Beyond that, neighbouring groups are pooled, as if their scores were tied: the
    remaining points are still points of the full curve, and the straight lines between
    them are off by at most ``error_bound``.

    Parameters
    ----------
    max_points : int, default=100_000
        Maximum number of groups in memory, at least 16; each takes 40 bytes.

    Attributes
    ----------
    curve : AccuracyCoverageCurve
    error_bound : float
        Maximum error of the curve's accuracy at any coverage: half the share of rows in
        the largest pooled group, or 0.0 if the curve is exact. At most about ``4 /
        max_points`` if rows arrive in random order; it may be larger if they arrive
        sorted by something that the score depends on.

    Raises
    ------
    ValueError
        If `max_points` is too small, or the curve is requested before any rows.

    Examples
    --------
    >>> from selective_query.metrics import RunningCurve
    >>> running = RunningCurve()
    >>> _ = running.add([0.1, 0.9], [1, 0], [1, 1])
    >>> running.add([0.5, 0.2], [0, 1], [1, 0]).error_bound
    0.0
    >>> running.curve.accuracy_at([0, 0.5, 1])
    array([0.75, 1.  , 0.5 ])
    """

    def __init__(self, max_points=100_000):
        check_whole(
            max_points, "max_points", 16, hint="It is how many groups are kept."
        )
        self.max_points = max_points
        # One column for each group, in increasing order: lowest and highest score, and
        # the sums of weight, utility of the base and benefit of a query.
        self._groups = np.empty((5, 0))

    def add(self, score, base_utility, global_utility=None, *, sample_weight=None):
        """Add further rows.

        Parameters
        ----------
        score : array-like of shape (n_samples,)
            Rows with the highest score are queried first.
        base_utility : array-like of shape (n_samples,)
            Utility of the base's answers, in [0, 1].
        global_utility : array-like of shape (n_samples,) or None, default=None
            Utility of the global's answers; None for abstention.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Frequency weights; all may be zero here.

        Returns
        -------
        self
        """
        *rows, weight = check_rows(
            score, base_utility, global_utility, sample_weight, may_vanish=True
        )
        if weight is not None and not weight.any():
            return self
        new = _tie_groups(*rows, weight)
        low, high = self._groups[:2]
        place = np.searchsorted(high, new[0])
        inside = place < len(high)
        inside[inside] = low[place[inside]] <= new[0][inside]
        for sums, more in zip(self._groups[2:], new[2:, inside], strict=True):
            sums += np.bincount(place[inside], weights=more, minlength=len(sums))
        self._groups = np.insert(self._groups, place[~inside], new[:, ~inside], axis=1)
        if self._groups.shape[1] > self.max_points:
            self._groups = _pooled(self._groups, self.max_points)
        return self

    @property
    def curve(self):
        """The curve of all rows so far."""
        if not self._groups.size:
            raise ValueError(
                "There are no rows. Give at least one, of a sample_weight above 0."
            )
        sums = np.pad(np.cumsum(self._groups[2:], axis=1), ((0, 0), (1, 0)))
        reach = reachable(self._groups[0, 0], self._groups[1, -1])
        return AccuracyCoverageCurve.from_sums(sums, reach)

    @property
    def error_bound(self):
        """Largest possible error of the curve's accuracy."""
        low, high, weight = self._groups[:3]
        pooled = weight[low != high]
        # Accuracy changes by at most one per unit of coverage, so between two points it
        # deviates from their line by at most half their distance.
        return float(pooled.max() / weight.sum() / 2) if len(pooled) else 0.0


def _tie_groups(score, base, benefit, weight):
    """Columns of (score, score, weight, base, benefit), one for each tied group."""
    rows = SortedRows(score.astype(float, copy=False))
    weight = np.ones(len(score)) if weight is None else weight
    sums = (
        np.bincount(rows.group, c) for c in (weight, weight * base, weight * benefit)
    )
    return np.vstack([rows.level, rows.level, *sums])


def _pooled(groups, max_points):
    """Pool neighbouring groups, to at most three quarters of `max_points`.

    Large groups and groups with infinite scores are not pooled.
    """
    low, high, weight = groups[:3]
    most = 4 * weight.sum() / max_points
    alone = (weight >= most) | np.isinf(low) | np.isinf(high)
    slot = np.floor((np.cumsum(weight) - weight) / most)
    starts = np.flatnonzero(
        np.r_[True, (slot[1:] != slot[:-1]) | alone[1:] | alone[:-1]]
    )
    ends = np.append(starts[1:], len(low)) - 1
    sums = np.add.reduceat(groups[2:], starts, axis=1)
    return np.vstack([low[starts], high[ends], sums])
