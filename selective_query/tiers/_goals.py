"""Translate a budget for a chain to a cost limit or a least utility."""

from typing import NamedTuple

import numpy as np

from selective_query.budgets import (
    MaxExcessError,
    MaxTierCost,
    MinAccuracy,
)
from selective_query.budgets.base import floors_of, least_coverage
from selective_query.budgets.combined import check_coverage
from selective_query.exceptions import BudgetInfeasibleError, CertificateError

ROUNDING = 1e-9
# If ties prevent a planned threshold, the goal moves by these shares of the way to the
# strictest one.
STRICTER = (0.0, *np.geomspace(2**-10, 1, 21))
# Shares of the second of two costs in the cost charged.
MIXTURES = np.linspace(0, 1, 9)
PER_TIER = (
    "Give a budget for each tier but the last, coverage=(first, second, ...), each for "
    "the rows that reach that tier."
)


class Goal(NamedTuple):
    """Costs of the tiers, and the goal for a chain.

    Attributes
    ----------
    costs : ndarray of shape (n_tiers,) or (n_samples, n_tiers)
    maximum : float
        Maximum mean cost; infinite if only a utility is required.
    least_utility : float or None
        Utility to reach at the lowest cost.
    limit, floor : Budget or None
        The parts of the budget that require them.
    budget : Budget
        The whole budget.
    second : Goal or None
        An additional limit of another cost.
    """

    costs: np.ndarray
    maximum: float
    least_utility: float | None
    limit: object
    floor: object
    budget: object
    second: object = None

    def of(self, numbers):
        """Return the goal for a subset of the tiers."""
        second = self.second and self.second.of(numbers)
        return self._replace(costs=self.costs[..., numbers], second=second)

    def affords(self, chain, passed):
        """Whether all limits hold if these rows are passed on."""
        if chain.charged(self.costs).cost(passed) > self.maximum * (1 + ROUNDING):
            return False
        return self.second is None or self.second.affords(chain, passed)

    def suffices(self, chain, passed):
        """Whether the floor is reached if these rows are passed on."""
        if self.least_utility is None:
            return True
        return chain.utility(passed) >= self.least_utility - ROUNDING

    def solutions(self, chain):
        """Yield the rows passed on and the price, for increasingly strict goals.

        The last solutions use one tier for all rows, which ties cannot prevent.

        Parameters
        ----------
        chain : PricedChain
            With these costs.

        Yields
        ------
        passed : ndarray of shape (n_rules, n_samples), bool
        price : float

        Raises
        ------
        BudgetInfeasibleError
            If no thresholds meet the budget.
        """
        nothing = np.zeros((chain.n_rules, len(chain.weight)), dtype=bool)
        if not self.affords(chain, nothing):
            raise self.infeasible(chain, nothing)
        best = chain.at_price(0.0)
        if not self.suffices(chain, best):
            best = chain.best()
        if not self.suffices(chain, best):
            raise self.infeasible(chain, best)
        for share in STRICTER:
            passed, price = self._stricter(share, chain, nothing, best)._first(chain)
            if self.affords(chain, passed):
                yield passed, price
            elif not share:
                raise self.infeasible(chain, passed)
        for tier in range(chain.n_rules + 1):
            alone = nothing.copy()
            alone[:tier] = True
            yield alone, np.nan

    def _stricter(self, share, chain, nothing, best):
        """Return the goal moved by a share of the way to the strictest possible one."""
        if self.floor is None:
            # If less is spent than allowed, stricter goals start from there.
            own = chain.charged(self.costs)
            most = self.maximum if not share else min(self.maximum, own.cost(best))
            way = most - own.cost(nothing)
            second = self.second and self.second._stricter(share, chain, nothing, best)
            return self._replace(maximum=most - share * way, second=second)
        way = chain.utility(best) - self.least_utility
        return self._replace(least_utility=self.least_utility + share * way)

    def _first(self, chain):
        """Return the first solution, given that there is one."""
        if self.floor is None:
            found = [
                chain.charged(costs).best_within(lambda p: self.affords(chain, p))
                for costs in self._mixed_costs()
            ]
            return max(found, key=lambda one: chain.utility(one[0]))
        return chain.cheapest(lambda passed: self.suffices(chain, passed))

    def _mixed_costs(self):
        """Return the costs to charge; for two limits, several mixtures of both."""
        if self.second is None:
            return [self.costs]
        first, second = (np.asarray(goal.costs) for goal in (self, self.second))
        # In units of the first cost, so that the price refers to it.
        second = second * (first.mean() / second.mean())
        return [(1 - share) * first + share * second for share in MIXTURES]

    def infeasible(self, chain, passed):
        """Return the error with the missed part of the budget and the value reached."""
        own = self._replace(second=None)
        if self.suffices(chain, passed) and own.affords(chain, passed):
            return self.second.infeasible(chain, passed)
        if not self.suffices(chain, passed):
            part, nearest = self.floor, chain.utility(passed)
            if isinstance(part, MaxExcessError):
                nearest = self.least_utility + part.excess - nearest
            why = "the best is"
        else:
            part, nearest = self.limit, chain.charged(self.costs).cost(passed)
            why = "the floor takes" if passed.any() else "the first tier alone takes"
            if not isinstance(part, MaxTierCost):
                why, nearest = f"{why} a coverage of", 1 - nearest
            else:
                why = f"{why} a cost of"
        return BudgetInfeasibleError(
            f"{part} cannot be met by this chain: {why} {nearest:.4g} on the "
            "calibration rows. Ask for what can be met, or use other tiers.",
            part,
            nearest,
        )


