import matplotlib
import numpy as np
import pytest
from scipy.stats import norm

from selective_query import RoutingPolicy, diagnose
from selective_query.datasets import make_selective_query
from selective_query.displays import (
    BenefitReliabilityDisplay,
    GapAttributionDisplay,
    ScoreHistogramDisplay,
)

matplotlib.use("agg")

TRAIN, TEST = (
    make_selective_query(600, regime="specialist", random_state=s).outcomes
    for s in (0, 1)
)


@pytest.fixture
def axes():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


@pytest.fixture(scope="module")
def policy():
    return RoutingPolicy("benefit", coverage=0.8).fit(TRAIN)


def legend_of(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


SCORE = np.array([0.0, 0.1, 0.4, 0.6, 0.9, 1.0])
BASE = np.array([1, 1, 0, 1, 0, 0])
GLOBAL = np.array([1, 0, 0, 1, 1, 1])


def heights(display):
    return {
        name: [bar.get_height() for bar in bars] for name, bars in display.bars_.items()
    }


def test_bars_hold_the_weights_of_each_outcome(axes):
    display = ScoreHistogramDisplay.from_predictions(
        SCORE, BASE, GLOBAL, threshold=0.5, bins=2, sample_weight=[1, 2, 3, 4, 5, 6]
    ).plot(axes)
    assert heights(display) == {
        "only global right": [0, 11],
        "only base right": [2, 0],
        "both wrong": [3, 0],
        "both right": [1, 4],
    }
    tops = [bar.get_y() + bar.get_height() for bar in display.bars_["both right"]]
    assert tops == [6, 15]
    assert [bar.get_x() for bar in display.bars_["both wrong"]] == [0, 0.5]
    assert list(display.threshold_line_.get_xdata()) == [0.5, 0.5]
    assert "only global right (52.4%)" in legend_of(axes)
    assert "higher = query first" in axes.get_xlabel()
    assert axes.get_ylabel() == "Inputs"


def test_an_abstention_has_two_outcomes(axes):
    display = ScoreHistogramDisplay.from_predictions(SCORE, BASE, bins=2).plot(axes)
    assert heights(display) == {"base wrong": [1, 2], "base right": [2, 1]}
    assert display.threshold_line_ is None


def test_infinite_scores_are_counted_at_the_edges(axes):
    score = np.array([-np.inf, 0.0, 1.0, np.inf])
    display = ScoreHistogramDisplay.from_predictions(
        score, [1, 1, 1, 0], threshold=np.inf, bins=2
    ).plot(axes)
    assert heights(display) == {"base wrong": [0, 1], "base right": [2, 1]}
    assert display.threshold_line_ is None
    only = ScoreHistogramDisplay.from_predictions([np.inf], [1])
    assert only.counts["base right"].sum() == 1


def test_the_threshold_in_use_is_drawn(axes, policy):
    display = ScoreHistogramDisplay.from_estimator(policy, TEST).plot(axes)
    threshold = policy.operating_point_.threshold
    assert list(display.threshold_line_.get_xdata()) == [threshold] * 2
    assert sum(np.sum(h) for h in heights(display).values()) == TEST.n_rows
    assert "(benefit)" in axes.get_xlabel()


def test_graded_answers_have_no_histogram_by_outcome():
    with pytest.raises(ValueError, match="Got graded utilities"):
        ScoreHistogramDisplay.from_predictions([0, 1], [0.5, 1], [1, 1])


def test_bins_hold_means_and_their_intervals(axes):
    rng = np.random.default_rng(0)
    predicted = rng.uniform(-0.5, 0.9, size=1000)
    gain = rng.choice([-1, 0, 1], p=[0.2, 0.5, 0.3], size=1000)
    base, query = (gain < 0).astype(int), (gain > 0).astype(int)
    display = BenefitReliabilityDisplay.from_predictions(
        predicted, base, query, n_bins=4, confidence=0.9
    ).plot(axes)
    points, _, (bars,) = display.bins_
    parts = np.array_split(np.argsort(predicted), 4)
    for part, x, y, segment in zip(
        parts, *points.get_data(), bars.get_segments(), strict=True
    ):
        assert x == pytest.approx(predicted[part].mean())
        assert y == pytest.approx(gain[part].mean())
        n = len(part) + 2
        more = (gain[part] > 0).sum() + 1, (gain[part] < 0).sum() + 1
        up, down = (count / n for count in more)
        reach = norm.ppf(0.95) * np.sqrt((up + down - (up - down) ** 2) / n)
        expected = [up - down - reach, up - down + reach]
        np.testing.assert_allclose(segment[:, 1], expected)
    assert "utility" in axes.get_xlabel()
    assert "utility" in axes.get_ylabel()
    diagonal = next(line for line in axes.lines if line.get_label() == "reliable")
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata())


