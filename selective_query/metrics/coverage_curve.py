"""The accuracy of a hybrid over its coverage, and the metrics derived from it."""

from dataclasses import dataclass

import numpy as np

from selective_query._utils.numbers import as_numbers, check_finite, check_number
from selective_query.metrics._inputs import KEPT, check_share
from selective_query.metrics._integrals import (
    ROUNDING,
    area_under_lines,
    area_under_ratio,
    last_not_above_zero,
)
from selective_query.metrics.fronts import hull_area, upper_hull


@dataclass(frozen=True, eq=False)
class AccuracyCoverageCurve:
    """Hybrid accuracy at every coverage that a threshold on the score can give.

    Between two points, where a tied group is split, accuracy and the base's share are
    expectations over a random order of the group, which is a straight line. Infinite
    scores make some coverages impossible; for these, the curve returns the value at its
    nearest end.

    Attributes
    ----------
    coverage : ndarray of shape (n_points,)
        Share of inputs that the base answers, increasing.
    accuracy : ndarray of shape (n_points,)
        Mean utility of the hybrid's answers.
    base_share : ndarray of shape (n_points,)
        Base utility on the kept rows, as a mean over all inputs.
    base_accuracy, global_accuracy : float
        Mean utility of each side alone; 1 for the global if there is none.
    """

    coverage: np.ndarray
    accuracy: np.ndarray
    base_share: np.ndarray
    base_accuracy: float
    global_accuracy: float

    @classmethod
    def from_sums(cls, sums, reach):
        """The curve from sums over the kept rows, from none to all.

        Parameters
        ----------
        sums : iterable of three ndarray of shape (n_cuts,)
            Sums of weights, of the base's utility and of the benefit of a query;
            consumed one at a time, because they may be large.
        reach : slice
            The cuts that a rule can make.

        Returns
        -------
        AccuracyCoverageCurve
        """
        sums = iter(sums)
        column = next(sums)
        total = column[-1]
        coverage = column[reach] / total
        column = next(sums)
        base_total, base_share = column[-1], column[reach] / total
        column = next(sums)
        query_total = base_total + column[-1]
        return cls(
            coverage=coverage,
            accuracy=(query_total - column[reach]) / total,
            base_share=base_share,
            base_accuracy=float(base_total / total),
            global_accuracy=float(query_total / total),
        )

    def accuracy_at(self, coverage):
        """Hybrid accuracy at exactly this coverage, or at the nearest possible one.

        Parameters
        ----------
        coverage : float or array-like
            In [0, 1].

        Returns
        -------
        float or ndarray
        """
        coverage = check_share(coverage, "coverage", KEPT)
        return np.interp(coverage, self.coverage, self.accuracy)

    def selective_accuracy_at(self, coverage):
        """Accuracy of the base on the rows that it answers.

        Parameters
        ----------
        coverage : float or array-like
            In [0, 1].

        Returns
        -------
        float or ndarray
            nan if the base answers nothing.
        """
        coverage = check_share(coverage, "coverage", KEPT)
        possible = np.clip(coverage, self.coverage[0], self.coverage[-1])
        share = np.interp(possible, self.coverage, self.base_share)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(possible > 0, share / possible, np.nan)[()]

    def selective_risk_at(self, coverage):
        """One minus the selective accuracy.

        Parameters
        ----------
        coverage : float or array-like
            In [0, 1].

        Returns
        -------
        float or ndarray
            nan if the base answers nothing.
        """
        return 1 - self.selective_accuracy_at(coverage)

    def coverage_at_risk(self, risk):
        """Largest coverage with a selective risk within a limit.

        See :func:`selective_query.metrics.coverage_at_risk`.

        Parameters
        ----------
        risk : float or array-like
            In [0, 1].

        Returns
        -------
        float or ndarray
            nan if no coverage meets the limit.
        """
        what = "the largest mean loss of the base"
        values = as_numbers(risk, "risk")
        if not values.ndim:
            check_number(risk, "risk", 0, 1, what=what)
        check_share(values, "risk", what)
        # Actual minus allowed errors on the kept rows, as shares of all inputs.
        return self._last_within(
            values, lambda risk: self.coverage * (1 - risk) - self.base_share
        )

    def aurc(self):
        """Area under the risk-coverage curve; see :func:`selective_query.metrics.aurc`.

        Returns
        -------
        float
        """
        last = self.coverage[-1]
        if last == 0:
            return float("nan")
        share = area_under_ratio(self.coverage, self.base_share)
        # For impossible coverages, use the selective accuracy of the nearest end.
        share += self.base_share[0] + (1 - last) * self.base_share[-1] / last
        return float(1 - share)

    def augrc(self):
        """Area under the generalised risk-coverage curve.

        See :func:`selective_query.metrics.augrc`.

        Returns
        -------
        float
        """
        first, last = self.coverage[0], self.coverage[-1]
        kept = (last**2 - first**2) / 2 + first * first + (1 - last) * last
        return float(kept - self._area_under(self.base_share))

    def deferral_area(self):
        """Mean accuracy over all coverages.

        See :func:`selective_query.metrics.deferral_area`.

        Returns
        -------
        float
        """
        return float(self._area_under(self.accuracy))

    def pgr_at(self, query_rate):
        """Performance gap recovered; see :func:`selective_query.metrics.pgr`.

        Parameters
        ----------
        query_rate : float or array-like
            Share of inputs that are queried, in [0, 1].

        Returns
        -------
        float or ndarray
            nan if the global is no better than the base.
        """
        query_rate = check_share(query_rate, "query_rate", "the share of queries")
        return (self.accuracy_at(1 - query_rate) - self.base_accuracy) / self._gap

    def apgr(self):
        """Average performance gap recovered; see :func:`selective_query.metrics.apgr`.

        Returns
        -------
        float
            nan if the global is no better than the base.
        """
        return (self.deferral_area() - self.base_accuracy) / self._gap

    def cpt(self, recovered):
        """Smallest query rate that recovers a share of the gap.

        See :func:`selective_query.metrics.cpt`.

        Parameters
        ----------
        recovered : float or array-like
            Share of the gap between base and global.

        Returns
        -------
        float or ndarray
            nan if no query rate recovers it.
        """
        values = as_numbers(recovered, "recovered")
        if not values.ndim:
            what = "a share of the gap, as 0.8"
            check_number(recovered, "recovered", -np.inf, what=what)
        check_finite(values.ravel(), "recovered", each="value")
        gap, start = self._gap, self.base_accuracy
        return 1 - self._last_within(
            values, lambda share: start + share * gap - self.accuracy
        )

    def hull_area(self):
        """Mean accuracy over query rates if operating points may be mixed.

        :func:`selective_query.metrics.hull_area` with the query rate as cost. If every
        query costs the same, the result is the same with the actual costs of base and
        global, over the range from no query to a query for each input.

        Returns
        -------
        float
        """
        coverage, accuracy = upper_hull(self.coverage, self.accuracy)
        # Rates below the smallest possible one get its accuracy, as on the whole curve.
        rate, accuracy = np.append(1 - coverage, 0), np.append(accuracy, accuracy[-1])
        return hull_area(rate, accuracy, cost_range=(0, 1))

    def _last_within(self, limits, excess):
        """The largest coverage without excess over each limit; nan if there is none."""
        found = [
            last_not_above_zero(self.coverage, excess(limit))
            for limit in limits.ravel().tolist()
        ]
        return np.reshape(found, limits.shape) if limits.ndim else found[0]

    @property
    def _gap(self):
        gap = self.global_accuracy - self.base_accuracy
        return gap if gap > ROUNDING else float("nan")

    def _area_under(self, column):
        ends = self.coverage[0] * column[0] + (1 - self.coverage[-1]) * column[-1]
        return area_under_lines(self.coverage, column) + ends
