"""Budgets that look at each row: its group, its cost, and whether it may leave."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from selective_query.budgets.base import Budget, check_number, is_number
from selective_query.exceptions import MissingEvidenceError
from selective_query.outcomes._chance import chance_of_rows
from selective_query.outcomes.probabilities import top_class

PREDICTED_CLASS = "predicted_class"
CHANCE = "chance"


class RowBudget(Budget):
    """A budget that reads something off each row of the evidence.

    Its last parameter says where: None for the field of ``Evidence`` with that
    purpose, the name of a column of ``X``, or a function of ``X``.
    """

    # For routers that are trained for a coverage: where this is likely to end.
    likely_coverage = 0.0

    @property
    def where_read(self):
        """Where it reads."""
        return getattr(self, self._where)

    def column(self, evidence):
        """What it reads, one value for each row.

        Raises
        ------
        MissingEvidenceError
            When the evidence does not have it.
        """
        where = self.where_read
        if where is None:
            return self._checked(
                evidence.require(self._field, type(self).__name__), evidence
            )
        if not isinstance(where, str) and not callable(where):
            raise TypeError(
                f"{type(self).__name__}: {self._where} must be None, the name of a "
                f"column of X, or a function of X. Got {where!r}."
            )
        X = evidence.require("X", f"{type(self).__name__}({self._where}={where!r})")
        if callable(where):
            return self._checked(where(X), evidence)
        try:
            column = X[where]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise MissingEvidenceError(
                f"{type(self).__name__}: {self._where}={where!r} is no column of X, "
                f"which is a {type(X).__name__}. Give the name of a column of a "
                "DataFrame, or a function of X."
            ) from error
        return self._checked(column, evidence)

    def _checked(self, column, evidence):
        column = np.asarray(column)
        if column.shape != (evidence.n_rows,):
            raise ValueError(
                f"{type(self).__name__}: {self._where} must give one value for each of "
                f"the {evidence.n_rows} rows. Got shape {column.shape}."
            )
        return column


@dataclass(frozen=True)
class GroupCoverage(RowBudget):
    """The base answers at least a share of each group.

    Parameters
    ----------
    minimum : float, or mapping of group to float
        Least coverage of every group, or of those that are named; in [0, 1].
    by : None, "predicted_class", str or callable, default=None
        What the group of a row is: ``Evidence.group``, the base's predicted class (its
        column number), a column of X, or a function of X.
    max_gap : float or None, default=None
        How far apart the coverages of two groups may be.

    Examples
    --------
    >>> from selective_query.budgets import All, Coverage, GroupCoverage
    >>> All(Coverage(0.8), GroupCoverage({"north": 0.7}, by="site"))
    All(Coverage(minimum=0.8), GroupCoverage(minimum=(('north', 0.7),), by='site', \
max_gap=None))
    """

    minimum: object
    by: object = None
    max_gap: float | None = None

    _field, _where = "group", "by"

    def __post_init__(self):
        if isinstance(self.minimum, Mapping) and self.minimum:
            pairs = tuple(sorted(self.minimum.items(), key=lambda pair: str(pair[0])))
            object.__setattr__(self, "minimum", pairs)
        pairs = self.minimum if self._is_named else ((None, self.minimum),)
        if not all(
            isinstance(pair, tuple)
            and len(pair) == 2
            and is_number(pair[1])
            and 0 <= pair[1] <= 1
            for pair in pairs
        ):
            raise ValueError(
                "GroupCoverage: minimum must be a number in [0, 1], or a mapping of "
                f"groups to such. Got {self.minimum!r}."
            )
        if self.max_gap is not None:
            check_number(self, "max_gap", 0, 1)

    @property
    def reads_base(self):
        """Whether the groups are those of the base's answers."""
        return self.by == PREDICTED_CLASS

    @property
    def _is_named(self):
        return isinstance(self.minimum, tuple)

    @property
    def likely_coverage(self):
        """The largest minimum."""
        if self._is_named:
            return max((share for _, share in self.minimum), default=0.0)
        return self.minimum

    def column(self, evidence):
        """The group of each row."""
        if self.by == PREDICTED_CLASS:
            return top_class(evidence.require("base_proba", "GroupCoverage"))
        return _checked_groups(super().column(evidence))

    def least_coverages(self, groups):
        """Least coverage of each of these groups.

        Raises
        ------
        ValueError
            When a group that is named does not occur.
        """
        if not self._is_named:
            return np.full(len(groups), float(self.minimum))
        named = dict(self.minimum)
        known = [group.item() if hasattr(group, "item") else group for group in groups]
        strangers = [group for group in named if group not in known]
        if strangers:
            raise ValueError(
                f"GroupCoverage names groups that no calibration row belongs to: "
                f"{strangers[:5]}. There are {known[:10]}"
                f"{' ...' if len(known) > 10 else ''}. Give rows of every group."
            )
        return np.array([float(named.get(group, 0.0)) for group in known])

    def __str__(self):
        if self._is_named:
            named = ", ".join(f"{g}: {c:g}" for g, c in self.minimum[:5])
            least = f"{named}{', ...' if len(self.minimum) > 5 else ''}"
        else:
            least = f"{self.minimum:g}"
        gap = "" if self.max_gap is None else f", gap <= {self.max_gap:g}"
        return f"coverage of each group >= {least}{gap}"


