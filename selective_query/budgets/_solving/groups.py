"""Solve budgets by group and by row cost into a threshold for each group."""

from functools import partial
from math import inf

import numpy as np

from selective_query._utils.validation import warn_user
from selective_query.budgets._columns import parts_that_read
from selective_query.budgets._solving.group_problem import GroupProblem
from selective_query.budgets._solving.shortfalls import of_groups
from selective_query.budgets._solving.thresholds import (
    TIE_TOLERANCE,
    CalibrationScores,
    rows_needed,
)
from selective_query.budgets.base import floors_of
from selective_query.budgets.operating_points import (
    Certificate,
    GroupOperatingPoint,
    MixedOperatingPoint,
    kept_by_mixtures,
)
from selective_query.exceptions import CalibrationWarning, CertificateError

# Share of the rows that makes the plan; the others certify its thresholds.
PLAN_SHARE = 0.3


def solve_groups(calibration, budget, confidence):
    """Find the operating point of a budget that needs several thresholds.

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
    problem = GroupProblem.of(budget, calibration)
    if confidence is not None:
        return _certified(problem, budget, confidence, calibration.seed)
    judged, scores = calibration.judged, calibration.scores
    plan = problem.plan()
    own, mixtures = problem.thresholds(plan), problem.mixtures(plan)
    planned = problem.kept_by(mixtures)
    if budget.mixes:
        kept = planned
        _warn_equal_rows(problem, mixtures, kept, calibration.columns.get(budget))
        mixtures = problem.carried_over_each(mixtures, scores.of)
        kind = partial(MixedOperatingPoint, mixtures=tuple(map(tuple, mixtures)))
    else:
        kept = (judged.score <= own[problem.place]).astype(float)
        _warn_rounding(judged.weight @ (kept - planned) / scores.n)
        kind = GroupOperatingPoint
    worth = scores.n_effective / scores.n
    certificate = Certificate(
        budget,
        None,
        int(scores.n) if scores.whole_weights else float(scores.n),
        None,
        scores.exact,
        method="a linear program over score thresholds",
        short_by=tuple(of_groups(part, problem, kept, worth) for part in budget.parts),
        weighted=not scores.unit_weights,
    )
    thresholds = problem.carried_over(own, scores.of)
    return _point(kind, problem, thresholds, kept, planned, certificate)


def _point(kind, problem, thresholds, kept, planned, certificate):
    """Operating point of some thresholds, compared with the planned mixture."""
    judged, place = problem.judged, problem.place
    share = judged.weight / judged.weight.sum()
    groups = problem.groups.tolist()
    with np.errstate(invalid="ignore"):
        coverages = np.bincount(place, share * kept) / np.bincount(place, share)
    utility = kept * judged.base_utility + (1 - kept) * judged.query_utility
    return kind(
        threshold=None,
        budget=certificate.budget,
        coverage=float(share @ kept),
        accuracy=float(share @ utility),
        certificate=certificate,
        thresholds=tuple(zip(groups, thresholds.tolist(), strict=True)),
        coverages=tuple(zip(groups, coverages.tolist(), strict=True)),
        rounding_loss=max(0.0, float(share @ (problem.value * (kept - planned)))),
    )


def _warn_rounding(surplus):
    if surplus > TIE_TOLERANCE:
        warn_user(
            "One threshold for each group keeps to the budget, but at a coverage more "
            f"than {100 * TIE_TOLERANCE:g} points above that of a mixture of "
            "thresholds, because rows share a score or single rows are expensive. To "
            "mix, use Mixed(...) in place of All(...); operating_point_.rounding_loss "
            "is the accuracy that this would gain.",
            CalibrationWarning,
        )


def _warn_equal_rows(problem, mixtures, kept, chance):
    """Warn if rows with equal evidence, which are decided alike, distort a mixture."""
    if chance is None:
        return
    judged, place = problem.judged, problem.place
    share = judged.weight / judged.weight.sum()
    decided = kept_by_mixtures(mixtures, judged.score, place, chance)
    by_chance = np.sqrt(share**2 @ (kept * (1 - kept)))
    if abs(share @ (decided - kept)) > max(TIE_TOLERANCE, 3 * by_chance):
        warn_user(
            "Rows with equal evidence are decided alike, and there are so many that "
            "the mixture keeps a different share of the calibration rows than planned. "
            "Give evidence that distinguishes rows (X or base_features), or use "
            "All(...) in place of Mixed(...).",
            CalibrationWarning,
        )


def _check(calibration, budget, confidence):
    if calibration.judged is None:
        raise ValueError(
            f"{budget!r} needs the benefit of queries in each group, and only evidence "
            "was given. Pass Outcomes as held_out=."
        )
    if budget.measures_quality:
        raise ValueError(
            f"{floors_of(budget)[0]!r} cannot go together with budgets by group or by "
            "cost of rows. Ask for one of the two."
        )
    groups, costs = (parts_that_read(budget, w) for w in ("group", "query_cost"))
    for parts in (groups, costs):
        if len(parts) > 1:
            raise ValueError(
                f"Only one {type(parts[0]).__name__} can be met at a time. Got "
                f"{budget!r}. Name the groups of both in one."
            )
    uncertain = budget.mixes or costs or any(by.max_gap is not None for by in groups)
    if confidence is not None and uncertain:
        raise CertificateError(
            "confidence= is available for minimum coverages of groups with fixed "
            "thresholds, not for mean costs of rows, gaps between groups, or mixtures. "
            "Set confidence=None."
        )


def _certified(problem, budget, confidence, seed):
    """Operating point with a certified minimum coverage for each group.

    Some rows make the plan. The others determine an order statistic for each group, and
    one for all rows on scores minus the planned threshold of their group, each at its
    part of the error probability (Bonferroni). A group's threshold is the larger of the
    two; raising a threshold can only add coverage.
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
            judged = rest.judged.take(rest.place == g)
            scores = CalibrationScores(judged.score, judged.weight, exact=True)
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
    kept = (problem.judged.score <= thresholds[problem.place]).astype(float)
    planned = problem.kept_by(part.mixtures(plan))
    return _point(GroupOperatingPoint, problem, thresholds, kept, planned, certificate)
