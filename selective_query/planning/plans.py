"""plan: recommend an operating point for a deployment and budgets."""

from dataclasses import dataclass, replace

import numpy as np

from selective_query._utils.validation import check_instance, check_matplotlib_support
from selective_query.budgets._solving.reach import Reach, judged_rows
from selective_query.budgets._solving.thresholds import CalibrationScores
from selective_query.budgets.base import least_coverage
from selective_query.budgets.combined import All, as_budget
from selective_query.budgets.limits import least_carried
from selective_query.costs._percentiles import hides_queries
from selective_query.costs._query import with_lost_queries
from selective_query.costs.deployment import Deployment
from selective_query.exceptions import BudgetInfeasibleError, OverloadError
from selective_query.metrics._inputs import check_scores
from selective_query.metrics.ranked import RankedOutcomes
from selective_query.outcomes.outcomes import Outcomes
from selective_query.planning._sending import answered_by_base, share_that_stays
from selective_query.planning._system_rows import weighted_mean
from selective_query.planning._tornado import draw_tornado
from selective_query.planning.rebinding import made_for, rebound
from selective_query.planning.sensitivity import Sensitivity, variations
from selective_query.planning.verdict import RoutingVerdict, judged


@dataclass(frozen=True)
class Plan:
    """A recommended operating point with its costs.

    Parameters
    ----------
    coverage, accuracy : float
    base_accuracy, global_accuracy : float
    deployment : Deployment
    budget : Budget
    sensitivities : tuple of Sensitivity
        Sensitivities to each assumed constant, timeout and retries, largest swing of
        accuracy first; those without effect are left out.
    verdict : RoutingVerdict or None
        Whether to route at all; None if no `value` was given.
    """

    coverage: float
    accuracy: float
    base_accuracy: float
    global_accuracy: float
    deployment: Deployment
    budget: object
    sensitivities: tuple
    verdict: RoutingVerdict | None = None

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
            f"Accuracy {100 * self.accuracy:.2f} % on the planning rows (base "
            f"alone {100 * self.base_accuracy:.2f} %, global alone "
            f"{100 * self.global_accuracy:.2f} %).",
            f"An answer takes {costs['latency_ms']:.0f} ms on average"
            f"{between if low < high else ''}, and at most "
            f"{costs['p95_latency_ms']:.0f} ms for 95 % of the inputs.",
            *self._hidden_queries(),
            f"Mean cost per input: {costs['energy_mj']:.3g} mJ, {costs['bytes']:.0f} "
            f"bytes, price {costs['price']:.3g}.",
        ]
        if "battery_days" in costs:
            lines.append(f"The battery lasts {costs['battery_days']:.0f} days.")
        lines.append(f"Budget: {self.budget}.")
        if self._moving:
            lines.append("Assumed constants that matter, at both ends:")
        lines += [f"  {sensitivity}" for sensitivity in self._moving[:5]]
        if self.verdict is not None:
            lines.append(str(self.verdict))
        return "\n".join(lines)

    def _hidden_queries(self):
        """Yield a warning if the 95th percentile hides the queried inputs."""
        if hides_queries(self.deployment, self.coverage):
            yield (
                f"Fewer than 5 % are queried, so the base answers 95 % of the inputs. "
                f"A queried input takes "
                f"{self.deployment.latency_ms(0.0):.0f} ms on average, and at most "
                f"{self.deployment.latency_ms(0.0, 'p95'):.0f} ms for 95 % of them."
            )

    @property
    def _moving(self):
        """Sensitivities with an effect on the accuracy."""
        return [s for s in self.sensitivities if s.swing > 0]

    def plot(self, ax=None, n_bars=8):
        """Draw a tornado plot of the effect of assumed constants on the accuracy.

        Light bars show the lower end of a constant, dark ones the upper end.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
        n_bars : int, default=8
            Number of constants to show, those with the largest effect first.

        Returns
        -------
        Axes
        """
        check_matplotlib_support("Plan.plot")
        import matplotlib.pyplot as plt

        if ax is None:
            height = 1.4 + 0.42 * min(n_bars, len(self._moving))
            _, ax = plt.subplots(figsize=(7.5, height), layout="constrained")
        draw_tornado(ax, self, self._moving[:n_bars])
        return ax


