"""Budgets by group and by cost of rows, solved into a threshold for each group."""

from math import inf

import numpy as np

from selective_query._utils.validation import warn_user
from selective_query.budgets._solving.group_problem import GroupProblem, part_of
from selective_query.budgets._solving.thresholds import (
    TIE_TOLERANCE,
    CalibrationScores,
    rows_needed,
)
from selective_query.budgets.certificates import Certificate
from selective_query.budgets.combined import floors_of
from selective_query.budgets.group_point import (
    GroupOperatingPoint,
    kept_by_mixtures,
)
from selective_query.budgets.row_budgets import GroupCoverage, MaxQueryCost
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
        mixtures = problem.mixtures(plan)
        planned = problem.kept_by(mixtures)
        if budget.mixes:
            kept = planned
            chance = calibration.columns.chance(budget.seed)
            _warn_lumps(problem, mixtures, kept, chance)
            mixtures = problem.carried_over_each(mixtures, scores.of)
        else:
            kept = (judged.score <= own[problem.place]).astype(float)
            _warn_rounding(judged.weight @ (kept - planned) / scores.n)
        thresholds = problem.carried_over(own, scores.of)
        certificate = Certificate(
            budget,
            None,
            int(scores.n) if scores.whole_weights else float(scores.n),
            None,
            scores.exact,
            method="a linear program over score thresholds",
            short_by=problem.short_by(budget, kept, scores.n_effective / scores.n),
            weighted=not scores.unit_weights,
        )
    else:
        mixtures, thresholds, certificate = _certify(
            problem, budget, confidence, calibration.seed
        )
        kept = (judged.score <= thresholds[problem.place]).astype(float)
        planned = problem.kept_by(mixtures)
    place, share = problem.place, judged.weight / judged.weight.sum()
    size = np.bincount(place, share)
    groups = problem.groups.tolist()
    with np.errstate(invalid="ignore"):
        coverages = np.bincount(place, share * kept) / size
    utility = kept * judged.base_utility + (1 - kept) * judged.query_utility
    return GroupOperatingPoint(
        threshold=None,
        budget=budget,
        coverage=float(share @ kept),
        accuracy=float(share @ utility),
        certificate=certificate,
        thresholds=tuple(zip(groups, thresholds.tolist(), strict=True)),
        coverages=tuple(zip(groups, coverages.tolist(), strict=True)),
        rounding_loss=max(0.0, float(share @ (problem.value * (kept - planned)))),
        mixtures=tuple(map(tuple, mixtures)) if budget.mixes else None,
    )


def _warn_rounding(surplus):
    if surplus > TIE_TOLERANCE:
        warn_user(
            "One threshold for each group keeps to the budget, but at a coverage more "
            f"than {100 * TIE_TOLERANCE:g} points above that of a mixture of "
            "thresholds: rows share a score, or single ones cost much. Mixed(...) in "
            "place of All(...) mixes; operating_point_.rounding_loss says what that is "
            "worth.",
            CalibrationWarning,
        )


def _warn_lumps(problem, mixtures, kept, chance):
    """Warn where equal rows, which stay together, undo a mixture."""
    if chance is None:
        return
    judged, place = problem.judged, problem.place
    share = judged.weight / judged.weight.sum()
    decided = kept_by_mixtures(mixtures, judged.score, place, chance)
    by_luck = np.sqrt(share**2 @ (kept * (1 - kept)))
    if abs(share @ (decided - kept)) > max(TIE_TOLERANCE, 3 * by_luck):
        warn_user(
            "Rows whose evidence is equal stay together, and so many are that the "
            "mixture keeps another share of the calibration rows than it should. Give "
            "evidence that tells rows apart (X or base_features), or take All(...) in "
            "place of Mixed(...).",
            CalibrationWarning,
        )


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
    by = part_of(budget, GroupCoverage)
    uncertain = (
        budget.mixes or part_of(budget, MaxQueryCost) or (by and by.max_gap is not None)
    )
    if confidence is not None and uncertain:
        raise CertificateError(
            "confidence= is given for least coverages of groups with fixed thresholds, "
            "not for mean costs of rows, gaps between groups, or mixtures. Set "
            "confidence=None."
        )


def _certify(problem, budget, confidence, seed):
    """A planned mixture, and thresholds that are shown to keep each least coverage.

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
    return part.mixtures(plan), thresholds, certificate


def _exact_scores(judged):
    return CalibrationScores(judged.score, judged.weight, exact=True)
