"""Budgets by group and by cost of rows, solved into a threshold for each group."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

import numpy as np

from selective_query._validation import warn_user
from selective_query.budgets.budgets import floors_of, least_coverage
from selective_query.budgets.certificates import Certificate
from selective_query.budgets.group_point import GroupOperatingPoint
from selective_query.budgets.group_program import (
    expected_benefit,
    group_levels,
    plan_groups,
)
from selective_query.budgets.group_rounding import (
    Constraints,
    mended,
    one_threshold_each,
)
from selective_query.budgets.row_budgets import GroupCoverage, MaxQueryCost
from selective_query.budgets.sweep import JudgedRows
from selective_query.budgets.thresholds import (
    TIE_TOLERANCE,
    CalibrationScores,
    rows_needed,
)
from selective_query.exceptions import CalibrationWarning, CertificateError

# Share of the rows that makes a plan whose thresholds the others certify.
PLAN_SHARE = 0.3


def solve_groups(calibration, budget, confidence):
    """The operating point of a budget that takes several thresholds.

    Parameters
    ----------
    calibration : Calibration
    budget : Budget
    confidence : float or None

    Returns
    -------
    GroupOperatingPoint
    """
    _check(calibration, budget, confidence)
    judged, scores = calibration.judged, calibration.scores
    problem = GroupProblem.of(budget, calibration)
    if confidence is None:
        plan = problem.plan()
        own = problem.thresholds(plan)
        mixtures = [[(t, 1.0)] for t in own]
        if budget.mixes:
            mixtures = problem.mixtures(plan)
        kept = _share_kept(judged.score, problem.place, mixtures)
        if not budget.mixes:
            _warn_rounding(
                budget, judged.weight @ kept / scores.n, problem.mixed_coverage(plan)
            )
        thresholds = own
        if not scores.exact:
            thresholds = np.array(
                [problem.carried_over(t, own == t, scores.of) for t in own]
            )
            mixtures = [
                [(problem.carried_over(t, one, scores.of), share) for t, share in mixed]
                for one, mixed in zip(
                    np.eye(len(own), dtype=bool), mixtures, strict=True
                )
            ]
        certificate = Certificate(
            budget,
            None,
            int(scores.n) if scores.whole_weights else float(scores.n),
            None,
            scores.exact,
            method="a linear program over score thresholds",
        )
    else:
        plan, thresholds, certificate = _certify(
            problem, budget, confidence, calibration.seed
        )
        kept = (judged.score <= thresholds[problem.place]).astype(float)
    place, share = problem.place, judged.weight / judged.weight.sum()
    size = np.bincount(place, share)
    groups = problem.groups.tolist()
    with np.errstate(invalid="ignore"):
        coverages = np.bincount(place, share * kept) / size
    utility = kept * judged.base_utility + (1 - kept) * judged.query_utility
    gained = share @ (problem.value * (1 - kept))
    return GroupOperatingPoint(
        threshold=None,
        budget=budget,
        coverage=float(share @ kept),
        accuracy=float(share @ utility),
        certificate=certificate,
        thresholds=tuple(zip(groups, thresholds.tolist(), strict=True)),
        coverages=tuple(zip(groups, coverages.tolist(), strict=True)),
        rounding_loss=float(plan.value - gained),
        mixtures=tuple(map(tuple, mixtures)) if budget.mixes else None,
    )


def _warn_rounding(budget, reached, mixed):
    if reached > mixed + TIE_TOLERANCE:
        warn_user(
            f"One threshold for each group keeps to {budget} at coverage "
            f"{reached:.3f}, where a mixture of thresholds does at {mixed:.3f}: rows "
            "share a score, or single ones cost much. Mixed(...) in place of All(...) "
            "mixes.",
            CalibrationWarning,
        )


def _share_kept(score, place, mixtures):
    """The chance of each row to stay with the base."""
    kept = np.zeros(len(score))
    for g, mixture in enumerate(mixtures):
        rows = place == g
        for threshold, share in mixture:
            kept[rows] += share * (score[rows] <= threshold)
    return kept


@dataclass(frozen=True, eq=False)
class GroupProblem:
    """What a linear program needs to know about some rows.

    Attributes
    ----------
    judged : JudgedRows
    groups : ndarray of shape (n_groups,)
    place : ndarray of shape (n_samples,)
        Position of each row's group in ``groups``.
    least : ndarray of shape (n_groups,)
        Least coverage of each group.
    overall : float
        Least coverage of all.
    max_gap, max_cost : float or None
    cost : ndarray of shape (n_samples,) or None
    in_benefit_units : bool
    next_weight : float
        What one more row would weigh.
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
        """All calibration rows."""
        judged = calibration.judged
        by, costs = _part(budget, GroupCoverage), _part(budget, MaxQueryCost)
        group = np.zeros(len(judged.score), dtype=int)
        if by:
            group = calibration.columns.of(by)
        groups, place = np.unique(group, return_inverse=True)
        return cls(
            judged=judged,
            groups=groups,
            place=place,
            least=by.least_coverages(groups) if by else np.zeros(1),
            overall=least_coverage(budget),
            max_gap=by.max_gap if by else None,
            max_cost=costs.maximum if costs else None,
            cost=calibration.columns.of(costs) if costs else None,
            in_benefit_units=calibration.in_benefit_units,
            next_weight=calibration.scores.next_weight,
        )

    def take(self, rows):
        """The same about some of the rows, with all groups."""
        return replace(
            self,
            judged=self.judged.take(rows),
            place=self.place[rows],
            cost=None if self.cost is None else self.cost[rows],
        )

    @cached_property
    def value(self):
        """What a query of each row is expected to gain."""
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
    def _present(self):
        """Groups that have some; the others keep everything."""
        return np.unique(self.place[self._used])

    @cached_property
    def _constraints(self):
        """What these rows must show, so that new ones keep to it on average.

        The score of rank k among n rows keeps k / (n + 1) of new ones.
        """
        size = np.bincount(self.place, self.judged.weight)[self._present]
        return Constraints(
            size=size,
            least=self._one_more(self.least[self._present], size),
            overall=self._one_more(self.overall, size.sum()),
            max_gap=self.max_gap,
            max_cost=self.max_cost,
        )

    def _one_more(self, coverage, size):
        return np.minimum(1.0, coverage * (1 + self.next_weight / size))

    @cached_property
    def _levels(self):
        """Every level of each group."""
        columns = [self.judged.score, self.value, self.judged.weight]
        if self.cost is not None:
            columns.append(self.cost)
        rows = [self._used & (self.place == g) for g in self._present]
        return [group_levels(*(column[own] for column in columns)) for own in rows]

    def plan(self):
        """The best shares of the groups that have rows."""
        used, asked = self._used, self._constraints
        found = plan_groups(
            self.judged.score[used],
            self.value[used],
            self.judged.weight[used],
            np.searchsorted(self._present, self.place[used]),
            len(self._present),
            least=asked.least,
            overall=asked.overall,
            max_gap=asked.max_gap,
            cost=None if self.cost is None else self.cost[used],
            max_cost=asked.max_cost,
        )
        return replace(found, mixture=mended(found.mixture, self._levels, asked))

    def mixed_coverage(self, plan):
        """Coverage of the plan's mixture."""
        return np.average(plan.coverage, weights=self._constraints.size)

    def thresholds(self, plan):
        """One threshold for each group, on the scores of these rows."""
        found = np.full(len(self.groups), inf)
        found[self._present] = one_threshold_each(plan, self._levels, self._constraints)
        return found

    def mixtures(self, plan):
        """Thresholds and their shares for each group, on the scores of these rows."""
        found = [[(inf, 1.0)] for _ in self.groups]
        for g, mixed in zip(self._present, plan.mixture, strict=True):
            found[g] = mixed
        return found

    def carried_over(self, threshold, groups, scores_of):
        """The threshold that keeps as many where scores are those of other models.

        Parameters
        ----------
        threshold : float
            On the scores of these rows.
        groups : ndarray of shape (n_groups,), bool
            The groups that have it.
        scores_of : callable
            From a mask of these rows to their CalibrationScores.
        """
        if np.isinf(threshold):
            return threshold
        rows = groups[self.place]
        weight = self.judged.weight[rows]
        kept = weight @ (self.judged.score[rows] <= threshold)
        return scores_of(rows).score_at(kept / (weight.sum() + self.next_weight))


