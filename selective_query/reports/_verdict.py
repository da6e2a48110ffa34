"""Conclusions of a report: which system is better, and whether that is significant."""

from dataclasses import replace

import numpy as np

from selective_query.metrics.inference.paired_means import paired_difference
from selective_query.outcomes.outcomes import Outcomes
from selective_query.planning import routing_verdict
from selective_query.planning._sending import sending
from selective_query.reports._curve import costs_over


def leads(rows, confidence):
    """Lead of the pair in accuracy over each side alone, on the same rows.

    Parameters
    ----------
    rows : DecidedRows
    confidence : float

    Returns
    -------
    dict of str to PairedDifference
        Keys "base alone", and "global alone" if the global was queried about all rows.
    """
    if not rows.has_global or not len(rows.kept):
        return {}
    sides = {"base alone": rows.base_utility}
    if rows.knows_all:
        sides["global alone"] = rows.query_utility
    weight = {"sample_weight": rows.weight, "confidence": confidence}
    return {
        name: paired_difference(rows.utility, side, **weight)
        for name, side in sides.items()
    }


def shown(difference):
    """1 for a significant lead, -1 for a significant lag, otherwise 0."""
    return int(difference.low > 0) - int(difference.high < 0)


def system_costs(deployment, coverage, stays):
    """Costs of the base alone, of the pair, and of the global alone.

    Parameters
    ----------
    deployment : Deployment
    coverage : float
        Coverage of the pair.
    stays : float
        Share of rows that must stay; with the global alone, the base answers them.

    Returns
    -------
    dict of str to dict of str to float
    """
    systems = {
        "base alone": (replace(deployment, router_macs=0), 1.0),
        "pair": (deployment, coverage),
    }
    if deployment.order != "same_device":
        systems["global alone"] = (sending(deployment, stays), stays)
    found = {
        name: {cost: float(of[0]) for cost, of in costs_over(where, [share]).items()}
        for name, (where, share) in systems.items()
    }
    names = dict.fromkeys(name for costs in found.values() for name in costs)
    return {
        system: {name: costs.get(name, 0.0) for name in names}
        for system, costs in found.items()
    }


def worth(rows, point, deployment, value, cost, confidence):
    """Verdict on which system is worth most within the requested cost limits."""
    outcomes = Outcomes(
        base_utility=rows.base_utility,
        global_utility=rows.query_utility,
        sample_weight=rows.weight,
        local_only=rows.stays,
    )
    parts = () if point.budget is None else point.budget.parts
    limits = [part for part in parts if getattr(part, "costs", None) is deployment]
    return routing_verdict(
        outcomes,
        rows.kept,
        deployment,
        *limits,
        value=value,
        cost=cost,
        confidence=confidence,
    )


def scatter(coverage, rows, n_calibration):
    """How far chance may move a realised coverage from the requested one.

    Twice the standard error from sampling both these rows and the calibration rows.
    """
    weight = rows.weights
    n = weight.sum() ** 2 / (weight**2).sum()
    return 2 * float(np.sqrt(coverage * (1 - coverage) * (1 / n + 1 / n_calibration)))
