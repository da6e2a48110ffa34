"""Whether to route: right in clear cases, wrong at most as often as promised."""

import numpy as np
import pytest

from selective_query import Outcomes
from selective_query.budgets import MaxBytes, MaxEnergy, MaxLatency, MinAccuracy
from selective_query.costs import CLOUD, STM32F746, WIFI, Deployment
from selective_query.planning import routing_verdict

LINK = WIFI.with_(availability=1.0)


def deployment(price=0.001, **changes):
    usual = {
        "device": STM32F746,
        "base_ms": 50,
        "link": LINK,
        "payload_bytes": 3072,
        "cloud": CLOUD.with_(price_per_query=price),
    }
    return Deployment(**usual | changes)


def latency(costs):
    return MaxLatency(500, costs)


def drawn(rng, n, base, global_, hard=0.3):
    """Draw outcomes of models with given accuracies on easy and on hard rows."""
    kept = rng.random(n) > hard
    rates = np.where(kept, base[0], base[1]), np.where(kept, global_[0], global_[1])
    right = [rng.random(n) < rate for rate in rates]
    return Outcomes(base_utility=right[0], global_utility=right[1]), kept


@pytest.mark.parametrize(
    "base, global_, value, expected",
    [
        ((0.95, 0.4), (0.95, 0.9), 0.01, "pair"),
        ((0.95, 0.4), (0.95, 0.9), 0.0005, "base alone"),
        ((0.6, 0.4), (0.95, 0.9), 0.05, "global alone"),
        ((0.9, 0.9), (0.9, 0.9), 0.01, "base alone"),
    ],
)
def test_clear_cases(base, global_, value, expected):
    outcomes, kept = drawn(np.random.default_rng(0), 5000, base, global_)
    found = routing_verdict(outcomes, kept, deployment(), value=value)
    assert found.verdict == expected
    assert expected in str(found)
    assert max(found.net, key=found.net.get) == expected


def test_the_break_even_price_is_where_both_are_worth_the_same():
    outcomes, kept = drawn(np.random.default_rng(0), 20_000, (0.9, 0.5), (0.9, 0.8))
    found = routing_verdict(outcomes, kept, deployment(0.001), value=0.01)
    low, high = found.break_even_interval
    assert low < 0.01 * 0.3 - 0.001 < high
    dearer = deployment(0.001 + found.break_even_price)
    again = routing_verdict(outcomes, kept, dearer, value=0.01)
    assert again.net["pair"] == pytest.approx(again.net["base alone"], abs=1e-9)
    assert again.break_even_price == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wrong_verdicts_are_rarer_than_alpha_at_ties(confidence):
    """Hybrid and base have equal value, so a verdict for either is an error."""
    rng, wrong, n_draws = np.random.default_rng(0), 0, 250
    for _ in range(n_draws):
        outcomes, kept = drawn(rng, 400, (0.9, 0.6), (0.9, 0.8))
        found = routing_verdict(
            outcomes, kept, deployment(0.002), value=0.01, confidence=confidence
        )
        wrong += found.verdict in ("pair", "global alone")
    alpha = 1 - confidence
    assert wrong / n_draws <= alpha + 2 * np.sqrt(alpha * (1 - alpha) / n_draws)


def test_limits_exclude_whoever_takes_more():
    outcomes, kept = drawn(np.random.default_rng(0), 5000, (0.9, 0.4), (0.95, 0.9))
    costs = deployment()
    found = routing_verdict(
        outcomes, kept, costs, MaxBytes(2000, costs), latency, value=10
    )
    assert found.verdict == "pair" and set(found.excluded) == {"global alone"}
    found = routing_verdict(outcomes, kept, costs, MaxBytes(0, costs), value=10)
    assert found.verdict == "base alone" and set(found.net) == {"base alone"}
    found = routing_verdict(outcomes, kept, costs, 0.5, value=10)
    assert set(found.excluded) == {"global alone"}
    with pytest.raises(ValueError, match="No system"):
        routing_verdict(outcomes, kept, costs, MaxEnergy(0, costs), value=1)


def test_a_cost_of_ones_own():
    outcomes, kept = drawn(np.random.default_rng(0), 5000, (0.95, 0.4), (0.95, 0.9))
    arguments = outcomes, kept, deployment()
    assert routing_verdict(*arguments, value=0.01).verdict == "pair"
    found = routing_verdict(
        *arguments, value=0.01, cost=lambda d, c: d.price(c) + 1e-4 * d.energy_mj(c)
    )
    assert found.verdict == "base alone"


def test_lost_queries_and_weights_count():
    outcomes, kept = drawn(np.random.default_rng(0), 5000, (0.95, 0.4), (0.95, 0.9))
    lossy = deployment(link=WIFI.with_(availability=0.5), retries=0)
    found = routing_verdict(outcomes, kept, lossy, value=0.01)
    sure = routing_verdict(outcomes, kept, deployment(), value=0.01)
    assert found.net["pair"] < sure.net["pair"]
    assert found.net["global alone"] < 0.6 * sure.net["global alone"]
    doubled = Outcomes(
        base_utility=outcomes.base_utility,
        global_utility=outcomes.global_utility,
        sample_weight=np.full(5000, 2.0),
    )
    again = routing_verdict(doubled, kept, deployment(), value=0.01)
    assert again.net == pytest.approx(sure.net)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"value": 0}, "value"),
        ({"confidence": 1}, "confidence"),
        ({"budget": MinAccuracy(0.9)}, "limits on queries"),
        ({"kept": [True]}, "kept"),
        ({"outcomes": Outcomes(base_utility=[1, 0])}, "global"),
        ({"cost": lambda d, c: np.nan}, "cost"),
    ],
)
def test_parameters_that_do_not_belong(changes, message):
    outcomes, kept = drawn(np.random.default_rng(0), 50, (0.95, 0.4), (0.95, 0.9))
    usual = {"outcomes": outcomes, "kept": kept, "value": 0.01}
    usual |= {"deployment": deployment()} | changes
    with pytest.raises((TypeError, ValueError), match=message):
        budgets = [usual.pop("budget")] if "budget" in usual else []
        arguments = [usual.pop(name) for name in ("outcomes", "kept", "deployment")]
        routing_verdict(*arguments, *budgets, **usual)
