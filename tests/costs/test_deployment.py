from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selective_query.budgets import (
    BatteryLife,
    MaxBytes,
    MaxEnergy,
    MaxLatency,
    MaxPrice,
)
from selective_query.costs import (
    CLOUD,
    LORAWAN,
    LTE,
    SERVER,
    STM32F746,
    WIFI,
    WIRED,
    ConstantCosts,
    CostModel,
    Deployment,
    Gateway,
)
from selective_query.exceptions import OverloadError

EDGE = Deployment(
    device=STM32F746, base_ms=50, router_macs=1000, link=LTE,
    cloud=CLOUD.with_(price_per_query=0.002), payload_bytes=3072, inputs_per_day=1000,
    timeout_ms=2000,
)  # fmt: skip
SAME = Deployment(
    device=STM32F746, base_ms=50, global_ms=300, order="same_device",
    inputs_per_day=1000,
)  # fmt: skip
EACH = [
    EDGE,
    replace(EDGE, order="router_first"),
    replace(EDGE, order="parallel"),
    SAME,
]
COSTS = {
    "mean": lambda model, c: model.latency_ms(c),
    "p50": lambda model, c: model.latency_ms(c, "p50"),
    "p95": lambda model, c: model.latency_ms(c, "p95"),
    "energy": lambda model, c: model.energy_mj(c),
    "price": lambda model, c: model.price(c),
    "bytes": lambda model, c: model.bytes(c),
    "battery": lambda model, c: -model.battery_days(c),
}
shares = st.floats(0, 1)


@pytest.mark.parametrize("model", EACH, ids=lambda m: m.order)
@pytest.mark.parametrize("name", COSTS)
@settings(max_examples=50)
@given(one=shares, other=shares)
def test_costs_do_not_rise_with_coverage(model, name, one, other):
    low, high = sorted((one, other))
    cost = COSTS[name]
    assert cost(model, high) <= cost(model, low) + 1e-9


@pytest.mark.parametrize("model", EACH, ids=lambda m: m.order)
def test_it_is_a_cost_model(model):
    assert isinstance(model, CostModel)
    assert hash(model) == hash(replace(model))


@pytest.mark.parametrize("model", EACH, ids=lambda m: m.order)
@pytest.mark.parametrize("coverage", [0.2, 0.5, 0.93])
def test_budgets_lead_back_to_the_coverage(model, coverage):
    budgets = [
        MaxLatency(model.latency_ms(coverage), model),
        MaxEnergy(model.energy_mj(coverage), model),
        BatteryLife(model.battery_days(coverage), model),
    ]
    if model.order != "same_device":
        budgets.append(MaxPrice(model.price(coverage), model))
        budgets.append(MaxBytes(model.bytes(coverage), model))
    for budget in budgets:
        assert budget.least_coverage() == pytest.approx(coverage, abs=1e-6)


@pytest.mark.parametrize("model", EACH, ids=lambda m: m.order)
@pytest.mark.parametrize("coverage", [0.0, 0.3, 0.8, 0.97, 1.0])
def test_percentiles_are_those_of_the_mixture(model, coverage):
    kept, queried = model._totals_ms()
    n = 200_000
    times = np.r_[
        np.full(round(coverage * n), kept),
        np.quantile(queried, (np.arange(round((1 - coverage) * n)) + 0.5)
                    / max(1, round((1 - coverage) * n))),
    ]  # fmt: skip
    for statistic in ("p50", "p90", "p95", "p99"):
        expected = np.quantile(times, float(statistic[1:]) / 100)
        found = model.latency_ms(coverage, statistic)
        assert found == pytest.approx(expected, rel=0.02, abs=1)
    assert model.latency_ms(coverage) == pytest.approx(times.mean(), rel=0.01)


def test_without_queries_only_the_device_works():
    assert EDGE.latency_ms(1.0) == pytest.approx(50 + EDGE.router_time_ms)
    assert EDGE.energy_mj(1.0) == pytest.approx(0.33 * (50 + EDGE.router_time_ms))
    assert EDGE.price(1.0) == EDGE.bytes(1.0) == 0
    assert SAME.latency_ms(1.0, "p99") == 50


def test_at_query_rate_one_base_and_router_come_on_top_of_the_cloud():
    alone = replace(EDGE, base_ms=0.0, router_macs=0)
    on_top = 50 + EDGE.router_time_ms
    assert EDGE.latency_ms(0.0) - alone.latency_ms(0.0) == pytest.approx(on_top)
    assert EDGE.energy_mj(0.0) - alone.energy_mj(0.0) == pytest.approx(0.33 * on_top)
    assert EDGE.price(0.0) == alone.price(0.0)


