import builtins

import matplotlib
import numpy as np
import pytest

from selective_query import AccuracyCoverageDisplay, RoutingPolicy
from selective_query.costs import ConstantCosts
from selective_query.datasets import make_selective_query
from selective_query.displays import CostQualityDisplay, RiskCoverageDisplay
from selective_query.metrics import (
    accuracy_at_coverage,
    aurc,
    hull_area,
    selective_risk_at_coverage,
)

matplotlib.use("agg")

TRAIN, TEST = (
    make_selective_query(300, regime="specialist", random_state=s).outcomes
    for s in (0, 1)
)
WEIGHT = np.arange(300) % 4
GRID = np.linspace(0, 1, 5)


@pytest.fixture
def axes():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


@pytest.fixture(scope="module")
def policy():
    return RoutingPolicy("max_probability", coverage=0.8).fit(TRAIN)


def names_in(axes):
    """Return the names of lines and points, next to them or in a legend."""
    legend = axes.get_legend()
    texts = [*axes.texts, *(legend.get_texts() if legend else ())]
    return {text.get_text() for text in texts}


def test_risk_is_drawn_as_the_metric_has_it(axes, policy):
    display = RiskCoverageDisplay.from_estimator(policy, TEST, sample_weight=WEIGHT)
    display.plot(axes)
    assert display.ax_ is axes
    assert display.figure_ is axes.figure
    score = policy.query_score(TEST.evidence)
    coverage, risk = display.lines_[1].get_data()
    assert coverage.min() > 0
    assert coverage[-1] == 1
    expected = selective_risk_at_coverage(
        score, TEST.base_utility, coverage=coverage, sample_weight=WEIGHT
    )
    np.testing.assert_allclose(risk, expected)
    area = aurc(score, TEST.base_utility, sample_weight=WEIGHT)
    assert f"max_probability (AURC {area:.4f})" in names_in(axes)
    assert {text.split()[0] for text in names_in(axes)} == {
        "oracle",
        "max_probability",
        "random",
    }
    assert "risk" in axes.get_ylabel()
    assert "Coverage" in axes.get_xlabel()


def test_bounds_of_risk_enclose_every_score(axes, policy):
    score = policy.query_score(TEST.evidence)
    display = RiskCoverageDisplay.from_predictions(score, TEST.base_utility)
    oracle, _, random = display.curves.values()
    right = TEST.base_utility.mean()
    assert oracle.selective_risk_at(right) == pytest.approx(0)
    assert random.selective_risk_at(0.3) == pytest.approx(1 - right)
    alone = RiskCoverageDisplay.from_predictions(score, TEST.base_utility, bounds=False)
    assert list(alone.curves) == ["router"]
    assert len(alone.plot(axes).lines_) == 1


@pytest.mark.parametrize("display", [RiskCoverageDisplay, AccuracyCoverageDisplay])
def test_a_band_is_drawn_where_it_was_given(display, axes, policy):
    score = policy.query_score(TEST.evidence)
    band = GRID, np.full(5, 0.2), np.linspace(0.3, 0.9, 5)
    drawn = display.from_predictions(
        {"mine": score}, TEST.base_utility, bands={"mine": band}
    ).plot(axes)
    (vertices,) = (path.vertices for path in drawn.bands_["mine"].get_paths())
    for coverage, low, high in zip(*band, strict=True):
        for value in (low, high):
            distance = np.abs(vertices - [coverage, value]).max(axis=1)
            assert distance.min() < 1e-12
    assert vertices[:, 1].max() == 0.9
    assert vertices[:, 1].min() == 0.2


@pytest.mark.parametrize("display", [RiskCoverageDisplay, AccuracyCoverageDisplay])
def test_bands_without_a_curve_or_of_wrong_shape_are_refused(display):
    with pytest.raises(ValueError, match="no curve of that name; curves are"):
        display.from_predictions([0, 1], [1, 0], bands={"other": (GRID, GRID, GRID)})
    for wrong in ((GRID, GRID), (GRID, GRID, GRID[:2]), (1, 2, 3)):
        with pytest.raises(ValueError, match="three arrays of one shape"):
            display.from_predictions([0, 1], [1, 0], bands={"router": wrong})


def test_curves_differ_without_colour(axes):
    scores = {name: np.arange(3) for name in "abcde"}
    display = AccuracyCoverageDisplay.from_predictions(scores, [1, 0, 1], [1, 1, 0])
    display.plot(axes)
    looks = {
        (line._dash_pattern[1] and tuple(line._dash_pattern[1]), line.get_linewidth())
        for line in display.lines_
    }
    assert len(looks) == len(display.lines_)


