import matplotlib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from selective_query import CascadeClassifier, CascadePolicy
from selective_query.displays import TierFlowsDisplay
from tests.tiers.simulated import chain

matplotlib.use("agg")


@pytest.fixture
def axes():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_every_input_ends_somewhere_and_is_counted_once(axes):
    rows = chain(1500, 3, 0)
    policy = CascadePolicy("margin", (0.5, 0.5), abstain=0.1).fit(rows)
    fresh = chain(1000, 3, 1)
    display = TierFlowsDisplay.from_estimator(policy, fresh).plot(axes)
    ends = sum(display.flows[name] for name in ("right", "wrong", "no answer"))
    assert ends.sum() == pytest.approx(1)
    tier = policy.decide(fresh)
    reached = 1.0
    for j in range(3):
        total = sum(flow[j] for flow in display.flows.values())
        assert total == pytest.approx(reached)
        reached = display.flows["passed on"][j]
        answered = display.flows["right"][j] + display.flows["wrong"][j]
        assert answered == pytest.approx((tier == j).mean())
    assert display.flows["no answer"].sum() == pytest.approx((tier < 0).mean())
    spent = fresh.spent(policy.rule_.last_asked(fresh)).mean()
    assert display.cost.sum() == pytest.approx(spent)
    widths = [bar.get_width() for bar in display.bars_["right"]]
    np.testing.assert_allclose(widths, display.flows["right"])
    assert [text.get_text().split("\n")[0] for text in axes.get_yticklabels()] == list(
        fresh.names
    )


def test_a_classifier_is_asked_about_rows_with_labels(axes, digits):
    X, y = digits
    cascade = CascadeClassifier(
        [(name, LogisticRegression(C=c)) for name, c in (("a", 1), ("b", 10))],
        router="margin",
        coverage=0.7,
        cv=3,
    ).fit(X[:500], y[:500])
    display = TierFlowsDisplay.from_estimator(cascade, X[500:], y[500:]).plot(axes)
    report = cascade.report(X[500:], y[500:])
    assert display.flows["right"].sum() == pytest.approx(report.accuracy)
    assert display.cost is None and display.names == ("a", "b")


@pytest.mark.parametrize("tier", [[0, 1], [0, 1, 3], [[0], [1], [2]]])
def test_tiers_that_do_not_exist_are_refused(tier):
    with pytest.raises(ValueError, match="tier must hold a number from -1 to 2"):
        TierFlowsDisplay.from_tiers(tier, chain(3, 3, 0))