def test_orders_differ_by_what_the_base_costs():
    first, before, beside = EACH[:3]
    perfect = {"link": LTE.with_(availability=1.0)}
    first, before = (replace(m, **perfect) for m in (first, before))
    saved = first.latency_ms(0.6) - before.latency_ms(0.6)
    assert saved == pytest.approx(0.4 * 50)
    assert first.energy_mj(0.6) - before.energy_mj(0.6) == pytest.approx(
        0.33 * 0.4 * 50
    )
    assert beside.energy_mj(0.6) == pytest.approx(EDGE.energy_mj(0.6))
    assert before.latency_ms(0.6) <= beside.latency_ms(0.6) <= EDGE.latency_ms(0.6)
    assert SAME.latency_ms(0.6) == pytest.approx(50 + 0.4 * 300)
    assert SAME.energy_mj(0.6) == pytest.approx(0.33 * (50 + 0.4 * 300))


def test_lost_attempts_take_time_and_energy_and_the_base_answers_in_the_end():
    shaky = replace(EDGE, link=LTE.with_(availability=0.5), retries=2)
    assert shaky.chance_lost == pytest.approx(0.125)
    assert shaky.attempts == pytest.approx(1.75)
    assert shaky.bytes(0.0) == pytest.approx(1.75 * 3072)
    # 0.5 + 0.25 + 0.125 timeouts on average; no answer in one of eight cases.
    calm = replace(EDGE, link=LTE.with_(availability=1.0))
    answer = calm.latency_ms(0.0) - calm.latency_ms(1.0)
    expected = 0.875 * 2000 + 0.875 * answer
    assert shaky.latency_ms(0.0) - shaky.latency_ms(1.0) == pytest.approx(
        expected, rel=0.02
    )
    assert shaky.energy_mj(0.0) > calm.energy_mj(0.0)
    assert shaky.price(0.0) < calm.price(0.0) * 1.75


def test_lost_queries_cost_everything_but_give_no_answer():
    dead = replace(EDGE, link=LTE.with_(availability=1e-9), retries=1)
    assert dead.chance_lost == pytest.approx(1)
    assert dead.latency_ms(0.7) == pytest.approx(
        EDGE.latency_ms(1.0) + 0.3 * 2 * 2000, rel=1e-6
    )
    waited_s = 2 * (2000 - LTE.transfer_ms(3072)) / 1000
    radio = 2 * LTE.send_energy_mj(3072) + LTE.waiting_power_mw * waited_s
    assert dead.energy_mj(0.7) == pytest.approx(EDGE.energy_mj(1.0) + 0.3 * radio)
    assert dead.price(0.0) == pytest.approx(2 * LTE.price(3072), rel=1e-6)


def test_late_answers_count_as_lost():
    slow = replace(EDGE, cloud=CLOUD.with_(median_ms=1500, p95_ms=4000))
    assert slow.chance_lost > EDGE.chance_lost
    assert slow.attempts > 1.2
    assert slow.latency_ms(0.0, "p99") <= EDGE.latency_ms(1.0) + 2 * 2000 + 1e-9
    patient = replace(slow, timeout_ms=60_000)
    assert patient.chance_lost < slow.chance_lost
    with pytest.raises(
        ValueError, match="over before a query of 3072 bytes .* LoRaWAN"
    ):
        replace(EDGE, link=LORAWAN)


def test_pauses_between_messages_cost_time_but_no_listening():
    lora = replace(EDGE, link=LORAWAN.with_(availability=1.0), timeout_ms=1e6)
    waiting = LORAWAN.waiting_power_mw * 2.0 / 1000 * 1000  # 2 s at most
    query = lora.energy_mj(0.0) - lora.energy_mj(1.0)
    assert query == pytest.approx(LORAWAN.send_energy_mj(3072), abs=waiting)
    assert lora.latency_ms(0.0) > 400_000


def test_more_inputs_than_a_day_holds_are_refused():
    busy = replace(EDGE, base_ms=2000.0, inputs_per_day=100_000)
    with pytest.raises(
        ValueError, match="20000. s a day to compute, and there are 86400"
    ):
        busy.battery_days(1.0)
    lora = replace(EDGE, link=LORAWAN, payload_bytes=222, timeout_ms=1e5)
    with pytest.raises(ValueError, match="to send over LoRaWAN, and there are 864"):
        replace(lora, inputs_per_day=100_000).battery_days(0.5)


