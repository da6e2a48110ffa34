"""Fit the rules of a chain, each on the rows that reach its tier."""

import copy
from dataclasses import dataclass, replace

import numpy as np

from selective_query._calibrating import fitted_out_of_fold, of_new_rows
from selective_query.budgets import GroupOperatingPoint, MixedOperatingPoint
from selective_query.budgets._columns import (
    part_that_reads,
    read_to_be_solved,
    rows_that_may_leave,
)
from selective_query.budgets._solving.calibration import Calibration
from selective_query.budgets._solving.reach import judged_rows
from selective_query.budgets._solving.thresholds import CalibrationScores
from selective_query.budgets.base import least_coverage
from selective_query.budgets.combined import check_coverage
from selective_query.policy import RoutingPolicy
from selective_query.tiers._goals import goal_of
from selective_query.tiers._priced import PricedChain

# With fewer rows reaching its tier, a router is fitted on all rows.
LEAST_TO_LEARN = 30
# A share this close to 0 or 1 is treated as 0 or 1.
ROUNDING = 1e-9


def stop_after(passed, tier):
    """Return the tier that answers each row passed on by a tier: (n_samples,), int.

    Parameters
    ----------
    passed : ndarray of shape (n_rules, n_samples), bool
        Rows that each rule passes on, whether they reach its tier or not.
    tier : int
    """
    later = np.logical_and.accumulate(passed[tier + 1 :])
    return tier + 1 + later.sum(axis=0)


@dataclass(frozen=True, eq=False)
class LearnedTier:
    """A deciding tier: its policy, and a calibration of all rows.

    Attributes
    ----------
    policy : RoutingPolicy
        With a fitted router; its threshold is set on the rows that reach the tier.
    rows : Calibration
        Calibration of all rows, whether they reach the tier or not.
    """

    policy: RoutingPolicy
    rows: Calibration

    @property
    def score(self):
        """Scores of all rows, out of fold if the router was fitted on them."""
        return self.rows.scores.given["score"]

    def going_on(self, utility):
        """Return a copy in which passing a row on has this utility."""
        judged = replace(self.rows.judged, query_utility=utility)
        return LearnedTier(self.policy, replace(self.rows, judged=judged))

    def cut(self, coverage, confidence, reached):
        """Return a copy with a threshold from the rows that reach it, or else all."""
        policy = copy.copy(self.policy)
        policy.coverage, policy.confidence = coverage, confidence
        policy._calibration = self._reaching(reached)
        policy.rule_ = policy._cut()
        return LearnedTier(policy, self.rows)

    def _reaching(self, reached):
        some = self.rows.judged.weight[reached].any() and not reached.all()
        return self.rows.of(reached) if some else self.rows

    def passed(self):
        """Return which of all rows the rule passes on, by their scores here.

        Out-of-fold scores have another scale than those of the final models. They get
        a threshold of their own that gives the same coverage. Returns None if
        thresholds are mixed at random.
        """
        point, reaching = self.policy.operating_point_, self.policy._calibration
        if isinstance(point, MixedOperatingPoint):
            return None
        cuts, shares = [(0, point.threshold)], {0: point.coverage}
        by = part_that_reads(point.budget, "group")
        if isinstance(point, GroupOperatingPoint):
            cuts, shares = point.thresholds, dict(point.coverages)
        group, theirs = (
            np.zeros(len(rows.scores.given["score"])) if by is None
            else rows.columns.of(by)
            for rows in (self.rows, reaching)
        )  # fmt: skip
        passed = np.zeros(len(group), dtype=bool)
        for label, threshold in cuts:
            if reaching.scores.given["shift"] is not None:
                scores = reaching.scores.of(theirs == label)
                threshold = score_of_share(scores, shares[label])
            passed |= (group == label) & (self.score > threshold)
        return passed

    def likely_passed(self, coverage, reached):
        """Return the rows likely passed on at a coverage or budget."""
        budget = check_coverage(coverage)
        if budget is None:
            return self.score > 0
        if budget.measures_quality or read_to_be_solved(budget):
            return self.cut(coverage, None, reached).passed()
        scores = self._reaching(reached).scores
        return self.score > score_of_share(scores, least_coverage(budget))


def whole(share):
    """Round a share that is almost 0 or 1."""
    return float(np.round(share)) if abs(share - np.round(share)) < ROUNDING else share


def shares_kept(passed, weight, scores, *, as_ranked):
    """Return the share that each tier keeps of the rows that reach it.

    Parameters
    ----------
    passed : ndarray of shape (n_rules, n_samples), bool
    weight : ndarray of shape (n_samples,)
    scores : sequence of ndarray of shape (n_samples,)
    as_ranked : bool or None
        Whether a calibration on these rows must reproduce this very ranking cut. Then
        one more row is counted, as the calibration does; otherwise the next group of
        ties would be kept as well. None does so only if that group has several rows.

    Returns
    -------
    list of float
    """
    shares, reached = [], np.ones(len(weight), dtype=bool)
    for rows, score in zip(passed, scores, strict=True):
        # A tier that no row reaches gets its share of all rows.
        here = weight * (reached if weight[reached].any() else 1)
        kept, n = here @ ~rows, here.sum()
        share = whole(float(kept / n))
        exactly = _tied(score[rows & (here > 0)]) if as_ranked is None else as_ranked
        if exactly and share not in (0, 1):
            frequencies = (here == here.round()).all()
            share = float(
                kept / (n + (1 if frequencies else n / np.count_nonzero(here)))
            )
        shares.append(share)
        reached = reached & rows
    return shares


