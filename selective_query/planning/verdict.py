"""routing_verdict: test whether routing is worthwhile."""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from selective_query._utils.numbers import (
    as_mask,
    check_number,
    check_positive,
    check_probability,
)
from selective_query._utils.validation import check_instance
from selective_query.budgets.base import ROUNDING
from selective_query.budgets.limits import least_carried
from selective_query.costs._query import with_lost_queries
from selective_query.costs.deployment import Deployment
from selective_query.exceptions import BudgetInfeasibleError, OverloadError
from selective_query.outcomes.outcomes import Outcomes
from selective_query.planning._sending import (
    expected_utility,
    must_stay,
    sending,
    share_that_stays,
)
from selective_query.planning._system_rows import refuse_no_global
from selective_query.planning.rebinding import made_for, rebound

PAIR, BASE, GLOBAL = "pair", "base alone", "global alone"
UNDECIDED = "undecided"


@dataclass(frozen=True)
class RoutingVerdict:
    """The best of three systems within budgets.

    Attributes
    ----------
    verdict : str
        "pair", "base alone", "global alone", or "undecided".
    net : dict of str to float
        Mean net value per input of each system that meets the budgets: the value of its
        correct answers minus the cost.
    excluded : dict of str to str
        The other systems, each with the budget that it exceeds.
    lead : dict of str to (float, float)
        Simultaneous intervals of the lead of the best system over each other one.
    break_even_price : float
        Additional price per query at which the pair is worth as much as the base alone;
        nan if nothing is queried.
    break_even_interval : (float, float)
        Confidence interval of the break-even price.
    confidence : float
    """

    verdict: str
    net: dict
    excluded: dict
    lead: dict
    break_even_price: float
    break_even_interval: tuple
    confidence: float

    def __str__(self):
        lines = [f"Verdict: {self.verdict}, at confidence {self.confidence:g}."]
        lines += [f"  {name}: worth {v:.4g} per input" for name, v in self.net.items()]
        lines += [f"  {name}: exceeds {why}" for name, why in self.excluded.items()]
        low, high = self.break_even_interval
        if math.isnan(self.break_even_price):
            return "\n".join([*lines, "Nothing is queried."])
        lines.append(
            f"A query may cost {self.break_even_price:.4g} more ({low:.4g} to "
            f"{high:.4g}) before the base alone is worth as much."
        )
        return "\n".join(lines)


def routing_verdict(
    outcomes, kept, deployment, *budgets, value, cost=None, confidence=0.95
):
    r"""Test whether to route, or to leave all inputs to the base or to the global.

    The net value of a system per input is :math:`v\,E[\text{utility}] -
    E[\text{cost}]`. A system is declared best if its lead over each of the other two is
    significant. With :math:`\alpha = 1 -` confidence, each lead is tested one-sided at
    :math:`\alpha / 2` by the mean of the paired differences. So a system that is not
    the best is declared best with probability at most :math:`\alpha` (normal
    approximation, with one additional row at the opposite extreme). Otherwise the
    verdict is "undecided".

    Parameters
    ----------
    outcomes : Outcomes
        With a global; rows new to models, router and threshold. Weights change the
        influence of rows, but never increase the effective number of rows. The base
        answers rows with ``local_only`` in every system; in this case the global alone
        also has the base on the device.
    kept : array-like of shape (n_samples,), bool
        Whether the base answers, by a rule fixed before these rows were seen.
    deployment : Deployment
        With a link, a cloud and the order "base_first". The base answers lost queries.
        The global alone has no base unless some rows have ``local_only``; without one,
        lost queries count as wrong.
    *budgets : callable or Budget or float
        Limits, as in :func:`plan`, each evaluated with the deployment of every system.
        A system that exceeds a limit is excluded; the coverage of the pair is the share
        of `kept`.
    value : float
        Value of a correct answer, in money.
    cost : callable or None, default=None
        Price of an input as a function of deployment and coverage, linear in the
        coverage. None uses ``deployment.price``. Energy, time or carbon can be included
        with a price: ``lambda d, c: d.price(c) + 2e-6 * d.energy_mj(c)``.
    confidence : float, default=0.95

    Returns
    -------
    RoutingVerdict

    Raises
    ------
    TypeError, ValueError
        When a parameter is out of range, a budget is not a limit, or no system meets
        the budgets.

    Examples
    --------
    >>> from selective_query.costs import CLOUD, Deployment, STM32F746, WIFI
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.planning import routing_verdict
    >>> costs = Deployment(
    ...     device=STM32F746, base_ms=50, link=WIFI, payload_bytes=3072,
    ...     cloud=CLOUD.with_(price_per_query=0.001),
    ... )
    >>> outcomes = make_selective_query(5000, random_state=0).outcomes
    >>> kept = outcomes.base_proba.max(axis=1) > 0.6
    >>> routing_verdict(outcomes, kept, costs, value=0.006).verdict
    'pair'
    >>> routing_verdict(outcomes, kept, costs, value=0.0001).verdict
    'base alone'
    """
    check_instance(outcomes, "outcomes", Outcomes)
    refuse_no_global(outcomes, "routing_verdict")
    kept = as_mask(kept, "kept")
    if len(kept) != outcomes.n_rows:
        raise ValueError(
            f"kept must have one entry for each of the {outcomes.n_rows} rows. Got "
            f"{len(kept)}."
        )
    n_sent = int((must_stay(outcomes) & ~kept).sum())
    if n_sent:
        raise ValueError(
            f"kept queries {n_sent:,} rows that must stay (local_only). Keep them: "
            "rule_.decide(outcomes) does."
        )
    share = float(np.average(kept, weights=outcomes.weight))
    return judged(outcomes, kept, share, deployment, budgets, value, cost, confidence)


