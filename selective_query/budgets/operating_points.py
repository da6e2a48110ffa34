"""Operating points, with one threshold or several, and their certificates."""

from dataclasses import dataclass
from math import inf, isnan

import numpy as np

from selective_query._utils.numbers import check_probability, is_number
from selective_query.budgets._columns import part_that_reads
from selective_query.budgets.base import Budget, least_coverage


@dataclass(frozen=True)
class Certificate:
    """The guarantee about a budget on new data.

    Certificates are pointwise: those of several operating points need not hold jointly.
    Use ``RoutingPolicy.certify_jointly`` for certificates that do.

    Attributes
    ----------
    budget : Budget or None
        The certified budget; None if no budget was given (``coverage=None``).
    threshold : float or None
        The certified threshold on the query score; None if each group has its own.
    n : int or float
        Number of calibration rows, or the sum of their weights.
    confidence : float or None
        Probability, over the draw of the calibration rows, that the budget holds on new
        data. None: it holds on average, or is just met by the calibration rows; see
        `short_by`.
    exact : bool
        True if nothing was fitted on the calibration rows. The coverage at a threshold
        of rank k then follows a Beta(k, n + 1 - k) distribution if scores have no ties,
        and is stochastically no smaller with ties. For weighted rows, this holds if the
        weights are row counts. False: an approximation.
    method : str
        Name of the method that certified it.
    bound : float, tuple of float or None
        With a confidence, the value that holds with this confidence, one for each part
        of ``All``. With limits alone it is the lower bound on coverage from the rank of
        the threshold. With a floor present, it is the requested coverage for a limit,
        and the requested level for a floor. None without a confidence.
    vacuous : bool
        True if there were too few rows to certify anything, so that the budget is met
        trivially by an extreme: no queries (for a coverage) or all queries (for an
        excess error).
    rank : int or None
        Rank, among the calibration rows, of the score used as the threshold, if it was
        found by rank.
    short_by : tuple of (float or None), or None
        Without a confidence, for parts that the calibration rows just meet (floors,
        groups, costs of rows, mixtures): the typical shortfall, one standard error, by
        which new data miss the part about half of the time; nan if unknown. None for a
        part that is met by two standard errors or more. None as a whole for a threshold
        by rank, whose coverage holds on average.
    weighted : bool
        Whether any calibration row has a weight other than 0 or 1. Whole numbers may be
        row counts or importances; the library cannot tell which.
    """

    budget: Budget | None
    threshold: float | None
    n: float
    confidence: float | None
    exact: bool
    method: str
    bound: float | tuple[float | None, ...] | None = None
    vacuous: bool = False
    rank: float | None = None
    short_by: tuple[float | None, ...] | None = None
    weighted: bool = False

    def __post_init__(self):
        if self.confidence is not None:
            check_probability(self.confidence, "confidence")
        parts = () if self.budget is None else self.budget.parts
        for name, values in (("bound", self._bounds), ("short_by", self.short_by)):
            if values is not None and len(values) != len(parts):
                raise ValueError(
                    f"{name} must be known of each of the {len(parts)} parts of "
                    f"{self.budget}. Got {values}."
                )

    @property
    def _bounds(self):
        """The bound of each part, or None."""
        if self.bound is None or isinstance(self.bound, tuple):
            return self.bound
        return (self.bound,)

    def __str__(self):
        basis = f"{self.n:.6g} calibration rows"
        if self.weighted:
            basis = f"calibration rows of weight {self.n:.6g} in all"
        if self.budget is None:
            return "no certificate: no budget was given"
        if self.vacuous:
            extreme = "everything" if self.threshold == -inf else "nothing"
            return f"vacuous: {basis} are too few, so {extreme} is queried"
        if self.confidence is not None:
            shown = f"{self.budget}"
            if self.bound is not None:
                shown = ", ".join(
                    _with_bound(part, bound)
                    for part, bound in zip(self.budget.parts, self._bounds, strict=True)
                )
            return (
                f"{shown} holds on new data with probability {self.confidence:g} over "
                f"the draw of {basis}, by {self.method}"
            )
        if self.short_by is not None:
            met = "is met" if self.exact else "is met by estimate"
            return (
                f"{self.budget} {met} on {basis} ({self.method}){self._falls_short()}"
            )
        # Weights that are not counts have no exact distribution.
        exactly = self.exact and isinstance(self.n, int)
        how = f"exactly{self._if_counts}" if exactly else "approximately"
        return (
            f"{_as_coverage(self.budget)} holds on average, {how}, by {basis} "
            f"({self.method})"
        )

    @property
    def _if_counts(self):
        """A proviso for whole-number weights, which may be counts or importances."""
        may_count = self.weighted and isinstance(self.n, int)
        return " if sample_weight counts rows" if may_count else ""

    def _falls_short(self):
        short = [
            f"{part}" if isnan(by) else f"{part} by about {by:.2g}"
            for part, by in zip(self.budget.parts, self.short_by, strict=True)
            if by is not None
        ]
        if not short:
            return f", by two standard errors or more{self._if_counts}"
        missed = " and ".join(short)
        return f"; about half of the time, new data miss {missed}{self._if_counts}"


