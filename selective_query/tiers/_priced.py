"""Where to cut the scores of all tiers of a chain at once, at one price of cost.

At a price p an answer is worth its utility less p times the cost of all who were asked.
By backward induction, from the last tier that decides to the first, each passes on the
rows of highest score as far as that adds to the worth of the rows that reach it, given
what the tiers behind it do. So every cut is the best one given the others; this repeats
until none changes. The cut of greatest sum is also where an isotonic regression of the
gain on the score crosses zero.
"""

import copy

import numpy as np

from selective_query.outcomes._sorted_rows import SortedRows

MOST_ROUNDS = 25
MOST_STARTS = 64
# Halvings of the range of prices, and of the way from one price's cuts to another's.
N_HALVINGS = 40
# Utility and cost sums that differ by less than this share are equal.
ROUNDING = 1e-12


class PricedChain:
    """Rows of a chain whose tiers have scored them, to be cut at a price.

    Parameters
    ----------
    scores : sequence of ndarray of shape (n_samples,)
        Of every tier but the last, whether it is reached or not; higher is passed on.
    utilities : ndarray of shape (n_samples, n_tiers)
    costs : ndarray of shape (n_tiers,) or (n_samples, n_tiers)
        Of asking each tier.
    weight : ndarray of shape (n_samples,)
    """

    def __init__(self, scores, utilities, costs, weight):
        self.weight = weight / weight.sum()
        self.utilities = utilities.T
        self.costs = np.broadcast_to(costs, utilities.shape).T
        self.rows = [SortedRows(score, stable=True) for score in scores]
        self._group = [rows.group for rows in self.rows]

    def charged(self, costs):
        """The same rows at other costs of asking each tier."""
        other = copy.copy(self)
        other.costs = np.broadcast_to(costs, self.utilities.T.shape).T
        return other

    @property
    def n_rules(self):
        """How many tiers decide."""
        return len(self.rows)

    def reached(self, passed, tier):
        """Which rows reach a tier: (n_samples,), bool."""
        return passed[:tier].all(axis=0)

    def flows(self, passed):
        """Share of all rows that each rule passes on: (n_rules,)."""
        return np.logical_and.accumulate(passed) @ self.weight

    def stop(self, passed):
        """Who answers each row: (n_samples,), int."""
        return np.logical_and.accumulate(passed).sum(axis=0)

    def utility_by_row(self, passed):
        """Utility of the answer to each row."""
        stop = self.stop(passed)
        return self.utilities[stop, np.arange(len(stop))]

    def utility(self, passed):
        """Mean utility of the answers."""
        return float(self.utility_by_row(passed) @ self.weight)

    def cost_by_row(self, passed):
        """Cost of all who are asked about each row."""
        asked = np.logical_and.accumulate(passed)
        return self.costs[0] + (asked * self.costs[1:]).sum(axis=0)

    def cost(self, passed):
        """Mean cost of all who are asked."""
        return float(self.cost_by_row(passed) @ self.weight)

    def at_price(self, price, start=None):
        """What each rule passes on where a unit of cost has a price.

        Parameters
        ----------
        price : float
            Utility that a unit of cost must bring.
        start : ndarray of shape (n_rules, n_samples), bool, optional
            From where to improve; the better of all and nothing passed on by default.

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
        """The cuts of greatest utility, whatever they cost.

        They are improved from many cuts of the first tier, all of them where they are
        few, so that of three tiers none is better.
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
        """Every cut anew, from the last to the first, and what that is worth."""
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
        """The rows of highest score whose gains have the greatest sum."""
        rows = self.rows[tier]
        total = rows.kept(gain[rows.order])
        added = total[-1] - total
        # Of equal sums the one that passes on least.
        best = np.flatnonzero(added >= added[rows.reach].max() - ROUNDING)
        return self._group[tier] >= self._within_reach(tier, best)[-1]

    def with_flows(self, flows):
        """What rules pass on that let these shares of all rows through.

        Parameters
        ----------
        flows : ndarray of shape (n_rules,)
            Falling. Groups of tied rows go to the nearer side.

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
        """Of these cuts those that a rule can choose."""
        choosable = np.arange(len(self.rows[tier].n_kept))[self.rows[tier].reach]
        return cuts[(cuts >= choosable[0]) & (cuts <= choosable[-1])]

    def cheapest(self, suffices):
        """The cuts of least cost, of those at one price, that suffice for something.

        Between two prices the shares that are passed on move on a straight line from
        one to the other.

        Parameters
        ----------
        suffices : callable
            From what is passed on to a bool; true of the best.

        Returns
        -------
        passed : ndarray of shape (n_rules, n_samples), bool
        price : float
        """
        return self._between(suffices, dear_is_good=True)

    def best_within(self, affords):
        """The cuts of greatest utility, of those at one price, that are affordable.

        Parameters
        ----------
        affords : callable
            From what is passed on to a bool; true where nothing is.

        Returns
        -------
        passed : ndarray of shape (n_rules, n_samples), bool
        price : float
            0 where cost is no matter.
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
        # One end is good and the other is not; the price of the first is returned.
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
        """The cuts nearest to the bad end that are good, between two sets of them."""
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
