"""An operating point with a threshold for each group."""

from dataclasses import dataclass

import numpy as np

from selective_query.budgets.certificates import OperatingPoint
from selective_query.budgets.row_budgets import PREDICTED_CLASS, GroupCoverage
from selective_query.outcomes._chance import chance_of_rows


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
    mixtures : tuple of tuple of (float, float), or None
        For each group, thresholds and the shares of the rows that each decides, where
        mixing was asked for.
    threshold : float
        None; there are several.
    """

    thresholds: tuple = ()
    coverages: tuple = ()
    rounding_loss: float = 0.0
    mixtures: tuple | None = None

    def keeps(self, score, evidence):
        """Whether the base answers, for rows with these scores.

        A predicted class that no calibration row had stays with the base.

        Raises
        ------
        ValueError
            When a row belongs to any other kind of group that no calibration row did.
        """
        groups = np.array([group for group, _ in self.thresholds])
        group = group_column(self.budget, evidence)
        chance = None
        if self.mixtures is not None:
            chance = chance_of_rows(evidence, self.budget.seed)
        known = np.isin(group, groups)
        if known.all():
            return self._keeps(score, _places(group, groups), chance)
        _refuse_strangers(self.budget, group[~known], groups)
        kept = np.ones(len(score), dtype=bool)
        kept[known] = self._keeps(
            score[known],
            _places(group[known], groups),
            None if chance is None else chance[known],
        )
        return kept

    def _keeps(self, score, place, chance):
        if self.mixtures is None:
            return score <= np.array([t for _, t in self.thresholds])[place]
        return kept_by_mixtures(self.mixtures, score, place, chance)

    def __str__(self):
        shown = ", ".join(f"{group}: {t:.6g}" for group, t in self.thresholds[:6])
        more = ", ..." if len(self.thresholds) > 6 else ""
        return (
            f"thresholds {shown}{more} for {self.budget}: coverage {self.coverage:.4f} "
            f"on the calibration rows; rounding loses {self.rounding_loss:.2g}; "
            f"{self.certificate}"
        )


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


def group_column(budget, evidence):
    """The group of each row; all rows are one group where none is asked for."""
    for part in budget.parts:
        if isinstance(part, GroupCoverage):
            return part.column(evidence)
    return np.zeros(evidence.n_rows, dtype=int)


def _places(group, groups):
    """Position of each row's group among the known ones."""
    order = np.argsort(groups, kind="stable")
    return order[np.searchsorted(groups[order], group)]


def _refuse_strangers(budget, strangers, groups):
    by = next(part for part in budget.parts if isinstance(part, GroupCoverage))
    if by.by == PREDICTED_CLASS:
        return
    raise ValueError(
        "Rows belong to groups that no calibration row belonged to: "
        f"{np.unique(strangers.astype(str))[:5].tolist()}. Known groups: "
        f"{groups[:10].tolist()}{' ...' if len(groups) > 10 else ''}. Calibrate with "
        "rows of every group, or map these to known ones."
    )
