"""The price of a unit of cost at which a choice among models keeps to a budget."""

import numpy as np

from selective_query.exceptions import BudgetInfeasibleError
from selective_query.routers.registry import make_router, refuse_bound, router_name
from selective_query.tiers._goals import ROUNDING

N_HALVINGS = 60


def mean_costs(goal, rows):
    """Mean cost of each model; that of a single row is not known beforehand."""
    costs = np.broadcast_to(goal.costs, rows.utilities.shape)
    return np.average(costs, axis=0, weights=rows.weight)


def price_within(goal, means, costs):
    """The least price that keeps to a limit, or the largest that reaches a floor.

    Parameters
    ----------
    goal : Goal
    means : callable
        From a price to the mean utility and the mean cost that the choice then has.
    costs : ndarray of shape (n_tiers,)
        Means of the models, by which they are chosen.

    Returns
    -------
    float

    Raises
    ------
    BudgetInfeasibleError
        When no price does.
    """

    def affords(price):
        return means(price)[1] <= goal.maximum * (1 + ROUNDING)

    def suffices(price):
        return means(price)[0] >= goal.least_utility - ROUNDING

    most = 2.0 / np.ptp(costs) if np.ptp(costs) else 1.0
    most *= 2**20  # beyond it nobody but the cheapest is chosen
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
    """What is good and next to `wanted`, on the way to `other`; None where none is."""
    if good(wanted):
        return wanted
    if not good(other):
        return None
    for _ in range(N_HALVINGS):
        middle = (wanted + other) / 2
        wanted, other = (wanted, middle) if good(middle) else (middle, other)
    return other


def gain_router(router, random_state):
    """A router that estimates what a model gains.

    Raises
    ------
    ValueError
        When it does not, or is a bound.
    """
    made = make_router(router, random_state=random_state)
    refuse_bound(made)
    if not made.in_benefit_units:
        raise ValueError(
            f"router={router_name(router)!r} does not estimate what a model gains. "
            "Choose one in units of benefit, such as 'benefit' or 'boosted_benefit'."
        )
    return made
