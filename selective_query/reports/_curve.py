"""The curve of a report: accuracy and costs of every other operating point."""

from dataclasses import dataclass

import numpy as np

from selective_query.exceptions import OverloadError
from selective_query.metrics.inference.paired_scores import PairedScores
from selective_query.metrics.ranked import accuracy_coverage_curve, stopping_at_harm

N_POINTS = 101
COSTS = {
    "latency_ms": lambda d, c: d.latency_ms(c),
    "p95_latency_ms": lambda d, c: d.latency_ms(c, "p95"),
    "energy_mj": lambda d, c: d.energy_mj(c),
    "bytes": lambda d, c: d.bytes(c),
    "price": lambda d, c: d.price(c),
    "battery_days": lambda d, c: d.battery_days(c),
}


@dataclass(frozen=True, eq=False)
class ReportCurve:
    """Accuracy and costs over coverage; with abstention, accuracy on answered rows.

    Attributes
    ----------
    coverage, accuracy : ndarray of shape (n_points,)
    low, high : ndarray of shape (n_points,)
        Simultaneous band: the whole curve lies inside with the given confidence.
    random, oracle : ndarray of shape (n_points,)
        Accuracy of a random order and of an oracle; nan where unknown.
    costs : dict of str to ndarray of shape (n_points,)
        Mean costs of an input; empty without a deployment.
    """

    coverage: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    random: np.ndarray
    oracle: np.ndarray
    costs: dict

    @classmethod
    def of(cls, rows, deployment=None, confidence=0.95):
        """The curve of rows decided by a rule.

        It begins at the share of rows that must stay or, if the global answered only
        the queried rows, at the share of kept rows.

        Parameters
        ----------
        rows : DecidedRows
        deployment : Deployment or None, default=None
        confidence : float, default=0.95
            Confidence of the band.
        """
        base, query, weight = rows.base_utility, rows.query_utility, rows.weight
        curve = accuracy_coverage_curve(rows.score, base, query, sample_weight=weight)
        share = float(np.average(rows.kept, weights=rows.weights))
        start = rows.share_that_stays if rows.knows_all else share
        if not rows.has_global:
            start = 1 / N_POINTS
        grid = np.union1d(np.linspace(start, 1, N_POINTS), [max(share, start)])
        paired = PairedScores(
            {"": rows.score}, base, query, sample_weight=weight, confidence=confidence,
            n_bootstrap=2000, random_state=0,
        )  # fmt: skip
        band = paired.band("", grid)
        bounds = np.full((2, len(grid)), np.nan)
        if rows.knows_all:
            orders = np.zeros(len(base)), stopping_at_harm(query - base)
            bounds = np.array(
                [
                    accuracy_coverage_curve(
                        order, base, query, sample_weight=weight
                    ).accuracy_at(grid)
                    for order in orders
                ]
            )
        found = [curve.accuracy_at(grid), band.low, band.high, *bounds]
        if not rows.has_global:
            # Derived from accuracies that count an abstention as right.
            found = [np.clip(1 - (1 - part) / grid, 0, 1) for part in found]
        return cls(grid, *found, costs_over(deployment, grid))


def costs_over(deployment, coverages):
    """Costs of a deployment at each coverage, nan where it cannot carry the load."""
    if deployment is None:
        return {}
    found = {
        name: np.array([_or_nan(cost, deployment, float(c)) for c in coverages])
        for name, cost in COSTS.items()
        if name != "battery_days" or _has_battery(deployment)
    }
    return {name: values for name, values in found.items() if np.any(values > 0)}


def _has_battery(deployment):
    known = deployment.device.battery_mwh is not None
    return known and deployment.inputs_per_day is not None


def _or_nan(cost, deployment, coverage):
    try:
        return cost(deployment, coverage)
    except OverloadError:
        return np.nan
