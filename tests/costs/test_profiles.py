import numpy as np
import pytest

from selective_query.costs import (
    CLOUD,
    DEVICES,
    LINKS,
    LORAWAN,
    STM32F746,
    STM32L4R5,
    STM32U575,
    WIFI,
    Cloud,
    Device,
    Source,
)

PROFILES = [*DEVICES.values(), *LINKS.values(), CLOUD]
WAKE_WORDS_MACS = 7_490_000  # MLPerf Tiny: MobileNetV1 x 0.25 at 96 x 96
IMAGES_MACS = 12_500_000  # MLPerf Tiny: ResNet-8 on CIFAR-10


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
def test_every_constant_says_where_it_is_from(profile):
    assert profile.constants().keys() <= profile.sources.keys()
    text = profile.provenance()
    assert text.count("\n") == len(profile.constants())
    assert all(str(source) in text for source in profile.sources.values()
               if source.kind == "published")  # fmt: skip


@pytest.mark.parametrize(
    ("device", "macs", "published_ms"),
    [
        (STM32F746, WAKE_WORDS_MACS, 57.0),
        (STM32F746, IMAGES_MACS, 64.8),
        (STM32F746, 12_800_000, 200.0),
        (STM32L4R5, WAKE_WORDS_MACS, 230.5),
        (STM32U575, WAKE_WORDS_MACS, 133.4),
    ],
)
def test_published_latencies_are_within_the_range(device, macs, published_ms):
    low, high = device.latency_range_ms(macs)
    assert low * 0.99 <= published_ms <= high * 1.1
    assert low < device.latency_ms(macs) < high


# MLPerf Tiny v1.0, STM32F746: wake words, keywords, images; milliseconds, and
# multiply-accumulates of its reference nets.
PUBLISHED = [
    (57.0, {"stem": 497_664, "depthwise": 798_336, "pointwise": 6_193_152}),
    (19.1, {"stem": 320_000, "depthwise": 288_000, "pointwise": 2_048_000}),
    (64.8, {"stem": 442_368, "convolution": 11_796_480, "pointwise": 262_144}),
]


@pytest.mark.parametrize(("published_ms", "macs"), PUBLISHED)
def test_kinds_of_layers_predict_the_best_engine(published_ms, macs):
    plain = STM32F746.plain_macs(macs)
    low, _ = STM32F746.latency_range_ms(plain)
    assert low == pytest.approx(published_ms, rel=0.08)
    without = STM32F746.with_(stem_factor=1, depthwise_factor=1)
    assert without.plain_macs(macs) == sum(macs.values()) < plain


def test_unknown_kinds_of_layers_are_refused():
    with pytest.raises(ValueError, match="must be one of convolution, stem, .* 'conv'"):
        STM32F746.plain_macs({"conv": 1})
    with pytest.raises(ValueError, match="depthwise must be"):
        STM32F746.plain_macs({"depthwise": -1})


def test_user_given_constants_are_marked_as_such():
    own = STM32F746.with_(cycles_per_mac=(1.5, 1.7), battery_mah=1000)
    assert own.source("cycles_per_mac").kind == "given"
    assert own.source("clock_mhz").kind == "published"
    assert "battery_mah" in STM32F746.assumed()
    assert "battery_mah" not in own.assumed()
    assert own.battery_mwh == pytest.approx(1000 * 3.0 * 0.8)
    known = STM32F746.with_(battery_mah=3, sources={"battery_mah": Source("published")})
    assert known.source("battery_mah").kind == "published"
    assert STM32F746.with_(clock_mhz=np.int64(200)).clock_mhz == 200
    assert WIFI.with_(jitter_ms=1).source("jitter_ms").kind == "given"
    assert CLOUD.with_(median_ms=20).median_ms == 20


def test_name_and_core_of_a_device_need_no_source():
    assert STM32F746.core == "cortex-m7"
    assert STM32F746.with_(core="cortex-m4", name="mine").sources == STM32F746.sources
    with pytest.raises(ValueError, match="core must be one of cortex-m4, cortex-m7"):
        STM32F746.with_(core="m7")


def test_a_user_defined_device_in_one_line():
    own = Device(name="mine", clock_mhz=100, cycles_per_mac=(2.0, 2.0), sram_bytes=1,
                 flash_bytes=1, active_power_mw=50, sleep_power_mw=0)  # fmt: skip
    assert own.latency_range_ms(1_000_000) == (20, 20)
    assert own.compute_energy_mj(20) == 1
    assert own.battery_mwh is None
    assert own.source("clock_mhz").kind == "given"
    assert own.assumed() == [
        "usable_share", "sensing_energy_mj", "stem_factor", "depthwise_factor",
    ], "left at defaults"  # fmt: skip
    assert own.with_(usable_share=0.8).source("usable_share").kind == "given"
    assert hash(own) == hash(own.with_())


def test_sources_are_checked():
    with pytest.raises(TypeError, match="must be a Source, such as Source"):
        WIFI.with_(sources={"jitter_ms": "datasheet"})
    with pytest.raises(ValueError, match="sources may name .* Got 'jitter'"):
        WIFI.with_(sources={"jitter": Source("measured")})


def test_an_image_does_not_fit_one_frame_of_lorawan():
    assert LORAWAN.n_messages(222) == 1
    assert LORAWAN.n_messages(223) == 2
    assert LORAWAN.n_messages(3072) == 14
    on_air = 8 * 222 / 5.47
    assert LORAWAN.transfer_ms(222) == pytest.approx(on_air)
    # A duty cycle of 1 %: after each message a pause 99 times as long.
    assert LORAWAN.transfer_ms(444) == pytest.approx(2 * on_air + 99 * on_air)


def test_sending_costs_energy_and_money():
    assert WIFI.send_energy_mj(10_000) == pytest.approx(60 + 3)
    assert WIFI.with_(price_per_mb=2.0).price(500_000) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: STM32F746.with_(clock_mhz=-1), "clock_mhz must be a number in"),
        (lambda: STM32F746.with_(clock_mhz="216"), "clock_mhz must be .* Got '216'"),
        (lambda: STM32F746.with_(cycles_per_mac=(3.0, 1.0)), r"a range \(low, high\)"),
        (lambda: STM32F746.with_(cycles_per_mac=2.0), r"a range \(low, high\)"),
        (lambda: STM32F746.with_(cycles_per_mac=[1.0, 2.0]), "a tuple. Got"),
        (lambda: WIFI.with_(throughput_kbps=None), "throughput_kbps must be a number"),
        (lambda: Cloud(name="c", median_ms=0, p95_ms=5), "both zero or neither"),
        (lambda: WIFI.with_(availability=1.1), "availability must be"),
        (lambda: WIFI.with_(duty_cycle=2), "duty_cycle must be"),
        (lambda: Cloud(name="c", median_ms=5, p95_ms=4), "p95_ms must be at least"),
        (
            lambda: Source("guessed"),
            "kind must be one of measured, published, given, assumed",
        ),
    ],
)
def test_constants_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_wrong_unit_is_a_wrong_name():
    with pytest.raises(TypeError, match="clock_ghz"):
        STM32F746.with_(clock_ghz=0.216)
