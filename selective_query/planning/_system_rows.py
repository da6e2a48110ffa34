"""Rows that systems are calibrated and reported on."""

import numpy as np

from selective_query._utils.validation import check_instance
from selective_query.costs.deployment import Deployment
from selective_query.outcomes.outcomes import Outcomes


def weighted_mean(values, outcomes):
    """Mean over the rows of outcomes, by their weights."""
    if not outcomes.weight.any():
        raise ValueError(
            f"outcomes must hold at least one row of weight above 0. Got "
            f"{outcomes.n_rows} rows without any."
        )
    return float(np.average(values, weights=outcomes.weight))


def check_system(name, deployment, **rows):
    """Raise a TypeError for what a system cannot be judged on.

    Parameters
    ----------
    name : str
        Of the system.
    deployment : Deployment
    **rows : Outcomes
        By the name of the parameter.
    """
    check_instance(name, "name", str)
    check_instance(deployment, "deployment", Deployment)
    for parameter, outcomes in rows.items():
        check_instance(
            outcomes, parameter, Outcomes, "Build them with Outcomes(base_proba=, y=)."
        )


def refuse_no_global(outcomes, what):
    """Raise ValueError for outcomes that know nothing of a global."""
    if not outcomes.has_global:
        raise ValueError(
            f"{what} needs outcomes with a global: its probabilities, predictions or "
            "grades. Without one a query would count as right."
        )
