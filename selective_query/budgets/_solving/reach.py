"""Thresholds on judged rows that meet a budget, and the largest such coverage."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from selective_query.budgets._columns import read_to_be_solved
from selective_query.budgets._solving.sweep import JudgedRows, Sweep
from selective_query.budgets.base import (
    ROUNDING,
    Budget,
    floors_of,
    least_coverage,
    limit_of,
)
from selective_query.exceptions import BudgetInfeasibleError
from selective_query.outcomes.outcomes import Outcomes
from selective_query.outcomes.probabilities import top_probability


@dataclass(frozen=True, eq=False)
class Reach:
    """Which coverages the limits allow, and how far each floor is from being met.

    Attributes
    ----------
    budget : Budget
    sweep : Sweep
    coverage : ndarray of shape (n,)
    allowed : ndarray of shape (n,), bool
        Whether the limits allow this coverage.
    lacking : ndarray of shape (n_floors, n)
        Shortfall of each floor; negative if it is met, nan if unknown.
    """

    budget: Budget
    sweep: Sweep
    coverage: np.ndarray
    allowed: np.ndarray
    lacking: np.ndarray

    @classmethod
    def of(cls, budget, sweep, coverage=None, least=None):
        """Evaluate at the thresholds of a sweep, or at coverages between them.

        Parameters
        ----------
        budget : Budget
        sweep : Sweep
        coverage : ndarray of shape (n,), optional
        least : float, optional
            Minimum coverage that replaces that of the budget's limits.
        """
        lacking = [np.asarray(floor.shortfall(sweep)) for floor in floors_of(budget)]
        if coverage is None:
            coverage = sweep.coverage
        else:
            lacking = [np.interp(coverage, sweep.coverage, each) for each in lacking]
        return cls(
            budget,
            sweep,
            coverage,
            coverage >= (least_coverage(budget) if least is None else least) - ROUNDING,
            np.reshape(lacking, (-1, len(coverage))),
        )

    @cached_property
    def met(self):
        """Whether every part of the budget is met, at each coverage."""
        return self.allowed & (self.lacking <= ROUNDING).all(axis=0)

    def furthest(self):
        """Index of the largest coverage that meets every part.

        Raises
        ------
        BudgetInfeasibleError
            If none does; the message names the floor that no allowed threshold reaches.
        """
        if self.met.any():
            return int(np.flatnonzero(self.met)[-1])
        limit, floors = limit_of(self.budget), floors_of(self.budget)
        reached = [self.allowed]
        for lacking in self.lacking:
            reached.append(reached[-1] & (lacking <= ROUNDING))
        failed = next(k for k, after in enumerate(reached[1:]) if not after.any())
        floor, reached = floors[failed], reached[failed]
        best = np.fmax if floor.is_minimum else np.fmin
        nearest = float(best.reduce(np.asarray(floor.measured(self.sweep))[reached]))
        with_limit = f" within {limit!r}" if limit else ""
        raise BudgetInfeasibleError(
            f"{floor!r} cannot be met{with_limit}: the best on the calibration rows is "
            f"{nearest:.4f}. Ask for what can be met, "
            + ("relax another budget, " if limit or len(floors) > 1 else "")
            + "or use better models.",
            floor,
            nearest,
        )

    @property
    def short(self):
        """Total shortfall of the floors at each coverage; nan if unknown."""
        return np.maximum(0, self.lacking).sum(axis=0)


def judged_rows(score, outcomes):
    """Scores and outcomes of rows in the form that budgets use."""
    return JudgedRows(
        score, outcomes.base_utility, outcomes.query_utility, outcomes.weight
    )


def likely_coverage(budget, outcomes):
    """The coverage that a budget is likely to give, for routers trained for a coverage.

    A limit states it. For a floor, it is where plain confidence reaches the floor or
    comes closest. Budgets by group determine little of it, and budgets by row cost
    none.
    """
    least = least_coverage(budget)
    if read_to_be_solved(budget):
        by_row = (part for part in budget.parts if part.reads_rows)
        return max([least, *(part.likely_coverage for part in by_row)])
    if not budget.measures_quality or not isinstance(outcomes, Outcomes):
        return least
    score = np.zeros(outcomes.n_rows)
    if outcomes.base_proba is not None:
        score = -top_probability(outcomes.base_proba)
    reach = Reach.of(budget, judged_rows(score, outcomes).sweep())
    short = np.nan_to_num(reach.short, nan=np.inf, posinf=np.inf)
    closest = np.flatnonzero(short == short.min())[-1]
    return max(least, float(min(reach.coverage[closest], 1.0)))
