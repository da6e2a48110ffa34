"""The simulation of outages in cases with a known result."""

import numpy as np
import pytest

from selective_query import HybridClassifier
from selective_query.costs import STM32F746, Cloud, Deployment, Link
from selective_query.serving import Outage, RemoteClassifier, simulate_outages

LINK = Link(
    name="link",
    throughput_kbps=1e6,
    round_trip_ms=10,
    jitter_ms=0,
    energy_uj_per_byte=0,
    energy_mj_per_wake_up=0,
    price_per_mb=1e6,
)
CLOUD = Cloud(name="cloud", median_ms=20, p95_ms=20, price_per_query=0.5)
COSTS = Deployment(device=STM32F746, base_ms=2, link=LINK, cloud=CLOUD, payload_bytes=1)
SENT, USUAL = 1.0, 2 + 10 + 20 + 8e-6


@pytest.fixture(scope="module")
def hybrid(digits, frozen_pair):
    return HybridClassifier(
        *frozen_pair, router="max_probability", coverage=0.7, on_unavailable="base"
    ).fit(digits[0][600:1200], digits[1][600:1200])


@pytest.fixture
def simulate(hybrid, digits):
    def run(outage, stand_in="base", n_inputs=3000, **params):
        client = {"failures_to_open": 3, "recovery_ms": 1000, "deadline_ms": 100}
        client |= {name: params.pop(name) for name in list(params) if name in CLIENT}
        model = hybrid.at(0.7).set_params(on_unavailable=stand_in)
        found = simulate_outages(
            model,
            digits[0][1200:],
            digits[1][1200:],
            COSTS,
            outage,
            client=RemoteClassifier("http://127.0.0.1/v2/models/m", **client),
            n_inputs=n_inputs,
            random_state=0,
            **params,
        )
        return found.rows if len(found.rows) > 1 else found.rows[0]

    return run


CLIENT = {"failures_to_open", "recovery_ms", "deadline_ms", "attempts", "timeout_ms"}


def test_a_cloud_that_is_well(simulate, hybrid, digits):
    found = simulate(Outage("silent", 1.0))
    report = hybrid.report(digits[0][1200:], digits[1][1200:])
    assert abs(found["accuracy"] - report.accuracy) < 0.02
    assert abs(found["by_global"] - (1 - report.coverage)) < 0.03
    assert found["by_global"] == found["queried"]
    assert found["p50_ms"] == 2 and abs(found["p95_ms"] - USUAL) < 1e-3
    assert found["price"] == pytest.approx(found["queried"] * (SENT + 0.5))
    assert found["attempts"] == 1 and found["abstained"] == 0


@pytest.mark.parametrize(
    "kind, reason, ms",
    [
        ("refusing", "unreachable", 20),
        ("silent", "timeout", 100),
        ("lying", "bad answer", 60),
    ],
)
def test_a_cloud_that_is_dead(simulate, hybrid, digits, kind, reason, ms):
    found = simulate(Outage(kind, 0.0))
    base = np.mean(hybrid.base_estimator_.predict(digits[0][1200:]) == digits[1][1200:])
    assert abs(found["accuracy"] - base) < 0.02
    assert found["by_global"] == 0 and found["p95_ms"] == 2  # spared by the breaker
    assert found[reason] + found["not asked"] == pytest.approx(1)
    n_queries = found["queried"] * 3000
    asking = simulate(Outage(kind, 0.0), failures_to_open=None)
    assert asking[reason] == 1 and asking["p95_ms"] == pytest.approx(2 + ms, abs=1e-3)
    # Three failures, and then one probe per second of the stream's own time.
    n_probes = found[reason] * n_queries - 3
    assert 0.5 * found["mean_ms"] * 3 < n_probes + 1 < 1.5 * found["mean_ms"] * 3 + 2


def test_half_of_the_time_is_half_of_the_answers(simulate):
    found = simulate(Outage("silent", 0.5, cycle_s=20), every_ms=40, n_inputs=20_000)
    share = found["by_global"] / found["queried"]
    assert 0.4 < share < 0.5  # a probe detects the recovery with a delay


def test_a_slow_cloud_meets_the_deadline_or_not(simulate):
    short = simulate(Outage("slow", 0.0, factor=10))
    long = simulate(Outage("slow", 0.0, factor=10), deadline_ms=1000)
    assert short["by_global"] == 0
    assert long["by_global"] == long["queried"]
    assert long["p95_ms"] == pytest.approx(2 + 10 + 200, abs=1e-3)


def test_a_stale_model_shows_only_in_accuracy(simulate):
    found = simulate(Outage("stale", 0.0, stale_accuracy=0.1))
    assert found["stale"] == 1 and found["by_global"] == found["queried"]
    assert found["accuracy"] < simulate(Outage("silent", 0.0))["accuracy"] - 0.05


def test_attempts_and_shares(simulate):
    outage = Outage("refusing", 0.0, share=0.5)
    for attempts, share in ((1, 0.5), (2, 0.75), (3, 0.875)):
        found = simulate(outage, attempts=attempts, failures_to_open=None)
        assert found["by_global"] / found["queried"] == pytest.approx(share, abs=0.05)
    found = simulate(Outage("overloaded", 0.0), attempts=1, failures_to_open=None)
    assert found["refused"] == pytest.approx(0.5, abs=0.05)
    assert found["timeout"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("stand_in", ["abstain", "raise"])
def test_unanswered_queries_are_abstentions(simulate, stand_in):
    found = simulate(Outage("refusing", 0.0), stand_in)
    assert found["abstained"] == pytest.approx(found["queried"])
    assert found["accuracy"] > simulate(Outage("refusing", 0.0))["accuracy"]


def test_a_table_and_a_picture(hybrid, digits):
    pytest.importorskip("matplotlib").use("agg")
    client = RemoteClassifier("http://127.0.0.1/v2/models/m")
    found = simulate_outages(
        hybrid,
        digits[0][1200:],
        digits[1][1200:],
        COSTS,
        Outage("silent"),
        client=client,
        availability=[0, 0.5, 1],
        deadline_ms=[50, 200],
        n_inputs=500,
        random_state=0,
    )
    assert len(found.rows) == 6
    assert len(found.to_frame()) == 6
    shown = found.plot(value="p95_ms")
    assert len(shown.lines_) == 2 and list(shown.lines_[0].get_xdata()) == [0, 0.5, 1]
    with pytest.raises(ValueError, match="value"):
        found.plot(value="money")


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda s: Outage("tired"), "kind"),
        (lambda s: Outage("slow", 1.2), "availability"),
        (lambda s: Outage("slow", factor=0.5), "factor"),
        (lambda s: s(Outage("slow"), n_inputs=0), "n_inputs"),
        (lambda s: s(Outage("slow"), every_ms=-1), "every_ms"),
        (lambda s: s("slow"), "outage"),
    ],
)
def test_parameters_that_do_not_belong(simulate, call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(simulate)


def test_a_local_global_needs_a_client(hybrid, digits):
    with pytest.raises(TypeError, match="client"):
        simulate_outages(hybrid, digits[0], digits[1], COSTS, Outage("slow"))
