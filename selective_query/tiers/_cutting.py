"""Set the thresholds of a chain whose routers are fitted."""

from selective_query.budgets.combined import check_coverage
from selective_query.tiers._goals import goal_of, own_shares
from selective_query.tiers._sweeps import (
    cut_chain,
    priced_chain,
    solutions,
    stop_after,
)
from selective_query.tiers.operating_point import CascadeOperatingPoint
from selective_query.tiers.rule import CascadeRule


class CuttingMixin:
    """Needs ``coverage``, ``abstain``, ``confidence`` and fitted attributes.

    CascadePolicy provides ``_tiers`` and ``_learned`` from the rows that fitted the
    routers; ``_calibrated``, ``_rows`` and ``_doubts`` from the rows that set the
    thresholds; and the plan, ``_shares`` and ``_price``.
    """

    def _settle(self):
        """Set all thresholds, the rule and the operating point."""
        tiers, passed = self._cut_within_budget()
        self.policies_ = tuple(tier.policy for tier in tiers)
        stop = None if passed is None else stop_after(passed, -1)
        if self.abstain is not None:
            self._doubts = self._doubts.cut(self.abstain, stop)
        self.rule_ = CascadeRule(
            [policy.rule_ for policy in self.policies_],
            () if self.abstain is None else self._doubts.rules,
        )
        own = isinstance(self.coverage, (list, tuple))
        self.operating_point_ = CascadeOperatingPoint.of(
            [policy.operating_point_ for policy in self.policies_],
            None if own else check_coverage(self.coverage),
            self._rows,
            stop,
            self._price,
            self._doubts,
        )

    def _cut_within_budget(self):
        """Set thresholds that meet the shared budget in fact, not only as planned.

        Ties, or refitted models, can prevent a tier from keeping its planned share.
        """
        tiers, passed = self._cut()
        if own_shares(self.coverage, self._n_rules) is not None:
            return tiers, passed
        goal = goal_of(check_coverage(self.coverage), self._rows, most_limits=2)
        chain = priced_chain(goal, self._calibrated, self._rows)
        nearest, planned = None, self._solutions(self.coverage, self._tiers)
        if self.confidence is not None:
            planned = iter(())  # rows that choose a plan cannot certify it
        while not (goal.affords(chain, passed) and goal.suffices(chain, passed)):
            # The best within the limit, if there is one.
            near = goal.affords(chain, passed), chain.utility(passed)
            if nearest is None or near > nearest[0]:
                nearest = near, passed
            found = next(planned, None)
            if found is None:
                raise goal.infeasible(chain, nearest[1])
            self._shares, self._price, _ = found
            tiers, passed = self._cut()
        return tiers, passed

    def _cut(self):
        """Set each tier's threshold for its share; return tiers and passed rows."""
        confidence, n_rules = self.confidence, self._n_rules
        if confidence is not None:
            # Given the earlier thresholds, the tiers meet their budgets independently.
            confidence = confidence ** (1 / n_rules)
        tiers, passed = self._calibrated, None
        quality = any(
            budget is not None and budget.measures_quality
            for budget in map(check_coverage, self._shares)
        )
        for _ in range(2 if quality and n_rules > 1 else 1):
            tiers, passed = cut_chain(
                self._calibrated,
                self._shares,
                confidence,
                self._rows.utilities,
                passed,
            )
        return tiers, passed

    def _solutions(self, coverage, tiers):
        return solutions(coverage, tiers, self._learned, self.confidence is not None)

    def _solved(self, coverage, tiers):
        return next(self._solutions(coverage, tiers))
