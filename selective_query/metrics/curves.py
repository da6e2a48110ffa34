"""Rows sorted by score once, for curves under any weights."""

import numpy as np

from selective_query.metrics._inputs import check_rows
from selective_query.metrics._integrals import area_under_lines, sum_over_runs
from selective_query.metrics._packed_sort import sort_outcomes
from selective_query.metrics.coverage_curve import AccuracyCoverageCurve

__all__ = ["AccuracyCoverageCurve", "RankedRows", "accuracy_coverage_curve"]


def accuracy_coverage_curve(
    score, base_utility, global_utility=None, sample_weight=None
):
    """Accuracy of the hybrid over coverage.

    Rows are handed to the global in falling order of their score. Rows that score
    minus infinity are never queried and rows that score plus infinity always, so the
    curve of a bound such as the oracle covers only the coverages it would choose.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means query first.
    base_utility, global_utility : array-like of shape (n_samples,)
        How good each side's answer is, in [0, 1]; 1 for a right label and 0 for a
        wrong one. Without a global utility a query counts as right (abstention).
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    AccuracyCoverageCurve

    Raises
    ------
    ValueError
        When lengths differ, a score is NaN, or utilities or weights are out of range.

    Examples
    --------
    >>> from selective_query.metrics import accuracy_coverage_curve
    >>> curve = accuracy_coverage_curve([0.1, 0.9], [1, 0], [1, 1])
    >>> curve.accuracy_at([0, 0.5, 1])
    array([1. , 1. , 0.5])
    """
    score, base, gain, weight = check_rows(
        score, base_utility, global_utility, sample_weight
    )
    rows = RankedRows(score, base, gain, for_weights=weight is not None)
    return rows.curve(weight)


class RankedRows:
    """Rows sorted by score once, for curves under any weights.

    Parameters
    ----------
    score, base_utility, gain : ndarray of shape (n_samples,)
        As checked arrays; gain is the utility of a query minus that of the base.
        Integers are summed as integers: exactly, and in half the memory.
    for_weights : bool, default=True
        Whether curves under weights will be asked for. Without them the rows need not
        be put in order one by one, which is several times cheaper.

    Attributes
    ----------
    order : ndarray of shape (n_samples,)
        The rows from the first that the base keeps to the last; for weights only.
    base, gain : ndarray of shape (n_samples,)
        In this order.
    """

    def __init__(self, score, base_utility, gain, *, for_weights=True):
        found = None if for_weights else sort_outcomes(score, base_utility, gain)
        if found is None:
            order = np.argsort(score)
            ordered = score[order]
            at_end = np.append(ordered[1:] != ordered[:-1], True)
            found = base_utility[order], gain[order], at_end
            # As large as the scores, so it is kept only if it will be used.
            self.order = order if for_weights else None
        self.base, self.gain, at_end = found
        # Numbers of rows kept at the ends of tie groups; None where nothing is tied.
        self.stops = None
        if not at_end.all():
            self.stops = np.append(0, np.flatnonzero(at_end) + 1)
        # A group of minus infinity is never queried, one of plus infinity never kept.
        self.reach = slice(
            1 if score.min() == -np.inf else 0, -1 if score.max() == np.inf else None
        )

    def curve(self, weight=None):
        """The accuracy-coverage curve under these weights, shape (n_samples,).

        Parameters
        ----------
        weight : ndarray of shape (n_samples,), optional
            In the order in which the rows came; all one by default.

        Returns
        -------
        AccuracyCoverageCurve
        """
        base, gain = self.base, self.gain
        if weight is not None:
            weight = weight[self.order]
            base, gain = weight * base, weight * gain
        kept = self._kept(weight)
        total = kept[-1]
        coverage = kept[self.reach] / total
        del kept  # large, as is each of these columns
        base_sum = self._kept(base)
        base_total = base_sum[-1]
        base_share = base_sum[self.reach] / total
        del base_sum
        gain_sum = self._kept(gain)
        query_total = base_total + gain_sum[-1]
        return AccuracyCoverageCurve(
            coverage=coverage,
            accuracy=(query_total - gain_sum[self.reach]) / total,
            base_share=base_share,
            base_accuracy=float(base_total / total),
            global_accuracy=float(query_total / total),
        )

    def auroc(self, weight=None):
        """See :func:`selective_query.metrics.router_auroc`.

        Parameters
        ----------
        weight : ndarray of shape (n_samples,), optional
            In the order in which the rows came; all one by default.

        Returns
        -------
        float
        """
        useful = self.gain > 0
        if weight is not None:
            weight = weight[self.order]
            useful = weight * useful
        kept, useful = self._kept(weight), self._kept(useful)
        n_useful, n_other = float(useful[-1]), float(kept[-1] - useful[-1])
        if not n_useful or not n_other:
            return float("nan")

        def pairs_in_order(kept, useful):
            return area_under_lines(
                (kept - useful).astype(float), n_useful - useful.astype(float)
            )

        return sum_over_runs(pairs_in_order, kept, useful) / (n_useful * n_other)

    def _kept(self, values):
        """Sums over the rows kept, from none to all; None counts the rows."""
        n = len(self.base)
        if values is None:
            return np.arange(n + 1) if self.stops is None else self.stops
        whole = values.dtype.kind in "bi"
        small = np.int32 if n < 2**31 else np.int64
        sums = np.zeros(n + 1, dtype=small if whole else float)
        np.cumsum(values, dtype=sums.dtype, out=sums[1:])
        return sums if self.stops is None else sums[self.stops]
