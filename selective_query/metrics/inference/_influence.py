"""Accuracy at a coverage, and what each row contributes to it."""

import numpy as np

from selective_query.metrics.ranked import RankedRows

# Half-width of the window in which the benefit at the threshold is read, in standard
# deviations of the share that a fixed threshold would keep: about as far as another
# sample of as many rows would move the threshold.
WINDOW = 2.0


class AccuracyReadings:
    r"""Accuracy at exactly these coverages, with the influence of each row.

    With q the utility of a query, d its benefit, K the share of a row that the base
    keeps at coverage c and m the mean benefit of rows at the threshold,

    .. math::

        \hat A(c) = \frac1n \sum_i (q_i - d_i K_i), \qquad
        \psi_i = q_i - d_i K_i - \hat A(c) + m\,(K_i - c).

    The last term is the price of a threshold that is learned from the same rows: were
    a few more rows below it, others would be queried in their stead, each of which
    brings m. It follows from the influence of a sample quantile, (c - K) / f, times the
    slope of the accuracy in the threshold, -m f; the density f drops out. As m is the
    falling slope of the curve in c, it is read from the curve.

    Parameters
    ----------
    score, base_utility, global_utility, weight : ndarray of shape (n_samples,)
    coverages : ndarray of shape (n_coverages,)

    Attributes
    ----------
    accuracy : ndarray of shape (n_coverages,)
    everywhere : ndarray of shape (n_coverages,)
        1 where the base answers all rows, 0 where all are queried, else nan.
    span : float
        Largest utility minus the smallest: what one row can decide.

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
        # A rule with a least or largest coverage stays there when asked for less or
        # more, as its curve does.
        self._coverage = np.clip(coverages, curve.coverage[0], curve.coverage[-1])
        one_side = (self._coverage == 0) | (self._coverage == 1)
        self.everywhere = np.where(one_side, self._coverage, np.nan)
        utilities = np.stack([self._query, base_utility])
        self.span = float(np.ptp(utilities)) or 1.0
        self._cuts = ranked.rows.split_at(self._coverage, weight)
        self._benefit_at = _benefit_at_threshold(curve, self._coverage, weight)

    def influence(self, rows):
        """Influence values of some rows.

        Parameters
        ----------
        rows : slice

        Returns
        -------
        ndarray of shape (n_rows, n_coverages)
            With mean zero over all rows.
        """
        kept = self._cuts.kept_share(self._score[rows, None])
        values = self._query[rows, None] - self.accuracy
        values = values - self._benefit_at * self._coverage
        values += kept * (self._benefit_at - self._benefit[rows, None])
        return values


def observations(weight):
    """How many observations each row is, and what each of them counts.

    Parameters
    ----------
    weight : ndarray of shape (n_samples,)
        Whole numbers are frequencies: a row of weight 2 is two rows. Others say how
        much a row stands for; each is one observation.

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
    # At an end that a rule cannot pass, no threshold moves.
    inside = (coverage > first) & (coverage < last) & (width > 0)
    return np.where(inside, fall / np.where(width > 0, width, 1), 0.0)
