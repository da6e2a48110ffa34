"""Rebind cost budgets to another deployment."""

from dataclasses import replace

from selective_query.budgets.base import Budget
from selective_query.budgets.combined import All, as_budget
from selective_query.budgets.limits import CostLimit


def rebound(budget, deployment, other):
    """Rebind the cost limits of one deployment to another.

    Parameters
    ----------
    budget : callable or Budget or float
        Anything without such limits is returned unchanged.
    deployment, other : Deployment

    Returns
    -------
    callable or Budget or float
    """
    if callable(budget) or not isinstance(budget, Budget):
        return budget
    parts = [
        replace(part, costs=other) if _is_of(part, deployment) else part
        for part in budget.parts
    ]
    return All(*parts) if len(parts) > 1 else parts[0]


def made_for(budget, deployment):
    """Return the budget for a deployment: bound to its costs, or created by a function.

    Parameters
    ----------
    budget : callable or Budget or float
    deployment : Deployment
    """
    if not callable(budget):
        return rebound(as_budget(budget), None, deployment)
    made = budget(deployment)
    if made is None:
        raise ValueError(
            "A budget given as a function must return a budget, as in lambda costs: "
            "BatteryLife(30, costs). Got None."
        )
    return as_budget(made)


def _is_of(part, deployment):
    """Whether a cost limit is bound to this deployment, or to none."""
    costs = getattr(part, "costs", None)
    if costs is None:
        return isinstance(part, CostLimit)
    return costs is deployment
