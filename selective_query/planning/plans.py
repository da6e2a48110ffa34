"""From a curve, a deployment and budgets to an operating point, in plain words."""

from dataclasses import dataclass, replace

import numpy as np

from selective_query._utils.validation import check_instance, check_matplotlib_support
from selective_query.budgets._solving.reach import Reach, judged_rows
from selective_query.budgets.base import Budget, least_coverage
from selective_query.budgets.combined import All, as_budget
from selective_query.budgets.limits import least_carried
from selective_query.costs._query import with_lost_queries
from selective_query.costs.deployment import Deployment
from selective_query.exceptions import BudgetInfeasibleError, OverloadError
from selective_query.metrics._inputs import check_scores
from selective_query.metrics.ranked import RankedOutcomes
from selective_query.outcomes.outcomes import Outcomes
from selective_query.planning.sensitivity import Sensitivity, variations


@dataclass(frozen=True)
class Plan:
    """A recommended operating point and what it costs.

    Parameters
    ----------
    coverage, accuracy : float
    base_accuracy, global_accuracy : float
    deployment : Deployment
    budget : Budget
    sensitivities : tuple of Sensitivity
        Of each assumed constant, largest swing of accuracy first.
    """

    coverage: float
    accuracy: float
    base_accuracy: float
    global_accuracy: float
    deployment: Deployment
    budget: object
    sensitivities: tuple

    @property
    def costs(self):
        """Mean and 95th percentile latency, energy, bytes, price, battery days."""
        model, c = self.deployment, self.coverage
        found = {
            "latency_ms": model.latency_ms(c),
            "p95_latency_ms": model.latency_ms(c, "p95"),
            "energy_mj": model.energy_mj(c),
            "bytes": model.bytes(c),
            "price": model.price(c),
        }
        if model.inputs_per_day is not None and model.device.battery_mwh is not None:
            found["battery_days"] = model.battery_days(c)
        return found

    def __str__(self):
        costs = self.costs
        low, high = self.deployment.latency_range_ms(self.coverage)
        between = f" ({low:.0f} to {high:.0f} by the device's speed)"
        lines = [
            f"Let the base answer {100 * self.coverage:.1f} % of the inputs.",
            f"Accuracy {100 * self.accuracy:.2f} % on the rows it was planned on (base "
            f"alone {100 * self.base_accuracy:.2f} %, global alone "
            f"{100 * self.global_accuracy:.2f} %).",
            f"An answer takes {costs['latency_ms']:.0f} ms on average"
            f"{between if low < high else ''}, and at most "
            f"{costs['p95_latency_ms']:.0f} ms for 95 % of the inputs.",
            f"An input costs {costs['energy_mj']:.3g} mJ, {costs['bytes']:.0f} bytes "
            f"and {costs['price']:.3g} in money.",
        ]
        if "battery_days" in costs:
            lines.append(f"The battery lasts {costs['battery_days']:.0f} days.")
        lines.append(f"Asked for: {self.budget}.")
        if self._moving:
            lines.append("Assumed constants that matter, at either end:")
        lines += [f"  {sensitivity}" for sensitivity in self._moving[:5]]
        return "\n".join(lines)

    @property
    def _moving(self):
        """Sensitivities that move the accuracy at all."""
        return [s for s in self.sensitivities if s.swing > 0]

    def plot(self, ax=None, n_bars=8):
        """Tornado: how far each assumed constant moves the accuracy of the plan.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
        n_bars : int, default=8

        Returns
        -------
        Axes
        """
        check_matplotlib_support("Plan.plot")
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        shown = self._moving[:n_bars][::-1]
        for row, s in enumerate(shown):
            for accuracy, colour in zip(
                s.accuracies, ("#b8cfe5", "#444444"), strict=True
            ):
                if np.isnan(accuracy):
                    ax.annotate("infeasible", (self.accuracy, row))
                else:
                    ax.barh(
                        row, accuracy - self.accuracy, left=self.accuracy, color=colour
                    )
        ax.axvline(self.accuracy, color="black", linewidth=0.8)
        ax.set(
            yticks=range(len(shown)),
            yticklabels=[s.constant for s in shown],
            xlabel="accuracy at the lower (light) and upper end (dark) of the constant",
        )
        return ax


