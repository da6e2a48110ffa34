"""CascadeRoutingPolicy: a cascade that may skip models."""

import copy

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from selective_query._utils.fitting import become, unfitted
from selective_query._utils.validation import check_instance, fit_context
from selective_query.budgets.combined import as_budget
from selective_query.outcomes import ChainOutcomes, Evidence, Outcomes
from selective_query.routers._scores import scores_of
from selective_query.routers.base import BaseRouter
from selective_query.tiers._goals import goal_of
from selective_query.tiers._price import gain_router, mean_costs, price_within
from selective_query.tiers._staying import held_back, weight_of_leaving

# The first sweep finds a price without looking ahead; the others start from it.
N_SWEEPS = 3
START = -1


class CascadeRoutingPolicy(BaseEstimator):
    r"""Ask one model, then stop or ask any later one, within one budget.

    A cascade asks its models in order, and a choice by the input asks only one; this
    policy combines both. Once model j has answered, the value of asking model m > j is

    .. math:: \hat E[W_m - u_j \mid \text{answer of } j] - \lambda c_m

    where :math:`W_m` is the utility of the row's final answer after asking m, minus
    :math:`\lambda` times the cost of all further models asked. The model with the
    largest value is asked; if none is positive, j answers. :math:`W_m` is computed from
    the last model to the first, with out-of-fold decisions; :math:`\lambda` is the
    price per unit of cost at which the budget holds.

    Parameters
    ----------
    router : str or BaseRouter, default="benefit"
        Estimates the gain of a later model, in units of benefit.
    budget : float or Budget, default=0.9
        Like one budget for all tiers of :class:`CascadePolicy`; all models asked cost.
    entry : str, BaseRouter or None, default=None
        Estimates from the inputs alone which model to ask first, like
        :class:`ModelChoicePolicy`. None always starts with the first.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    routers_ : dict of int to dict of int to BaseRouter
        Keyed by the model that has answered (-1 before the first), then by the model to
        ask.
    price_ : float
        Utility that a unit of cost must gain.
    shares_ : tuple of float
        Share of the rows of ``fit`` that each model answers.
    utility_, cost_ : float
        Means on the rows of ``fit``, out of fold.

    References
    ----------
    Dekoninck, Baader, Vechev: "A Unified Approach to Routing and Cascading for LLMs",
    ICML 2025. They define :math:`W_m` as the best expected grade of the models asked.

    Examples
    --------
    >>> import numpy as np
    >>> from selective_query import ChainOutcomes, Evidence
    >>> from selective_query.budgets import MaxTierCost
    >>> from selective_query.tiers import CascadeRoutingPolicy
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(size=(2000, 1))
    >>> right = rng.uniform(size=(2000, 3)) < np.c_[1 - x, 1 - x / 2, 0.9 + 0 * x]
    >>> known = [Evidence(base_features=x + rng.normal(size=x.shape) / 5, X=x)] * 2
    >>> rows = ChainOutcomes.from_utilities(
    ...     right, costs=[1, 4, 20], evidence=[*known, None], X=x
    ... )
    >>> policy = CascadeRoutingPolicy(budget=MaxTierCost(6), entry="benefit").fit(rows)
    >>> asked = policy.asked(rows)
    >>> bool((asked @ rows.costs).mean() < 6.5)
    True
    """

    _parameter_constraints = {
        "router": [str, BaseRouter],
        "budget": "no_validation",  # as_budget says more
        "entry": [str, BaseRouter, None],
        "random_state": ["random_state"],
    }

    def __init__(self, router="benefit", budget=0.9, *, entry=None, random_state=None):
        self.router = router
        self.budget = budget
        self.entry = entry
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, outcomes):
        """Fit the gain of each later model after each model, and the price.

        Parameters
        ----------
        outcomes : ChainOutcomes
            Rows that the models were not fitted on. Every tier but the last contains
            the evidence after its answer; the first also contains the inputs if `entry`
            is used.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a router is not in units of benefit, evidence is missing, or the budget
            has no meaning for several models.
        BudgetInfeasibleError
            If no choice meets the budget.
        """
        check_instance(outcomes, "outcomes", ChainOutcomes)
        fitted = unfitted(self)
        fitted._rows = outcomes.grades()
        goal = goal_of(as_budget(self.budget), outcomes)
        fitted._costs = mean_costs(goal, fitted._rows)
        price = 0.0
        for sweep in range(N_SWEEPS):
            fitted._estimate(outcomes, price, looks_ahead=sweep > 0)
            price = fitted._settle()
        return become(self, fitted)

    def _estimate(self, outcomes, price, looks_ahead):
        """Fit the estimates from the last model to the first, at a price."""
        n, k = outcomes.n_rows, outcomes.n_tiers
        utilities = outcomes.utilities
        # Utility of the final answer once a model is asked, and the further cost.
        ends, pays = utilities.copy(), np.zeros((n, k))
        self.routers_, self._gains, self._scale = {}, {}, {}
        for j in reversed(range(k - 1)):
            known = outcomes.tiers[j].evidence
            values = utilities[:, j], ends - price * pays
            self._learn(j, self.router, outcomes, known, *values, range(j + 1, k))
            if looks_ahead:
                chosen = self._next(self._gains, j, np.arange(n), price)
                on, rows = chosen[chosen > j], np.flatnonzero(chosen > j)
                ends[rows, j] = ends[rows, on]
                pays[rows, j] = self._costs[on] + pays[rows, on]
        if self.entry is not None:
            X = outcomes.tiers[0].require("X", "CascadeRoutingPolicy")
            worth = ends - price * pays
            self._learn(
                START, self.entry, outcomes, Evidence(X=X), worth[:, 0], worth,
                range(1, k),
            )  # fmt: skip

    def _learn(self, j, router, outcomes, known, here, worth, later):
        """Fit the gain of asking each later model instead of stopping here."""
        # Outcomes require utilities in [0, 1]; costs can make the value negative.
        low = min(0.0, float(here.min()), float(worth.min()))
        self.routers_[j], self._gains[j], self._scale[j] = {}, {}, 1 - low
        for m in later:
            made = gain_router(router, self.random_state)
            first, passed = outcomes.tiers[0], outcomes.tiers[max(j, 0) : m]
            pair = Outcomes(
                **known.parts(),
                base_utility=(here - low) / (1 - low),
                global_utility=(worth[:, m] - low) / (1 - low),
                sample_weight=weight_of_leaving(first.sample_weight, passed),
                fold=first.fold,
            )
            gain = (1 - low) * made.fit_score(pair)
            self._gains[j][m] = held_back(gain, passed)
            self.routers_[j][m] = made

    def _next(self, gains, j, rows, price):
        """Return the model to ask after j for these rows; j itself to stop."""
        first = max(j, 0)
        worth = np.zeros((len(rows), len(self._costs) - first))
        for m in range(first, len(self._costs)):
            if m in gains[j]:
                worth[:, m - first] = gains[j][m][rows]
            if m > j:
                worth[:, m - first] -= price * self._costs[m]
        return first + np.argmax(worth, axis=1)

    def _walk(self, gains, n, price):
        """Return the answering model (n,), int, and all asked (n, n_tiers), bool."""
        here = np.zeros(n, dtype=int)
        if self.entry is not None:
            here = self._next(gains, START, np.arange(n), price)
        asked = np.zeros((n, len(self._costs)), dtype=bool)
        for j in range(len(self._costs)):
            rows = np.flatnonzero(here == j)
            asked[rows, j] = True
            if j < len(self._costs) - 1 and len(rows):
                here[rows] = self._next(gains, j, rows, price)
        return _last_asked(asked), asked

    def _settle(self):
        """Find the price, and compute utility, cost and shares."""
        rows, goal = self._rows, goal_of(as_budget(self.budget), self._rows)
        weight = rows.weight / rows.weight.sum()
        costs = np.broadcast_to(goal.costs, rows.utilities.shape)

        def means(price):
            stop, asked = self._walk(self._gains, rows.n_rows, price)
            cost = (asked * costs).sum(axis=1)
            return float(rows.utility(stop) @ weight), float(cost @ weight)

        self.price_ = price_within(goal, means, self._costs)
        self.utility_, self.cost_ = means(self.price_)
        stop, _ = self._walk(self._gains, rows.n_rows, self.price_)
        self.shares_ = tuple(float((stop == j) @ weight) for j in range(rows.n_tiers))
        return self.price_

    def decide(self, evidence):
        """Return the number of the model that answers each row.

        Parameters
        ----------
        evidence : ChainOutcomes, or sequence of Evidence
            Evidence of every model but the last, in order, each for all rows. A row
            with ``local_only`` at one model reaches no later model.

        Returns
        -------
        ndarray of shape (n_samples,), int
        """
        return _last_asked(self.asked(evidence))

    def asked(self, evidence):
        """Return which models are asked about each row; the last of them answers.

        Parameters
        ----------
        evidence : ChainOutcomes, or sequence of Evidence
            As in `decide`.

        Returns
        -------
        ndarray of shape (n_samples, n_tiers), bool

        Raises
        ------
        ValueError
            If there is not one entry per model except the last.
        """
        check_is_fitted(self, "routers_")
        known = getattr(evidence, "tiers", evidence)
        if not len(self._costs) - 1 <= len(known) <= len(self._costs):
            raise ValueError(
                f"evidence must hold one for each of the {len(self._costs) - 1} models "
                f"but the last. Got {len(known)}."
            )
        gains = {}
        for j, routers in self.routers_.items():
            if j == START:
                said = Evidence(X=known[0].require("X", "CascadeRoutingPolicy"))
            else:
                said = getattr(known[j], "evidence", known[j])
            gains[j] = {
                m: held_back(
                    self._scale[j] * scores_of(one, said), known[max(j, 0) : m]
                )
                for m, one in routers.items()
            }
        return self._walk(gains, known[0].n_rows, self.price_)[1]

    def at(self, budget):
        """Return a copy of the policy for another budget, without a refit.

        Only the price changes; the estimates remain those at the price of ``fit``.

        Parameters
        ----------
        budget : float or Budget

        Returns
        -------
        CascadeRoutingPolicy
            A shallow copy that shares the routers. This one is unchanged.
        """
        check_is_fitted(self, "routers_")
        moved = copy.copy(self)
        moved.budget = budget
        moved._costs = mean_costs(goal_of(as_budget(budget), self._rows), self._rows)
        moved._settle()
        return moved


def _last_asked(asked):
    """Return the last model asked about each row."""
    return asked.shape[1] - 1 - np.argmax(asked[:, ::-1], axis=1)
