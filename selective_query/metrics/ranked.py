"""Scores and outcomes sorted once, as a basis for all curves and metrics."""

from functools import cached_property

import numpy as np

from selective_query._utils.numbers import as_column, check_finite
from selective_query._utils.validation import check_choice, check_flag
from selective_query.metrics._inputs import KEPT, check_rows, check_share
from selective_query.metrics._integrals import (
    ROUNDING,
    area_under_lines,
    sum_over_runs,
)
from selective_query.metrics.coverage_curve import AccuracyCoverageCurve
from selective_query.outcomes._sorted_rows import SortedRows


class RankedRows:
    """Rows sorted once by score, for curves under any weights.

    Parameters
    ----------
    score, base_utility, benefit : ndarray of shape (n_samples,)
        Checked arrays. Integers are summed as integers: exactly, and in half the
        memory.
    for_weights : bool, default=True
        Whether curves under weights will be needed. Without them, the rows need not be
        sorted individually, which is faster.

    Attributes
    ----------
    rows : SortedRows
    base, benefit : ndarray of shape (n_samples,)
        In the sorted order.
    """

    def __init__(self, score, base_utility, benefit, *, for_weights=True):
        if for_weights:
            self.rows = SortedRows(score)
            order = self.rows.order
            self.base, self.benefit = base_utility[order], benefit[order]
        else:
            self.rows, self.base, self.benefit = SortedRows.with_outcomes(
                score, base_utility, benefit
            )

    def curve(self, weight=None):
        """The accuracy-coverage curve under these weights.

        Parameters
        ----------
        weight : ndarray of shape (n_samples,), optional
            In the original order of the rows; all one by default.

        Returns
        -------
        AccuracyCoverageCurve
        """
        columns = None, self.base, self.benefit
        if weight is not None:
            weight = weight[self.rows.order]
            columns = weight, weight * self.base, weight * self.benefit
        return AccuracyCoverageCurve.from_sums(
            map(self.rows.kept, columns), self.rows.reach
        )

    def auroc(self, weight=None):
        """See :func:`selective_query.metrics.router_auroc`.

        Parameters
        ----------
        weight : ndarray of shape (n_samples,), optional
            In the original order of the rows; all one by default.

        Returns
        -------
        float
        """
        useful = self.benefit > 0
        if weight is not None:
            weight = weight[self.rows.order]
            useful = weight * useful
        kept, useful = self.rows.kept(weight), self.rows.kept(useful)
        n_useful, n_other = float(useful[-1]), float(kept[-1] - useful[-1])
        if not n_useful or not n_other:
            return float("nan")

        def pairs_in_order(kept, useful):
            return area_under_lines(
                (kept - useful).astype(float), n_useful - useful.astype(float)
            )

        return sum_over_runs(pairs_in_order, kept, useful) / (n_useful * n_other)


def stopping_at_harm(benefit):
    """The score of an oracle that never queries where a query does not help."""
    return np.where(benefit > 0, benefit, -np.inf)


def accuracy_coverage_curve(
    score, base_utility, global_utility=None, *, sample_weight=None
):
    """Accuracy of the hybrid over coverage.

    Rows are queried in decreasing order of their score. Rows that score minus infinity
    are never queried, and rows that score plus infinity always are, so the curve of a
    bound such as the oracle covers only the coverages that it would choose.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means query first.
    base_utility, global_utility : array-like of shape (n_samples,)
        Utility of each side's answer, in [0, 1]; 1 for a right label and 0 for a wrong
        one. Without a global utility a query counts as right (abstention).
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    AccuracyCoverageCurve

    Raises
    ------
    ValueError
        If lengths differ, a score is NaN, or utilities or weights are out of range.

    Examples
    --------
    >>> from selective_query.metrics import accuracy_coverage_curve
    >>> curve = accuracy_coverage_curve([0.1, 0.9], [1, 0], [1, 1])
    >>> curve.accuracy_at([0, 0.5, 1])
    array([1. , 1. , 0.5])
    """
    *columns, weight = check_rows(score, base_utility, global_utility, sample_weight)
    return RankedRows(*columns, for_weights=weight is not None).curve(weight)


