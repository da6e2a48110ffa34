"""Optimise the thresholds of all tiers of a chain jointly, at one price of cost.

At a price p, the value of an answer is its utility minus p times the cost of all tiers
asked. Backward induction runs from the last deciding tier to the first: each tier
passes on the rows of highest score as long as that increases the total value of the
rows that reach it, given the later tiers. Each threshold is then optimal given the
others; rounds repeat until none changes. The optimal threshold is also where an
isotonic regression of the gain on the score crosses zero.
"""

import copy

import numpy as np

from selective_query.outcomes._sorted_rows import SortedRows

MOST_ROUNDS = 25
MOST_STARTS = 64
# Bisection steps over prices, and between the thresholds of two prices.
N_HALVINGS = 40
# Sums of utility or value that differ by less than this are treated as equal.
ROUNDING = 1e-12


class PricedChain:
    """Scored rows of a chain, with thresholds to be set at a price.

    Parameters
    ----------
    scores : sequence of ndarray of shape (n_samples,)
        Scores of every tier but the last for all rows, reached or not; higher scores
        are passed on.
    utilities : ndarray of shape (n_samples, n_tiers)
    costs : ndarray of shape (n_tiers,) or (n_samples, n_tiers)
        Cost of asking each tier.
    weight : ndarray of shape (n_samples,)
    """

    def __init__(self, scores, utilities, costs, weight):
        self.weight = weight / weight.sum()
        self.utilities = utilities.T
        self.costs = np.broadcast_to(costs, utilities.shape).T
        self.rows = [SortedRows(score, stable=True) for score in scores]
        self._group = [rows.group for rows in self.rows]

    def charged(self, costs):
        """Return the same rows with other costs of the tiers."""
        other = copy.copy(self)
        other.costs = np.broadcast_to(costs, self.utilities.T.shape).T
        return other

    @property
    def n_rules(self):
        """Number of deciding tiers."""
        return len(self.rows)

    def reached(self, passed, tier):
        """Return which rows reach a tier: (n_samples,), bool."""
        return passed[:tier].all(axis=0)

    def flows(self, passed):
        """Return the share of all rows that each rule passes on: (n_rules,)."""
        return np.logical_and.accumulate(passed) @ self.weight

    def stop(self, passed):
        """Return the tier that answers each row: (n_samples,), int."""
        return np.logical_and.accumulate(passed).sum(axis=0)

    def utility_by_row(self, passed):
        """Return the utility of the answer to each row."""
        stop = self.stop(passed)
        return self.utilities[stop, np.arange(len(stop))]

    def utility(self, passed):
        """Return the mean utility of the answers."""
        return float(self.utility_by_row(passed) @ self.weight)

    def cost_by_row(self, passed):
        """Return the cost of all tiers asked about each row."""
        asked = np.logical_and.accumulate(passed)
        return self.costs[0] + (asked * self.costs[1:]).sum(axis=0)

    def cost(self, passed):
        """Return the mean cost of all tiers asked."""
        return float(self.cost_by_row(passed) @ self.weight)

    def at_price(self, price, start=None):
        """Return the rows that each rule passes on, given a price per unit of cost.

        Parameters
        ----------
        price : float
            Utility that a unit of cost must gain.
        start : ndarray of shape (n_rules, n_samples), bool, optional
            Additional starting point; passing on everything and nothing are always
            tried.

        Returns
        -------
        ndarray of shape (n_rules, n_samples), bool
        """
        shape = self.n_rules, len(self.weight)
        starts = [np.ones(shape, bool), np.zeros(shape, bool)]
        if start is not None:
            starts.append(start)
        return self._best_from(starts, price)

    def best(self):
        """Return the rows passed on at the highest utility, regardless of cost.

        The search starts from many thresholds of the first tier. With few rows it tries
        all of them, so that for three tiers the result is optimal.
        """
        cuts = np.arange(len(self.rows[0].n_kept))[self.rows[0].reach]
        places = np.linspace(0, len(cuts) - 1, min(MOST_STARTS, len(cuts)))
        starts = [self.at_price(0.0)]
        for cut in cuts[np.unique(places.round().astype(int))]:
            starts.append(np.ones_like(starts[0]))
            starts[-1][0] = self._group[0] >= cut
        return self._best_from(starts, 0.0)

    def _best_from(self, starts, price):
        found = [self._improved(passed, price) for passed in starts]
        return max(found, key=lambda one: one[1])[0]

    def _improved(self, passed, price):
        worth = -np.inf
        for _ in range(MOST_ROUNDS):
            passed, reached = self._round(passed, price)
            if reached <= worth + ROUNDING:
                break
            worth = reached
        return passed, reached

    def _round(self, passed, price):
        """Update all thresholds, last to first; return passed rows and their value."""
        before, passed = passed, passed.copy()
        going_on = self.utilities[-1] - price * self.costs[-1]
        for tier in reversed(range(self.n_rules)):
            gain = self.weight * (going_on - self.utilities[tier])
            reached = self.reached(before, tier)
            if self.weight[reached].any():
                gain = gain * reached
            passed[tier] = self._best_cut(tier, gain)
            here = np.where(passed[tier], going_on, self.utilities[tier])
            going_on = here - price * self.costs[tier]
        return passed, float(going_on @ self.weight)

    def _best_cut(self, tier, gain):
        """Return the rows of highest score with the largest sum of gains."""
        rows = self.rows[tier]
        total = rows.kept(gain[rows.order])
        added = total[-1] - total
        # Among equal sums, pass on the fewest rows.
        best = np.flatnonzero(added >= added[rows.reach].max() - ROUNDING)
        return self._group[tier] >= self._within_reach(tier, best)[-1]

    def with_flows(self, flows):
        """Return the rows passed on if the rules pass these shares of all rows.

        Parameters
        ----------
        flows : ndarray of shape (n_rules,)
            Decreasing. Groups of tied rows go to the nearer side.

        Returns
        -------
        ndarray of shape (n_rules, n_samples), bool
        """
        passed = np.zeros((self.n_rules, len(self.weight)), dtype=bool)
        reached = self.weight
        for tier, flow in enumerate(flows):
            rows = self.rows[tier]
            kept = rows.kept(reached[rows.order])
            off = np.abs(kept[-1] - kept - flow)
            best = np.flatnonzero(off <= off[rows.reach].min())
            passed[tier] = self._group[tier] >= self._within_reach(tier, best)[0]
            reached = reached * passed[tier]
        return passed

    def _within_reach(self, tier, cuts):
        """Return those of these cuts that a rule can realise."""
        choosable = np.arange(len(self.rows[tier].n_kept))[self.rows[tier].reach]
        return cuts[(cuts >= choosable[0]) & (cuts <= choosable[-1])]

    def cheapest(self, suffices):
        """Return the cheapest solution at one price that satisfies a condition.

        Between the solutions of two neighbouring prices, the shares passed on are
        interpolated linearly.

        Parameters
        ----------
        suffices : callable
            Maps the rows passed on to a bool; true for the best solution.

        Returns
        -------
        passed : ndarray of shape (n_rules, n_samples), bool
        price : float
        """
        return self._between(suffices, dear_is_good=True)

    def best_within(self, affords):
        """Return the solution at one price with the highest affordable utility.

        Parameters
        ----------
        affords : callable
            Maps the rows passed on to a bool; true if nothing is passed on.

        Returns
        -------
        passed : ndarray of shape (n_rules, n_samples), bool
        price : float
            0 if the limit is not binding.
        """
        return self._between(affords, dear_is_good=False)

    def _between(self, good, *, dear_is_good):
        free = self.at_price(0.0)
        if dear_is_good and not good(free):
            free = self.best()
        if good(free) and not dear_is_good:
            return free, 0.0
        nothing = np.zeros_like(free)
        if dear_is_good and good(nothing):
            return nothing, np.inf
        # Exactly one end is good.
        low, high = self._range_of_prices()
        at_low, at_high = free, nothing
        for _ in range(N_HALVINGS):
            middle = np.sqrt(low * high)
            found = self.at_price(middle, at_low)
            if good(found) == dear_is_good:
                low, at_low = middle, found
            else:
                high, at_high = middle, found
            if high / low < 1 + 1e-6 or (at_low == at_high).all():
                break
        return self._on_the_way(at_low, at_high, good, dear_is_good), float(high)

    def _range_of_prices(self):
        costs = self.costs[1:]
        least = costs[costs > 0].min(initial=1.0)
        return 1e-9 / max(costs.max(initial=0.0), least), 2.0 / least

    def _on_the_way(self, dear, cheap, good, dear_is_good):
        """Return the good solution nearest to the bad end, between two solutions."""
        start, goal = (dear, cheap) if dear_is_good else (cheap, dear)
        ends, found = (self.flows(start), self.flows(goal)), start
        low, high = 0.0, 1.0
        for _ in range(N_HALVINGS):
            share = (low + high) / 2
            passed = self.with_flows((1 - share) * ends[0] + share * ends[1])
            if good(passed):
                low, found = share, passed
            else:
                high = share
            if (high - low) * len(self.weight) < 0.1:
                break
        return found