def judged(outcomes, kept, coverage, deployment, budgets, value, cost, confidence):
    """Return the verdict on a pair that was planned for a coverage.

    Limits are checked at the planned coverage: a small deviation of `kept` on these
    rows does not exclude the pair.
    """
    check_instance(deployment, "deployment", Deployment)
    if deployment.order != "base_first":
        raise ValueError(
            f"deployment must be of order 'base_first'. Got {deployment.order!r}."
        )
    check_positive(value, "value")
    check_probability(confidence, "confidence")
    systems = _systems(outcomes, kept, deployment)
    shares = dict(
        zip(systems, (coverage, 1.0, share_that_stays(outcomes)), strict=True)
    )
    excluded = {}
    for budget in budgets:
        for name, (_, _, where) in systems.items():
            limit = _limit(budget, deployment, where)
            if not _is_kept_to(limit, where, shares[name]):
                excluded.setdefault(name, str(limit))
    if len(excluded) == len(systems):
        raise ValueError(f"No system meets the budgets: {excluded}. Ask for less.")
    price = _price if cost is None else cost
    net = {
        name: value * utility - _by_row(price, where, share)
        for name, (utility, share, where) in systems.items()
    }
    weight = outcomes.weight
    found = {n: float(np.average(net[n], weights=weight)) for n in net}
    running = [name for name in systems if name not in excluded]
    best = max(running, key=found.get)
    z = NormalDist().inv_cdf(1 - (1 - confidence) / 2)
    lead = {
        name: _interval(net[best] - net[name], weight, z)
        for name in running
        if name != best
    }
    shown = all(low > 0 for low, _ in lead.values())
    gain = net[PAIR] - net[BASE]
    asked = float(np.average(~kept, weights=weight)) or np.nan
    ends = tuple(float(end / asked) for end in _interval(gain, weight, z))
    return RoutingVerdict(
        best if shown else UNDECIDED,
        {name: found[name] for name in running},
        excluded,
        lead,
        float(np.average(gain, weights=weight) / asked),
        ends,
        float(confidence),
    )


def _systems(outcomes, kept, deployment):
    """Return by system: utility of each row, whether the base answers, deployment."""
    lost, stays = deployment.chance_lost, must_stay(outcomes)
    routed = with_lost_queries(outcomes, lost)
    base = outcomes.base_utility.astype(float)
    return {
        PAIR: (np.where(kept, base, routed.global_utility), kept, deployment),
        BASE: (base, np.ones_like(kept), replace(deployment, router_macs=0)),
        GLOBAL: (
            expected_utility(outcomes, lost),
            stays,
            sending(deployment, stays.any()),
        ),
    }


def _price(deployment, coverage):
    return deployment.price(coverage)


def _by_row(price, deployment, kept):
    here, there = (
        check_number(price(deployment, share), "cost", -np.inf) for share in (1.0, 0.0)
    )
    return np.where(kept, here, there)


def _limit(budget, deployment, where):
    """Return a budget of this deployment, rebound to that of a system."""
    limit = made_for(rebound(budget, deployment, where), where)
    if limit.measures_quality or limit.reads_rows:
        raise ValueError(
            f"A verdict takes only limits on queries and costs. Got {limit!r}. Give "
            "the value of a correct answer as value=."
        )
    return limit


def _is_kept_to(limit, deployment, coverage):
    try:
        carried = least_carried(deployment) <= coverage + ROUNDING
        return carried and all(part.allows(coverage) for part in limit.parts)
    except (BudgetInfeasibleError, OverloadError):
        return False


def _interval(difference, weight, z):
    """Return an interval of a mean, widened by one row at the largest deviation."""
    mean = float(np.average(difference, weights=weight))
    share = weight / weight.sum()
    furthest = float(np.abs(difference - mean).max())
    size = 1 / (share**2).sum()  # effective number of rows
    variance = (share * (difference - mean) ** 2).sum() + furthest**2 / size
    error = z * np.sqrt(variance / size)
    return mean - float(error), mean + float(error)