class RankedOutcomes:
    """Rows ranked by a score; any metric can be computed without sorting again.

    Each function of this module computes one metric. To compute several for the same
    score, use this object.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means query first.
    base_utility, global_utility : array-like of shape (n_samples,)
        Utility of each side's answer, in [0, 1]. Without a global utility a query
        counts as right (abstention).
    sample_weight : array-like of shape (n_samples,), optional
        Frequency weights: a row of weight 2 is two rows.

    Attributes
    ----------
    curve : AccuracyCoverageCurve
        Answers ``accuracy_at``, ``selective_accuracy_at``, ``selective_risk_at``,
        ``coverage_at_risk``, ``aurc``, ``augrc``, ``deferral_area``, ``pgr_at``,
        ``apgr``, ``cpt`` and ``hull_area``.
    router_auroc : float
        See :func:`selective_query.metrics.router_auroc`.

    Raises
    ------
    ValueError
        If shapes differ, a score is NaN, or utilities or weights are out of range.

    Examples
    --------
    >>> from selective_query.metrics import RankedOutcomes
    >>> ranked = RankedOutcomes([3, 2, 1, 0], [0, 1, 1, 1], [1, 1, 0, 1])
    >>> float(ranked.curve.accuracy_at(0.75)), ranked.router_auroc
    (1.0, 1.0)
    >>> round(ranked.normalised_deferral_area(), 3)
    0.667
    """

    def __init__(self, score, base_utility, global_utility=None, *, sample_weight=None):
        *columns, weight = check_rows(
            score, base_utility, global_utility, sample_weight
        )
        ranked = RankedRows(*columns, for_weights=weight is not None)
        self._weight = None if weight is None else weight[ranked.rows.order]
        self._base, self._benefit = ranked.base, ranked.benefit
        self.router_auroc = ranked.auroc(weight)
        self.curve = ranked.curve(weight)

    def e_aurc(self, optimum="order"):
        """Excess of the AURC over that of a perfect ranking.

        See :func:`selective_query.metrics.e_aurc`.

        Parameters
        ----------
        optimum : {"order", "closed_form"}, default="order"
            The best order of these rows, or r + (1 - r) ln(1 - r).

        Returns
        -------
        float
        """
        check_choice(
            optimum,
            "optimum",
            ("order", "closed_form"),
            hint="The area of a perfect ranking, or r + (1 - r) ln(1 - r).",
        )
        if optimum == "order":
            best = self._best_curve(-self._kinds[0]).aurc()
        else:
            right = self.curve.base_accuracy
            best = 1 - right + (right * np.log(right) if right > 0 else 0.0)
        return float(self.curve.aurc() - best)

    def normalised_deferral_area(self, *, oracle_stops=False):
        """Deferral area, scaled to 0 for a random score and 1 for a perfect one.

        See :func:`selective_query.metrics.normalised_deferral_area`.

        Parameters
        ----------
        oracle_stops : bool, default=False
            Whether the perfect score never queries a row that a query harms.

        Returns
        -------
        float
            nan if no score is better than a random one.
        """
        check_flag(oracle_stops, "oracle_stops")
        benefit = self._kinds[1].astype(float)
        score = stopping_at_harm(benefit) if oracle_stops else benefit
        best = self._best_curve(score).deferral_area()
        random = (self.curve.base_accuracy + self.curve.global_accuracy) / 2
        if best - random <= ROUNDING:
            return float("nan")
        return (self.curve.deferral_area() - random) / (best - random)

    def summary(
        self, *, coverages=(0.9, 0.8, 0.7, 0.5), risks=(0.05,), gaps=(0.5, 0.8)
    ):
        """All metrics, by name.

        Parameters
        ----------
        coverages : iterable of float
            Coverages at which accuracy and selective accuracy are computed.
        risks : iterable of float
            Risks at which the coverage is computed.
        gaps : iterable of float
            Shares of the gap for which the query rate is computed.

        Returns
        -------
        dict of str to float
        """
        curve = self.curve
        coverages = check_share(as_column(coverages, "coverages"), "coverages", KEPT)
        risks = check_share(as_column(risks, "risks"), "risks", "mean losses")
        gaps = check_finite(as_column(gaps, "gaps"), "gaps")
        return {
            "base_accuracy": curve.base_accuracy,
            "global_accuracy": curve.global_accuracy,
            **{f"accuracy_at_{c:g}": float(curve.accuracy_at(c)) for c in coverages},
            "deferral_area": curve.deferral_area(),
            "normalised_deferral_area": self.normalised_deferral_area(),
            "apgr": curve.apgr(),
            **{f"cpt_{gap:g}": curve.cpt(gap) for gap in gaps},
            "hull_area": curve.hull_area(),
            "router_auroc": self.router_auroc,
            **{
                f"selective_accuracy_at_{c:g}": float(curve.selective_accuracy_at(c))
                for c in coverages
            },
            **{f"coverage_at_risk_{r:g}": curve.coverage_at_risk(r) for r in risks},
            "aurc": curve.aurc(),
            "e_aurc": self.e_aurc(),
            "augrc": curve.augrc(),
        }

    @cached_property
    def _kinds(self):
        """Utility of the base, benefit and weight of each kind of outcome.

        If answers are right or wrong, there are four kinds, and a perfect order of all
        rows is an order of these four. Otherwise each row is its own kind.
        """
        if self._base.dtype.kind == "f" or self._benefit.dtype.kind == "f":
            return self._base, self._benefit, self._weight
        base, benefit = np.array([[0, 0, 1, 1], [0, 1, -1, 0]])
        weight = [
            np.count_nonzero(rows) if self._weight is None else self._weight[rows].sum()
            for rows in (
                (self._base == b) & (self._benefit == d)
                for b, d in zip(base, benefit, strict=True)
            )
        ]
        return base, benefit, np.array(weight, dtype=float)

    def _best_curve(self, score):
        base, benefit, weight = self._kinds
        return RankedRows(score, base, benefit).curve(weight)