def plan(outcomes, score, deployment, *budgets):
    """The operating point of best accuracy that keeps to some budgets.

    A cost is a bound on queries: all that are allowed are spent as long as they raise
    accuracy. With a floor on quality among the budgets, as few are spent as reach it.

    Parameters
    ----------
    outcomes : Outcomes
        Rows that neither models nor router learned from. Queries that are lost on the
        way are answered by the base.
    score : array-like of shape (n_samples,)
        Of the router in question; higher means query first. Where the deployment has
        the router decide before the base (``order="router_first"``, ``"parallel"``),
        of one that needs no base.
    deployment : Deployment
    *budgets : callable or Budget or float
        Budgets of costs are given as functions of the deployment, such as
        ``lambda costs: BatteryLife(30, costs)``, so that they can be asked again with
        other constants. One that was made for this very deployment is asked again too;
        any other stays as it is.

    Returns
    -------
    Plan

    Raises
    ------
    BudgetInfeasibleError
        When no operating point keeps to the budgets.
    OverloadError
        When device or link cannot work off ``inputs_per_day`` even without queries.
    TypeError
        When `deployment` is no Deployment, or `outcomes` no Outcomes.
    ValueError
        When there is no budget or no global, a budget looks at rows, or the score is
        not one number a row.

    Examples
    --------
    >>> from selective_query.budgets import MaxLatency
    >>> from selective_query.costs import CLOUD, STM32F746, WIFI, Deployment
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.planning import plan
    >>> sample = make_selective_query(2000, random_state=0)
    >>> costs = Deployment(
    ...     device=STM32F746, base_ms=50, link=WIFI, cloud=CLOUD, payload_bytes=3072
    ... )
    >>> doubt = 1 - sample.outcomes.base_proba.max(axis=1)
    >>> found = plan(sample.outcomes, doubt, costs, lambda c: MaxLatency(80, c))
    >>> found.costs["latency_ms"] <= 80 + 1e-6
    True
    """
    check_asked(deployment, budgets)
    rows = _Rows(outcomes, score)
    coverage, accuracy, budget = rows.best(deployment, budgets)
    found = []
    for varied in variations(deployment):
        ends = [
            rows.best_or_nan(other, [rebound(b, deployment, other) for b in budgets])
            for other in varied.deployments
        ]
        results = map(tuple, zip(*ends, strict=True))
        found.append(Sensitivity(varied.constant, varied.value, varied.ends, *results))
    found.sort(key=lambda s: -s.swing)
    base, global_ = (
        float(np.average(utility, weights=outcomes.weight))
        for utility in (outcomes.base_utility, outcomes.global_utility)
    )
    return Plan(coverage, accuracy, base, global_, deployment, budget, tuple(found))


def charged(deployment, router, evidence):
    """The deployment with what a decision of the router takes of the device.

    Parameters
    ----------
    deployment : Deployment
        One whose ``router_macs`` is not 0 stays as it is.
    router : BaseRouter
        Fitted.
    evidence : Evidence
        Of the kinds and widths that it decides on; one row will do.

    Returns
    -------
    Deployment

    Examples
    --------
    >>> from selective_query import Evidence
    >>> from selective_query.costs import CLOUD, STM32F746, WIFI, Deployment
    >>> from selective_query.planning import charged
    >>> from selective_query.routers import MarginRouter
    >>> costs = Deployment(
    ...     device=STM32F746, base_ms=50, link=WIFI, cloud=CLOUD, payload_bytes=3072
    ... )
    >>> row = Evidence(base_proba=[[0.5, 0.3, 0.2]])
    >>> charged(costs, MarginRouter(), row).router_macs
    5
    """
    if deployment.router_macs:
        return deployment
    cost = router.decision_cost(evidence.view(slice(1)))
    return replace(deployment, router_macs=cost.macs)


