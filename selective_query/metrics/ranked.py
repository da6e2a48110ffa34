"""Scores and outcomes sorted once: every metric is read from there."""

from functools import cached_property

import numpy as np

from selective_query._utils.numbers import as_column, check_finite
from selective_query._utils.validation import check_choice, check_flag
from selective_query.metrics._inputs import KEPT, check_rows, check_share
from selective_query.metrics._integrals import ROUNDING
from selective_query.metrics.curves import RankedRows


class RankedOutcomes:
    """Rows ranked by a score, of which every metric can be asked without a new sort.

    The functions of this module are each one question to such an object; whoever asks
    several about the same score asks the object.

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
        When shapes differ, a score is NaN, or utilities or weights are out of range.

    Examples
    --------
    >>> from selective_query.metrics import RankedOutcomes
    >>> ranked = RankedOutcomes([3, 2, 1, 0], [0, 1, 1, 1], [1, 1, 0, 1])
    >>> float(ranked.curve.accuracy_at(0.75)), ranked.router_auroc
    (1.0, 1.0)
    >>> round(ranked.normalised_deferral_area(), 3)
    0.667
    """

    def __init__(self, score, base_utility, global_utility=None, sample_weight=None):
        score, base, gain, weight = check_rows(
            score, base_utility, global_utility, sample_weight
        )
        rows = RankedRows(score, base, gain, for_weights=weight is not None)
        self._weight = None if weight is None else weight[rows.order]
        self._base, self._gain = rows.base, rows.gain
        self.router_auroc = rows.auroc(weight)
        self.curve = rows.curve(weight)

    def e_aurc(self, optimum="order"):
        """See :func:`selective_query.metrics.e_aurc`."""
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
        """See :func:`selective_query.metrics.normalised_deferral_area`."""
        check_flag(oracle_stops, "oracle_stops")
        gain = self._kinds[1].astype(float)
        if oracle_stops:
            gain[gain <= 0] = -np.inf
        best = self._best_curve(gain).deferral_area()
        random = (self.curve.base_accuracy + self.curve.global_accuracy) / 2
        if best - random <= ROUNDING:
            return float("nan")
        return (self.curve.deferral_area() - random) / (best - random)

    def summary(
        self, *, coverages=(0.9, 0.8, 0.7, 0.5), risks=(0.05,), gaps=(0.5, 0.8)
    ):
        """Every metric, by name.

        Parameters
        ----------
        coverages : iterable of float
            Where accuracy and selective accuracy are read.
        risks : iterable of float
            At which coverage is read.
        gaps : iterable of float
            Shares of the gap whose query rate is read.

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
        """Utility of the base, gain and weight of each kind of outcome.

        Where answers are right or wrong there are four kinds, and a perfect order of
        all rows is an order of four. Elsewhere each row is its own kind.
        """
        if self._base.dtype.kind == "f" or self._gain.dtype.kind == "f":
            return self._base, self._gain, self._weight
        base, gain = np.array([[0, 0, 1, 1], [0, 1, -1, 0]])
        weight = [
            np.count_nonzero(rows) if self._weight is None else self._weight[rows].sum()
            for rows in (
                (self._base == b) & (self._gain == g)
                for b, g in zip(base, gain, strict=True)
            )
        ]
        return base, gain, np.array(weight, dtype=float)

    def _best_curve(self, score):
        base, gain, weight = self._kinds
        return RankedRows(score, base, gain).curve(weight)