def _part(budget, kind):
    return next((part for part in budget.parts if isinstance(part, kind)), None)


def _check(calibration, budget, confidence):
    if calibration.judged is None:
        raise ValueError(
            f"{budget!r} weighs groups by what a query gains, and only evidence was "
            "given. Pass Outcomes as held_out=."
        )
    if floors_of(budget):
        raise ValueError(
            f"{floors_of(budget)[0]!r} cannot go together with budgets by group or by "
            "cost of rows. Ask for one of the two."
        )
    for kind in (GroupCoverage, MaxQueryCost):
        if sum(isinstance(part, kind) for part in budget.parts) > 1:
            raise ValueError(
                f"Only one {kind.__name__} can be met at a time. Got {budget!r}. Name "
                "the groups of both in one."
            )
    by = _part(budget, GroupCoverage)
    uncertain = (
        budget.mixes or _part(budget, MaxQueryCost) or (by and by.max_gap is not None)
    )
    if confidence is not None and uncertain:
        raise CertificateError(
            "confidence= is given for least coverages of groups with fixed thresholds, "
            "not for mean costs of rows, gaps between groups, or mixtures. Set "
            "confidence=None."
        )


def _certify(problem, budget, confidence, seed):
    """A plan, and thresholds that keep every least coverage with this confidence.

    Some rows make the plan; the others settle an order statistic for each group, and
    one for all rows on scores less the planned threshold of their group, each at its
    part of the error probability (Bonferroni). A group's threshold is the larger of
    the two; to raise one can only add coverage.
    """
    n = len(problem.place)
    planning = np.zeros(n, dtype=bool)
    order = np.random.RandomState(seed).permutation(n)
    planning[order[: round(PLAN_SHARE * n)]] = True
    if not problem.judged.weight[planning].any() or planning.all():
        raise ValueError(
            f"{n} calibration rows are too few: {PLAN_SHARE:.0%} make a plan and the "
            "others certify it. Give more rows, or set confidence=None."
        )
    part = problem.take(planning)
    plan = part.plan()
    planned = part.thresholds(plan)
    rest = problem.take(~planning)
    n_statements = int((problem.least > 0).sum()) + (problem.overall > 0)
    each = 1 - (1 - confidence) / max(n_statements, 1)
    thresholds = planned
    if problem.overall > 0:
        with np.errstate(invalid="ignore"):
            lead = rest.judged.score - planned[rest.place]
        lead = np.nan_to_num(lead, nan=-inf, posinf=inf, neginf=-inf)
        overall = CalibrationScores(lead, rest.judged.weight, exact=True)
        thresholds = planned + overall.cut(problem.overall, each)[0]
        thresholds = np.nan_to_num(thresholds, nan=inf, posinf=inf, neginf=-inf)
    own = np.full(len(planned), -inf)
    few = []
    for g, least in enumerate(problem.least):
        if least > 0:
            scores = _exact_scores(rest.judged.take(rest.place == g))
            own[g] = scores.score_at(least, each) if least < 1 else inf
            if own[g] == inf and least < 1:
                few.append((f"{problem.groups[g]} ({scores.n:g})", least))
    if few:
        names, shares = zip(*few, strict=True)
        warn_user(
            f"Too few calibration rows in the groups {', '.join(names[:5])}: up to "
            f"{rows_needed(max(shares), each)} each are needed. Nothing will be "
            "queried there.",
            CalibrationWarning,
        )
    thresholds = np.maximum(thresholds, own)
    certificate = Certificate(
        budget,
        None,
        round(float(rest.judged.weight.sum())),
        confidence,
        True,
        method="exact order statistics for each group, the error probability divided",
        vacuous=bool((thresholds == inf).all()),
    )
    return plan, thresholds, certificate


def _exact_scores(judged):
    return CalibrationScores(judged.score, judged.weight, exact=True)