def goal_of(budget, chain, *, most_limits=1):
    """Translate a budget to a goal for a chain with these outcomes.

    A coverage, or any other limit of the queries to a global, limits the queries to the
    last tier.

    Parameters
    ----------
    budget : Budget
    chain : ChainOutcomes
    most_limits : {1, 2}
        Maximum number of limits, each of another cost.

    Returns
    -------
    Goal

    Raises
    ------
    ValueError
        If it has no unique meaning for a chain.
    """
    limits = [part for part in budget.parts if part.bounds_coverage]
    floors = floors_of(budget)
    if len(limits) + len(floors) < len(budget.parts) or budget.reads_rows:
        raise ValueError(f"{budget} depends on single rows. {PER_TIER}")
    limits = _strictest(limits)
    if len(limits) > most_limits or len(floors) > 1:
        kinds = "one cost" if most_limits == 1 else "two different costs"
        raise ValueError(
            f"All tiers share one price, so there may be limits of {kinds} and one "
            f"floor at most. Got {budget}. Leave some out. {PER_TIER}"
        )
    floor = floors[0] if floors else None
    least = _least_utility(floor, chain) if floors else None
    limits, second = limits or [None], None
    for limit in reversed(limits):
        costs, maximum = _limited(limit, chain)
        second = Goal(costs, maximum, least, limit, floor, budget, second)
    return second


def _strictest(limits):
    """Return the strictest limit of each cost."""
    found = {}
    for limit in limits:
        of_chain = isinstance(limit, MaxTierCost)
        cost = limit.costs if of_chain else "queries to the last tier"
        most = limit.maximum if of_chain else 1 - least_coverage(limit)
        if cost not in found or most < found[cost][0]:
            found[cost] = most, limit
    return [limit for _, limit in found.values()]


def _limited(limit, chain):
    last = np.zeros(chain.n_tiers)
    last[-1] = 1.0
    if isinstance(limit, MaxTierCost):
        costs = chain.costs if limit.costs is None else np.array(limit.costs)
        if costs is None or costs.shape[-1] != chain.n_tiers:
            got = "none" if costs is None else f"{costs.shape[-1]}"
            raise ValueError(
                f"{limit!r} needs the cost of each of the {chain.n_tiers} tiers. Got "
                f"{got}. Give costs=, here or in the outcomes."
            )
        return costs, limit.maximum
    if limit is None:
        return (last if chain.costs is None else chain.costs), np.inf
    if hasattr(limit, "costs"):
        raise ValueError(
            f"{limit} is for two tiers. Limit the cost of all tiers instead: "
            "MaxTierCost(maximum, costs=tier_costs(deployments))."
        )
    return last, 1 - least_coverage(limit)


