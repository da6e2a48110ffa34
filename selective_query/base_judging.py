"""How good a hybrid a base makes possible."""

from dataclasses import dataclass

import numpy as np

from selective_query.crossfit import cross_fit_outcomes
from selective_query.metrics import accuracy_at_coverage


@dataclass(frozen=True)
class Judged:
    """How a candidate did on so many rows.

    Parameters
    ----------
    name : str
    n_rows : int
    base_accuracy, proxy, learned : float
        Accuracy of the base alone, of the hybrid routed by an oracle, and by the router
        in question, out of fold at the coverage.
    cost : float
        nan where no cost was given.
    """

    name: str
    n_rows: int
    base_accuracy: float
    proxy: float
    learned: float
    cost: float


def judge_base(base, global_estimator, coverage, cv, X, y, weight, router=None):
    """Accuracy of a base alone, beside an oracle, and beside a router; out of fold.

    Returns
    -------
    base_accuracy, proxy, learned : float
        The last is nan without a router.
    """
    outcomes = cross_fit_outcomes(
        base, global_estimator, X, y, cv=cv, sample_weight=weight
    )

    def accuracy(score):
        return float(
            accuracy_at_coverage(
                score,
                outcomes.base_utility,
                outcomes.global_utility,
                coverage=coverage,
                sample_weight=outcomes.sample_weight,
            )
        )

    alone = float(np.average(outcomes.base_utility, weights=outcomes.weight))
    # Of rows that a query does not help, none is queried before all others are.
    proxy = accuracy(np.where(outcomes.benefit > 0, outcomes.benefit, -np.inf))
    learned = np.nan if router is None else accuracy(router.fit_score(outcomes))
    return alone, proxy, learned


def pareto(judged):
    """Names of those that no other beats in accuracy at no higher cost.

    Without costs, those of highest accuracy.
    """
    costs = np.nan_to_num([one.cost for one in judged])
    accuracies = [one.learned for one in judged]
    front = []
    for one, accuracy, cost in zip(judged, accuracies, costs, strict=True):
        beaten = any(
            other >= accuracy and price <= cost and (other, price) != (accuracy, cost)
            for other, price in zip(accuracies, costs, strict=True)
        )
        if not beaten:
            front.append(one.name)
    return front