def test_a_budget_finds_the_queries_that_a_day_holds():
    lora = replace(
        EDGE, link=LORAWAN, payload_bytes=222, timeout_ms=1e5, inputs_per_day=10_000
    )
    with pytest.raises(OverloadError):
        lora.battery_days(0.0)
    least = BatteryLife(1, lora).least_coverage()
    assert 0 < least < 1
    assert lora.battery_days(least) >= 1
    with pytest.raises(OverloadError):
        lora.battery_days(least - 1e-3)
    with pytest.raises(OverloadError, match="to compute"):
        BatteryLife(1, replace(lora, base_ms=20_000.0)).least_coverage()


def test_the_base_sleeps_while_others_answer():
    day = 86_400
    before = replace(EDGE, order="router_first", link=LTE.with_(availability=1.0))
    asleep_s = day - 1000 * before.router_time_ms / 1000
    spent = 1000 * before.energy_mj(0.0) + 1.0 * asleep_s
    assert before.battery_days(0.0) == pytest.approx(2500 * 3 * 0.8 * 3600 / spent)


@pytest.mark.parametrize("coverage", [-0.1, 1.01, 90, np.nan, "half", None, True])
def test_coverages_that_are_not_shares_are_refused(coverage):
    names = ("latency_ms", "energy_mj", "price", "bytes", "battery_days")
    others = ConstantCosts().price, ConstantCosts().latency_ms
    for cost in (*(getattr(EDGE, name) for name in names), *others):
        with pytest.raises(ValueError, match="coverage must be the share"):
            cost(coverage)


def test_a_small_payload_may_cost_less_than_the_base_it_spares():
    model = replace(
        EDGE, order="router_first", base_ms=150.0, payload_bytes=500_000, link=WIFI,
        timeout_ms=5000,
    )  # fmt: skip
    rows = model.by_row([False, True, False], [10, 10, 500_000])
    assert rows["latency_ms"][0] < rows["latency_ms"][1] < rows["latency_ms"][2]


def test_a_battery_lasts_as_long_as_its_charge():
    idle = replace(SAME, inputs_per_day=0)
    charge_mwh = 2500 * 3.0 * 0.8
    assert idle.battery_days(0.5) == pytest.approx(charge_mwh / (1.0 * 24))
    with pytest.raises(ValueError, match="needs inputs_per_day"):
        replace(SAME, inputs_per_day=None).battery_days(0.5)
    with pytest.raises(ValueError, match="needs a battery"):
        replace(SAME, device=SERVER).battery_days(0.5)


def test_rows_cost_on_average_what_the_model_says():
    rng = np.random.default_rng(0)
    kept = rng.random(1000) < 0.7
    rows = EDGE.by_row(kept)
    for name, column in rows.items():
        assert column.mean() == pytest.approx(getattr(EDGE, name)(kept.mean()))
    payload = np.where(np.arange(1000) % 2, 1000.0, 9000.0)
    own = EDGE.by_row(kept, payload)
    attempts = EDGE.attempts
    np.testing.assert_allclose(own["bytes"], np.where(kept, 0, attempts * payload))
    small, large = (own["latency_ms"][~kept & (payload == p)] for p in (1000, 9000))
    assert large.min() > small.max()


def test_a_gateway_answers_some_queries_itself():
    gateway = Deployment(
        device=SERVER, base_ms=20, link=WIRED, payload_bytes=3072,
        cloud=CLOUD.with_(price_per_query=1.0),
    )  # fmt: skip
    tiers = [
        replace(EDGE, link=WIFI, cloud=Gateway(deployment=gateway, coverage=c))
        for c in (1.0, 0.5, 0.0)
    ]
    latencies = [model.latency_ms(0.5) for model in tiers]
    assert latencies == sorted(latencies)
    prices = [model.price(0.5) for model in tiers]
    assert prices[0] == 0
    assert prices[1] == pytest.approx(prices[2] / 2)
    with pytest.raises(ValueError, match="coverage must be the share"):
        Gateway(deployment=gateway, coverage=2)
    with pytest.raises(TypeError, match="deployment must be a Deployment"):
        Gateway(deployment=CLOUD, coverage=0.5)