def check_asked(deployment, budgets):
    """Raise where there is nothing to plan: no deployment, or no budgets that are some.

    Raises
    ------
    TypeError
        When `deployment` is no Deployment.
    ValueError
        When there is no budget, or one is neither a budget nor a function.
    """
    check_instance(
        deployment,
        "deployment",
        Deployment,
        "Build one: Deployment(device=STM32F746, base_ms=50, link=WIFI, cloud=CLOUD, "
        "payload_bytes=3072).",
    )
    if not budgets:
        raise ValueError(
            "plan needs at least one budget. Got none. Give one after the deployment, "
            "such as 0.8 for a coverage of at least 0.8, or MaxLatency(60, deployment)."
        )
    for budget in budgets:
        if not callable(budget):
            as_budget(budget)


class _Rows:
    """Outcomes and a score, and where budgets end on their curve."""

    def __init__(self, outcomes, score):
        check_instance(outcomes, "outcomes", Outcomes)
        if not outcomes.has_global:
            raise ValueError(
                "plan needs outcomes with a global: its probabilities, predictions or "
                "grades. Without one a query would count as right."
            )
        self.outcomes = outcomes
        self.score = check_scores(score, "score", outcomes.n_rows)

    def best(self, deployment, budgets):
        """Coverage, accuracy and the budget as asked."""
        asked = [_asked(budget, deployment) for budget in budgets]
        budget = All(*asked) if len(asked) > 1 else asked[0]
        if budget.reads_rows:
            raise ValueError(
                "plan takes limits and floors, not budgets that look at rows. Got "
                f"{budget!r}. Fit a policy with those."
            )
        least = max(least_coverage(budget), least_carried(deployment))
        outcomes = with_lost_queries(self.outcomes, deployment.chance_lost)
        sweep = judged_rows(self.score, outcomes).sweep()
        curve = RankedOutcomes(
            self.score,
            outcomes.base_utility,
            outcomes.global_utility,
            sample_weight=outcomes.sample_weight,
        ).curve
        coverage = np.union1d(curve.coverage, [least])
        possible = coverage[Reach.of(budget, sweep, coverage, least).met]
        if not len(possible):
            raise BudgetInfeasibleError(
                f"No coverage keeps to {budget} on these rows. Ask for less, or use "
                "another router, link or base.",
                budget,
                None,
            )
        accuracy = curve.accuracy_at(possible)
        place = len(possible) - 1
        if not budget.measures_quality:
            # Of accuracies that half a row tells apart, the one that costs least.
            equal = accuracy >= accuracy.max() - 0.5 / outcomes.n_rows
            place = np.flatnonzero(equal)[-1]
        return float(possible[place]), float(accuracy[place]), budget

    def best_or_nan(self, deployment, budgets):
        """Coverage and accuracy, nan where nothing keeps to the budgets."""
        if deployment is None:
            return np.nan, np.nan
        try:
            return self.best(deployment, budgets)[:2]
        except (BudgetInfeasibleError, OverloadError):
            return np.nan, np.nan


def _asked(budget, deployment):
    """A budget as it is, or what a function makes of the deployment."""
    if not callable(budget):
        return as_budget(budget)
    made = budget(deployment)
    if made is None:
        raise ValueError(
            "A budget given as a function must return a budget, as in lambda costs: "
            "BatteryLife(30, costs). Got None."
        )
    return as_budget(made)


def rebound(budget, deployment, other):
    """A budget of costs of this deployment as one of the other.

    Parameters
    ----------
    budget : callable or Budget or float
        What is no such budget is returned as it is.
    deployment, other : Deployment
    """
    if callable(budget) or not isinstance(budget, Budget):
        return budget
    parts = [
        replace(part, costs=other)
        if getattr(part, "costs", None) is deployment
        else part
        for part in budget.parts
    ]
    return All(*parts) if len(parts) > 1 else parts[0]