def _checked_groups(group):
    """Labels of groups, all text or all numbers, and none missing."""
    if group.dtype.kind == "O":
        kinds = {str if isinstance(label, str) else type(label) for label in group}
        if kinds - {str}:
            raise ValueError(
                "GroupCoverage: labels of groups must be all text or all numbers, and "
                "none may be missing. Got "
                f"{', '.join(sorted(kind.__name__ for kind in kinds))}. Give rows "
                "without a group a label of their own."
            )
        group = group.astype(str)
    if group.dtype.kind == "f" and np.isnan(group).any():
        raise ValueError(
            "GroupCoverage: a label of a group is NaN. Give rows without a group a "
            "label of their own."
        )
    return group


@dataclass(frozen=True)
class MaxQueryCost(RowBudget):
    """Queries cost at most this much an input on average, where rows differ in cost.

    Parameters
    ----------
    maximum : float
        Mean over all inputs, those that are not queried included, in the unit of the
        costs.
    cost : None, str or callable, default=None
        What a query about a row costs: ``Evidence.query_cost``, a column of X, or a
        function of X.
    """

    maximum: float
    cost: object = None

    likely_coverage = 0.5

    _field, _where = "query_cost", "cost"

    def __post_init__(self):
        check_number(self, "maximum", 0, math.inf)

    def column(self, evidence):
        """The cost of a query about each row."""
        cost = super().column(evidence)
        if cost.dtype.kind not in "fiub":
            raise ValueError(
                "MaxQueryCost: the cost of a query must be a number for each row. Got "
                f"dtype {cost.dtype}."
            )
        if not (np.isfinite(cost) & (cost >= 0)).all():
            raise ValueError(
                "MaxQueryCost: the cost of a query must be a finite number >= 0 for "
                f"each row. Got values from {cost.min()} to {cost.max()}."
            )
        return cost

    def __str__(self):
        return f"mean cost of queries <= {self.maximum:g}"


@dataclass(frozen=True)
class StayLocal(RowBudget):
    """Some rows must never be queried; goes with other budgets in ``All``.

    Rows of ``Evidence.local_only`` stay with the base in any case; this names them in
    X.

    Parameters
    ----------
    where : None, str or callable, default=None
        Which rows: ``Evidence.local_only``, a column of X, or a function of X; true
        where a row must stay.
    """

    where: object = None

    _field, _where = "local_only", "where"

    def column(self, evidence):
        """Which rows must stay."""
        mask = super().column(evidence)
        plain = mask.dtype.kind in "biuf" or all(
            isinstance(value, (bool, np.bool_)) for value in mask
        )
        if not plain or not np.isin(mask.astype(float), (0, 1)).all():
            raise ValueError(
                "StayLocal: where must say true or false for each row. Got dtype "
                f"{mask.dtype}."
            )
        return mask.astype(bool)

    def __str__(self):
        return "marked rows stay"


def local_parts(budget):
    """The parts of a budget that name rows which must stay."""
    parts = budget.parts if isinstance(budget, Budget) else ()
    return tuple(part for part in parts if isinstance(part, StayLocal))


def local_rows(parts, evidence):
    """Mask of the rows that must stay with the base, or None where all may leave."""
    masks = [part.column(evidence) for part in parts]
    if evidence.local_only is not None:
        masks.append(evidence.local_only)
    return np.logical_or.reduce(masks) if masks else None


def looks_at_rows(budget):
    """Whether a budget takes more than one threshold for all rows."""
    return budget.mixes or any(
        isinstance(part, (GroupCoverage, MaxQueryCost)) for part in budget.parts
    )


@dataclass(frozen=True, eq=False)
class RowColumns:
    """What budgets read off calibration rows, kept so that `at` can move among them.

    Attributes
    ----------
    kept : tuple of (str, object, ndarray)
        Kind of budget, where it reads, and what it read; of a mixture its seed and the
        chance of each row.
    """

    kept: tuple = ()

    @classmethod
    def read(cls, budget, evidence):
        """Whatever a budget reads off these rows."""
        if budget is None:
            return cls()
        kept = tuple(
            (type(part).__name__, part.where_read, part.column(evidence))
            for part in budget.parts
            if isinstance(part, (GroupCoverage, MaxQueryCost))
        )
        if budget.mixes:
            chance = chance_of_rows(evidence, budget.seed)
            kept += ((CHANCE, budget.seed, chance),)
        return cls(kept)

    def chance(self, seed):
        """The chance of each row, None where it was not kept."""
        return next(
            (chance for kind, of, chance in self.kept if (kind, of) == (CHANCE, seed)),
            None,
        )

    def of(self, part):
        """The column that a budget reads.

        Raises
        ------
        ValueError
            When it was not kept.
        """
        for kind, where, column in self.kept:
            if (kind, where) == (type(part).__name__, part.where_read):
                return column
        raise ValueError(
            f"{part!r} reads a column that was not kept in fit. Fit with this budget "
            "first; at() can then move to others by the same column."
        )