def _as_coverage(budget):
    """Limits as the coverage that they imply, which is what holds on average."""
    if all(part.bounds_coverage and part.states_coverage for part in budget.parts):
        return f"{budget}"
    return f"coverage >= {least_coverage(budget):.4g}, as {budget} takes,"


def _with_bound(part, bound):
    if part.bounds_coverage and bound is not None:
        return f"{part} (coverage bound {bound:.4g})"
    return str(part)


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold on the query score, and the coverage and accuracy that it gives.

    Attributes
    ----------
    threshold : float or None
        The base answers where the score is at most this. None if each group has its
        own.
    budget : Budget or None
        The requested budget.
    coverage : float
        Coverage on the calibration rows. If models are refitted, the coverage expected
        of the refitted models.
    accuracy : float
        Accuracy of the hybrid on the calibration rows, with abstentions counted as
        right; nan if their outcomes are unknown.
    certificate : Certificate
    """

    threshold: float | None
    budget: Budget | None
    coverage: float
    accuracy: float
    certificate: Certificate

    def __post_init__(self):
        if not is_number(self.threshold) or isnan(self.threshold):
            raise ValueError(f"threshold must be a number. Got {self.threshold!r}.")

    @property
    def asked_coverage(self):
        """The coverage that the budget implies, else that on the calibration rows.

        Floors and ``coverage=None`` imply none.
        """
        budget = self.budget
        if budget and budget.bounds_coverage and not budget.measures_quality:
            return least_coverage(budget)
        return float(np.clip(self.coverage, 0, 1))

    def keeps(self, score, evidence):
        """Whether the base answers, for each row.

        Parameters
        ----------
        score : ndarray of shape (n_samples,)
        evidence : Evidence
            Evidence of the same rows, for operating points that need more than the
            score.

        Returns
        -------
        ndarray of shape (n_samples,), bool
        """
        return score <= self.threshold

    def __str__(self):
        asked = "a positive benefit" if self.budget is None else f"{self.budget}"
        return (
            f"threshold {self.threshold:.6g} for {asked}: coverage {self.coverage:.4f} "
            f"on the calibration rows; {self.certificate}{self._caveats()}"
        )

    def _caveats(self):
        parts = () if self.budget is None else self.budget.parts
        told = (part.caveat(self.coverage) for part in parts if hasattr(part, "caveat"))
        return "".join(f"; {caveat}" for caveat in told if caveat)


@dataclass(frozen=True)
class GroupOperatingPoint(OperatingPoint):
    """One threshold on the query score for each group.

    Attributes
    ----------
    threshold : None
        Each group has its own threshold.
    budget : Budget
        The requested budget.
    coverage : float
        Coverage on all calibration rows.
    accuracy : float
        Accuracy of the hybrid on the calibration rows, with abstentions counted as
        right; nan if their outcomes are unknown.
    certificate : Certificate
    thresholds : tuple of (group, float)
        The base answers rows of a group whose score is at most its threshold.
    coverages : tuple of (group, float)
        Coverage of each group on the calibration rows.
    rounding_loss : float
        Estimated accuracy lost by using one threshold for each group instead of the
        best mixture of thresholds.
    """

    thresholds: tuple[tuple[str | float | bool, float], ...] = ()
    coverages: tuple[tuple[str | float | bool, float], ...] = ()
    rounding_loss: float = 0.0

    def __post_init__(self):
        groups = [group for group, _ in self.thresholds]
        by = part_that_reads(self.budget, "group")
        if not groups or len(set(groups)) < len(groups) or not (by or groups == [0]):
            raise ValueError(
                "thresholds must name each group of the budget once, or 0 where there "
                f"are none. Got {groups[:10]} for {self.budget}."
            )

    def keeps(self, score, evidence):
        """Whether the base answers, for each row.

        Rows whose predicted class did not occur among the calibration rows are kept.

        Parameters
        ----------
        score : ndarray of shape (n_samples,)
        evidence : Evidence
            Evidence of the same rows.

        Returns
        -------
        ndarray of shape (n_samples,), bool

        Raises
        ------
        ValueError
            If a row belongs to a group, other than a predicted class, that no
            calibration row belonged to.
        """
        groups = np.array([group for group, _ in self.thresholds])
        by = part_that_reads(self.budget, "group")
        # Without groups in the budget, all rows are one group.
        group = by.column(evidence) if by else np.zeros(evidence.n_rows, dtype=int)
        known = np.isin(group, groups)
        if known.all():
            return self._keeps(score, evidence, _places(group, groups))
        if not by.reads_base:
            _refuse_unknown_groups(group[~known], groups)
        place = np.zeros(len(score), dtype=int)
        place[known] = _places(group[known], groups)
        return self._keeps(score, evidence, place) | ~known

    def _keeps(self, score, evidence, place):
        return score <= np.array([t for _, t in self.thresholds])[place]

    def __str__(self):
        shown = ", ".join(f"{group}: {t:.6g}" for group, t in self.thresholds[:6])
        more = ", ..." if len(self.thresholds) > 6 else ""
        return (
            f"thresholds {shown}{more} for {self.budget}: coverage {self.coverage:.4f} "
            f"on the calibration rows; rounding loses {self.rounding_loss:.2g}; "
            f"{self.certificate}"
        )


@dataclass(frozen=True)
class MixedOperatingPoint(GroupOperatingPoint):
    """Several thresholds on the query score for each group, mixed at random.

    Attributes
    ----------
    threshold : None
        Each group has several thresholds.
    budget : Mixed
        The requested budget.
    coverage : float
        Coverage on all calibration rows.
    accuracy : float
        Accuracy of the hybrid on the calibration rows, with abstentions counted as
        right; nan if their outcomes are unknown.
    certificate : Certificate
    thresholds : tuple of (group, float)
        The thresholds that one threshold for each group would give.
    coverages : tuple of (group, float)
        Coverage of each group on the calibration rows.
    rounding_loss : float
        Estimated accuracy that one threshold for each group would lose.
    mixtures : tuple of tuple of (float, float)
        For each group, thresholds and the share of rows that each decides.
    """

    mixtures: tuple[tuple[tuple[float, float], ...], ...] = ()

    def __post_init__(self):
        super().__post_init__()
        n_groups = len(self.thresholds)
        if (
            not self.budget.mixes
            or len(self.mixtures) != n_groups
            or not all(self.mixtures)
        ):
            raise ValueError(
                f"mixtures must hold thresholds for each of the {n_groups} groups of a "
                f"Mixed budget. Got {len(self.mixtures)} for {self.budget}."
            )

    def _keeps(self, score, evidence, place):
        chance = self.budget.column(evidence)
        return kept_by_mixtures(self.mixtures, score, place, chance)


def kept_by_mixtures(mixtures, score, place, chance):
    """Whether each row is kept by the threshold that its random number selects."""
    kept = np.zeros(len(score), dtype=bool)
    for g, mixture in enumerate(mixtures):
        rows = place == g
        ends = np.cumsum([share for _, share in mixture])
        # Rows with the smallest random numbers get the lowest threshold.
        pick = np.minimum(
            np.searchsorted(ends, chance[rows], side="right"), len(mixture) - 1
        )
        kept[rows] = score[rows] <= np.array([t for t, _ in mixture])[pick]
    return kept


def _places(group, groups):
    """Position of each row's group among the known groups."""
    order = np.argsort(groups, kind="stable")
    return order[np.searchsorted(groups[order], group)]


def _refuse_unknown_groups(unknown, groups):
    raise ValueError(
        "Rows belong to groups that no calibration row belonged to: "
        f"{np.unique(unknown.astype(str))[:5].tolist()}. Known groups: "
        f"{groups[:10].tolist()}{' ...' if len(groups) > 10 else ''}. Calibrate with "
        "rows of every group, or map these to known ones."
    )
