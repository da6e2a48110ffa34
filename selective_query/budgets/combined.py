"""Combined budgets, and plain numbers as budgets."""

from numbers import Integral

from selective_query._utils.numbers import is_number
from selective_query.budgets.base import Budget
from selective_query.budgets.limits import Coverage
from selective_query.outcomes._chance import chance_of_rows


def _of_any_part(name):
    """A property that is true if it is true of any part."""
    return property(
        lambda self: any(getattr(part, name) for part in self.parts),
        doc=f"Whether ``{name}`` is true of any part.",
    )


class All(Budget):
    """Several budgets at once.

    Limits bound the number of queries; floors set a quality to be reached. If there is
    a floor, as few queries are made as reach it; otherwise, as many as the limits
    allow.

    Parameters
    ----------
    *budgets : Budget or float
        A float is a minimum coverage.

    Examples
    --------
    >>> from selective_query.budgets import All, Coverage, MinAccuracy
    >>> All(Coverage(0.7), MinAccuracy(0.95))
    All(Coverage(minimum=0.7), MinAccuracy(accuracy=0.95))
    """

    is_complete = True
    bounds_coverage, measures_quality, reads_rows, reads_base = map(
        _of_any_part,
        ("bounds_coverage", "measures_quality", "reads_rows", "reads_base"),
    )

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
        """The single budgets, including those of nested combinations."""
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

    On average a mixture meets exactly what one threshold for each group can only
    approximate. Each row is decided by a seeded hash of its evidence: always in the
    same way, and rows with equal evidence alike. ``fit`` warns if that distorts the
    mixture.

    Parameters
    ----------
    *budgets : Budget or float
        A float is a minimum coverage.
    seed : int, default=0
        Seed of the hash, at least 0.
    """

    mixes = reads_rows = True

    def __init__(self, *budgets, seed=0):
        super().__init__(*budgets)
        if not isinstance(seed, Integral) or isinstance(seed, bool) or seed < 0:
            raise ValueError(f"Mixed: seed must be a whole number >= 0. Got {seed!r}.")
        self.seed = seed

    @property
    def where_read(self):
        """The seed, which determines the rows' random numbers."""
        return self.seed

    def column(self, evidence):
        """A pseudo-random number for each row, which selects a threshold of its group.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        ndarray of shape (n_samples,)
            In [0, 1).
        """
        return chance_of_rows(evidence, self.seed)

    def __eq__(self, other):
        return super().__eq__(other) and getattr(other, "seed", None) == self.seed

    def __hash__(self):
        return hash((super().__hash__(), self.seed))

    def __repr__(self):
        return f"Mixed({', '.join(map(repr, self._budgets))}, seed={self.seed})"


def as_budget(value):
    """Return a budget unchanged; convert a number in [0, 1] to a minimum coverage.

    Parameters
    ----------
    value : Budget or float
        A number in [0, 1] is a minimum coverage.

    Returns
    -------
    Budget

    Raises
    ------
    ValueError
        If it is neither, or a part is of a kind that cannot be solved.
    """
    if isinstance(value, Budget):
        for part in value.parts:
            if not part.is_complete:
                raise ValueError(
                    f"{type(part).__name__} is no budget that can be solved. Subclass "
                    "Limit and implement least_coverage(), or subclass Floor as a "
                    "frozen dataclass whose first field is the level, and implement "
                    "measured(sweep), and p_value(sweep, i, error) for certificates. "
                    "Budgets that look at rows are GroupCoverage, MaxQueryCost and "
                    "StayLocal, and what a subclass of RowBudget reads as one of them "
                    f"does. Got {part!r}."
                )
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


def check_coverage(coverage):
    """The budget for a `coverage` parameter; None stays None.

    Raises
    ------
    ValueError
        If it is not None, a number in [0, 1] or a budget.
    """
    return None if coverage is None else as_budget(coverage)
