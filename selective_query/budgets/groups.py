"""Budgets by group and by cost of rows, solved into a threshold for each group."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

import numpy as np

from selective_query._validation import warn_user
from selective_query.budgets._base import ROUNDING
from selective_query.budgets.budgets import floors_of, limit_of
from selective_query.budgets.certificates import Certificate
from selective_query.budgets.group_point import GroupOperatingPoint
from selective_query.budgets.group_program import (
    GroupPlan,
    expected_benefit,
    plan_groups,
)
from selective_query.budgets.row_budgets import GroupCoverage, MaxQueryCost
from selective_query.budgets.sweep import JudgedRows
from selective_query.budgets.thresholds import CalibrationScores, rows_needed
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
    judged = calibration.judged
    problem = GroupProblem.of(budget, calibration)
    if confidence is None:
        plan = problem.plan()
        thresholds = problem.thresholds(plan, calibration.scores.of)
        scores = calibration.scores
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
    place, share = problem.place, judged.weight / judged.weight.sum()
    kept = (judged.score <= thresholds[place]).astype(float)
    if budget.mixes:
        kept = _share_kept(judged.score, place, plan.mixture)
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
        mixtures=tuple(map(tuple, plan.mixture)) if budget.mixes else None,
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

    @classmethod
    def of(cls, budget, calibration):
        """All calibration rows."""
        judged = calibration.judged
        by, costs = _part(budget, GroupCoverage), _part(budget, MaxQueryCost)
        group = np.zeros(len(judged.score), dtype=int)
        if by:
            group = calibration.columns.of(by)
        groups, place = np.unique(group, return_inverse=True)
        limit = limit_of(budget)
        return cls(
            judged=judged,
            groups=groups,
            place=place,
            least=by.least_coverages(groups) if by else np.zeros(1),
            overall=limit.least_coverage() if limit else 0.0,
            max_gap=by.max_gap if by else None,
            max_cost=costs.maximum if costs else None,
            cost=calibration.columns.of(costs) if costs else None,
            in_benefit_units=calibration.in_benefit_units,
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

    def plan(self):
        """The best shares; groups without a row of positive weight keep everything."""
        used = self.judged.weight > 0
        present = np.unique(self.place[used])
        position = np.zeros(len(self.groups), dtype=int)
        position[present] = np.arange(len(present))
        found = plan_groups(
            self.judged.score[used],
            self.value[used],
            self.judged.weight[used],
            position[self.place[used]],
            len(present),
            least=self.least[present],
            overall=self.overall,
            max_gap=self.max_gap,
            cost=None if self.cost is None else self.cost[used],
            max_cost=self.max_cost,
        )
        coverage, apart = np.ones(len(self.groups)), np.ones(len(self.groups), bool)
        coverage[present], apart[present] = found.coverage, found.apart
        mixture = [[(inf, 1.0)] for _ in self.groups]
        for g, mixed in zip(present, found.mixture, strict=True):
            mixture[g] = mixed
        return GroupPlan(coverage, apart, mixture, found.value)

    def thresholds(self, plan, scores_of):
        """One threshold for each group, and the same for all that are not apart.

        Parameters
        ----------
        plan : GroupPlan
        scores_of : callable
            From a mask of these rows to their CalibrationScores.

        Returns
        -------
        ndarray of shape (n_groups,)
        """
        n, weight = len(self.groups), self.judged.weight
        size = np.bincount(self.place, weight, n)
        together, common = ~plan.apart, -inf
        while together.any():
            coverage = np.average(plan.coverage[together], weights=size[together])
            common = _cut(scores_of(together[self.place]), coverage)
            kept = np.bincount(self.place, weight * (self.judged.score <= common), n)
            # Where rows of several groups are worth the same, the plan may have met a
            # group's constraint for nothing, as one threshold does not.
            short = together & (kept < (self.least - ROUNDING) * size)
            if not short.any():
                break
            together &= ~short
        found = np.full(n, common)
        for g in np.flatnonzero(~together):
            found[g] = _cut(scores_of(self.place == g), plan.coverage[g])
        return found


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


def _cut(scores, coverage):
    if coverage >= 1 - 1e-9:
        return inf
    return scores.score_at(float(coverage)) if coverage > 1e-9 else -inf


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
    planned = part.thresholds(plan, lambda rows: _exact_scores(part.judged.take(rows)))
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
