"""The global alone: every row that may be queried is sent, and no router runs."""

from dataclasses import replace

import numpy as np

from selective_query.costs._query import with_lost_queries
from selective_query.planning._system_rows import weighted_mean


def must_stay(outcomes):
    """Return which rows must not be queried, shape (n_samples,), bool."""
    if outcomes.local_only is None:
        return np.zeros(outcomes.n_rows, dtype=bool)
    return outcomes.local_only


def share_that_stays(outcomes):
    """Return the weighted share of the rows that must not be queried."""
    return weighted_mean(must_stay(outcomes), outcomes)


def answered_by_base(outcomes):
    """Return the outcomes with the base's answers on rows that must not be queried."""
    if outcomes.local_only is None:
        return outcomes
    sides = outcomes.base_utility, outcomes.global_utility
    return replace(outcomes, global_utility=np.where(outcomes.local_only, *sides))


def sending(deployment, stays):
    """Return the deployment of the global alone.

    Its coverage is the share of rows that must not be queried.

    Parameters
    ----------
    deployment : Deployment
        Deployment of the pair, with a link and a cloud.
    stays : bool or float
        Whether some rows must not be queried. Then the device has the base, which also
        answers lost queries; otherwise it has none.

    Returns
    -------
    Deployment
    """
    if stays:
        return replace(deployment, order="router_first", router_macs=0)
    nothing = {"base_macs": None, "base_ms": 0.0, "router_macs": 0}
    return replace(deployment, order="base_first", **nothing)


def expected_utility(outcomes, chance_lost):
    """Return the expected utility of the global alone on each row.

    Parameters
    ----------
    outcomes : Outcomes
    chance_lost : float
        Probability that a query is lost.

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    if must_stay(outcomes).any():
        return with_lost_queries(answered_by_base(outcomes), chance_lost).global_utility
    return (1 - chance_lost) * outcomes.global_utility
