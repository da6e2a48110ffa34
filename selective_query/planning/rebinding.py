"""Budgets of costs, asked again with the constants of another deployment."""

from dataclasses import replace

from selective_query.budgets.base import Budget
from selective_query.budgets.combined import All, as_budget
from selective_query.budgets.limits import CostLimit


def rebound(budget, deployment, other):
    """A budget of costs of this deployment as one of the other.

    Parameters
    ----------
    budget : callable or Budget or float
        What is no such budget is returned as it is.
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
    """A budget of a deployment: as it is, with costs put in, or as a function makes it.

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
    """Whether a limit on costs was made for this deployment, or for none."""
    costs = getattr(part, "costs", None)
    if costs is None:
        return isinstance(part, CostLimit)
    return costs is deployment
