"""Operating points: a threshold, one for each group, or a mixture for each group."""

from dataclasses import dataclass
from math import isnan

import numpy as np

from selective_query._utils.numbers import is_number
from selective_query.budgets._columns import part_that_reads
from selective_query.budgets.base import Budget
from selective_query.budgets.certificates import Certificate


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
        The coverage on the calibration rows; of models that are fitted anew, what is
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
            f"on the calibration rows; {self.certificate}"
        )


@dataclass(frozen=True)
class GroupOperatingPoint(OperatingPoint):
    """A threshold on the query score for each group.

    Attributes
    ----------
    thresholds : tuple of (group, float)
    coverages : tuple of (group, float)
        Coverage of each group on the calibration rows.
    rounding_loss : float
        Accuracy that one threshold for each group loses, by estimate, against the best
        mixture of thresholds.
    threshold : float
        None; there are several.
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
    mixtures : tuple of tuple of (float, float)
        For each group, thresholds and the shares of the rows that each decides.
    thresholds : tuple of (group, float)
        What one threshold for each group would be.
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