def test_a_reliable_prediction_is_on_the_diagonal_and_in_its_intervals(policy):
    many = make_selective_query(20000, regime="specialist", random_state=2)
    outcomes = many.outcomes
    truth = BenefitReliabilityDisplay.from_predictions(
        many.expected_benefit, outcomes.base_utility, outcomes.global_utility, n_bins=20
    )
    inside = (truth.low <= truth.predicted) & (truth.predicted <= truth.high)
    assert inside.sum() >= 17
    halved = BenefitReliabilityDisplay.from_predictions(
        many.expected_benefit / 4, outcomes.base_utility, outcomes.global_utility
    )
    assert halved.mean_gap > 3 * truth.mean_gap


def test_rows_of_one_prediction_share_a_bin_and_weights_are_rows():
    predicted = np.repeat([0.0, 0.1, 0.5], [50, 3, 47])
    gain = np.tile([1, 0, 0, -1], 25)
    base, query = (gain < 0).astype(int), (gain > 0).astype(int)
    display = BenefitReliabilityDisplay.from_predictions(predicted, base, query)
    assert display.predicted == pytest.approx([0, 0.1, 0.5])
    assert list(display.weight) == [50, 3, 47]
    weight = np.arange(100) % 3
    weighted = BenefitReliabilityDisplay.from_predictions(
        predicted, base, query, sample_weight=weight
    )
    repeated = BenefitReliabilityDisplay.from_predictions(
        *(np.repeat(column, weight) for column in (predicted, base, query))
    )
    for name in ("predicted", "observed", "low", "high", "weight"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name))


def test_a_bin_of_equal_benefits_has_a_width():
    display = BenefitReliabilityDisplay.from_predictions(
        np.zeros(20), np.ones(20), np.ones(20)
    )
    assert display.low[0] < display.observed[0] == 0 < display.high[0]


def test_only_estimates_of_the_benefit_have_reliability(axes, policy):
    display = BenefitReliabilityDisplay.from_estimator(policy, TEST).plot(axes)
    assert np.average(display.predicted, weights=display.weight) == pytest.approx(
        policy.query_score(TEST.evidence).mean()
    )
    assert legend_of(axes)[1].startswith("benefit (mean distance 0.")
    plain = RoutingPolicy("margin").fit(TRAIN)
    with pytest.raises(ValueError, match="router='margin' are no estimates"):
        BenefitReliabilityDisplay.from_estimator(plain, TEST)
    with pytest.raises(ValueError, match="must be a finite number"):
        BenefitReliabilityDisplay.from_predictions([0, np.inf], [0, 1], [1, 1])
    with pytest.raises(ValueError, match="n_bins must be"):
        BenefitReliabilityDisplay.from_predictions([0, 1], [0, 1], [1, 1], n_bins=0)


def test_the_waterfall_leads_from_perfect_to_the_pair(axes, policy):
    display = GapAttributionDisplay.from_estimator(policy, TEST, random_state=0)
    display.plot(axes)
    gap = diagnose(policy, TEST, random_state=0)
    labels = [tick.get_text() for tick in axes.get_xticklabels()]
    assert (
        labels
        == list(display.bars_)
        == ["perfect", *(s.name for s in gap.steps), "pair"]
    )
    above = 100.0
    for step in gap.steps:
        bar = display.bars_[step.name]
        ends = sorted([above, 100 * step.accuracy])
        assert [bar.get_y(), bar.get_y() + bar.get_height()] == pytest.approx(ends)
        assert (bar.get_hatch() is not None) == (step.loss < 0)
        above = 100 * step.accuracy
    top = display.bars_["pair"].get_y() + display.bars_["pair"].get_height()
    assert top == pytest.approx(100 * gap.accuracy)
    intervals = [line.get_ydata() for line in axes.lines if line.get_marker() == "_"]
    above = 1.0
    for ends, step in zip(intervals, gap.steps, strict=True):
        np.testing.assert_allclose(
            ends, [100 * (above - step.high), 100 * (above - step.low)]
        )
        above = step.accuracy
    texts = {text.get_text() for text in axes.texts}
    assert {f"{-100 * s.loss:+.1f}" for s in gap.steps if s.loss} <= texts
    assert axes.get_ylabel() == "Accuracy (%)"
    assert axes.get_title("left") == "Accuracy lost at coverage 80.0%"


def test_the_waterfall_of_an_abstaining_classifier_ends_in_one(axes):
    display = GapAttributionDisplay.from_predictions(SCORE, BASE, coverage=0.8)
    assert list(display.plot(axes).bars_)[-1] == "classifier"
    assert "hybrid" not in axes.get_xlabel()
    assert "pair" not in axes.get_xlabel()


def test_a_gain_is_hatched_and_no_interval_is_drawn_without_one(axes):
    display = GapAttributionDisplay.from_predictions(
        SCORE, BASE, GLOBAL, coverage=0.8, threshold=0.5, n_bootstrap=0
    ).plot(axes)
    assert display.gap["threshold"].loss < 0
    assert display.bars_["threshold"].get_hatch()
    assert display.bars_["threshold"].get_height() > 0
    assert not [line for line in axes.lines if line.get_marker() == "_"]
