"""Accuracy of the hybrid that a base makes possible."""

from dataclasses import dataclass

import numpy as np

from selective_query._models.crossfit import cross_fit_outcomes
from selective_query.budgets.base import least_coverage
from selective_query.budgets.combined import check_coverage
from selective_query.metrics import accuracy_at_coverage, pareto_front
from selective_query.routers.registry import make_router


def compared_coverage(coverage):
    """The coverage at which bases are compared, from a number or from limits.

    Raises
    ------
    ValueError
        If it is None, a floor on quality or a budget that reads rows, since each base
        would then have a coverage of its own.
    """
    budget = check_coverage(coverage)
    if budget is None or budget.measures_quality or budget.reads_rows:
        raise ValueError(
            "coverage must be a number in [0, 1] or a budget that limits queries, such "
            "as MaxLatency: bases are compared at the same coverage. Got "
            f"{coverage!r}. Search at a coverage, and ask best_hybrid_.at() for the "
            "rest."
        )
    return least_coverage(budget)


@dataclass(frozen=True)
class Judged:
    """Result of a candidate on some number of rows.

    Parameters
    ----------
    name : str
    n_rows : int
    base_accuracy, proxy, learned : float
        Out-of-fold accuracy of the base alone, of the hybrid routed by the proxy, and
        of the hybrid with the final router, at the coverage.
    cost : float
        nan if no cost was given.
    """

    name: str
    n_rows: int
    base_accuracy: float
    proxy: float
    learned: float
    cost: float


def judge_base(
    base, global_estimator, coverage, cv, X, y, weight, proxy="oracle", router=None
):
    """Out-of-fold accuracies of a base alone, with a proxy, and with a router.

    Returns
    -------
    base_accuracy, proxy, learned : float
        The last is nan without a router.
    """
    outcomes = cross_fit_outcomes(
        base, global_estimator, X, y, cv=cv, sample_weight=weight
    )

    def routed_by(router):
        router = make_router(router, target_coverage=coverage, random_state=0)
        return float(
            accuracy_at_coverage(
                router.fit_score(outcomes),
                outcomes.base_utility,
                outcomes.global_utility,
                coverage=coverage,
                sample_weight=outcomes.sample_weight,
            )
        )

    alone = float(np.average(outcomes.base_utility, weights=outcomes.weight))
    learned = np.nan if router is None else routed_by(router)
    return alone, routed_by(proxy), learned


def pareto(judged):
    """Names of candidates that no other beats in accuracy at no higher cost.

    Without costs, the candidates with the highest accuracy.
    """
    costs = np.nan_to_num([one.cost for one in judged])
    on_front = pareto_front(costs, [one.learned for one in judged])
    return [one.name for one, is_on in zip(judged, on_front, strict=True) if is_on]
