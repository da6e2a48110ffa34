"""Budgets by group and by cost of rows, solved into a threshold for each group."""

from math import inf

import numpy as np

from selective_query._validation import warn_user
from selective_query.budgets.budgets import floors_of, limit_of
from selective_query.budgets.certificates import Certificate
from selective_query.budgets.group_point import GroupOperatingPoint
from selective_query.budgets.group_program import expected_benefit, plan_groups
from selective_query.budgets.row_budgets import GroupCoverage, MaxQueryCost
from selective_query.budgets.thresholds import CalibrationScores, rows_needed
from selective_query.exceptions import CalibrationWarning, CertificateError

# Share of the rows that makes a plan whose thresholds the others certify.
PLAN_SHARE = 0.3


def solve_groups(calibration, budget, confidence):
    """The operating point of a budget that looks at groups or at costs of rows.

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
    problem = GroupProblem(budget, calibration)
    if confidence is None:
        plan = problem.plan(np.ones(len(judged.score), dtype=bool))
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
    share = judged.weight / judged.weight.sum()
    kept = judged.score <= thresholds[problem.place]
    size = np.bincount(problem.place, share)
    groups = problem.groups.tolist()
    return GroupOperatingPoint(
        threshold=None,
        budget=budget,
        coverage=float(share @ kept),
        accuracy=float(
            share @ np.where(kept, judged.base_utility, judged.query_utility)
        ),
        certificate=certificate,
        thresholds=tuple(zip(groups, thresholds.tolist(), strict=True)),
        coverages=tuple(
            zip(
                groups,
                (np.bincount(problem.place, share * kept) / size).tolist(),
                strict=True,
            )
        ),
        rounding_loss=float(plan.value - share @ (problem.value * ~kept)),
        mixtures=tuple(map(tuple, plan.mixture)) if budget.mixes else None,
    )


class GroupProblem:
    """What a linear program needs to know about the calibration rows.

    Parameters
    ----------
    budget : Budget
    calibration : Calibration
    """

    def __init__(self, budget, calibration):
        self.judged = judged = calibration.judged
        self.by = _part(budget, GroupCoverage)
        self.costs = _part(budget, MaxQueryCost)
        limit = limit_of(budget)
        self.overall = limit.least_coverage() if limit else 0.0
        group = np.zeros(len(judged.score), dtype=int)
        if self.by:
            group = calibration.columns.of(self.by)
        self.groups, self.place = np.unique(group, return_inverse=True)
        self.least = np.zeros(1)
        if self.by:
            self.least = self.by.least_coverages(self.groups)
        self.cost = calibration.columns.of(self.costs) if self.costs else None
        self.value = judged.score
        if not calibration.in_benefit_units or not np.isfinite(judged.score).all():
            self.value = expected_benefit(
                judged.score, judged.query_utility - judged.base_utility, judged.weight
            )

    def plan(self, rows):
        """The best shares by the rows of a mask."""
        return plan_groups(
            self.judged.score[rows],
            self.value[rows],
            self.judged.weight[rows],
            self.place[rows],
            len(self.groups),
            least=self.least,
            overall=self.overall,
            max_gap=self.by.max_gap if self.by else None,
            cost=None if self.cost is None else self.cost[rows],
            max_cost=self.costs.maximum if self.costs else None,
        )

    def thresholds(self, plan, scores_of):
        """One threshold for each group, and the same for all that are not apart.

        Parameters
        ----------
        plan : GroupPlan
        scores_of : callable
            From a mask of the rows to their CalibrationScores.

        Returns
        -------
        ndarray of shape (n_groups,)
        """
        size = np.bincount(self.place, self.judged.weight)
        weight = self.judged.weight
        together, common = ~plan.apart, -inf
        while together.any():
            coverage = np.average(plan.coverage[together], weights=size[together])
            common = _cut(scores_of(together[self.place]), coverage)
            kept = np.bincount(self.place, weight * (self.judged.score <= common))
            # Where rows of several groups are worth the same, the plan may have met a
            # group's constraint for nothing, as one threshold does not.
            short = together & (kept < self.least * size)
            if not short.any():
                break
            together &= ~short
        found = np.full(len(self.groups), common)
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
    drawn = np.random.RandomState(seed).permutation(n)[: round(PLAN_SHARE * n)]
    planning = np.zeros(n, dtype=bool)
    planning[drawn] = True
    missing = np.setdiff1d(np.arange(len(problem.groups)), problem.place[planning])
    planning |= np.isin(problem.place, missing)
    plan = problem.plan(planning)
    judged = problem.judged

    def scores_of(rows, shift=0.0):
        return CalibrationScores(
            judged.score[rows] - shift, judged.weight[rows], exact=True
        )

    needs = int((problem.least > 0).sum()) + (problem.overall > 0)
    each = 1 - (1 - confidence) / max(needs, 1)
    planned = problem.thresholds(plan, lambda rows: scores_of(rows & planning))
    thresholds = planned
    if problem.overall > 0:
        with np.errstate(invalid="ignore"):
            shift = planned[problem.place[~planning]]
            shifted = np.nan_to_num(
                judged.score[~planning] - shift, nan=-inf, posinf=inf, neginf=-inf
            )
        overall = CalibrationScores(shifted, judged.weight[~planning], exact=True)
        thresholds = planned + overall.cut(problem.overall, each)[0]
    held = [scores_of(~planning & (problem.place == g)) for g in range(len(planned))]
    own = np.full(len(planned), -inf)
    few = []
    for g, least in enumerate(problem.least):
        if least > 0:
            own[g] = held[g].score_at(least, each) if least < 1 else inf
            if own[g] == inf and least < 1:
                few.append(f"{problem.groups[g]} ({held[g].n:g})")
    thresholds = np.maximum(np.nan_to_num(thresholds, nan=inf, posinf=inf), own)
    if few:
        least = max(c for c in problem.least if c < 1)
        warn_user(
            f"Too few calibration rows in the groups {', '.join(few[:5])}: up to "
            f"{rows_needed(least, each)} each are needed. Nothing will be queried "
            "there.",
            CalibrationWarning,
        )
    certificate = Certificate(
        budget,
        None,
        round(float(judged.weight[~planning].sum())),
        confidence,
        True,
        method="exact order statistics for each group, the error probability divided",
        vacuous=bool(np.isinf(thresholds).all() and (thresholds > 0).all()),
    )
    return plan, thresholds, certificate
