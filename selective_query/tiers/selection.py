"""worthwhile_tiers: select the tiers that are worth asking."""

import numpy as np

from selective_query.budgets._solving.shortfalls import standard_error
from selective_query.budgets.combined import as_budget
from selective_query.exceptions import BudgetInfeasibleError
from selective_query.policy import RoutingPolicy
from selective_query.tiers._goals import goal_of, one_for_each
from selective_query.tiers._priced import PricedChain
from selective_query.tiers._sweeps import learn_tier

FIRST_GUESS = 0.7
N_FOLDS = 5


def worthwhile_tiers(outcomes, budget, *, router="max_probability", random_state=None):
    """Return the tiers of the best chain within a budget.

    A chain asks its tiers in order, so every row that passes a tier pays for it. A tier
    that costs more than it gains is better left out. Tiers are removed one at a time,
    each time the one whose removal leaves the best chain, as long as the loss is less
    than one standard error. Longer chains have more thresholds and overfit more, so all
    chains are evaluated with thresholds from other folds. At least two tiers remain.

    Parameters
    ----------
    outcomes : ChainOutcomes
        Rows on which no results are reported.
    budget : float or Budget
        Like one budget for all tiers of :class:`CascadePolicy`.
    router : str, BaseRouter or sequence of such, default="max_probability"
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    tuple of int
        Indices of the tiers, for ``outcomes.choose``.

    Raises
    ------
    ValueError
        If the budget has no meaning for a chain.
    BudgetInfeasibleError
        If no chain meets it.

    Examples
    --------
    >>> import numpy as np
    >>> from selective_query import ChainOutcomes, Evidence
    >>> from selective_query.budgets import MaxTierCost
    >>> from selective_query.tiers import worthwhile_tiers
    >>> rng = np.random.default_rng(0)
    >>> sure = rng.uniform(0.5, 1, size=2000)
    >>> first = rng.uniform(size=2000) < sure
    >>> known = Evidence(base_proba=np.c_[sure, 1 - sure])
    >>> chain = ChainOutcomes.from_utilities(
    ...     np.c_[first, first, np.ones(2000)], costs=[1, 5, 10],
    ...     evidence=[known, known, None],
    ... )  # the second answers like the first
    >>> worthwhile_tiers(chain, MaxTierCost(4))
    (0, 2)
    """
    goal = goal_of(as_budget(budget), outcomes, most_limits=2)
    everyone = np.ones(outcomes.n_rows, dtype=bool)
    scores = [
        learn_tier(
            RoutingPolicy(one, FIRST_GUESS, random_state=random_state),
            outcomes.step(j),
            everyone,
            (),
            True,
        ).score
        for j, one in enumerate(one_for_each(router, outcomes.n_tiers - 1))
    ]

    fold = np.arange(outcomes.n_rows) % N_FOLDS

    def worth(numbers):
        """Value of each row, with thresholds from other rows; None if infeasible."""
        numbers = list(numbers)
        part = goal.of(numbers)

        def solved(weight):
            chain = PricedChain(
                [scores[j] for j in numbers[:-1]],
                outcomes.utilities[:, numbers],
                part.costs,
                weight,
            )
            return _worth(part, chain, *next(part.solutions(chain)))

        try:
            found = solved(outcomes.weight)
        except BudgetInfeasibleError:
            return None
        for held_out in range(N_FOLDS):
            rows = fold == held_out
            try:
                found[rows] = solved(outcomes.weight * ~rows)[rows]
            except BudgetInfeasibleError:
                continue  # feasible on all rows, but not on these
        return found

    chosen = tuple(range(outcomes.n_tiers))
    best = worth(chosen)
    while len(chosen) > 2:
        fewer = [chosen[:j] + chosen[j + 1 :] for j in range(len(chosen))]
        found = [(worth(numbers), numbers) for numbers in fewer]
        feasible = [pair for pair in found if pair[0] is not None]
        if not feasible and best is not None:
            break
        if feasible:
            best_of_fewer, numbers = max(
                feasible, key=lambda pair: np.average(pair[0], weights=outcomes.weight)
            )
            if best is not None and _loses(best, best_of_fewer, outcomes.weight):
                break
            best, chosen = best_of_fewer, numbers
        else:
            chosen = fewer[0]  # every row pays for the first tier, so drop that one
    if best is None:
        raise BudgetInfeasibleError(
            f"{goal.budget} cannot be met by any chain of these tiers.",
            goal.budget,
            np.nan,
        )
    return chosen


def _worth(goal, chain, passed, price):
    """Utility minus the price of the excess cost; for a floor, minus the cost."""
    if goal.least_utility is not None:
        return -chain.cost_by_row(passed)
    beyond = chain.cost_by_row(passed) - goal.maximum if price > 0 else 0.0
    return chain.utility_by_row(passed) - np.nan_to_num(price) * beyond


def _loses(more, fewer, weight):
    """Whether the mean falls by more than one standard error of the difference."""
    loss = more - fewer
    error = standard_error(loss, weight, 1.0)
    return np.average(loss, weights=weight) > error
