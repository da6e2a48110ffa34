"""Several budgets at once, and numbers as budgets."""

from dataclasses import fields, is_dataclass
from numbers import Integral

from selective_query.budgets.base import Budget, Floor, Limit, is_number
from selective_query.budgets.limits import Coverage
from selective_query.budgets.row_budgets import GroupCoverage, MaxQueryCost, StayLocal


class All(Budget):
    """Several budgets at once.

    Limits say how many queries may be spent and floors what they must bring. With a
    floor among them as few queries are spent as reach it; without one, as many as the
    limits allow.

    Parameters
    ----------
    *budgets : Budget or float
        A float is a least coverage.

    Examples
    --------
    >>> from selective_query.budgets import All, Coverage, MinAccuracy
    >>> All(Coverage(0.7), MinAccuracy(0.95))
    All(Coverage(minimum=0.7), MinAccuracy(accuracy=0.95))
    """

    def __init__(self, *budgets):
        if not budgets:
            raise ValueError("All needs at least one budget. Got none.")
        self._budgets = tuple(as_budget(budget) for budget in budgets)
        if any(budget.mixes for budget in self._budgets):
            raise ValueError(
                f"Mixed stands outermost: Mixed(..., seed=...) in place of "
                f"{type(self).__name__}(...). Got it as a part."
            )

    @property
    def parts(self):
        """The single budgets, those of nested ones included."""
        return tuple(part for budget in self._budgets for part in budget.parts)

    def __eq__(self, other):
        return type(other) is type(self) and self._budgets == other._budgets

    def __hash__(self):
        return hash(self._budgets)

    def __str__(self):
        return " and ".join(map(str, self._budgets))

    def __repr__(self):
        return f"All({', '.join(map(repr, self._budgets))})"


class Mixed(All):
    """Limits and budgets by group or cost, met by mixing thresholds at random.

    A mixture meets on average what one threshold for each group must round. A row is
    decided by a seeded hash of its evidence, so always in the same way, and rows whose
    evidence is equal stay together; ``fit`` warns where that undoes the mixture.

    Parameters
    ----------
    *budgets : Budget or float
    seed : int, default=0
    """

    mixes = True

    def __init__(self, *budgets, seed=0):
        super().__init__(*budgets)
        if not isinstance(seed, Integral) or isinstance(seed, bool) or seed < 0:
            raise ValueError(f"Mixed: seed must be a whole number >= 0. Got {seed!r}.")
        self.seed = seed

    def __eq__(self, other):
        return super().__eq__(other) and getattr(other, "seed", None) == self.seed

    def __hash__(self):
        return hash((super().__hash__(), self.seed))

    def __repr__(self):
        return f"Mixed({', '.join(map(repr, self._budgets))}, seed={self.seed})"


def as_budget(value):
    """A budget as it is; a number in [0, 1] as a least coverage.

    Raises
    ------
    ValueError
        When it is neither, or has a part of a kind that nothing solves.
    """
    if isinstance(value, Budget):
        for part in value.parts:
            _check_kind(part)
        return value
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(
            "coverage must be the share of inputs that the base answers, a number in "
            "[0, 1], or a budget such as MinAccuracy(0.95), or None to query wherever "
            f"the expected benefit is positive. Got {value!r}."
            + (
                f" Did you mean {value / 100:g}?"
                if is_number(value) and 1 < value <= 100
                else ""
            )
        )
    return Coverage(value)


def _check_kind(part):
    if isinstance(part, Limit):
        solved = type(part).least_coverage is not Limit.least_coverage
    elif isinstance(part, Floor):
        solved = is_dataclass(part) and type(part).measured is not Floor.measured
        solved = solved and bool(fields(part)) and is_number(part.level)
    else:
        solved = isinstance(part, (GroupCoverage, MaxQueryCost, StayLocal))
    if not solved:
        raise ValueError(
            f"{type(part).__name__} is no budget that can be solved. Subclass Limit "
            "and implement least_coverage(), or subclass Floor as a frozen dataclass "
            "whose first field is the level, and implement measured(sweep), and "
            "p_value(sweep, i, error) for certificates. Budgets that look at rows are "
            f"GroupCoverage, MaxQueryCost and StayLocal. Got {part!r}."
        )


def check_coverage(coverage):
    """The budget that a `coverage` parameter stands for; None stands for itself.

    Raises
    ------
    ValueError
        When it is neither None, nor a number in [0, 1], nor a budget.
    """
    return None if coverage is None else as_budget(coverage)


def limit_of(budget):
    """The limit among the parts that asks for most coverage, or None."""
    limits = [part for part in budget.parts if isinstance(part, Limit)]
    return max(limits, key=_coverage_of, default=None)


def least_coverage(budget):
    """The least coverage that keeps to every limit among the parts; 0 without one."""
    limits = (part for part in budget.parts if isinstance(part, Limit))
    return max(map(_coverage_of, limits), default=0.0)


def _coverage_of(limit):
    coverage = limit.least_coverage()
    if not is_number(coverage) or not 0 <= coverage <= 1:
        raise ValueError(
            f"{type(limit).__name__}.least_coverage must return a share in [0, 1]. Got "
            f"{coverage!r}."
        )
    return float(coverage)


def floors_of(budget):
    """The floors among the parts."""
    return tuple(part for part in budget.parts if isinstance(part, Floor))
