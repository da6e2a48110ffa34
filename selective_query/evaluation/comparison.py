"""What a comparison of routers found: a table, curves, and their differences."""

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
# Against the reference of the comparison.
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
        Of each side alone, on the test rows.
    has_global : bool
        False for a comparison of abstaining routers.
    n : int
        Number of test rows.
    confidence : float
        Of the intervals.
    reference : str
        The router that the others are held against.
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
            ``router``; ``coverage`` asked for; ``realised_coverage`` and ``accuracy``
            on the test rows at the threshold learned on the training rows;
            ``accuracy_at_coverage`` at exactly the asked share of the test rows, ties
            averaged: what routers are compared by; ``accuracy_low`` and
            ``accuracy_high``, the interval of the latter by itself; ``difference`` to
            the reference at this coverage, ``p_adjusted`` and ``verdict`` as in
            :meth:`differences`.

        Raises
        ------
        ImportError
            When pandas is not installed.
        """
        columns = (*COLUMNS, *DIFFERENCE_COLUMNS)
        return _frame([{**other, **row} for row, other in self._against()], columns)

    def differences(self, reference=None, *, margin=None, adjust="max_t"):
        """Accuracy at coverage minus that of one router, on the same rows.

        All routers and coverages are one family: ``p_adjusted`` and the simultaneous
        interval hold for the most striking of them as for any other. The verdict is
        "better" or "worse" where the adjusted difference is shown at the confidence of
        the comparison; else "not inferior" where a margin was given and the
        simultaneous interval lies above minus the margin; else "no difference shown".

        Parameters
        ----------
        reference : str or None, default=None
            None takes the reference of the comparison.
        margin : float or None, default=None
            Largest loss of accuracy that does not matter; 0.005 is half a point.
        adjust : {"max_t", "holm", None}, default="max_t"
            The largest statistic's own distribution, which uses that all routers are
            judged on the same rows; Holm's procedure; or no adjustment.

        Returns
        -------
        list of dict
            One for each router and coverage: ``router``, ``reference``, ``coverage``,
            ``difference``; ``low``, ``high``, ``p_value`` of each by itself;
            ``p_adjusted``, ``low_simultaneous``, ``high_simultaneous``,
            ``not_inferior`` (None without a margin), ``verdict``.

        Raises
        ------
        ValueError
            When the reference was not compared, or a parameter is out of range.
        """
        reference = self.reference if reference is None else reference
        coverages = list(dict.fromkeys(row["coverage"] for row in self.rows))
        return self._paired.differences(
            reference, coverages, margin=margin, adjust=adjust
        )

    def differences_over(
        self, coverage_range, reference=None, *, margin=None, adjust="max_t"
    ):
        """Accuracy minus that of one router over a range of coverage.

        A router trained for several coverages is judged as trained for the first.

        Parameters
        ----------
        coverage_range : (float, float)
            In [0, 1].
        reference : str or None, default=None
            None takes the reference of the comparison.
        margin : float or None, default=None
            Largest loss of mean accuracy that does not matter.
        adjust : {"max_t", "holm", None}, default="max_t"
            As in :meth:`differences`.

        Returns
        -------
        list of dict
            One for each router. ``difference`` is the mean over the range, with the
            keys of :meth:`differences`, ``coverage_low`` and ``coverage_high``.
            ``p_sup`` tests whether the curves differ anywhere in the range, by the
            largest difference in standard errors (``sup_statistic``, at
            ``sup_coverage``); ``p_sup_adjusted`` is Holm's over the routers.

        Raises
        ------
        ValueError
            When the reference was not compared, or a parameter is out of range.
        """
        reference = self.reference if reference is None else reference
        return self._paired.differences_over(
            reference, coverage_range, margin=margin, adjust=adjust
        )

    def bands(self, router, coverages=None, *, reference=None):
        """The curve of a router, or its difference to another's, with a band.

        A router trained for several coverages shows the curve of the first.

        Parameters
        ----------
        router : str
        coverages : array-like of shape (n_coverages,), optional
            Rising; 0, 0.01, ..., 1 by default.
        reference : str or None, default=None
            The band of the difference to this router instead.

        Returns
        -------
        CurveBand
            ``coverage``, ``estimate``; ``low`` and ``high``, between which the whole
            curve lies with the comparison's confidence; ``low_pointwise`` and
            ``high_pointwise``; ``p_value`` of a difference anywhere.

        Raises
        ------
        ValueError
            When a router was not compared, or coverages are no rising shares.
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
                f"+ better, - worse at coverage than {self.reference}: shown at "
                f"{100 * self.confidence:g} % for all {n_others} differences together; "
                "without a mark, not shown."
            )
        return "\n".join([head, *lines])

    def _mark(self, row, other):
        """Of a verdict; a bound that keeps fewer than asked earns no plus."""
        curve = self.curves[row["router"], row["coverage"]]
        misses = curve.coverage[-1] < row["coverage"]
        mark = MARKS.get(other["verdict"], "")
        return "" if misses and mark == "+" else mark

    def _against(self):
        """Each row, and its difference to the reference."""
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