def _tied(score):
    """Whether several rows share the lowest of these scores."""
    return np.count_nonzero(score == score.min(initial=np.inf)) > 1


def score_of_share(scores, coverage):
    """Return the threshold for a coverage on these scores themselves.

    Parameters
    ----------
    scores : CalibrationScores
    coverage : float

    Returns
    -------
    float
    """
    coverage = whole(coverage)
    if coverage in (0, 1):
        return np.inf if coverage else -np.inf
    given = {**scores.given, "shift": None, "exact": False}
    return CalibrationScores(**given).score_at(coverage)


def priced_chain(goal, tiers, outcomes):
    """Return the outcomes scored by the tiers, with the costs of a goal."""
    scores = [tier.score for tier in tiers]
    return PricedChain(scores, outcomes.utilities, goal.costs, outcomes.weight)


def solutions(coverage, tiers, outcomes, certified):
    """Yield the shares that tiers keep within one budget, increasingly strict.

    Parameters
    ----------
    coverage : float or Budget
        For the whole chain.
    tiers : list of LearnedTier
    outcomes : ChainOutcomes
        Rows that the tiers have scored.
    certified : bool
        Whether the shares will be certified on other rows.

    Yields
    ------
    shares : list of float
    price : float
    passed : ndarray of shape (n_rules, n_samples), bool
    """
    goal = goal_of(check_coverage(coverage), outcomes, most_limits=2)
    # A limit leaves room for one new row, but not for a group of ties; a certified one
    # leaves room for both.
    exact = None if goal.floor is None else True
    if certified:
        exact = False
    scores = [tier.score for tier in tiers]
    for passed, price in goal.solutions(priced_chain(goal, tiers, outcomes)):
        shares = shares_kept(passed, outcomes.weight, scores, as_ranked=exact)
        yield shares, price, passed


def learn_tier(policy, step, reached, change, answers_exact):
    """Fit a tier's router on the rows that reach it.

    Parameters
    ----------
    policy : RoutingPolicy
        Not fitted.
    step : Outcomes
        All rows: outcomes of the tier, and of the tier that answers what it passes on.
    reached : ndarray of shape (n_samples,), bool
    change : as in RoutingPolicy.fit
    answers_exact : bool
        Whether the answers of later tiers are those of the final models.

    Returns
    -------
    LearnedTier
        Without a threshold.
    """
    rows = np.flatnonzero(reached) if _can_teach(step, reached) else None
    policy.has_global_ = step.has_global
    policy.rule_ = policy.new_rule(step if rows is None else step.take(rows))
    found = fitted_out_of_fold(
        policy.rule_, step, change, answers_exact, _may_leave(policy.rule_, step, rows)
    )
    return LearnedTier(policy, policy._completed(found, step))


def _may_leave(rule, step, rows):
    """Return those of these rows that a rule may pass on; None stands for all rows."""
    may = rows_that_may_leave(rule.local, step)
    if may is None or rows is None:
        return rows if may is None else may
    both = np.intersect1d(rows, may)
    return both if len(both) else may


def _can_teach(step, reached):
    """Whether the rows that reach a tier are enough and from several folds."""
    if reached.all() or step.weight[reached].sum() < LEAST_TO_LEARN:
        return False
    if step.fold is None:
        return True
    return len(np.unique(step.fold[reached & (step.weight > 0)])) > 1


def held_out_tier(tier, learned, step, answers_exact):
    """Return the tier with a calibration on held-out rows.

    Parameters
    ----------
    tier : LearnedTier
    learned : Outcomes or None
        Rows that the router was fitted on and that reach the tier; they fix the order
        in which thresholds are tested.
    step : Outcomes
        Outcomes of all held-out rows.
    answers_exact : bool

    Returns
    -------
    LearnedTier
        Without a threshold.
    """
    rule = tier.policy.rule_
    ordering = learned and judged_rows(rule.score(learned), learned)
    found = of_new_rows(rule, step, answers_exact, ordering)
    return LearnedTier(tier.policy, tier.policy._completed(found, step))


def cut_chain(tiers, coverages, confidence, utilities, passed=None):
    """Set the thresholds from first to last tier, each on the rows that reach it.

    Parameters
    ----------
    tiers : list of LearnedTier
    coverages : sequence of (float, Budget or None)
    confidence : float or None
        Confidence per tier.
    utilities : ndarray of shape (n_samples, n_tiers)
    passed : ndarray of shape (n_rules, n_samples), bool, optional
        Assumed rows that later rules pass on, for budgets on quality.

    Returns
    -------
    tiers : list of LearnedTier
    passed : ndarray of shape (n_rules, n_samples), bool, or None
        None if a rule mixes thresholds at random.
    """
    rows, n = np.arange(len(utilities)), len(tiers)
    reached = np.ones(len(utilities), dtype=bool)
    cut, found = [], []
    for j, (tier, coverage) in enumerate(zip(tiers, coverages, strict=True)):
        if passed is not None and j < n - 1:
            tier = tier.going_on(utilities[rows, stop_after(passed, j)])
        cut.append(tier.cut(coverage, confidence, reached))
        found.append(cut[-1].passed())
        if found[-1] is None:
            return cut, None
        reached = reached & found[-1]
    return cut, np.array(found)
