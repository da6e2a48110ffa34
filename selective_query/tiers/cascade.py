"""CascadePolicy: the rules of a chain of models, on arrays alone."""

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

# What routers are trained for that are asked before anything is known of their shares.
FIRST_GUESS = 0.7
# The first finds out what goes on after a tier, the second learns with that.
N_SWEEPS = 2


class CascadePolicy(CuttingMixin, BaseEstimator):
    """Decide tier by tier whose answer is enough, from saved or live outputs of all.

    The engine of :class:`CascadeClassifier`. A chain of two is a
    :class:`RoutingPolicy`, with the same decisions.

    Every router, and every threshold, is learned on the rows that reach its tier. A
    number, or one budget, is solved for all tiers jointly: at one price of a unit of
    cost each tier passes on what gains more than its cost comes to, given what the
    tiers behind it do; the price is the one that spends the budget. What is found that
    way are shares, which each tier then keeps of what reaches it. Where that misses the
    budget on the calibration rows, as among ties, shares of a stricter price are taken.

    Parameters
    ----------
    router : str, BaseRouter or sequence of such, default="auto"
        Ranks the inputs at each tier but the last; see :func:`list_routers`.
    coverage : float, Budget, None or sequence of such, default=0.9
        A sequence is a coverage or budget for each tier but the last, and holds for
        the rows that reach it. One number is the least share of all inputs that does
        not reach the last tier. One budget is a ``MaxTierCost``, what bounds the
        queries to the last tier, ``MinAccuracy``, ``MaxExcessError``, or ``All`` of
        limits of two costs at most and a floor; a floor is reached at least cost. None
        goes on wherever the expected benefit is positive.
    abstain : float or None, default=None
        Share of all inputs, at most, that get no answer: those of which the tier that
        would answer is most likely wrong. Routers then learn what a later tier is
        worth if it may abstain too. None answers everything.
    confidence : float or None, default=None
        Probability with which new data keep to the budgets of all tiers at once,
        over the draw of the calibration rows.
    calibration : float or None, default=None
        Share of the rows to hold out from routers and joint solution for the
        thresholds. None uses all rows, out of fold where routers learn.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    rule_ : CascadeRule
        All that decides: the rule of each tier.
    policies_ : tuple of RoutingPolicy
        Of each tier but the last.
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
        """Fit the routers and learn the thresholds.

        Parameters
        ----------
        outcomes : ChainOutcomes
            Rows that the models were not fitted on.
        held_out : ChainOutcomes, optional
            Further rows, for the thresholds alone.
        changes : sequence of list, optional
            For each tier, ``change`` of :meth:`RoutingPolicy.fit`; that of the last
            matters where it may abstain.
        answers_exact : sequence of bool, optional
            For each tier but the last, whether what later tiers answer is what the
            models in use answer, as a certificate of a quality needs. True by default.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When a parameter is out of range, a budget has no meaning for a chain, or a
            router lacks evidence or rows.
        BudgetInfeasibleError
            When no operating point keeps to the budget, or is shown to.
        CertificateError
            When `confidence` is asked for where it would not be true.
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
        """Sweeps over the chain, each with the later rules of the one before."""
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
        """Routers and cuts anew, from the first tier to the last that decides."""
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
        """Calibrations of the same routers by rows that nothing was fitted on."""
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
        """Which tier answers, row by row; -1 where there is no answer.

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
        """Whether more is learned from rows than where the tiers cut.

        Parameters
        ----------
        n_rules : int
            Number of tiers that pass rows on.

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
        """The same policy at another operating point, without a refit.

        Only thresholds move: routers stay those of the rows that reached their tiers in
        ``fit``.

        Parameters
        ----------
        coverage : float, Budget, None or sequence of such
            As in the constructor.
        abstain : float or None
            Share of all inputs, at most, that get no answer; left as it is by default.
        confidence : float or None
            Probability with which new data keep to the budgets; left as it is by
            default.

        Returns
        -------
        CascadePolicy
            A shallow copy that shares the routers. This one is left as it is.

        Raises
        ------
        ValueError
            When a budget has no meaning here, or `abstain` was None in ``fit``.
        BudgetInfeasibleError
            When no operating point keeps to the budget, or is shown to.
        """
        check_is_fitted(self, "policies_")
        moved = copy.copy(self)
        moved.coverage = coverage
        if confidence is not UNCHANGED:
            moved.confidence = confidence
        if abstain is not UNCHANGED:
            if abstain is not None and self._doubts is None:
                raise ValueError(
                    "Nothing was learned about when to abstain. Fit with abstain= a "
                    "share first; at() can then move to others, or to None."
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
        """The same routers with their thresholds learned again.

        The shares that one budget was shared out into stay those of ``fit``, unless
        these rows miss the budget with them.

        Parameters
        ----------
        held_out : ChainOutcomes
            Rows that nothing was fitted on.

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
