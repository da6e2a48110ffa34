"""Input of the linear program over groups, and thresholds from its solution."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

import numpy as np

from selective_query.budgets._columns import part_that_reads
from selective_query.budgets._solving.group_program import (
    expected_benefit,
    group_levels,
    plan_groups,
)
from selective_query.budgets._solving.group_rounding import (
    Constraints,
    one_threshold_each,
    repaired,
)
from selective_query.budgets._solving.sweep import JudgedRows
from selective_query.budgets.base import check_number, least_coverage

# Tie-break between equal values: how much less the lowest score is worth.
SLOPE = 1e-3


@dataclass(frozen=True, eq=False)
class GroupProblem:
    """Calibration rows, and the constraints on their groups.

    Attributes
    ----------
    judged : JudgedRows
    groups : ndarray of shape (n_groups,)
    place : ndarray of shape (n_samples,)
        Position of each row's group in ``groups``.
    least : ndarray of shape (n_groups,)
        Minimum coverage of each group.
    overall : float
        Minimum overall coverage.
    max_gap, max_cost : float or None
    cost : ndarray of shape (n_samples,) or None
    in_benefit_units : bool
    next_weight : float
        Weight that one more row would have.
    """

    judged: JudgedRows
    groups: np.ndarray
    place: np.ndarray
    least: np.ndarray
    overall: float
    max_gap: float | None
    max_cost: float | None
    cost: np.ndarray | None
    in_benefit_units: bool
    next_weight: float

    @classmethod
    def of(cls, budget, calibration):
        """The problem on all calibration rows."""
        judged = calibration.judged
        by = part_that_reads(budget, "group")
        costs = part_that_reads(budget, "query_cost")
        if costs:
            check_number(costs, "maximum", 0, inf)
        group = np.zeros(len(judged.score), dtype=int)
        if by:
            group = calibration.columns.of(by)
        groups, place = np.unique(group, return_inverse=True)
        return cls(
            judged=judged,
            groups=groups,
            place=place,
            least=_least_coverages(by, groups) if by else np.zeros(1),
            overall=least_coverage(budget),
            max_gap=by.max_gap if by else None,
            max_cost=costs.maximum if costs else None,
            cost=calibration.columns.of(costs) if costs else None,
            in_benefit_units=calibration.in_benefit_units,
            next_weight=calibration.scores.next_weight,
        )

    def take(self, rows):
        """The problem restricted to some of the rows, with all groups."""
        return replace(
            self,
            judged=self.judged.take(rows),
            place=self.place[rows],
            cost=None if self.cost is None else self.cost[rows],
        )

    @cached_property
    def value(self):
        """Expected gain from querying each row."""
        judged = self.judged
        if self.in_benefit_units and np.isfinite(judged.score).all():
            return judged.score
        return expected_benefit(
            judged.score, judged.query_utility - judged.base_utility, judged.weight
        )

    @cached_property
    def _used(self):
        """Rows of positive weight."""
        return self.judged.weight > 0

    @cached_property
    def present(self):
        """Groups that have such rows; the other groups keep everything."""
        return np.unique(self.place[self._used])

    @cached_property
    def _constraints(self):
        """Constraints on these rows under which new rows meet the budget on average.

        Cutting at the score of rank k among n rows keeps k / (n + 1) of new rows.
        """
        size = np.bincount(self.place, self.judged.weight)[self.present]
        return Constraints(
            size=size,
            least=self._one_more(self.least[self.present], size),
            overall=self._one_more(self.overall, size.sum()),
            max_gap=self.max_gap,
            max_cost=self.max_cost,
        )

    def _one_more(self, coverage, size):
        return np.minimum(1.0, coverage * (1 + self.next_weight / size))

    @cached_property
    def _levels(self):
        """All levels of each group."""
        columns = [self.judged.score, self.value, self.judged.weight]
        if self.cost is not None:
            columns.append(self.cost)
        rows = [self._used & (self.place == g) for g in self.present]
        return [group_levels(*(column[own] for column in columns)) for own in rows]

    @cached_property
    def _strictly_rising_value(self):
        """The value, with ties broken slightly in favour of higher scores.

        Given exact ties, a plan would mix distant thresholds arbitrarily.
        """
        place = np.unique(self.judged.score, return_inverse=True)[1]
        return self.value - SLOPE * (1 - place / (place.max() + 1))

    @cached_property
    def _expected_cost(self):
        """Mean cost of the rows of a group that have the same value.

        With the costs of single rows, a plan would cut where expensive rows happen to
        be.
        """
        worth = np.unique(self.value, return_inverse=True)[1]
        alike = np.unique([self.place, worth], axis=1, return_inverse=True)[1]
        weight = self.judged.weight
        with np.errstate(invalid="ignore"):
            mean = np.bincount(alike, weight * self.cost) / np.bincount(alike, weight)
        return mean[alike]

    def plan(self):
        """The optimal plan for the groups that have rows."""
        used, asked = self._used, self._constraints
        found = plan_groups(
            self.judged.score[used],
            self._strictly_rising_value[used],
            self.judged.weight[used],
            np.searchsorted(self.present, self.place[used]),
            len(self.present),
            least=asked.least,
            overall=asked.overall,
            max_gap=asked.max_gap,
            cost=None if self.cost is None else self._expected_cost[used],
            max_cost=asked.max_cost,
        )
        return replace(found, mixture=repaired(found.mixture, self._levels, asked))

    def thresholds(self, plan):
        """One threshold for each group, on the scores of these rows."""
        found = np.full(len(self.groups), inf)
        found[self.present] = one_threshold_each(plan, self._levels, self._constraints)
        return found

    def mixtures(self, plan):
        """Thresholds and mixture shares for each group, on the scores of these rows."""
        found = [[(inf, 1.0)] for _ in self.groups]
        for g, mixed in zip(self.present, plan.mixture, strict=True):
            found[g] = mixed
        return found

    def kept_by(self, mixtures):
        """The probability that each row is kept under a mixture for each group."""
        kept = np.zeros(len(self.place))
        for g, mixture in enumerate(mixtures):
            rows = self.place == g
            for threshold, share in mixture:
                kept[rows] += share * (self.judged.score[rows] <= threshold)
        return kept

    def carried_over(self, own, scores_of):
        """Thresholds that keep the same share of rows under the scores of other models.

        Groups that share a threshold share the new threshold.

        Parameters
        ----------
        own : ndarray of shape (n_groups,)
            Thresholds on the scores of these rows.
        scores_of : callable
            Maps a mask of these rows to their CalibrationScores.

        Returns
        -------
        ndarray of shape (n_groups,)
        """
        found = np.array(own, dtype=float)
        for threshold in np.unique(found[np.isfinite(found)]):
            rows = np.isin(self.place, np.flatnonzero(own == threshold))
            kept = self.judged.weight[rows] @ (self.judged.score[rows] <= threshold)
            scores = scores_of(rows)
            coverage = kept / (scores.n + scores.next_weight)
            # Exact ties were reported when the thresholds were first set.
            cut = scores.score_at(coverage) if scores.exact else scores.cut(coverage)[0]
            found[own == threshold] = cut
        return found

    def carried_over_each(self, mixtures, scores_of):
        """Mixtures, with each threshold carried over."""
        return [
            [
                (float(self.carried_over(np.where(one, t, inf), scores_of)[one][0]), s)
                for t, s in mixture
            ]
            for one, mixture in zip(
                np.eye(len(mixtures), dtype=bool), mixtures, strict=True
            )
        ]


def _least_coverages(by, groups):
    least = np.asarray(by.least_coverages(groups), dtype=float)
    if least.shape != groups.shape or not ((least >= 0) & (least <= 1)).all():
        raise ValueError(
            f"{type(by).__name__}.least_coverages must return a share in [0, 1] for "
            f"each of {len(groups)} groups. Got {least!r}."
        )
    return least
