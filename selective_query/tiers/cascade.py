"""CascadePolicy: fit the rules of a chain of models from arrays."""

import copy
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from selective_query._utils.fitting import UNCHANGED, become, unfitted
from selective_query._utils.validation import Interval, check_instance, fit_context
from selective_query.budgets._solving.calibration import hold_out
from selective_query.outcomes import ChainOutcomes
from selective_query.policy import RoutingPolicy
from selective_query.routers.base import BaseRouter
from selective_query.routers.registry import make_router
from selective_query.tiers._cutting import CuttingMixin
from selective_query.tiers._doubts import Doubts
from selective_query.tiers._goals import check_asked, one_for_each, own_shares
from selective_query.tiers._sweeps import (
    held_out_tier,
    learn_tier,
    stop_after,
)

# Coverage for which routers are first trained, before their shares are known.
FIRST_GUESS = 0.7
# The first sweep finds what later tiers do, the second uses it.
N_SWEEPS = 2


class CascadePolicy(CuttingMixin, BaseEstimator):
    """Decide tier by tier whether its answer is good enough, from the models' outputs.

    This is the engine of :class:`CascadeClassifier`; it works on saved or live outputs.
    A chain of two makes the same decisions as a :class:`RoutingPolicy`.

    Each router and each threshold is fitted on the rows that reach its tier. A single
    number or budget is solved for all tiers jointly: at one price per unit of cost,
    each tier passes on the rows whose gain exceeds the price of their cost, given the
    later tiers. The price is chosen to use up the budget. The solution gives the share
    of its rows that each tier keeps. If these shares miss the budget on the calibration
    rows, for example because of ties, shares of a stricter price are used.

    Parameters
    ----------
    router : str, BaseRouter or sequence of such, default="auto"
        Ranks the inputs at every tier but the last; see :func:`list_routers`.
    coverage : float, Budget, None or sequence of such, default=0.9
        A sequence gives a coverage or budget for each tier but the last, which applies
        to the rows that reach it. One number is the minimum share of all inputs that do
        not reach the last tier. One budget is a ``MaxTierCost``, a limit of the queries
        to the last tier, ``MinAccuracy``, ``MaxExcessError``, or ``All`` of limits of
        at most two costs and a floor; a floor is reached at the lowest cost. None
        passes on all rows with a positive expected benefit.
    abstain : float or None, default=None
        Maximum share of all inputs without an answer: those on which the answering tier
        is most likely wrong. Routers then account for the abstentions of later tiers.
        None answers everything.
    confidence : float or None, default=None
        Probability, over the draw of the calibration rows, that new data meet the
        budgets of all tiers.
    calibration : float or None, default=None
        Share of the rows held out for the thresholds, and not used for routers and the
        joint solution. None uses all rows, out of fold if routers learn.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    rule_ : CascadeRule
        Everything needed to decide: the rule of each tier.
    policies_ : tuple of RoutingPolicy
        Policies of every tier but the last.
    operating_point_ : CascadeOperatingPoint

    Examples
    --------
    >>> import numpy as np
    >>> from selective_query import CascadePolicy, ChainOutcomes, Evidence
    >>> rng = np.random.default_rng(0)
    >>> sure = rng.uniform(size=(2000, 2))
    >>> right = rng.uniform(size=(2000, 3)) < np.c_[sure, np.full(2000, 0.9)]
    >>> known = [Evidence(base_proba=np.c_[p, 1 - p] / 2 + 0.25) for p in sure.T]
    >>> chain = ChainOutcomes.from_utilities(
    ...     right, evidence=[*known, None], costs=[1, 4, 20], X=rng.uniform(size=2000)
    ... )
    >>> policy = CascadePolicy("benefit", coverage=(0.6, 0.5)).fit(chain)
    >>> np.bincount(policy.decide(chain)) / 2000
    array([0.5995, 0.199 , 0.2015])
    """

    _parameter_constraints = {
        "router": [str, BaseRouter, list, tuple],
        "coverage": "no_validation",  # check_coverage says more
        "abstain": [Interval(Real, 0, 1, closed="left"), None],
        "confidence": [Interval(Real, 0, 1, closed="neither"), None],
        "calibration": [Interval(Real, 0, 1, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        router="auto",
        coverage=0.9,
        *,
        abstain=None,
        confidence=None,
        calibration=None,
        random_state=None,
    ):
        self.router = router
        self.coverage = coverage
        self.abstain = abstain
        self.confidence = confidence
        self.calibration = calibration
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, outcomes, held_out=None, *, changes=None, answers_exact=None):
        """Fit the routers and the thresholds.

        Parameters
        ----------
        outcomes : ChainOutcomes
            Rows that the models were not fitted on.
        held_out : ChainOutcomes, optional
            Additional rows, used only for the thresholds.
        changes : sequence of list, optional
            ``change`` of :meth:`RoutingPolicy.fit` per tier; that of the last is used
            only if it may abstain.
        answers_exact : sequence of bool, optional
            For each tier but the last, whether the answers of later tiers are those of
            the final models, which certificates of quality require. True by default.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range, a budget has no meaning for a chain, or a
            router lacks evidence or rows.
        BudgetInfeasibleError
            If no operating point meets the budget, or is certified to.
        CertificateError
            If `confidence` could not hold.
        """
        check_instance(outcomes, "outcomes", ChainOutcomes)
        if held_out is None and self.calibration is not None:
            rows = hold_out(outcomes.n_rows, self.calibration, self.random_state)
            outcomes, held_out = (outcomes.take(part) for part in rows)
        n_rules = outcomes.n_tiers - 1
        changes = [()] * outcomes.n_tiers if changes is None else changes
        exact = [True] * n_rules if answers_exact is None else answers_exact
        fitted = unfitted(self)
        fitted._n_rules, fitted._certifiable = n_rules, held_out is not None
        check_asked(
            self.coverage, self.abstain, self.confidence, n_rules, held_out is not None
        )
        fitted._learn(outcomes, changes, exact)
        if held_out is not None:
            check_instance(held_out, "held_out", ChainOutcomes)
            fitted._hold_out(outcomes, held_out, exact)
        fitted._settle()
        return become(self, fitted)

    def _learn(self, outcomes, changes, answers_exact):
        """Fit the chain in sweeps, each with the later rules of the previous sweep."""
        routers = one_for_each(self.router, self._n_rules)
        self._learned = outcomes.grades()
        self._price = np.nan
        self._shares = own_shares(self.coverage, self._n_rules)
        passed, joint = None, self._shares is None
        if joint:
            everyone = np.ones(outcomes.n_rows, dtype=bool)
            guesses = [FIRST_GUESS] * self._n_rules
            tiers = [
                learn_tier(policy, outcomes.step(j), everyone, (), True)
                for j, policy in enumerate(self._policies(routers, guesses))
            ]
            self._shares, self._price, passed = self._solved(self.coverage, tiers)
        valued, self._doubts = outcomes, None
        for sweep in range(self._n_sweeps()):
            if joint and sweep:
                self._shares, self._price, passed = self._solved(self.coverage, tiers)
            tiers, passed = self._sweep(routers, valued, passed, changes, answers_exact)
            if self.abstain is not None:
                stop = stop_after(passed, -1)
                doubts = Doubts.learn(outcomes, passed, changes, self.random_state)
                self._doubts = doubts.cut(self.abstain, stop)
                valued = self._doubts.valued(outcomes, stop)
                self._learned = valued.grades()
        self._tiers, self._passed = tiers, passed
        self._calibrated, self._rows = tiers, outcomes.grades()

    def _n_sweeps(self):
        return N_SWEEPS if self._n_rules > 1 or self.abstain is not None else 1

    def _sweep(self, routers, outcomes, passed, changes, answers_exact):
        """Fit routers again, from the first to the last deciding tier."""
        reached = np.ones(outcomes.n_rows, dtype=bool)
        tiers, found = [], []
        for j, policy in enumerate(self._policies(routers, self._shares)):
            stop = None if passed is None else stop_after(passed, j)
            tier = learn_tier(
                policy, outcomes.step(j, stop), reached, changes[j], answers_exact[j]
            )
            tiers.append(tier)
            if self._n_sweeps() > 1:
                found.append(tier.likely_passed(self._shares[j], reached))
                reached = reached & found[-1]
        return tiers, np.array(found, dtype=bool).reshape(-1, outcomes.n_rows)

    def _hold_out(self, outcomes, held_out, answers_exact):
        """Calibrate the same routers on held-out rows."""
        calibrated = []
        reached = np.ones(outcomes.n_rows, dtype=bool)
        for j, tier in enumerate(self._tiers):
            learned = None
            if tier.policy.router_.learns:
                learned = outcomes.step(j).take(reached)
            step = held_out.step(j)
            calibrated.append(held_out_tier(tier, learned, step, answers_exact[j]))
            if self._n_rules > 1:
                reached = reached & self._passed[j]
        self._calibrated, self._rows = calibrated, held_out.grades()
        if self._doubts is not None:
            self._doubts = self._doubts.held_out(held_out)

    def decide(self, evidence):
        """Return the tier that answers each row; -1 where there is no answer.

        Parameters
        ----------
        evidence : ChainOutcomes, or sequence of Evidence
            As in :meth:`CascadeRule.decide`.

        Returns
        -------
        ndarray of shape (n_samples,), int
        """
        check_is_fitted(self, "rule_")
        return self.rule_.decide(evidence)

    def needs_learning(self, n_rules):
        """Return whether ``fit`` learns more than thresholds.

        Parameters
        ----------
        n_rules : int
            Number of deciding tiers.

        Returns
        -------
        bool
        """
        routers = map(make_router, one_for_each(self.router, n_rules))
        shared = own_shares(self.coverage, n_rules) is None or self.abstain is not None
        return shared or any(router.learns for router in routers)

    def _policies(self, routers, coverages):
        return [
            RoutingPolicy(router, coverage, random_state=self.random_state)
            for router, coverage in zip(routers, coverages, strict=True)
        ]

    def at(self, coverage, *, abstain=UNCHANGED, confidence=UNCHANGED):
        """Return the policy at another operating point, without a refit.

        Only thresholds change. Routers stay as fitted on the rows that reached their
        tiers in ``fit``.

        Parameters
        ----------
        coverage : float, Budget, None or sequence of such
            As in the constructor.
        abstain : float or None
            Maximum share of all inputs without an answer; unchanged by default.
        confidence : float or None
            Probability that new data meet the budgets; unchanged by default.

        Returns
        -------
        CascadePolicy
            A shallow copy that shares the routers. This one is unchanged.

        Raises
        ------
        ValueError
            If a budget has no meaning here, or `abstain` was None in ``fit``.
        BudgetInfeasibleError
            If no operating point meets the budget, or is certified to.
        """
        check_is_fitted(self, "policies_")
        moved = copy.copy(self)
        moved.coverage = coverage
        if confidence is not UNCHANGED:
            moved.confidence = confidence
        if abstain is not UNCHANGED:
            if abstain is not None and self._doubts is None:
                raise ValueError(
                    "The policy was fitted without abstention. Fit with abstain= a "
                    "share first; at() can then change it, also to None."
                )
            moved.abstain = abstain
            moved._doubts = None if abstain is None else self._doubts
        check_asked(
            coverage,
            moved.abstain,
            moved.confidence,
            self._n_rules,
            self._certifiable,
        )
        if coverage != self.coverage:
            moved._shares, moved._price = own_shares(coverage, self._n_rules), np.nan
        if moved._shares is None:
            moved._shares, moved._price, _ = moved._solved(coverage, self._tiers)
        moved._settle()
        return moved

    def recalibrated(self, held_out):
        """Return the same routers with refitted thresholds.

        If one budget was divided into shares, the shares of ``fit`` are kept unless
        these rows then miss the budget.

        Parameters
        ----------
        held_out : ChainOutcomes
            Held-out rows.

        Returns
        -------
        CascadePolicy
            A shallow copy that shares the routers.
        """
        check_is_fitted(self, "policies_")
        check_instance(held_out, "held_out", ChainOutcomes)
        moved = copy.copy(self)
        moved._calibrated = [
            held_out_tier(tier, None, held_out.step(j), True)
            for j, tier in enumerate(self._tiers)
        ]
        moved._rows, moved._certifiable = held_out.grades(), True
        if self._doubts is not None:
            moved._doubts = self._doubts.held_out(held_out)
        moved._settle()
        return moved
