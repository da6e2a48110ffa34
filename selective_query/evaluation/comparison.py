"""Result of a comparison of routers: a table, curves, and their differences."""

from dataclasses import dataclass, field

from selective_query.metrics.inference.paired_scores import PairedScores, check_compared

COLUMNS = (
    "router",
    "coverage",
    "realised_coverage",
    "accuracy",
    "accuracy_at_coverage",
    "accuracy_low",
    "accuracy_high",
)
# Marks for the difference to the reference.
DIFFERENCE_COLUMNS = ("difference", "p_adjusted", "verdict")
MARKS = {"better": "+", "worse": "-"}


@dataclass(frozen=True, eq=False)
class RouterComparison:
    """Result of :func:`compare_routers`.

    Attributes
    ----------
    rows : list of dict
        One row for each router and coverage, with the keys of ``to_frame``.
    curves : dict
        Accuracy-coverage curve on the test rows, by (router, coverage).
    base_accuracy, global_accuracy : float
        Accuracy of each side alone on the test rows.
    has_global : bool
        False if the comparison is of abstaining routers.
    n : int
        Number of test rows.
    confidence : float
        Confidence of the intervals.
    reference : str
        The router that the others are compared with.
    """

    rows: list
    curves: dict
    base_accuracy: float
    global_accuracy: float
    has_global: bool
    n: int
    confidence: float
    reference: str
    _paired: PairedScores = field(repr=False)

    def to_frame(self):
        """The rows as a pandas DataFrame.

        Returns
        -------
        DataFrame
            ``router``; the requested ``coverage``; ``realised_coverage`` and
            ``accuracy`` on the test rows, at the threshold learned on the training
            rows; ``accuracy_at_coverage`` at exactly the requested share of the test
            rows, averaged over ties: the figure for comparing routers; ``accuracy_low``
            and ``accuracy_high``, its pointwise interval; ``difference`` to the
            reference at this coverage, ``p_adjusted`` and ``verdict`` as in
            :meth:`differences`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        columns = (*COLUMNS, *DIFFERENCE_COLUMNS)
        return _frame([{**other, **row} for row, other in self._against()], columns)

    def differences(self, reference=None, *, margin=None, adjust="max_t"):
        """Differences in accuracy at coverage to one router, on the same rows.

        All routers and coverages form one family: ``p_adjusted`` and the simultaneous
        interval are valid even for the most striking difference. The verdict is
        "better" or "worse" if the adjusted difference is significant at the confidence
        of the comparison; otherwise "not inferior" if a margin was given and the
        simultaneous interval lies above minus the margin; otherwise "no difference
        shown".

        Parameters
        ----------
        reference : str or None, default=None
            None takes the reference of the comparison.
        margin : float or None, default=None
            Largest loss of accuracy that is acceptable; 0.005 is half a point.
        adjust : {"max_t", "holm", None}, default="max_t"
            "max_t" uses the distribution of the largest statistic, which accounts for
            the routers sharing the same test rows; "holm" is Holm's procedure; None
            does not adjust.

        Returns
        -------
        list of dict
            One for each router and coverage: ``router``, ``reference``, ``coverage``,
            ``difference``; pointwise ``low``, ``high`` and ``p_value``; ``p_adjusted``,
            ``low_simultaneous``, ``high_simultaneous``, ``not_inferior`` (None without
            a margin), ``verdict``.

        Raises
        ------
        ValueError
            If the reference was not compared, or a parameter is out of range.
        """
        reference = self.reference if reference is None else reference
        coverages = list(dict.fromkeys(row["coverage"] for row in self.rows))
        return self._paired.differences(
            reference, coverages, margin=margin, adjust=adjust
        )

    def differences_over(
        self, coverage_range, reference=None, *, margin=None, adjust="max_t"
    ):
        """Differences in mean accuracy to one router over a range of coverage.

        A router trained for several coverages is evaluated as trained for the first.

        Parameters
        ----------
        coverage_range : (float, float)
            In [0, 1].
        reference : str or None, default=None
            None takes the reference of the comparison.
        margin : float or None, default=None
            Largest loss of mean accuracy that is acceptable.
        adjust : {"max_t", "holm", None}, default="max_t"
            As in :meth:`differences`.

        Returns
        -------
        list of dict
            One for each router. ``difference`` is the mean over the range; the other
            keys are those of :meth:`differences`, ``coverage_low`` and
            ``coverage_high``. ``p_sup`` tests whether the curves differ anywhere in the
            range, by the largest difference in standard errors (``sup_statistic``, at
            ``sup_coverage``); ``p_sup_adjusted`` is Holm-adjusted over the routers.

        Raises
        ------
        ValueError
            If the reference was not compared, or a parameter is out of range.
        """
        reference = self.reference if reference is None else reference
        return self._paired.differences_over(
            reference, coverage_range, margin=margin, adjust=adjust
        )

    def bands(self, router, coverages=None, *, reference=None):
        """The curve of a router, or its difference to another curve, with a band.

        For a router that was trained for several coverages, the first curve is used.

        Parameters
        ----------
        router : str
        coverages : array-like of shape (n_coverages,), optional
            Increasing; 0, 0.01, ..., 1 by default.
        reference : str or None, default=None
            If given, the band is for the difference to this router.

        Returns
        -------
        CurveBand
            ``coverage``, ``estimate``; ``low`` and ``high``, which contain the whole
            curve with the comparison's confidence; ``low_pointwise`` and
            ``high_pointwise``; ``p_value`` for a difference anywhere.

        Raises
        ------
        ValueError
            If a router was not compared, or coverages are not increasing shares.
        """
        check_compared(router, "router", self._paired.names)
        return self._paired.band(router, coverages, reference=reference)

    def __str__(self):
        head = f"{self.n} test rows; base {100 * self.base_accuracy:.2f} %"
        if self.has_global:
            head += f", global {100 * self.global_accuracy:.2f} %"
        else:
            head += "; accuracies count an abstention as right"
        names = ("router", "asked", "realised", "accuracy", "at coverage", "interval")
        lines = [f"{names[0]:16}" + "".join(f"{name:>13}" for name in names[1:])]
        pairs = self._against()
        lines += [
            f"{r['router']:16}{r['coverage']:>13.2f}{r['realised_coverage']:>13.3f}"
            f"{r['accuracy']:>13.4f}{r['accuracy_at_coverage']:>13.4f}"
            f"  {r['accuracy_low']:.4f}-{r['accuracy_high']:.4f}"
            f"  {self._mark(r, other)}".rstrip()
            for r, other in pairs
        ]
        n_others = sum(row["router"] != self.reference for row in self.rows)
        if n_others:
            lines.append(
                f"+ better, - worse at coverage than {self.reference}: significant at "
                f"{100 * self.confidence:g} % for all {n_others} differences together; "
                "no mark: not significant."
            )
        return "\n".join([head, *lines])

    def _mark(self, row, other):
        """Mark of a verdict; no plus for a bound that keeps fewer than requested."""
        curve = self.curves[row["router"], row["coverage"]]
        misses = curve.coverage[-1] < row["coverage"]
        mark = MARKS.get(other["verdict"], "")
        return "" if misses and mark == "+" else mark

    def _against(self):
        """Each table row, with its difference to the reference."""
        found = {(d["router"], d["coverage"]): d for d in self.differences()}
        return [(row, found[row["router"], row["coverage"]]) for row in self.rows]


def _frame(rows, columns):
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "to_frame needs pandas: pip install pandas. The same rows are in .rows."
        ) from error
    return pd.DataFrame(rows, columns=list(columns))
