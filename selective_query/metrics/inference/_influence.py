"""Accuracy at a coverage, and the influence of each row on it."""

import numpy as np

from selective_query.metrics.ranked import RankedRows

# Half-width of the window around the threshold in which the benefit is read, in
# standard deviations of the share that a fixed threshold would keep: about as far as
# the threshold would move in another sample of the same size.
WINDOW = 2.0


class AccuracyReadings:
    r"""Accuracy at exactly the given coverages, with the influence of each row.

    With the utility q of a query, its benefit d, the share K of a row that the base
    keeps at coverage c, and the mean benefit m of rows at the threshold,

    .. math::

        \hat A(c) = \frac1n \sum_i (q_i - d_i K_i), \qquad
        \psi_i = q_i - d_i K_i - \hat A(c) + m\,(K_i - c).

    The last term accounts for learning the threshold from the same rows: with a few
    more rows below it, other rows would be queried instead, each with a benefit of m.
    It follows from the influence of a sample quantile, (c - K) / f, times the slope of
    the accuracy in the threshold, -m f; the density f cancels. Since -m is the slope of
    the curve in c, m is read from the curve.

    Parameters
    ----------
    score, base_utility, global_utility, weight : ndarray of shape (n_samples,)
    coverages : ndarray of shape (n_coverages,)

    Attributes
    ----------
    accuracy : ndarray of shape (n_coverages,)
    everywhere : ndarray of shape (n_coverages,)
        1 if the base answers all rows, 0 if all are queried, otherwise nan.
    span : float
        Largest minus smallest utility: the most that one row can change.

    References
    ----------
    van der Vaart, "Asymptotic Statistics", Cambridge 1998, sections 20.1 and 21.1.
    """

    def __init__(self, score, base_utility, global_utility, weight, coverages):
        self._score = np.asarray(score)
        self._query = np.asarray(global_utility, dtype=float)
        self._benefit = self._query - base_utility
        ranked = RankedRows(self._score, base_utility, self._benefit)
        curve = ranked.curve(weight)
        self.accuracy = curve.accuracy_at(coverages)
        # A rule with a lowest or highest possible coverage stays there when asked for
        # less or more, as its curve does.
        self._coverage = np.clip(coverages, curve.coverage[0], curve.coverage[-1])
        one_side = (self._coverage == 0) | (self._coverage == 1)
        self.everywhere = np.where(one_side, self._coverage, np.nan)
        utilities = np.stack([self._query, base_utility])
        self.span = float(np.ptp(utilities)) or 1.0
        self._cuts = ranked.rows.split_at(self._coverage, weight)
        self._benefit_at = _benefit_at_threshold(curve, self._coverage, weight)

    def influence(self, rows):
        """Influence of some rows on the accuracy at each coverage.

        Parameters
        ----------
        rows : slice

        Returns
        -------
        ndarray of shape (n_rows, n_coverages)
            The mean over all rows is zero.
        """
        kept = self._cuts.kept_share(self._score[rows, None])
        values = self._query[rows, None] - self.accuracy
        values = values - self._benefit_at * self._coverage
        values += kept * (self._benefit_at - self._benefit[rows, None])
        return values


def observations(weight):
    """Number of observations that each row represents, and the weight of each.

    Parameters
    ----------
    weight : ndarray of shape (n_samples,)
        Whole numbers are frequencies: a row of weight 2 is two rows. Other weights are
        importances: each row is one observation.

    Returns
    -------
    number, factor : ndarray of shape (n_samples,)
        Their product is the weight.
    """
    if (weight == np.round(weight)).all():
        return weight, np.ones_like(weight)
    return (weight > 0).astype(float), weight


def _benefit_at_threshold(curve, coverage, weight):
    """Mean benefit of the rows around each threshold."""
    number, factor = observations(weight)
    n_effective = weight.sum() ** 2 / (number @ factor**2)
    half = WINDOW * np.sqrt(coverage * (1 - coverage) / n_effective)
    first, last = curve.coverage[0], curve.coverage[-1]
    low, high = np.maximum(coverage - half, first), np.minimum(coverage + half, last)
    width = high - low
    fall = curve.accuracy_at(low) - curve.accuracy_at(high)
    # At an end that a rule cannot pass, the threshold does not move.
    inside = (coverage > first) & (coverage < last) & (width > 0)
    return np.where(inside, fall / np.where(width > 0, width, 1), 0.0)
