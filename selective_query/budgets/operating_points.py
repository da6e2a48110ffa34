"""Operating points, with one threshold or several, and what is certain about them."""

from dataclasses import dataclass
from math import inf, isnan

import numpy as np

from selective_query._utils.numbers import check_probability, is_number
from selective_query.budgets._columns import part_that_reads
from selective_query.budgets.base import Budget, least_coverage


@dataclass(frozen=True)
class Certificate:
    """What is known about a budget on new data.

    Certificates are pointwise: those of several operating points need not hold
    together. ``RoutingPolicy.certify_jointly`` gives ones that do.

    Attributes
    ----------
    budget : Budget or None
        What is certified; None where nothing was asked for (``coverage=None``).
    threshold : float or None
        The threshold on the query score that it is certified for; None where each
        group has its own.
    n : int or float
        Number of calibration rows; the sum of their weights where they have some.
    confidence : float or None
        Probability, over the draw of the calibration rows, that the budget is kept on
        new data. None: it is kept on average, or just met by the calibration rows; see
        `short_by`.
    exact : bool
        True when nothing was fitted on the calibration rows. The coverage of a
        threshold of rank k then follows the Beta(k, n + 1 - k) law for scores without
        ties, and is stochastically no smaller with ties; of weighted rows, where the
        weights are counts of rows. False: an approximation.
    method : str
        How it was found.
    bound : float, tuple of float or None
        With a confidence, the value that holds with this confidence, one for each part
        of ``All``: of limits alone the lower bound of coverage that the threshold's
        rank gives, beside a floor the coverage that the limit asks for, of a floor the
        level asked for. None without a confidence.
    vacuous : bool
        True when the rows were too few to show anything, so that the budget is kept
        by the extreme that keeps it always: nothing is queried (a coverage), or
        everything (an excess error).
    rank : int or None
        The threshold is the score of this rank among the calibration rows, where it
        was found by rank.
    short_by : tuple of (float or None), or None
        Without a confidence, for what the calibration rows themselves just meet
        (floors, groups, costs of rows, mixtures): by how much new data fall short of
        each part about every second time, one standard error; nan where that is not
        known. None for a part that is met by two standard errors or more. None as a
        whole for a threshold by rank, whose coverage holds on average.
    weighted : bool
        Whether some calibration row weighs other than 0 or 1. Nothing tells whether
        whole numbers are counts of rows or importances.
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
        """The bound of each part, None where there is none."""
        if self.bound is None or isinstance(self.bound, tuple):
            return self.bound
        return (self.bound,)

    def __str__(self):
        basis = f"{self.n:.6g} calibration rows"
        if self.weighted:
            basis = f"calibration rows of weight {self.n:.6g} in all"
        if self.budget is None:
            return "no certificate: no budget was asked for"
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
        # Weights that are no counts follow no exact law.
        exactly = self.exact and isinstance(self.n, int)
        how = f"exactly{self._if_counts}" if exactly else "approximately"
        return (
            f"{_as_coverage(self.budget)} holds on average, {how}, by {basis} "
            f"({self.method})"
        )

    @property
    def _if_counts(self):
        """A proviso where weights are whole numbers, which may be importances too."""
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
        return f"; about every second time new data miss {missed}{self._if_counts}"


def _as_coverage(budget):
    """Limits as the coverage that they amount to: that is what holds on average."""
    if all(part.bounds_coverage and part.states_coverage for part in budget.parts):
        return f"{budget}"
    return f"coverage >= {least_coverage(budget):.4g}, as {budget} takes,"


def _with_bound(part, bound):
    if part.bounds_coverage and bound is not None:
        return f"{part} (coverage bound {bound:.4g})"
    return str(part)


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold on the query score, and what it gives.

    Attributes
    ----------
    threshold : float or None
        The base answers where the score is at most this. None where each group has its
        own.
    budget : Budget or None
        What was asked for.
    coverage : float
        The coverage on the calibration rows; of models that are fitted again, what is
        to be expected of those in use.
    accuracy : float
        Accuracy of the hybrid on the calibration rows, an abstention counted as right;
        nan where their outcomes are not known.
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
        """The coverage that the budget asks for, else that on the calibration rows.

        A budget of quality, and ``coverage=None``, ask for none.
        """
        budget = self.budget
        if budget and budget.bounds_coverage and not budget.measures_quality:
            return least_coverage(budget)
        return float(np.clip(self.coverage, 0, 1))

    def keeps(self, score, evidence):
        """Whether the base answers, for rows with these scores.

        Parameters
        ----------
        score : ndarray of shape (n_samples,)
        evidence : Evidence
            Of the same rows, for rules that look at more than the score.

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
    """A threshold on the query score for each group.

    Attributes
    ----------
    threshold : None
        There are several.
    budget : Budget
        What was asked for.
    coverage : float
        The coverage on all calibration rows.
    accuracy : float
        Accuracy of the hybrid on the calibration rows, an abstention counted as right;
        nan where their outcomes are not known.
    certificate : Certificate
    thresholds : tuple of (group, float)
        The base answers rows of a group that score at most this.
    coverages : tuple of (group, float)
        Coverage of each group on the calibration rows.
    rounding_loss : float
        Accuracy that one threshold for each group loses, by estimate, against the best
        mixture of thresholds.
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
        """Whether the base answers, for rows with these scores.

        A predicted class that no calibration row had stays with the base.

        Parameters
        ----------
        score : ndarray of shape (n_samples,)
        evidence : Evidence
            Of the same rows.

        Returns
        -------
        ndarray of shape (n_samples,), bool

        Raises
        ------
        ValueError
            When a row belongs to any other kind of group that no calibration row did.
        """
        groups = np.array([group for group, _ in self.thresholds])
        by = part_that_reads(self.budget, "group")
        # All rows are one group where none is asked for.
        group = by.column(evidence) if by else np.zeros(evidence.n_rows, dtype=int)
        known = np.isin(group, groups)
        if known.all():
            return self._keeps(score, evidence, _places(group, groups))
        if not by.reads_base:
            _refuse_strangers(group[~known], groups)
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
        There are several.
    budget : Mixed
        What was asked for.
    coverage : float
        The coverage on all calibration rows.
    accuracy : float
        Accuracy of the hybrid on the calibration rows, an abstention counted as right;
        nan where their outcomes are not known.
    certificate : Certificate
    thresholds : tuple of (group, float)
        What one threshold for each group would be.
    coverages : tuple of (group, float)
        Coverage of each group on the calibration rows.
    rounding_loss : float
        Accuracy that one threshold for each group would lose, by estimate.
    mixtures : tuple of tuple of (float, float)
        For each group, thresholds and the shares of the rows that each decides.
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
    """Whether each row is kept by the threshold that its chance picks in its group."""
    kept = np.zeros(len(score), dtype=bool)
    for g, mixture in enumerate(mixtures):
        rows = place == g
        ends = np.cumsum([share for _, share in mixture])
        # Rows with the smallest chance get the lowest threshold.
        pick = np.minimum(
            np.searchsorted(ends, chance[rows], side="right"), len(mixture) - 1
        )
        kept[rows] = score[rows] <= np.array([t for t, _ in mixture])[pick]
    return kept


def _places(group, groups):
    """Position of each row's group among the known ones."""
    order = np.argsort(groups, kind="stable")
    return order[np.searchsorted(groups[order], group)]


def _refuse_strangers(strangers, groups):
    raise ValueError(
        "Rows belong to groups that no calibration row belonged to: "
        f"{np.unique(strangers.astype(str))[:5].tolist()}. Known groups: "
        f"{groups[:10].tolist()}{' ...' if len(groups) > 10 else ''}. Calibrate with "
        "rows of every group, or map these to known ones."
    )
