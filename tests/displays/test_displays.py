from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from selective_query import (
    AbstainingClassifier,
    AccuracyCoverageDisplay,
    HybridClassifier,
    compare_routers,
)
from selective_query.datasets import make_selective_query
from selective_query.metrics import (
    accuracy_at_coverage,
    accuracy_coverage_curve,
    selective_accuracy_at_coverage,
)

matplotlib.use("agg")


@pytest.fixture
def axes():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


@pytest.fixture(scope="module")
def abstaining(digits):
    X, y = digits
    return AbstainingClassifier(GaussianNB(), router="margin", cv=3).fit(
        X[:600], y[:600]
    )


def line_of(display, label):
    (line,) = (line for line in display.lines_ if line.get_label() == label)
    return line.get_data()


def texts_of(axes):
    """Return the texts that are not labels of curves."""
    lines = {line.get_label() for line in axes.lines}
    return {text.get_text() for text in axes.texts} - lines


def test_curves_are_called_as_the_registry_calls_their_routers(digits, abstaining):
    display = AccuracyCoverageDisplay.from_estimator(abstaining, *digits)
    assert set(display.curves) == {"margin", "oracle", "random"}
    named = AccuracyCoverageDisplay.from_estimator(abstaining, *digits, name="mine")
    assert "mine" in named.curves


def test_a_hybrid_is_drawn_with_both_sides(digits, frozen_pair, axes):
    X, y = digits[0][600:], digits[1][600:]
    hybrid = HybridClassifier(*frozen_pair, router="margin").fit(X[:500], y[:500])
    X, y = X[500:], y[500:]
    display = AccuracyCoverageDisplay.from_estimator(hybrid, X, y).plot(axes)
    assert axes.get_ylabel() == "Accuracy"
    assert texts_of(axes) == {"base alone", "global alone"}
    outcomes = hybrid.outcomes(X, y)
    coverage, accuracy = line_of(display, "margin")
    expected = accuracy_at_coverage(
        hybrid.query_score(X),
        outcomes.base_utility,
        outcomes.global_utility,
        coverage=coverage,
    )
    np.testing.assert_allclose(accuracy, expected)


def test_abstention_is_drawn_as_accuracy_of_what_is_answered(digits, abstaining, axes):
    X, y = digits[0][600:], digits[1][600:]
    display = AccuracyCoverageDisplay.from_estimator(abstaining, X, y).plot(axes)
    assert axes.get_ylabel() == "Accuracy on answered inputs"
    assert texts_of(axes) == {"base alone"}
    right = (abstaining.predict(X) == y).astype(float)
    for label, score in (
        ("margin", abstaining.query_score(X)),
        ("random", np.zeros(len(y))),
    ):
        coverage, accuracy = line_of(display, label)
        expected = selective_accuracy_at_coverage(score, right, coverage=coverage)
        np.testing.assert_allclose(accuracy, expected)
        assert accuracy[-1] == pytest.approx(right.mean())
    coverage, accuracy = line_of(display, "random")
    np.testing.assert_allclose(accuracy[1:], right.mean())
    coverage, accuracy = line_of(display, "oracle")
    answered_rightly = (coverage > 0) & (coverage <= right.mean())
    np.testing.assert_allclose(accuracy[answered_rightly], 1)


def test_weights_reach_the_curves_and_the_lines():
    weight = np.array([1, 0, 3])
    display = AccuracyCoverageDisplay.from_predictions(
        [0.1, 0.5, 0.9], [1, 0, 0], [1, 1, 1], sample_weight=weight
    )
    assert display.base_accuracy == pytest.approx(0.25)
    assert display.curves["router"].accuracy_at(1) == pytest.approx(0.25)


def test_a_comparison_is_drawn(axes):
    halves = [make_selective_query(200, random_state=s).outcomes for s in (0, 1)]
    comparison = compare_routers(
        *halves, ["margin", "oracle", "always_base"], [0.8], n_bootstrap=5
    )
    display = AccuracyCoverageDisplay.from_comparison(comparison).plot(axes)
    assert set(display.curves) == {"margin", "oracle"}
    assert texts_of(axes) == {"base alone", "global alone"}
    chosen = AccuracyCoverageDisplay.from_comparison(comparison, ["margin"])
    assert set(chosen.curves) == {"margin"}


def test_a_comparison_without_a_global_is_drawn_as_abstention(axes):
    curve = accuracy_coverage_curve([0.1, 0.5, 0.9], [1, 1, 0])
    comparison = SimpleNamespace(
        curves={("margin", 0.8): curve},
        base_accuracy=2 / 3,
        global_accuracy=1.0,
        has_global=False,
    )
    display = AccuracyCoverageDisplay.from_comparison(comparison).plot(axes)
    assert texts_of(axes) == {"base alone"}
    assert line_of(display, "margin")[1][-1] == pytest.approx(2 / 3)
