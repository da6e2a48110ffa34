"""Budgets that depend on each row: its group, its query cost, or a must-stay mark."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from selective_query._utils.numbers import is_number
from selective_query.budgets.base import Budget, check_number
from selective_query.exceptions import MissingEvidenceError
from selective_query.outcomes.probabilities import top_class

PREDICTED_CLASS = "predicted_class"


class RowBudget(Budget):
    """A budget that reads a value from each row of the evidence.

    It reads one of the following, named as the fields of ``Evidence``:

    ``"group"``
        the group of each row; ``least_coverages(groups)`` gives the share of each group
        that the base must answer;
    ``"query_cost"``
        the cost of a query about each row; ``maximum`` bounds the mean cost of an
        input;
    ``"local_only"``
        whether each row must stay with the base.

    A parameter says where to read: None for that field, the name of a column of ``X``,
    or a function of ``X``. A budget of your own is a frozen dataclass; it either names
    such a parameter or implements ``read(evidence)``.

    Attributes
    ----------
    reads : {"group", "query_cost", "local_only"}
        What it reads.
    parameter : str or None
        Name of the parameter that says where to read; None if ``read`` is overridden.
    max_gap : float or None
        Largest allowed difference in coverage between two groups.
    likely_coverage : float
        The coverage that this budget is likely to give, for routers trained for a
        coverage.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from selective_query import Outcomes, RoutingPolicy
    >>> from selective_query.budgets import RowBudget
    >>> @dataclass(frozen=True)
    ... class MaxNightQueries(RowBudget):
    ...     maximum: float
    ...     reads = "query_cost"
    ...     def read(self, evidence):
    ...         hour = evidence.require("X", "MaxNightQueries")[:, 0]
    ...         return (hour < 6).astype(float)
    ...     def __str__(self):
    ...         return f"queries at night <= {self.maximum:g} of all inputs"
    >>> rng = np.random.default_rng(0)
    >>> hour, doubt = rng.integers(24, size=2000), rng.uniform(size=2000)
    >>> outcomes = Outcomes(
    ...     base_proba=np.column_stack([1 - doubt / 2, doubt / 2]),
    ...     base_utility=rng.uniform(size=2000) > doubt,
    ...     global_utility=np.ones(2000),
    ...     X=hour[:, None],
    ... )
    >>> policy = RoutingPolicy("max_probability", MaxNightQueries(0.1)).fit(outcomes)
    >>> queried = ~policy.decide(outcomes.evidence)
    >>> bool(np.mean(queried & (hour < 6)) <= 0.1)
    True
    """

    reads_rows = True
    reads = parameter = max_gap = None
    likely_coverage = 0.0

    @property
    def is_complete(self):
        """Whether it defines what it reads, where, and the requirement on it."""
        own = type(self)
        where = self.parameter is not None or own.read is not RowBudget.read
        asked = {
            "group": own.least_coverages is not RowBudget.least_coverages,
            "query_cost": is_number(getattr(self, "maximum", None)),
            "local_only": True,
        }
        return where and asked.get(self.reads, False)

    @property
    def where_read(self):
        """Where it reads; budgets of one kind with equal values read the same."""
        return self if self.parameter is None else getattr(self, self.parameter)

    def least_coverages(self, groups):
        """Minimum coverage of each group, for a budget that reads groups.

        Parameters
        ----------
        groups : ndarray of shape (n_groups,)

        Returns
        -------
        ndarray of shape (n_groups,)
        """
        raise NotImplementedError

    def read(self, evidence):
        """Read one value for each row, by default where the parameter says.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        array-like of shape (n_samples,)

        Raises
        ------
        MissingEvidenceError
            If the evidence lacks the value.
        TypeError
            If the parameter does not name a place to read.
        """
        where = self.where_read
        if where is None:
            return evidence.require(self.reads, type(self).__name__)
        if not isinstance(where, str) and not callable(where):
            raise TypeError(
                f"{self._label} must be None, the name of a column of X, or a "
                f"function of X. Got {where!r}."
            )
        X = evidence.require("X", f"{type(self).__name__}({self.parameter}={where!r})")
        if callable(where):
            return where(X)
        try:
            return X[where]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise MissingEvidenceError(
                f"{self._label}={where!r} is no column of X, which is a "
                f"{type(X).__name__}. Give the name of a column of a DataFrame, or a "
                "function of X."
            ) from error

    def column(self, evidence):
        """Read and check the values.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        ndarray of shape (n_samples,)
            Group labels, costs >= 0, or a mask, depending on ``reads``.

        Raises
        ------
        ValueError
            If it is not one value of the right kind for each row.
        """
        column = np.asarray(self.read(evidence))
        if column.shape != (evidence.n_rows,):
            raise ValueError(
                f"{self._label} must give one value for each of the "
                f"{evidence.n_rows} rows. Got shape {column.shape}."
            )
        return _CHECKS[self.reads](self, column)

    @property
    def _label(self):
        return f"{type(self).__name__}: {self.parameter or 'read'}"


def _checked_groups(budget, group):
    """Group labels: all text or all numbers, none missing."""
    name = type(budget).__name__
    if group.dtype.kind == "O":
        kinds = {str if isinstance(label, str) else type(label) for label in group}
        if kinds - {str}:
            raise ValueError(
                f"{name}: labels of groups must be all text or all numbers, and none "
                f"may be missing. Got {', '.join(sorted(k.__name__ for k in kinds))}. "
                "Give rows without a group a label of their own."
            )
        group = group.astype(str)
    if group.dtype.kind == "f" and np.isnan(group).any():
        raise ValueError(
            f"{name}: a label of a group is NaN. Give rows without a group a label of "
            "their own."
        )
    return group


def _checked_costs(budget, cost):
    """Finite numbers, none of them negative."""
    asked = f"{type(budget).__name__}: the cost of a query must be a"
    if cost.dtype.kind not in "fiub":
        raise ValueError(f"{asked} number for each row. Got dtype {cost.dtype}.")
    if not (np.isfinite(cost) & (cost >= 0)).all():
        raise ValueError(
            f"{asked} finite number >= 0 for each row. Got values from {cost.min()} to "
            f"{cost.max()}."
        )
    return cost


def _checked_mask(budget, mask):
    """True or false for each row."""
    plain = mask.dtype.kind in "biuf" or all(
        isinstance(value, (bool, np.bool_)) for value in mask
    )
    if not plain or not np.isin(mask.astype(float), (0, 1)).all():
        raise ValueError(
            f"{budget._label} must say true or false for each row. Got dtype "
            f"{mask.dtype}."
        )
    return mask.astype(bool)


_CHECKS = {
    "group": _checked_groups,
    "query_cost": _checked_costs,
    "local_only": _checked_mask,
}


@dataclass(frozen=True)
class GroupCoverage(RowBudget):
    """The base answers at least a given share of each group.

    Parameters
    ----------
    minimum : float, or mapping of group to float
        Minimum coverage of every group, or of the named groups; in [0, 1].
    by : None, "predicted_class", str or callable, default=None
        Where the group of a row comes from: ``Evidence.group``, the base's predicted
        class (its column number), a column of X, or a function of X.
    max_gap : float or None, default=None
        Largest allowed difference in coverage between two groups.

    Examples
    --------
    >>> from selective_query.budgets import All, Coverage, GroupCoverage
    >>> All(Coverage(0.8), GroupCoverage({"north": 0.7}, by="site"))
    All(Coverage(minimum=0.8), GroupCoverage(minimum=(('north', 0.7),), by='site', \
max_gap=None))
    """

    minimum: float | tuple[tuple[str | float | bool, float], ...]
    by: str | Callable | None = None
    max_gap: float | None = None

    reads, parameter = "group", "by"

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
        """Whether the groups depend on the base's answers."""
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

    def read(self, evidence):
        if self.reads_base:
            return top_class(evidence.require("base_proba", "GroupCoverage"))
        return super().read(evidence)

    def least_coverages(self, groups):
        """Minimum coverage of each of these groups.

        Parameters
        ----------
        groups : ndarray of shape (n_groups,)

        Returns
        -------
        ndarray of shape (n_groups,)
            In [0, 1]; 0 for groups that are not named.

        Raises
        ------
        ValueError
            If a named group does not occur.
        """
        if not self._is_named:
            return np.full(len(groups), float(self.minimum))
        named = dict(self.minimum)
        known = [group.item() if hasattr(group, "item") else group for group in groups]
        absent = [group for group in named if group not in known]
        if absent:
            raise ValueError(
                f"GroupCoverage names groups that no calibration row belongs to: "
                f"{absent[:5]}. There are {known[:10]}"
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


@dataclass(frozen=True)
class MaxQueryCost(RowBudget):
    """The mean query cost of an input is at most this, where rows differ in cost.

    Parameters
    ----------
    maximum : float
        Mean over all inputs, including those that are not queried, in the unit of the
        costs.
    cost : None, str or callable, default=None
        Where the cost of a query about a row comes from: ``Evidence.query_cost``, a
        column of X, or a function of X.
    """

    maximum: float
    cost: str | Callable | None = None

    reads, parameter = "query_cost", "cost"
    likely_coverage = 0.5

    def __post_init__(self):
        check_number(self, "maximum", 0, math.inf)
        if self.maximum == math.inf:
            raise ValueError(
                "MaxQueryCost: maximum must be finite. Got inf, which limits nothing: "
                "leave this budget out."
            )

    def __str__(self):
        return f"mean cost of queries <= {self.maximum:g}"


@dataclass(frozen=True)
class StayLocal(RowBudget):
    """Some rows must never be queried; combine it with other budgets in ``All``.

    Rows marked in ``Evidence.local_only`` are always kept; this budget marks rows by X.

    Parameters
    ----------
    where : None, str or callable, default=None
        Where the mark comes from: ``Evidence.local_only``, a column of X, or a function
        of X; true where a row must stay.
    """

    where: str | Callable | None = None

    reads, parameter = "local_only", "where"

    def __str__(self):
        return "marked rows stay"