def test_estimated_times_are_the_middle_of_the_devices_range():
    model = replace(EDGE, base_ms=None, base_macs=12_800_000)
    low, high = STM32F746.latency_range_ms(12_800_000)
    assert model.base_time_ms == pytest.approx((low * high) ** 0.5)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"order": "first"}, ValueError, "order must be one of base_first"),
        (
            {"base_macs": 5},
            ValueError,
            "one of base_macs and base_ms. Got base_macs and",
        ),
        ({"base_ms": None}, ValueError, "one of base_macs and base_ms. Got none"),
        ({"base_ms": -1}, ValueError, "base_ms must be a finite number >= 0. Got -1"),
        ({"payload_bytes": None}, ValueError, "payload_bytes must be the number"),
        (
            {"payload_bytes": -1},
            ValueError,
            "payload_bytes must be a finite number >= 0",
        ),
        ({"retries": 0.5}, ValueError, "retries must be a whole number"),
        ({"link": None}, TypeError, "needs link=, a Link, and cloud="),
        ({"device": "STM32F746"}, TypeError, "device must be a Device"),
        ({"order": "same_device"}, ValueError, "one of global_macs and global_ms"),
        ({"global_ms": 5}, ValueError, "global_ms is for order='same_device'"),
    ],
)
def test_deployments_that_make_no_sense_are_named(changes, error, message):
    with pytest.raises(error, match=message):
        replace(EDGE, **changes)


def test_a_limit_on_what_queries_spare_is_refused():
    slow = replace(EDGE, order="router_first", base_ms=5000.0)
    assert slow.latency_ms(0.0) < slow.latency_ms(1.0)
    with pytest.raises(ValueError, match="a query costs less than running the base"):
        MaxLatency(2000, slow).least_coverage()
    assert MaxLatency(6000, slow).least_coverage() == 0.0
    assert MaxPrice(slow.price(0.5), slow).least_coverage() == pytest.approx(0.5)


def test_no_limit_allows_more_than_a_day_holds():
    busy = replace(EDGE, link=LORAWAN, timeout_ms=1e6, inputs_per_day=2000)
    with pytest.raises(OverloadError, match="to send over LoRaWAN"):
        busy.check_load(0.0)
    least = MaxLatency(1e9, busy).least_coverage()
    busy.check_load(least)
    with pytest.raises(OverloadError):
        busy.check_load(least - 1e-6)
    with pytest.raises(OverloadError, match="to compute"):
        MaxLatency(1e9, replace(EDGE, inputs_per_day=1e9)).least_coverage()
    replace(busy, inputs_per_day=None).check_load(0.0)


def test_bytes_lead_back_to_the_coverage():
    assert MaxBytes(EDGE.bytes(0.3), EDGE).least_coverage() == pytest.approx(0.3)
    with pytest.raises(TypeError, match="MaxBytes: costs must know how much"):
        MaxBytes(3, ConstantCosts())


def test_a_dead_link_costs_its_attempts_and_gains_nothing():
    dead = replace(EDGE, link=LTE.with_(availability=0))
    assert dead.chance_lost == 1
    tries = dead.retries + 1
    alone = dead.latency_ms(1.0)
    assert dead.latency_ms(0.4) == pytest.approx(alone + 0.6 * tries * dead.timeout_ms)
    assert dead.bytes(0.4) == pytest.approx(0.6 * tries * dead.payload_bytes)
    assert dead.energy_mj(0.4) > dead.energy_mj(1.0)
    assert dead.price(0.4) == pytest.approx(0.6 * tries * LTE.price(3072))


def test_a_query_of_several_messages_needs_them_all():
    model = replace(EDGE, link=LORAWAN, timeout_ms=1e6, retries=0)
    assert model.chance_lost == pytest.approx(1 - LORAWAN.availability**14)


def test_an_estimated_latency_is_a_range():
    rough = replace(EDGE, base_ms=None, base_macs=12_800_000, router_macs=0)
    low, high = rough.latency_range_ms(1.0)
    assert (low, high) == pytest.approx(STM32F746.latency_range_ms(12_800_000))
    assert low < rough.latency_ms(1.0) < high
    known = replace(EDGE, router_macs=0)
    assert known.latency_range_ms(0.5) == (known.latency_ms(0.5),) * 2


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ([1.0, np.nan], "payload_bytes .* Got nan at row 1"),
        ([-7.0, 1.0], "payload_bytes .* Got -7 at row 0"),
        ([1.0], "Got shapes"),
    ],
)
def test_invalid_payloads_are_named(payload, message):
    with pytest.raises(ValueError, match=message):
        EDGE.by_row([False, False], payload)


def test_a_wrong_unit_is_a_wrong_name():
    with pytest.raises(TypeError, match="base_seconds"):
        Deployment(device=STM32F746, base_seconds=1, link=WIFI, cloud=CLOUD)
