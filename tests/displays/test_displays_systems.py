import builtins

import matplotlib
import numpy as np
import pytest

from selective_query.displays import AccuracyCostDisplay
from selective_query.metrics import pareto_front
from selective_query.planning import SystemCurve

matplotlib.use("agg")

CURVES = {
    "device": ([10.0], [0.6]),
    "hybrid": ([12.0, 20.0, 30.0, 40.0], [0.6, 0.8, 0.75, 0.9]),
    "cloud": ([50.0], [0.9]),
}


@pytest.fixture
def axes():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_each_system_is_drawn_and_single_points_are_markers(axes):
    display = AccuracyCostDisplay(CURVES)
    assert not hasattr(display, "lines_")
    assert display.plot(axes) is display
    assert (display.ax_, display.figure_) == (axes, axes.figure)
    for line, (label, curve) in zip(display.lines_, CURVES.items(), strict=True):
        assert line.get_label() == label
        np.testing.assert_array_equal(line.get_data(), curve)
        assert line.get_marker() not in ("None", "")
    styles = [line.get_linestyle() for line in display.lines_]
    assert styles[0] == styles[2] == "None"
    assert styles[1] != "None"
    assert len({line.get_marker() for line in display.lines_}) == 3


def test_the_front_is_a_step_curve_through_undominated_points(axes):
    display = AccuracyCostDisplay(CURVES).plot(axes)
    np.testing.assert_array_equal(display.front, [[10, 20, 40], [0.6, 0.8, 0.9]])
    np.testing.assert_array_equal(display.front_.get_data(), display.front)
    assert display.front_.get_drawstyle() == "steps-post"
    on_front = {label: where.tolist() for label, where in display.on_front.items()}
    assert on_front == {
        "device": [True],
        "hybrid": [False, True, False, True],
        "cloud": [False],
    }
    cost, accuracy = np.hstack(list(map(np.array, CURVES.values())))
    is_on = np.concatenate(list(display.on_front.values()))
    np.testing.assert_array_equal(is_on, pareto_front(cost, accuracy))


def test_systems_must_have_the_requested_cost(axes):
    system = SystemCurve(
        name="mine", accuracy=[0.7, 0.8], coverage=[1, 0.5],
        costs={"price": [0, 2], "bytes": [0, 99]},
    )  # fmt: skip
    display = AccuracyCostDisplay.from_systems([system], "price", unit="cents")
    np.testing.assert_array_equal(display.curves["mine"], [[0, 2], [0.7, 0.8]])
    display.plot(axes)
    assert axes.get_xlabel() == "Price per input (cents)"
    sent = AccuracyCostDisplay.from_systems([system], "bytes")
    assert sent.curves["mine"][0].tolist() == [0, 99]
    with pytest.raises(ValueError, match="cost='energy_mj' is unknown for 'mine'"):
        AccuracyCostDisplay.from_systems([system], "energy_mj")
    with pytest.raises(ValueError, match="cost must be one of price, latency_ms"):
        AccuracyCostDisplay.from_systems([system], "money")
    with pytest.raises(ValueError, match="different names.*'mine' 2 times"):
        AccuracyCostDisplay.from_systems([system, system], "price")


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        ({}, "curves must hold at least one system. Got none"),
        ({"a": ([1, 2], [1])}, r"The curve of 'a' must be \(cost, accuracy\)"),
        ({"a": ([], [])}, r"Got shapes \(0,\) and \(0,\)"),
        ({"a": ([1, np.nan], [1, 1])}, "cost must be a finite number"),
    ],
)
def test_invalid_curves_are_refused(curves, message):
    with pytest.raises(ValueError, match=message):
        AccuracyCostDisplay(curves)


def test_matplotlib_is_needed_to_plot_alone(monkeypatch):
    genuine = builtins.__import__

    def refusing(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return genuine(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refusing)
    display = AccuracyCostDisplay(CURVES)
    with pytest.raises(ImportError, match="AccuracyCostDisplay.plot requires"):
        display.plot()
