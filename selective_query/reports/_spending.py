"""Costs incurred on some rows, compared with the limits of a budget."""

import numpy as np

from selective_query.budgets._columns import parts_that_read
from selective_query.budgets.base import ROUNDING
from selective_query.budgets.tier_cost import MaxTierCost
from selective_query.exceptions import MissingEvidenceError, OverloadError


def query_costs(budget, evidence):
    """Cost of a query about each row, for each part of a budget that reads it.

    Parameters
    ----------
    budget : Budget or None
    evidence : Evidence

    Returns
    -------
    dict of Budget to (ndarray of shape (n_samples,) or None)
        None if the evidence lacks it.
    """
    return {
        part: _read(part, evidence) for part in parts_that_read(budget, "query_cost")
    }


def _read(part, evidence):
    try:
        return part.column(evidence)
    except MissingEvidenceError:
        return None


def spending(rows, budget):
    """Compare the costs of some rows with each limit on costs.

    Parameters
    ----------
    rows : DecidedRows
        At least one row.
    budget : Budget or None

    Returns
    -------
    list of dict
        In the form of :attr:`RoutingReport.spending`.
    """
    coverage = float(np.average(rows.kept, weights=rows.weights))
    found = []
    for part in () if budget is None else budget.parts:
        if hasattr(part, "spent"):
            found.append(_of_limit(part, coverage, len(rows.kept)))
        elif part in rows.query_costs:
            found.append(_of_rows(part, rows))
    return found


def spending_of_chain(tally, budget, costs):
    """Compare the costs of rows in a chain with each limit on the cost of tiers.

    Parameters
    ----------
    tally : ChainTally
    budget : Budget or None
        Budget of the whole chain.
    costs : sequence of float or None
        Costs of the tiers, for limits without costs of their own.

    Returns
    -------
    list of dict
        In the form of :attr:`RoutingReport.spending`.
    """
    parts = () if budget is None or not tally.asked[0] else budget.parts
    limits = [part for part in parts if isinstance(part, MaxTierCost)]
    return [_of_tiers(limit, tally, limit.costs or costs) for limit in limits]


def _of_tiers(limit, tally, costs):
    if costs is None:
        return _told(limit, None, None, None)
    mean = float(tally.asked @ np.asarray(costs) / tally.asked[0])
    is_kept = mean <= limit.maximum * (1 + ROUNDING)
    return _told(limit, mean, int(tally.n_asked[0]) * mean, is_kept)


def _of_limit(limit, coverage, n):
    try:
        mean, is_kept = float(limit.spent(coverage)), bool(limit.allows(coverage))
    except OverloadError:
        mean, is_kept = np.nan, False
    total = n * mean if limit.adds_up else None
    return _told(limit, mean, total, is_kept, limit.unit)


def _of_rows(part, rows):
    cost = rows.query_costs[part]
    if cost is None:
        return _told(part, None, None, None)
    spent = np.where(rows.kept, 0, cost)
    mean = float(np.average(spent, weights=rows.weights))
    is_kept = mean <= part.maximum * (1 + ROUNDING)
    return _told(part, mean, len(spent) * mean, is_kept)


def _told(part, spent, total, is_kept, unit=""):
    found = {"budget": str(part), "unit": unit, "spent": spent, "total": total}
    return {**found, "is_kept": is_kept}