def test_cost_of_a_model_is_drawn_against_accuracy(axes, policy):
    costs = ConstantCosts(base_energy_mj=2, query_energy_mj=30)
    display = CostQualityDisplay.from_estimator(
        policy, TEST, cost=costs, quantity="energy_mj", sample_weight=WEIGHT
    ).plot(axes)
    cost, accuracy = display.lines_[0].get_data()
    coverage = 1 - (cost - 2) / 30
    expected = accuracy_at_coverage(
        policy.query_score(TEST.evidence),
        TEST.base_utility,
        TEST.global_utility,
        coverage=np.clip(coverage, 0, 1),
        sample_weight=WEIGHT,
    )
    np.testing.assert_allclose(accuracy, expected, atol=1e-9)
    assert (cost.min(), cost.max()) == pytest.approx((2, 32))
    assert axes.get_xlabel() == "Energy of the device per input (mJ)"
    points = {name: line.get_xydata()[0] for name, line in display.points_.items()}
    kept = policy.decide(TEST.evidence)
    right = np.where(kept, TEST.base_utility, TEST.global_utility)
    for name, share, utility in (
        ("base alone", 1, TEST.base_utility),
        ("global alone", 0, TEST.global_utility),
        ("operating point", np.average(kept, weights=WEIGHT), right),
    ):
        mean = np.average(utility, weights=WEIGHT)
        np.testing.assert_allclose(points[name], [2 + 30 * (1 - share), mean])


def test_the_front_is_the_hull_of_all_curves(axes, policy):
    score = policy.query_score(TEST.evidence)
    display = CostQualityDisplay.from_predictions(
        {"good": score, "bad": -score},
        TEST.base_utility,
        TEST.global_utility,
        cost=ConstantCosts(query_price=3),
        unit="cents",
    ).plot(axes)
    cost, quality = display.front_.get_data()
    assert (np.diff(cost) > 0).all()
    assert (np.diff(quality) > 0).all()
    assert (np.diff(np.diff(quality) / np.diff(cost)) < 1e-12).all()
    for curve in display.curves.values():
        assert (np.interp(curve[0], cost, quality) >= curve[1] - 1e-12).all()
    everything = np.hstack([np.array(curve) for curve in display.curves.values()])
    area = hull_area(*everything, cost_range=(0, 3))
    grid = np.linspace(0, 3, 20001)
    found = np.trapezoid(np.interp(grid, cost, quality), grid) / 3
    assert found == pytest.approx(area, abs=1e-6)
    assert axes.get_xlabel() == "Price per input (cents)"


def test_costs_of_rows_are_summed_over_what_is_queried(axes):
    price = np.array([5.0, 1.0, 2.0, 0.0])
    display = CostQualityDisplay.from_predictions(
        [4, 3, 2, 1],
        [0, 0, 1, 1],
        [1, 1, 1, 0],
        cost=price,
        threshold=3,
        sample_weight=[1, 1, 2, 0],
    ).plot(axes)
    cost, accuracy = display.lines_[0].get_data()
    np.testing.assert_allclose(np.unique(cost), np.array([0, 5, 6, 10]) / 4)
    np.testing.assert_allclose(
        np.interp([0, 1.25, 1.5], cost[::-1], accuracy[::-1]), [0.5, 0.75, 1]
    )
    np.testing.assert_allclose(display.points["operating point"], [5 / 4, 3 / 4])
    np.testing.assert_allclose(display.points["global alone"], [10 / 4, 1])


def test_costs_of_the_outcomes_are_taken_where_none_are_given(policy):
    from dataclasses import replace

    priced = replace(TEST, query_cost=np.arange(300.0))
    display = CostQualityDisplay.from_estimator(policy, priced)
    assert display.curves["max_probability"][0].max() == pytest.approx(149.5)
    with pytest.raises(ValueError, match="carry no query_cost"):
        CostQualityDisplay.from_estimator(policy, TEST)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"cost": ConstantCosts(), "quantity": "money"}, "quantity must be one of"),
        ({"cost": [1, 2, 3]}, "one cost for each of the 2 rows"),
        ({"cost": object()}, "cost must be real numbers"),
        ({"cost": [1, -1]}, "finite number >= 0"),
        ({"cost": [1, np.inf]}, "finite number >= 0"),
    ],
)
def test_invalid_costs_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        CostQualityDisplay.from_predictions([0, 1], [1, 0], [1, 1], **kwargs)


def test_a_figure_is_made_only_where_none_is_given(axes):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    display = RiskCoverageDisplay.from_predictions([0, 1], [1, 0])
    display.plot(axes)
    assert plt.get_fignums() == before
    display.plot()
    assert len(plt.get_fignums()) == len(before) + 1
    plt.close(display.figure_)


def test_without_matplotlib_the_message_names_the_display(monkeypatch):
    genuine = builtins.__import__

    def refusing(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return genuine(name, *args, **kwargs)

    display = RiskCoverageDisplay.from_predictions([0, 1], [1, 0])
    monkeypatch.setattr(builtins, "__import__", refusing)
    with pytest.raises(ImportError, match="RiskCoverageDisplay.plot requires"):
        display.plot()
