"""Checks of the rows on which systems are calibrated and reported."""

import numpy as np

from selective_query._utils.validation import check_instance
from selective_query.costs.deployment import Deployment
from selective_query.outcomes.outcomes import Outcomes


def weighted_mean(values, outcomes):
    """Return the weighted mean over the rows of outcomes."""
    if not outcomes.weight.any():
        raise ValueError(
            f"outcomes must hold at least one row of weight above 0. Got "
            f"{outcomes.n_rows} rows without any."
        )
    return float(np.average(values, weights=outcomes.weight))


def check_system(name, deployment, **rows):
    """Raise a TypeError unless name, deployment and rows have the right types.

    Parameters
    ----------
    name : str
        Name of the system.
    deployment : Deployment
    **rows : Outcomes
        Outcomes by parameter name.
    """
    check_instance(name, "name", str)
    check_instance(deployment, "deployment", Deployment)
    for parameter, outcomes in rows.items():
        check_instance(
            outcomes, parameter, Outcomes, "Build them with Outcomes(base_proba=, y=)."
        )


def refuse_no_global(outcomes, what):
    """Raise a ValueError for outcomes without a global."""
    if not outcomes.has_global:
        raise ValueError(
            f"{what} needs outcomes with a global: its probabilities, predictions or "
            "grades. Without one a query would count as right."
        )