def plan(outcomes, score, deployment, *budgets, value=None, cost=None, confidence=0.95):
    """Recommend the operating point of best accuracy within budgets.

    A cost budget limits the queries: the plan uses all allowed queries that increase
    accuracy. With a floor on quality, it uses as few queries as necessary to reach it.

    Parameters
    ----------
    outcomes : Outcomes
        Rows that neither the models nor the router have seen. The base answers lost
        queries and rows with ``local_only``.
    score : array-like of shape (n_samples,)
        Scores of the router; higher means query first. If the router decides before
        the base (``order="router_first"``, ``"parallel"``), it must not need the base.
    deployment : Deployment
    *budgets : callable or Budget or float
        Cost limits without a cost model, such as ``MaxLatency(100)``, use this
        deployment. They, limits created with this very deployment, and functions of it,
        such as ``lambda costs: BatteryLife(30, costs)``, are re-evaluated when
        constants are varied; any other limit is not.
    value : float or None, default=None
        Value of a correct answer, in money. With it, the plan has a ``verdict``:
        whether the base or the global alone is the better system within the budgets,
        and up to which price a query pays off. The threshold is chosen on a random half
        of the rows and evaluated on the other, so that the stated confidence holds.
    cost : callable or None, default=None
        Price of an input, as in :func:`routing_verdict`.
    confidence : float, default=0.95
        Confidence of the verdict.

    Returns
    -------
    Plan

    Raises
    ------
    BudgetInfeasibleError
        If no operating point meets the budgets.
    OverloadError
        If the device cannot process ``inputs_per_day`` even without queries.
    TypeError
        If `deployment` is not a Deployment, or `outcomes` not Outcomes.
    ValueError
        If there is no budget or no global, a budget depends on single rows, or the
        score is not one number per row; with `value`, also for a floor on quality, and
        for a deployment with another order than "base_first".

    Examples
    --------
    >>> from dataclasses import replace
    >>> from selective_query.budgets import MaxLatency
    >>> from selective_query.costs import CLOUD, STM32F746, WIFI, Deployment
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.planning import plan
    >>> sample = make_selective_query(2000, random_state=0)
    >>> costs = Deployment(
    ...     device=STM32F746, base_ms=50, link=WIFI, cloud=CLOUD, payload_bytes=3072
    ... )
    >>> doubt = 1 - sample.outcomes.base_proba.max(axis=1)
    >>> found = plan(sample.outcomes, doubt, costs, MaxLatency(80))
    >>> found.costs["latency_ms"] <= 80 + 1e-6
    True
    >>> costly = replace(costs, cloud=CLOUD.with_(price_per_query=0.01))
    >>> plan(sample.outcomes, doubt, costly, 0.5, value=0.001).verdict.verdict
    'base alone'
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
    found = [s for s in found if s.moves(coverage, accuracy)]
    found.sort(key=lambda s: -s.swing)
    base, global_ = (
        weighted_mean(utility, outcomes)
        for utility in (outcomes.base_utility, rows.outcomes.global_utility)
    )
    verdict = None
    if value is not None:
        verdict = rows.verdict(deployment, budgets, value, cost, confidence)
    return Plan(
        coverage, accuracy, base, global_, deployment, budget, tuple(found), verdict
    )


def charged(deployment, router, evidence):
    """Return the deployment with the operations of the router added.

    Parameters
    ----------
    deployment : Deployment
        Returned unchanged if its ``router_macs`` is not 0.
    router : BaseRouter
        Fitted.
    evidence : Evidence
        Evidence such as the router decides on; one row suffices.

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
    7
    """
    check_instance(deployment, "deployment", Deployment)
    if deployment.router_macs:
        return deployment
    cost = router.decision_cost(evidence.view(slice(1)))
    return replace(deployment, router_macs=cost.macs)


def check_asked(deployment, budgets):
    """Raise unless there are a deployment and valid budgets.

    Raises
    ------
    TypeError
        If `deployment` is not a Deployment.
    ValueError
        If there is no budget, or one is neither a budget nor a function.
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
    """Outcomes with a score, on which budgets are solved."""

    def __init__(self, outcomes, score):
        check_instance(outcomes, "outcomes", Outcomes)
        if not outcomes.has_global:
            raise ValueError(
                "plan needs outcomes with a global: its probabilities, predictions or "
                "grades. Without one a query would count as right."
            )
        self.outcomes = answered_by_base(outcomes)
        self.score = outcomes.keep_local(check_scores(score, "score", outcomes.n_rows))

    def best(self, deployment, budgets):
        """Return coverage, accuracy and the combined budget."""
        asked = [made_for(budget, deployment) for budget in budgets]
        budget = All(*asked) if len(asked) > 1 else asked[0]
        if budget.reads_rows:
            raise ValueError(
                "plan takes limits and floors, not budgets that look at rows. Got "
                f"{budget!r}. Fit a policy with those."
            )
        limits = least_coverage(budget), least_carried(deployment)
        least = max(*limits, share_that_stays(self.outcomes))
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
                f"No coverage meets {budget} on these rows. Ask for less, or use "
                "another router, link or base.",
                budget,
                None,
            )
        accuracy = curve.accuracy_at(possible)
        place = len(possible) - 1
        if not budget.measures_quality:
            # Among accuracies that differ by less than half a row, the cheapest.
            equal = accuracy >= accuracy.max() - 0.5 / outcomes.n_rows
            place = np.flatnonzero(equal)[-1]
        return float(possible[place]), float(accuracy[place]), budget

    def verdict(self, deployment, budgets, value, cost, confidence):
        """Return the verdict on one half of the rows, with the cut of the other."""
        if len(self.score) < 2:
            raise ValueError("value= needs two rows, one to plan and one to evaluate.")
        halves = np.array_split(
            np.random.RandomState(0).permutation(len(self.score)), 2
        )
        chosen, reported = (
            _Rows(self.outcomes.take(half), self.score[half]) for half in halves
        )
        coverage = chosen.best(deployment, budgets)[0]
        scores = CalibrationScores(chosen.score, chosen.outcomes.weight, exact=True)
        kept = reported.score <= scores.cut(coverage)[0]
        return judged(
            reported.outcomes,
            kept,
            coverage,
            deployment,
            budgets,
            value,
            cost,
            confidence,
        )

    def best_or_nan(self, deployment, budgets):
        """Return coverage and accuracy; nan if the budgets are infeasible."""
        if deployment is None:
            return np.nan, np.nan
        try:
            return self.best(deployment, budgets)[:2]
        except (BudgetInfeasibleError, OverloadError):
            return np.nan, np.nan
