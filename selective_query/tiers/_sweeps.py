"""Learning the rules of a chain, each on the rows that reach its tier."""

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

# A router that would learn from fewer takes all rows, whether they reach its tier.
LEAST_TO_LEARN = 30
# A share that is so near to none or all is that.
ROUNDING = 1e-9


def stop_after(passed, tier):
    """Who answers each row that a tier passes on: (n_samples,), int.

    Parameters
    ----------
    passed : ndarray of shape (n_rules, n_samples), bool
        What each rule passes on, whether its tier is reached or not.
    tier : int
    """
    later = np.logical_and.accumulate(passed[tier + 1 :])
    return tier + 1 + later.sum(axis=0)


@dataclass(frozen=True, eq=False)
class LearnedTier:
    """A tier that decides: its policy, and a calibration of all rows.

    Attributes
    ----------
    policy : RoutingPolicy
        Its router is fitted; it is cut on the rows that reach the tier.
    rows : Calibration
        Of all rows, whether they reach the tier or not.
    """

    policy: RoutingPolicy
    rows: Calibration

    @property
    def score(self):
        """Of all rows, out of fold where the router has learned from them."""
        return self.rows.scores.given["score"]

    def going_on(self, utility):
        """A copy in which passing a row on has this utility."""
        judged = replace(self.rows.judged, query_utility=utility)
        return LearnedTier(self.policy, replace(self.rows, judged=judged))

    def cut(self, coverage, confidence, reached):
        """A copy cut on the rows that reach the tier, or on all if none does."""
        policy = copy.copy(self.policy)
        policy.coverage, policy.confidence = coverage, confidence
        policy._calibration = self._reaching(reached)
        policy.rule_ = policy._cut()
        return LearnedTier(policy, self.rows)

    def _reaching(self, reached):
        some = self.rows.judged.weight[reached].any() and not reached.all()
        return self.rows.of(reached) if some else self.rows

    def passed(self):
        """Which of all rows the rule passes on, by the scores that they have here.

        Scores of folds are cut where they give the coverage that is expected of the
        models in use, whose own threshold is another. None where thresholds are mixed
        at random.
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
        """A copy for a coverage or budget that the tier is not cut for yet."""
        budget = check_coverage(coverage)
        if budget is None:
            return self.score > 0
        if budget.measures_quality or read_to_be_solved(budget):
            return self.cut(coverage, None, reached).passed()
        scores = self._reaching(reached).scores
        return self.score > score_of_share(scores, least_coverage(budget))


def whole(share):
    """A share, with none or all in the place of what is that but for rounding."""
    return float(np.round(share)) if abs(share - np.round(share)) < ROUNDING else share


def shares_kept(passed, weight, scores, *, as_ranked):
    """Share that each tier keeps of the rows that reach it.

    Parameters
    ----------
    passed : ndarray of shape (n_rules, n_samples), bool
    weight : ndarray of shape (n_samples,)
    scores : sequence of ndarray of shape (n_samples,)
    as_ranked : bool or None
        Whether a calibration of these rows shall cut at these very ones. One row more
        is counted then, which it allows for; the next tie group would be kept else.
        None does so where that group is of several rows.

    Returns
    -------
    list of float
    """
    shares, reached = [], np.ones(len(weight), dtype=bool)
    for rows, score in zip(passed, scores, strict=True):
        # A tier that nothing reaches keeps what it would keep of all.
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
    """Whether several have the least of these scores."""
    return np.count_nonzero(score == score.min(initial=np.inf)) > 1


def score_of_share(scores, coverage):
    """The threshold for a coverage of these very rows, not of models in use.

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
    """The rows of outcomes as tiers score them, with the costs of a goal."""
    scores = [tier.score for tier in tiers]
    return PricedChain(scores, outcomes.utilities, goal.costs, outcomes.weight)


def solutions(coverage, tiers, outcomes, certified):
    """Shares that tiers keep within one budget, from what is asked to stricter.

    Parameters
    ----------
    coverage : float or Budget
        Of the whole chain.
    tiers : list of LearnedTier
    outcomes : ChainOutcomes
        Of the rows that the tiers have scored.
    certified : bool
        Whether the shares will be certified on other rows.

    Yields
    ------
    shares : list of float
    price : float
    passed : ndarray of shape (n_rules, n_samples), bool
    """
    goal = goal_of(check_coverage(coverage), outcomes, most_limits=2)
    # A limit leaves room for a new row, not for a tie group; certified, for both.
    exact = None if goal.floor is None else True
    if certified:
        exact = False
    scores = [tier.score for tier in tiers]
    for passed, price in goal.solutions(priced_chain(goal, tiers, outcomes)):
        shares = shares_kept(passed, outcomes.weight, scores, as_ranked=exact)
        yield shares, price, passed


def learn_tier(policy, step, reached, change, answers_exact):
    """A tier whose router has learned from the rows that reach it.

    Parameters
    ----------
    policy : RoutingPolicy
        Not fitted.
    step : Outcomes
        Of all rows: the tier, and whoever answers what it passes on.
    reached : ndarray of shape (n_samples,), bool
    change : as of RoutingPolicy.fit
    answers_exact : bool
        Whether the later tiers are those in use.

    Returns
    -------
    LearnedTier
        Not cut yet.
    """
    rows = np.flatnonzero(reached) if _can_teach(step, reached) else None
    policy.has_global_ = step.has_global
    policy.rule_ = policy.new_rule(step if rows is None else step.take(rows))
    found = fitted_out_of_fold(
        policy.rule_, step, change, answers_exact, _may_leave(policy.rule_, step, rows)
    )
    return LearnedTier(policy, policy._completed(found, step))


def _may_leave(rule, step, rows):
    """Of these rows (None for all) those that a rule may pass on; None for all."""
    may = rows_that_may_leave(rule.local, step)
    if may is None or rows is None:
        return rows if may is None else may
    both = np.intersect1d(rows, may)
    return both if len(both) else may


def _can_teach(step, reached):
    """Whether the rows that reach a tier are some, enough, and of several folds."""
    if reached.all() or step.weight[reached].sum() < LEAST_TO_LEARN:
        return False
    if step.fold is None:
        return True
    return len(np.unique(step.fold[reached & (step.weight > 0)])) > 1


def held_out_tier(tier, learned, step, answers_exact):
    """The router with a calibration of rows that nothing was fitted on.

    Parameters
    ----------
    tier : LearnedTier
    learned : Outcomes or None
        Rows that the router has learned from and that reach the tier; they settle in
        which order thresholds are tested.
    step : Outcomes
        Of all rows that were held out.
    answers_exact : bool

    Returns
    -------
    LearnedTier
        Not cut yet.
    """
    rule = tier.policy.rule_
    ordering = learned and judged_rows(rule.score(learned), learned)
    found = of_new_rows(rule, step, answers_exact, ordering)
    return LearnedTier(tier.policy, tier.policy._completed(found, step))


def cut_chain(tiers, coverages, confidence, utilities, passed=None):
    """Tiers cut from the first to the last, each on the rows that reach it.

    Parameters
    ----------
    tiers : list of LearnedTier
    coverages : sequence of (float, Budget or None)
    confidence : float or None
        Of each.
    utilities : ndarray of shape (n_samples, n_tiers)
    passed : ndarray of shape (n_rules, n_samples), bool, optional
        What later rules are taken to pass on, by which budgets on quality judge.

    Returns
    -------
    tiers : list of LearnedTier
    passed : ndarray of shape (n_rules, n_samples), bool, or None
        None where a rule mixes thresholds at random.
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
