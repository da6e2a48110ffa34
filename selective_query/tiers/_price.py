"""Find the price per unit of cost at which a choice among models meets a budget."""

import numpy as np

from selective_query.exceptions import BudgetInfeasibleError
from selective_query.routers.registry import make_router, refuse_bound, router_name
from selective_query.tiers._goals import ROUNDING

N_HALVINGS = 60


def mean_costs(goal, rows):
    """Return the mean cost of each model; single rows are unknown in advance."""
    costs = np.broadcast_to(goal.costs, rows.utilities.shape)
    return np.average(costs, axis=0, weights=rows.weight)


def price_within(goal, means, costs):
    """Return the lowest price that meets a limit, or the highest that reaches a floor.

    Parameters
    ----------
    goal : Goal
    means : callable
        Maps a price to the mean utility and mean cost of the resulting choice.
    costs : ndarray of shape (n_tiers,)
        Mean costs of the models, which the choice uses.

    Returns
    -------
    float

    Raises
    ------
    BudgetInfeasibleError
        If there is no such price.
    """

    def affords(price):
        return means(price)[1] <= goal.maximum * (1 + ROUNDING)

    def suffices(price):
        return means(price)[0] >= goal.least_utility - ROUNDING

    most = 2.0 / np.ptp(costs) if np.ptp(costs) else 1.0
    most *= 2**20  # at higher prices only the cheapest model is chosen
    if goal.least_utility is None:
        price = _bisected(affords, 0.0, most)
    else:
        price = _bisected(suffices, most, 0.0)
    if price is None or not affords(price):
        raise BudgetInfeasibleError(
            f"{goal.budget} cannot be met by a choice of these models. Ask for what "
            "can be met, or use others.",
            goal.budget,
            means(most)[1],
        )
    return price


def _bisected(good, wanted, other):
    """Return the good value nearest to `wanted`, towards `other`; None without one."""
    if good(wanted):
        return wanted
    if not good(other):
        return None
    for _ in range(N_HALVINGS):
        middle = (wanted + other) / 2
        wanted, other = (wanted, middle) if good(middle) else (middle, other)
    return other


def gain_router(router, random_state):
    """Return a router that estimates the gain of a model.

    Raises
    ------
    ValueError
        If the router is not in units of benefit, or is a bound.
    """
    made = make_router(router, random_state=random_state)
    refuse_bound(made)
    if not made.in_benefit_units:
        raise ValueError(
            f"router={router_name(router)!r} does not estimate the gain of a model. "
            "Choose one in units of benefit, such as 'benefit' or 'boosted_benefit'."
        )
    return made
