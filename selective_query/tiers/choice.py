"""ModelChoicePolicy: choose one of several models before any of them runs."""

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
from selective_query.tiers._staying import weight_of_leaving


class ModelChoicePolicy(BaseEstimator):
    r"""Choose one of several models from the input alone, within one budget.

    .. math:: \operatorname{arg}\max_m \; \hat E[u_m - u_0 \mid x] - \lambda c_m

    A regression per model estimates its gain over the first; :math:`\lambda` is the
    lowest price per unit of cost at which the budget holds. A cascade pays for every
    tier that a row passes; this policy pays for one, but has less evidence when it
    decides.

    Parameters
    ----------
    router : str or BaseRouter, default="benefit"
        Estimates the gain, in units of benefit. It reads only inputs: numeric columns,
        or texts through ``PreRouter(features=TfidfVectorizer())``.
    budget : float or Budget, default=0.9
        Like one budget for all tiers of :class:`CascadePolicy`, but only the chosen
        model costs.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    routers_ : tuple of BaseRouter
        One per model except the first.
    price_ : float
        Utility that a unit of cost must gain.
    shares_ : tuple of float
        Share of the rows of ``fit`` for which each model is chosen.
    utility_, cost_ : float
        Means on the rows of ``fit``, out of fold.

    References
    ----------
    Dekoninck, Baader, Vechev: "A Unified Approach to Routing and Cascading for LLMs",
    ICML 2025, section on routing.

    Examples
    --------
    >>> import numpy as np
    >>> from selective_query import ChainOutcomes
    >>> from selective_query.budgets import MaxTierCost
    >>> from selective_query.tiers import ModelChoicePolicy
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(size=(2000, 1))
    >>> right = rng.uniform(size=(2000, 3)) < np.c_[1 - x, 1 - x / 2, 0.9 + 0 * x]
    >>> rows = ChainOutcomes.from_utilities(right, costs=[1, 4, 20], X=x)
    >>> policy = ModelChoicePolicy(budget=MaxTierCost(6)).fit(rows)
    >>> chosen = policy.decide(rows)
    >>> bool(rows.costs[chosen].mean() < 6.5)
    True
    """

    _parameter_constraints = {
        "router": [str, BaseRouter],
        "budget": "no_validation",  # as_budget says more
        "random_state": ["random_state"],
    }

    def __init__(self, router="benefit", budget=0.9, *, random_state=None):
        self.router = router
        self.budget = budget
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, outcomes):
        """Fit the gain of each model over the first, and the price.

        Parameters
        ----------
        outcomes : ChainOutcomes
            Its first tier contains the inputs, ``X``. The order of the tiers only
            defines their numbers here.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the router is not in units of benefit, there are no inputs, or the
            budget has no meaning for several models.
        BudgetInfeasibleError
            If no choice meets the budget.
        """
        check_instance(outcomes, "outcomes", ChainOutcomes)
        first = outcomes.tiers[0]
        X = first.require("X", "ModelChoicePolicy")
        fitted, gains, routers = unfitted(self), [np.zeros(outcomes.n_rows)], []
        for tier in outcomes.tiers[1:]:
            router = gain_router(self.router, self.random_state)
            pair = Outcomes(
                X=X,
                base_utility=first.base_utility,
                global_utility=tier.base_utility,
                sample_weight=weight_of_leaving(first.sample_weight, [first]),
                fold=first.fold,
            )
            gains.append(first.keep_local(router.fit_score(pair)))
            routers.append(router)
        fitted.routers_ = tuple(routers)
        fitted._rows, fitted._gains = outcomes.grades(), np.column_stack(gains)
        fitted._settle()
        return become(self, fitted)

    def _settle(self):
        rows, goal = self._rows, goal_of(as_budget(self.budget), self._rows)
        weight = rows.weight / rows.weight.sum()
        costs = np.broadcast_to(goal.costs, rows.utilities.shape)
        self._costs = mean_costs(goal, rows)
        each = np.arange(rows.n_rows)

        def means(price):
            chosen = self._choose(self._gains, price)
            return tuple(
                float(values[each, chosen] @ weight)
                for values in (rows.utilities, costs)
            )

        self.price_ = price_within(goal, means, self._costs)
        chosen = self._choose(self._gains, self.price_)
        self.shares_ = tuple(float((chosen == j) @ weight) for j in range(rows.n_tiers))
        self.utility_, self.cost_ = means(self.price_)

    def _choose(self, gains, price):
        worth = gains - price * self._costs
        # Among equal values, the cheapest.
        order = np.argsort(self._costs, kind="stable")
        return order[np.argmax(worth[:, order], axis=1)]

    def decide(self, evidence):
        """Return the number of the model to ask for each row.

        Parameters
        ----------
        evidence : Evidence or ChainOutcomes
            With the inputs; in a chain, those of the first tier. Rows with
            ``local_only`` go to the first model.

        Returns
        -------
        ndarray of shape (n_samples,), int
        """
        check_is_fitted(self, "routers_")
        known = evidence
        if isinstance(evidence, ChainOutcomes):
            known = evidence.tiers[0]
        inputs = Evidence(X=known.require("X", "ModelChoicePolicy"))
        gains = [np.zeros(known.n_rows)]
        gains += [
            known.keep_local(scores_of(router, inputs)) for router in self.routers_
        ]
        return self._choose(np.column_stack(gains), self.price_)

    def at(self, budget):
        """Return a copy of the policy for another budget, without a refit.

        Parameters
        ----------
        budget : float or Budget

        Returns
        -------
        ModelChoicePolicy
            A shallow copy that shares the routers. This one is unchanged.
        """
        check_is_fitted(self, "routers_")
        moved = copy.copy(self)
        moved.budget = budget
        moved._settle()
        return moved