def _least_utility(floor, chain):
    if isinstance(floor, MinAccuracy):
        return floor.accuracy
    if isinstance(floor, MaxExcessError):
        return float(np.average(chain.utilities[:, -1], weights=chain.weight)) - (
            floor.excess
        )
    raise ValueError(
        f"{floor} is about one tier. Ask for MinAccuracy or MaxExcessError of the "
        f"whole chain. {PER_TIER}"
    )


def one_for_each(router, n_rules):
    """Return one router per tier except the last.

    Raises
    ------
    ValueError
        If there are several, but not one per tier.
    """
    if not isinstance(router, (list, tuple)):
        return [router] * n_rules
    if len(router) != n_rules:
        raise ValueError(
            f"router must be one, or hold {n_rules} for a chain of {n_rules + 1} "
            f"tiers, one for each tier but the last. Got {len(router)}."
        )
    return list(router)


def own_shares(coverage, n_rules):
    """Return a coverage or budget per deciding tier; None if all share one.

    Parameters
    ----------
    coverage : float, Budget, None or sequence of such
    n_rules : int
        Number of deciding tiers, all but the last.

    Returns
    -------
    list or None

    Raises
    ------
    ValueError
        If there is not one per tier, or one mixes thresholds at random.
    """
    if isinstance(coverage, (list, tuple)):
        if len(coverage) != n_rules:
            example = f"({', '.join(['0.7'] * n_rules)}{',' * (n_rules == 1)})"
            raise ValueError(
                f"coverage must hold {n_rules} for a chain of {n_rules + 1} tiers, one "
                f"for each tier but the last, such as {example}; or be one number or "
                f"budget for the whole chain. Got {len(coverage)}: {coverage!r:.60}."
            )
        budgets = list(map(check_coverage, coverage))
        if n_rules > 1 and any(budget and budget.mixes for budget in budgets):
            raise ValueError(
                "Mixed picks thresholds at random for each row, so it is unknown which "
                "rows reach the later tiers. Give its parts as All(...)."
            )
        return list(coverage)
    budget = check_coverage(coverage)
    if budget is None:
        return [None] * n_rules
    shared = any(
        isinstance(part, MaxTierCost) and (not part.costs or len(part.costs) > 2)
        for part in budget.parts
    )
    return [coverage] if n_rules == 1 and not shared else None


def check_asked(coverage, abstain, confidence, n_rules, held_out):
    """Refuse parameters that contradict each other, and certificates that cannot hold.

    Parameters
    ----------
    coverage, abstain, confidence
        As in CascadePolicy.
    n_rules : int
    held_out : bool
        Whether thresholds come from held-out rows.

    Raises
    ------
    ValueError
        If a budget is malformed, or combines a quality with abstention.
    CertificateError
        If `confidence` could not hold.
    """
    shares = own_shares(coverage, n_rules)
    asked = [coverage] if shares is None else shares
    floors = [
        floor for budget in filter(None, map(check_coverage, asked))
        for floor in floors_of(budget)
    ]  # fmt: skip
    if abstain is not None and floors:
        raise ValueError(
            f"abstain= with {floors[0]!r} is undefined: the utility of an abstention "
            "is unknown. Use shares or limits with abstain=, or set abstain=None."
        )
    if confidence is None:
        return
    if abstain is not None:
        raise CertificateError(
            "confidence= cannot be certified with abstain=, because the same rows "
            "decide which tier answers. Set confidence=None, or abstain=None."
        )
    if shares is None and not held_out:
        raise CertificateError(
            "confidence= with one budget for all tiers needs rows that were not used "
            "to divide it. Set calibration=0.2, or give each tier a coverage; or set "
            "confidence=None."
        )
    if shares is not None:
        asked = shares[:-1]  # no threshold follows the last of them
    for budget in filter(None, map(check_coverage, asked)):
        for floor in floors_of(budget):
            if floor.needs_global:
                raise CertificateError(
                    f"confidence= for {floor!r} cannot be certified for a chain: the "
                    "thresholds of later tiers come from the same rows. Certify "
                    "shares, or MinSelectiveAccuracy per tier; or set confidence=None."
                )
