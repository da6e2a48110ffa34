import numpy as np
import pytest

from selective_query.metrics import paired_difference
from selective_query.planning import SystemCurve, best_within

ROWS = np.random.default_rng(0).integers(0, 2, (4, 50)).astype(float)


def system(name="a", **changes):
    """Return points whose best on the reported rows is not the best on the others."""
    figures = {
        "accuracy": [0.60, 0.70, 0.90, 0.75],
        "coverage": [1.0, 0.8, 0.6, 0.4],
        "costs": {"latency_ms": [10, 21, 30, 40], "price": [0, 1, 2, 3]},
        "calibration_accuracy": [0.60, 0.72, 0.71, 0.72],
        "calibration_costs": {"latency_ms": [10, 20, 30, 40], "price": [0, 1, 2, 3]},
        "threshold": [np.inf, 0.5, 0.3, 0.1],
        "utility": ROWS,
    }
    return SystemCurve(name=name, **{**figures, **changes})


def single(name, accuracy, latency, **changes):
    return SystemCurve(
        name=name, accuracy=[accuracy], coverage=[1], costs={"latency_ms": [latency]},
        **changes,
    )  # fmt: skip


def test_the_calibration_rows_choose_and_others_report():
    found = best_within([system()], [5, 10, 20, 1000])["a"]
    assert found[5] is None
    assert found[10].accuracy == 0.60
    # Its cost on the reported rows, 21, exceeds the limit; that is only known
    # afterwards.
    assert (found[20].number, found[20].costs["latency_ms"]) == (1, 21)
    best = found[1000]
    assert best.number == 1, "not 2, best on the reported rows; nor 3, which is dearer"
    assert (best.accuracy, best.coverage, best.threshold) == (0.70, 0.8, 0.5)
    np.testing.assert_array_equal(best.utility, ROWS[1])


def test_reported_figures_have_no_say():
    plain, lucky = system(), system(accuracy=[0.6, 0.1, 1.0, 1.0])
    for limit in (10, 25, 35, 45):
        assert plain.within(limit).number == lucky.within(limit).number


def test_any_cost_may_be_the_limit():
    found = best_within([system()], [0, 0.5, 1], cost="price")["a"]
    assert [found[limit].number for limit in (0, 0.5, 1)] == [0, 0, 1]


def test_one_point_needs_no_choice_and_several_do():
    alone = single("cloud", 0.8, 100)
    assert alone.within(100).accuracy == 0.8
    assert alone.within(99.9) is None
    blind = system(calibration_accuracy=None, calibration_costs=None)
    with pytest.raises(ValueError, match="4 operating points and no calibration_acc"):
        blind.within(100)


def calibrated(name, accuracy, latency, on_calibration, **changes):
    return single(
        name, accuracy, latency, calibration_accuracy=[on_calibration],
        calibration_costs={"latency_ms": [latency]}, **changes,
    )  # fmt: skip


def test_joined_bases_are_one_system():
    small, large = calibrated("s", 0.61, 900, 0.6), calibrated("l", 0.59, 1300, 0.65)
    device = SystemCurve.joined("on-device", [small, large])
    found = best_within([device], [800, 1000, 1400])["on-device"]
    assert found[800] is None
    assert (found[1000].accuracy, found[1400].accuracy) == (0.61, 0.59)
    assert device.threshold is None
    both = SystemCurve.joined("both", [system(), system("b", utility=1 - ROWS)])
    assert both.n_points == 8
    np.testing.assert_array_equal(both.point(5).utility, 1 - ROWS[1])
    np.testing.assert_array_equal(both.cost("price"), [0, 1, 2, 3] * 2)


def test_a_joined_system_lacks_what_one_part_lacks():
    joined = SystemCurve.joined("both", [system(), single("s", 0.5, 5)])
    assert joined.calibration_accuracy is None
    assert list(joined.costs) == ["latency_ms"]
    with pytest.raises(ValueError, match="same rows with the same weights.*'b'"):
        SystemCurve.joined("both", [system(), system("b", utility=ROWS[:, :9])])
    with pytest.raises(ValueError, match="same rows with the same weights.*'b'"):
        SystemCurve.joined("both", [system(), system("b", sample_weight=np.ones(50))])
    with pytest.raises(ValueError, match="at least one SystemCurve. Got none"):
        SystemCurve.joined("both", [])


def test_two_points_are_compared_row_by_row():
    weight = np.arange(50) % 3
    curve = system(sample_weight=weight)
    found = curve.point(2).minus(curve.point(0), confidence=0.9)
    expected = paired_difference(ROWS[2], ROWS[0], sample_weight=weight, confidence=0.9)
    assert found == expected
    mean = np.average(ROWS[2] - ROWS[0], weights=weight)
    assert found.difference == pytest.approx(mean)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (single("cloud", 0.5, 1), "'cloud' has only its accuracy. Give"),
        (system("b", utility=ROWS[:, :9]), "Got 50 of 'a' and 9 of 'b'"),
        (system("b", sample_weight=np.arange(50)), "different weights for 'b' and"),
    ],
)
def test_points_on_other_rows_are_not_compared(other, message):
    with pytest.raises(ValueError, match=message):
        system().point(0).minus(other.point(0))
    with pytest.raises(ValueError):
        other.point(0).minus(system().point(0))


def test_unit_weights_equal_no_weights():
    found = system().point(0).minus(system(sample_weight=np.ones(50)).point(1))
    assert found.difference == pytest.approx((ROWS[0] - ROWS[1]).mean())


@pytest.mark.parametrize(
    ("systems", "limits", "cost", "message"),
    [
        ([system(), system()], [1], "price", "different names.*'a' 2 times"),
        (
            [system()],
            [-1],
            "price",
            "limits must be in the unit of price, a num",
        ),
        ([system()], [np.nan], "price", "limits must be .* a number >= 0"),
        ([system()], ["1 s"], "price", "limits must be .* a number >= 0.*'1 s'"),
        ([system()], [1], "bytes", "cost='bytes' is unknown for 'a', which has laten"),
    ],
)
def test_invalid_limits_are_named(systems, limits, cost, message):
    with pytest.raises(ValueError, match=message):
        best_within(systems, limits, cost)
