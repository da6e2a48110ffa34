"""Labels stand next to their lines and points, without overlaps or cut-off text."""

from itertools import combinations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from selective_query import AccuracyCoverageDisplay, RoutingPolicy, compare_routers
from selective_query.costs import CLOUD, STM32F746, WIFI, Deployment
from selective_query.datasets import make_selective_query
from selective_query.displays import (
    CostQualityDisplay,
    GapAttributionDisplay,
    RiskCoverageDisplay,
    ScoreHistogramDisplay,
)
from selective_query.displays._beside import name_lines

matplotlib.use("agg")

TRAIN, TEST = (
    make_selective_query(600, regime="specialist", random_state=s).outcomes
    for s in (0, 1)
)
COSTS = Deployment(
    device=STM32F746, base_ms=50, link=WIFI, cloud=CLOUD, payload_bytes=3072
)


@pytest.fixture(scope="module")
def policy():
    return RoutingPolicy("benefit", coverage=0.8).fit(TRAIN)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def drawn(policy, what):
    """Draw each display of a policy."""
    if what == "comparison":
        found = compare_routers(
            TRAIN, TEST, ["entropy", "benefit", "margin"], [0.8], n_bootstrap=50
        )
        return AccuracyCoverageDisplay.from_comparison(found).plot()
    kind = {
        "accuracy": AccuracyCoverageDisplay,
        "risk": RiskCoverageDisplay,
        "cost": CostQualityDisplay,
        "gap": GapAttributionDisplay,
        "histogram": ScoreHistogramDisplay,
    }[what]
    options = {"cost": COSTS} if what == "cost" else {}
    return kind.from_estimator(policy, TEST, **options).plot()


KINDS = ["accuracy", "risk", "cost", "gap", "histogram", "comparison"]


@pytest.mark.parametrize("what", KINDS)
def test_no_text_is_cut_off_or_covers_another(policy, what):
    display = drawn(policy, what)
    display.figure_.draw_without_rendering()
    axes, whole = display.ax_, display.figure_.bbox
    texts = [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
    texts = [t for t in [*texts, *axes.texts] if t.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    for text, box in zip(texts, boxes, strict=True):
        assert whole.x0 <= box.x0 <= box.x1 <= whole.x1 + 1, text
        assert whole.y0 <= box.y0 <= box.y1 <= whole.y1 + 1, text
    for first, second in combinations(boxes, 2):
        assert not first.overlaps(second)


@pytest.mark.parametrize("what", KINDS)
def test_axes_have_words_and_not_names_of_attributes(policy, what):
    axes = drawn(policy, what).ax_
    labels = axes.get_xlabel() + axes.get_ylabel()
    assert labels and "_" not in labels


def test_labels_do_not_overlap_lines(policy):
    display = drawn(policy, "accuracy")
    display.figure_.draw_without_rendering()
    for text in display.ax_.texts:
        if text.get_text() not in display.curves:
            continue
        box = text.get_window_extent()
        for line in display.lines_:
            points = display.ax_.transData.transform(np.array(line.get_data()).T)
            x = np.linspace(box.x0, box.x1, 50)
            y = np.interp(x, *points.T)
            inside = (y > box.y0) & (y < box.y1)
            inside &= (x >= points[0, 0]) & (x <= points[-1, 0])
            assert not inside.any(), (text, line)


def test_labels_without_room_stand_outside_the_axes():
    _, axes = plt.subplots(layout="constrained")
    x = np.linspace(0, 1, 100)
    lines = [axes.plot(x, x + 1e-3 * i, label=f"line {i}")[0] for i in range(6)]
    name_lines(axes, lines)
    beside = {text.get_text() for text in axes.texts}
    left = {text.get_text() for text in axes.get_legend().get_texts()}
    assert beside | left == {f"line {i}" for i in range(6)}
    assert not beside & left
    assert left
    axes.figure.draw_without_rendering()
    assert axes.get_legend().get_window_extent().x0 > axes.bbox.x1


@pytest.mark.parametrize("kind", [AccuracyCoverageDisplay, RiskCoverageDisplay])
def test_the_operating_point_is_marked_where_the_rule_cuts(policy, kind):
    display = kind.from_estimator(policy, TEST).plot()
    kept = policy.decide(TEST)
    right = np.where(kept, TEST.base_utility, TEST.global_utility).mean()
    wrong = 1 - TEST.base_utility[kept].mean()
    value = right if kind is AccuracyCoverageDisplay else wrong
    (x,), (y,) = display.point_.get_data()
    assert (x, y) == pytest.approx((kept.mean(), value))
    said = display.ax_.get_title("left")
    assert f"{100 * kept.mean():.1f}".removesuffix(".0") in said
    if kind is AccuracyCoverageDisplay:
        gain = TEST.global_utility.mean() - TEST.base_utility.mean()
        share = (right - TEST.base_utility.mean()) / gain
        assert f"{100 * share:.0f} % of the global's gain" in said
        assert display.gain_ is not None


@pytest.mark.parametrize(
    ("cost", "quantity", "label"),
    [
        (COSTS, None, "Mean time to an answer (ms)"),
        (COSTS, "p95_latency_ms", "Time in which 95 % of the answers come (ms)"),
        (np.ones(600), None, "Cost per input"),
    ],
)
def test_time_is_the_cost_of_a_deployment_with_a_link(policy, cost, quantity, label):
    display = CostQualityDisplay.from_estimator(
        policy, TEST, cost=cost, quantity=quantity
    )
    assert display.cost_label == label
    if quantity == "p95_latency_ms":
        assert display.points["global alone"][0] == COSTS.latency_ms(0.0, "p95")
        assert display.points["base alone"][0] == COSTS.latency_ms(1.0, "p95")


@pytest.mark.parametrize("point", [(0.5,), (0.5, 2), 0.5, ("a", "b"), (0.5, np.nan)])
@pytest.mark.parametrize("kind", [AccuracyCoverageDisplay, RiskCoverageDisplay])
def test_invalid_operating_points_are_refused(kind, point):
    with pytest.raises(ValueError, match="point must"):
        kind({}, point=point)


def test_a_subfigure_is_accepted(policy):
    left, right = plt.figure(layout="constrained", figsize=(9, 4)).subfigures(1, 2)
    for part in (left, right):
        display = RiskCoverageDisplay.from_estimator(policy, TEST).plot(part.subplots())
        assert len(display.ax_.texts) >= 2
