"""From a curve, a deployment and budgets to an operating point, in plain words."""

from dataclasses import dataclass, replace

import numpy as np

from selective_query._validation import check_matplotlib_support
from selective_query.budgets.budgets import All, as_budget, floors_of, limit_of
from selective_query.budgets.outlook import judged_rows
from selective_query.costs.deployment import Deployment
from selective_query.costs.lost_queries import with_lost_queries
from selective_query.exceptions import BudgetInfeasibleError, OverloadError
from selective_query.metrics.ranked import RankedOutcomes

# An assumed constant may well be half or twice what it is taken for.
FACTORS = (0.5, 2.0)
PROFILES = ("device", "link", "cloud")


@dataclass(frozen=True)
class Sensitivity:
    """What an assumed constant does to the plan when it is halved and doubled.

    Parameters
    ----------
    constant : str
        Such as ``"link.energy_mj_per_wake_up"``.
    value : float
    coverages, accuracies : (float, float)
        Of the plan with half and with twice the value; nan where no operating point
        keeps to the budgets then.
    """

    constant: str
    value: float
    coverages: tuple
    accuracies: tuple

    @property
    def swing(self):
        """Difference between both accuracies; inf where one plan is infeasible."""
        if np.isnan(self.accuracies).any():
            return np.inf
        return abs(self.accuracies[1] - self.accuracies[0])


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
        Of the assumed constants that matter, largest swing of accuracy first.
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
        lines = [
            f"Let the base answer {100 * self.coverage:.1f} % of the inputs.",
            f"Accuracy {100 * self.accuracy:.2f} % on the rows it was planned on (base "
            f"alone {100 * self.base_accuracy:.2f} %, global alone "
            f"{100 * self.global_accuracy:.2f} %).",
            f"An answer takes {costs['latency_ms']:.0f} ms on average, and at most "
            f"{costs['p95_latency_ms']:.0f} ms for 95 % of the inputs.",
            f"An input costs {costs['energy_mj']:.3g} mJ, {costs['bytes']:.0f} bytes "
            f"and {costs['price']:.3g} in money.",
        ]
        if "battery_days" in costs:
            lines.append(f"The battery lasts {costs['battery_days']:.0f} days.")
        lines.append(f"Asked for: {self.budget}.")
        moving = [s for s in self.sensitivities if s.swing > 0]
        if moving:
            lines.append("Assumed constants that matter (halved, doubled):")
        for s in moving[:5]:
            ends = ", ".join(
                "infeasible" if np.isnan(c) else f"{100 * a:.2f} % at coverage {c:.3f}"
                for c, a in zip(s.coverages, s.accuracies, strict=True)
            )
            lines.append(f"  {s.constant} = {s.value:g}: {ends}")
        return "\n".join(lines)

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
        shown = list(self.sensitivities[:n_bars])[::-1]
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
            xlabel="accuracy with half (light) and twice (dark) the assumed constant",
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
        Of the router in question; higher means query first.
    deployment : Deployment
    *budgets : callable or Budget or float
        Budgets of costs are given as functions of the deployment, such as
        ``lambda costs: BatteryLife(30, costs)``, so that they can be asked again with
        other constants; one that is given as it is stays as it is.

    Returns
    -------
    Plan

    Raises
    ------
    BudgetInfeasibleError
        When no operating point keeps to the budgets.
    ValueError
        When there is no budget or no global, or the score is not one number a row.

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
    if not budgets:
        raise ValueError("plan needs at least one budget. Got none.")
    rows = _Rows(outcomes, score)
    coverage, accuracy, budget = rows.best(deployment, budgets)
    found = []
    for name, constant, value in _assumed(deployment):
        changed = [_changed(deployment, name, constant, f * value) for f in FACTORS]
        ends = [rows.best_or_nan(other, budgets) for other in changed]
        found.append(
            Sensitivity(
                f"{name}.{constant}", value, *map(tuple, zip(*ends, strict=True))
            )
        )
    found.sort(key=lambda s: -s.swing)
    base, global_ = (
        float(np.average(utility, weights=outcomes.weight))
        for utility in (outcomes.base_utility, outcomes.global_utility)
    )
    return Plan(coverage, accuracy, base, global_, deployment, budget, tuple(found))


class _Rows:
    """Outcomes and a score, and where budgets end on their curve."""

    def __init__(self, outcomes, score):
        if not outcomes.has_global:
            raise ValueError(
                "plan needs outcomes with a global: its probabilities, predictions or "
                "grades. Without one a query would count as right."
            )
        self.outcomes = outcomes
        self.score = np.asarray(score)
        if (
            self.score.shape != (outcomes.n_rows,)
            or self.score.dtype.kind not in "fiub"
        ):
            raise ValueError(
                "score must be one number for each row, what router.query_score("
                f"evidence) returns, of shape ({outcomes.n_rows},). Got shape "
                f"{self.score.shape} and dtype {self.score.dtype}."
            )
        self.score = self.score.astype(float)

    def best(self, deployment, budgets):
        """Coverage, accuracy and the budget as asked."""
        asked = [_asked(budget, deployment) for budget in budgets]
        budget = All(*asked) if len(asked) > 1 else asked[0]
        limit, floors = limit_of(budget), floors_of(budget)
        least = limit.least_coverage() if limit else 0.0
        outcomes = with_lost_queries(self.outcomes, deployment.chance_lost)
        sweep = judged_rows(self.score, outcomes).sweep()
        curve = RankedOutcomes(
            self.score,
            outcomes.base_utility,
            outcomes.global_utility,
            outcomes.sample_weight,
        ).curve
        possible = np.union1d(curve.coverage, [least])
        possible = possible[possible >= least - 1e-12]
        for floor in floors:
            lacking = np.asarray(floor.shortfall(sweep))
            possible = possible[np.interp(possible, sweep.coverage, lacking) <= 1e-12]
        if not len(possible):
            raise BudgetInfeasibleError(
                f"No coverage keeps to {budget} on these rows. Ask for less, or use "
                "another router, link or base.",
                budget,
                None,
            )
        accuracy = curve.accuracy_at(possible)
        place = len(possible) - 1
        if not floors:
            # Of equal accuracies the one that costs least.
            place = np.flatnonzero(accuracy >= accuracy.max() - 1e-12)[-1]
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


def _assumed(deployment):
    """Profile, name and value of each assumed constant that is a plain number."""
    for name in PROFILES:
        profile = getattr(deployment, name)
        for constant in getattr(profile, "assumed", list)():
            value = getattr(profile, constant)
            if isinstance(value, (int, float)) and value:
                yield name, constant, value


def _changed(deployment, name, constant, value):
    """The deployment with another constant; None where that makes no sense."""
    profile = getattr(deployment, name)
    if constant in ("availability", "duty_cycle", "usable_share"):
        value = min(value, 1.0)
    try:
        return replace(deployment, **{name: profile.with_(**{constant: value})})
    except ValueError:
        return None
