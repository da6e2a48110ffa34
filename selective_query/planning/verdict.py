"""routing_verdict: is it worth routing at all, and how sure is that?"""

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
    """Which of three systems is the best within budgets.

    Attributes
    ----------
    verdict : str
        "pair", "base alone", "global alone", or "undecided".
    net : dict of str to float
        Worth of an input on average, of each system that keeps to the budgets: value
        of its right answers minus cost.
    excluded : dict of str to str
        The others, each with the budget that it exceeds.
    lead : dict of str to (float, float)
        Of the best over each other one: a simultaneous interval.
    break_even_price : float
        Price of a query, on top of what it costs already, up to which the pair is
        worth as much as the base alone; nan where nothing is queried.
    break_even_interval : (float, float)
        Of the break-even price, at the confidence.
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
        lines += [f"  {name}: worth {v:.4g} an input" for name, v in self.net.items()]
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
    r"""Whether to route, or to leave all inputs to the base or to the global.

    A system is worth :math:`v\,E[\text{utility}] - E[\text{cost}]` an input. One is
    called best where its lead over each other is shown: with :math:`\alpha = 1 -`
    confidence, each of the two leads by a one-sided test of the mean of its paired
    differences at :math:`\alpha / 2`, so that a verdict for a system that is not the
    best has probability at most :math:`\alpha` (normal approximation, with one further
    row that might have gone the other way). Anything else is "undecided".

    Parameters
    ----------
    outcomes : Outcomes
        With a global. New to models, router and threshold. Weights count rows as more
        or less, and never as more rows than there are. Rows of ``local_only`` stay with
        the base in every system, which the global alone then has on the device.
    kept : array-like of shape (n_samples,), bool
        Where the base answers, by a rule that was fixed before these rows were seen.
    deployment : Deployment
        With a link and a cloud, and the base first. A query that gets lost is answered
        by the base; the global alone has none, but for rows that must stay, and is
        wrong.
    *budgets : callable or Budget or float
        Limits on what an input takes, as for :func:`plan`, each asked with the
        deployment of every system. One that exceeds a limit is excluded; the pair is
        taken at the share of `kept`.
    value : float
        Money that a right answer is worth.
    cost : callable or None, default=None
        Money of an input, from the deployment and a coverage; linear in the latter.
        None is ``deployment.price``. Carbon, energy or time come in with a price of
        theirs: ``lambda d, c: d.price(c) + 2e-6 * d.energy_mj(c)``.
    confidence : float, default=0.95

    Returns
    -------
    RoutingVerdict

    Raises
    ------
    TypeError, ValueError
        When a parameter is out of range, a budget is no limit, or no system keeps to
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
    """The verdict on a pair that was planned for a coverage.

    On other rows than it was planned on it keeps a few more or less by chance, which
    does not exclude it.
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
        raise ValueError(f"No system keeps to the budgets: {excluded}. Ask for less.")
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
    """Utility of each row, whether the base answers it, and where it runs."""
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
    """A budget of this deployment as one of where a system runs."""
    limit = made_for(rebound(budget, deployment, where), where)
    if limit.measures_quality or limit.reads_rows:
        raise ValueError(
            f"A verdict is within limits on queries and costs. Got {limit!r}. What a "
            "right answer is worth says value=."
        )
    return limit


def _is_kept_to(limit, deployment, coverage):
    try:
        carried = least_carried(deployment) <= coverage + ROUNDING
        return carried and all(part.allows(coverage) for part in limit.parts)
    except (BudgetInfeasibleError, OverloadError):
        return False


def _interval(difference, weight, z):
    """Interval of a mean, with one further row as far off as any on the other side."""
    mean = float(np.average(difference, weights=weight))
    share = weight / weight.sum()
    furthest = float(np.abs(difference - mean).max())
    size = 1 / (share**2).sum()  # effective number of rows
    variance = (share * (difference - mean) ** 2).sum() + furthest**2 / size
    error = z * np.sqrt(variance / size)
    return mean - float(error), mean + float(error)
