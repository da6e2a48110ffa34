"""A limit on the total cost of all tiers of a chain that are queried."""

import math
from dataclasses import dataclass

from selective_query._utils.numbers import is_number
from selective_query.budgets.base import Limit, check_number
from selective_query.exceptions import BudgetInfeasibleError


@dataclass(frozen=True)
class MaxTierCost(Limit):
    """The mean total cost of the tiers queried about an input is at most this.

    Parameters
    ----------
    maximum : float
        Mean over all inputs, in the unit of the costs.
    costs : tuple of float, optional
        Cost of querying each tier; by default the costs of the outcomes, which may
        differ from row to row.

    Examples
    --------
    >>> from selective_query.budgets import MaxTierCost
    >>> MaxTierCost(2.0, costs=(1.0, 4.0)).least_coverage()
    0.75
    """

    maximum: float
    costs: tuple[float, ...] | None = None

    unit = ""
    adds_up = True

    def __post_init__(self):
        check_number(self, "maximum", 0, math.inf)
        if self.costs is None:
            return
        costs = tuple(self.costs)
        if len(costs) < 2 or not all(
            is_number(cost) and 0 <= cost < math.inf for cost in costs
        ):
            raise ValueError(
                "MaxTierCost: costs must be a finite number >= 0 for each of two tiers "
                f"or more. Got {self.costs!r}."
            )
        object.__setattr__(self, "costs", tuple(map(float, costs)))

    def least_coverage(self):
        """The minimum coverage of the first tier in a chain of two.

        Returns
        -------
        float
            In [0, 1].

        Raises
        ------
        ValueError
            If the costs are those of the outcomes, or of more than two tiers, so that
            several rules share the budget.
        BudgetInfeasibleError
            If the first tier alone costs more.
        """
        if self.costs is None or len(self.costs) > 2:
            raise ValueError(
                f"{self!r} is shared by the rules of a chain, and no single coverage "
                "stands for it. Give it to CascadePolicy or CascadeClassifier; with "
                "two tiers costs=(first, second) makes it a limit for any rule."
            )
        first, second = self.costs
        if first > self.maximum:
            raise BudgetInfeasibleError(
                f"{self} cannot be kept: the first tier alone costs {first:g}. Ask for "
                "that at least, or put a cheaper tier first.",
                self,
                first,
            )
        return max(0.0, 1 - (self.maximum - first) / second) if second else 0.0

    def spent(self, coverage):
        """Mean cost of an input with two tiers, given the coverage of the first.

        Parameters
        ----------
        coverage : float
            In [0, 1].

        Returns
        -------
        float
        """
        first, second = self.costs
        return first + (1 - coverage) * second

    def __str__(self):
        return f"mean cost of all tiers asked <= {self.maximum:g}"
