"""Checks of the labels and weights on which a fitted model is evaluated."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from selective_query import (
    AbstainingClassifier,
    HybridClassifier,
    cross_fit_outcomes,
    outcomes_from_models,
)
from selective_query.budgets import MaxLatency
from selective_query.costs import CLOUD, LTE_M, STM32F746, Deployment
from selective_query.evaluation.scorers import accuracy_at

COSTS = Deployment(
    device=STM32F746, base_ms=2, link=LTE_M, cloud=CLOUD, payload_bytes=64
)


class NeverAsked(DecisionTreeClassifier):
    """A global that must not be queried."""

    def predict_proba(self, X):
        raise AssertionError("asked before the labels were checked")


@pytest.fixture(scope="module")
def fitted(digits, frozen_pair):
    X, y = digits
    hybrid = HybridClassifier(*frozen_pair, router="margin", coverage=0.7)
    abstaining = AbstainingClassifier(frozen_pair[0], router="margin", coverage=0.7)
    return [model.fit(X[600:900], y[600:900]) for model in (hybrid, abstaining)]


@pytest.fixture(scope="module")
def rows(digits):
    X, y = digits
    return X[900:1097], y[900:1097]


def with_one(y, label):
    changed = y.astype(object)
    changed[3] = label
    return changed


@pytest.mark.parametrize("method", ["report", "outcomes"])
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda y: with_one(y, np.nan).astype(float), "label for each row. Got nan in"),
        (lambda y: with_one(y, np.nan), "label for each row. Got nan in row 3"),
        (lambda y: with_one(y, None), "label for each row. Got None in row 3"),
        (lambda y: with_one(y, pd.NA), "label for each row. Got <NA> in row 3"),
        (lambda y: with_one(y, "3"), "labels of one kind.*mixture of int, str"),
        (lambda y: y.astype(str), "kind of the classes, numbers .* Got text"),
        (lambda y: y.astype(str).astype(object), "numbers .* Got text"),
        (lambda y: y.astype("S"), "numbers .* Got bytes"),
        (lambda y: y[:-1], "y must have one entry for each of the 197"),
        (lambda y: np.c_[y, y], "y should be a 1d array"),
    ],
)
def test_labels_that_no_prediction_can_match(fitted, rows, method, spoil, says):
    X, y = rows
    for model in fitted:
        with pytest.raises(ValueError, match=says):
            getattr(model, method)(X, spoil(y))


def test_numbers_where_the_classes_are_text(rows):
    X, y = rows
    model = AbstainingClassifier(GaussianNB(var_smoothing=0.1), router="margin", cv=2)
    model.fit(X, y.astype(str))
    with pytest.raises(ValueError, match="kind of the classes, text .* Got numbers"):
        model.score(X, y)
    assert model.report(X, y.astype(str).astype(object)).base_accuracy > 0.5


@pytest.mark.parametrize("method", ["report", "outcomes", "fit"])
@pytest.mark.parametrize(
    ("weight", "got"),
    [
        (np.r_[-1, np.ones(196)], "-1 in row 0"),
        (np.r_[1, np.nan, np.ones(195)], "nan in row 1"),
        (np.r_[1, np.inf, np.ones(195)], "inf in row 1"),
        (np.zeros(197), "zero everywhere"),
        (np.ones(196), r"shape \(196,\)"),
        (np.ones((197, 1)), r"shape \(197, 1\)"),
        (2.0, r"shape \(\)"),
        (["much"] * 197, "text"),
    ],
)
def test_invalid_weights(fitted, rows, method, weight, got):
    for model in fitted:
        with pytest.raises(ValueError, match=f"sample_weight must be .* Got {got}"):
            getattr(model, method)(*rows, sample_weight=weight)


def test_rows_without_labels_are_not_predicted(digits, frozen_pair, rows):
    X, y = digits
    hybrid = HybridClassifier(*frozen_pair, router="margin").fit(X[:300], y[:300])
    hybrid.global_estimator_ = FrozenEstimator(NeverAsked())
    hybrid.base_estimator_ = FrozenEstimator(NeverAsked())
    X, y = rows
    for ask in (hybrid.report, hybrid.outcomes):
        with pytest.raises(ValueError, match="y must hold a label"):
            ask(X, with_one(y, None))
        with pytest.raises(ValueError, match="sample_weight"):
            ask(X, y, sample_weight=np.zeros(len(y)))
    with pytest.raises(ValueError, match="plan needs at least one budget"):
        hybrid.plan(X, y, COSTS)
    with pytest.raises(ValueError, match=r"coverage must be .* Got 1\.5"):
        hybrid.plan(X, y, COSTS, 1.5)


def test_both_sides_are_wrong_about_a_label_that_was_not_there(fitted, rows):
    X, y = rows
    strange = np.where(y == 3, 77, y)
    hybrid, abstaining = fitted
    found = hybrid.report(X, strange, query_all=True)
    assert found.accuracy == hybrid.score(X, strange)
    outcomes = hybrid.outcomes(X, strange)
    assert outcomes.y is None
    np.testing.assert_array_equal(outcomes.benefit[y == 3], 0)
    assert not outcomes.base_utility[y == 3].any()
    assert outcomes.base_utility.mean() == pytest.approx(found.base_accuracy)
    assert outcomes.global_utility.mean() == pytest.approx(found.global_accuracy)
    alone = abstaining.outcomes(X, strange)
    assert not alone.has_global
    np.testing.assert_array_equal(alone.base_utility, outcomes.base_utility)
    assert accuracy_at(0.0)(hybrid, X, strange) == pytest.approx(found.global_accuracy)


def test_outcomes_of_known_labels_hold_them(fitted, rows):
    X, y = rows
    for model in fitted:
        np.testing.assert_array_equal(model.outcomes(X, y).y, y)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_fit_needs_a_label_for_each_row(rows, missing):
    X, y = rows
    y = with_one(y.astype(str), missing)
    pair = GaussianNB(), DecisionTreeClassifier()
    frozen = [model.fit(*rows) for model in pair]
    for fit in (
        HybridClassifier(*pair).fit,
        AbstainingClassifier(pair[0]).fit,
        lambda X, y: cross_fit_outcomes(*pair, X, y),
        lambda X, y: outcomes_from_models(*frozen, X, y),
    ):
        with pytest.raises(ValueError, match="y must hold a label .* in row 3. Drop"):
            fit(X, y)


def test_unfitted_use_says_so(rows):
    hybrid = HybridClassifier(GaussianNB(), DecisionTreeClassifier())
    for order in ("base_first", "router_first"):
        with pytest.raises(NotFittedError):
            costs = Deployment(
                device=STM32F746, base_ms=2, link=LTE_M, cloud=CLOUD, payload_bytes=64,
                order=order,
            )  # fmt: skip
            hybrid.plan(*rows, costs, MaxLatency(60, costs))
    for model in (hybrid, AbstainingClassifier(GaussianNB())):
        for use in (
            lambda m: m.report(*rows),
            lambda m: m.outcomes(*rows),
            lambda m: m.at(0.5),
            lambda m: m.with_base(GaussianNB(), *rows),
            lambda m: m.certify_jointly([0.5], confidence=0.9),
        ):
            with pytest.raises(NotFittedError):
                use(model)


def test_invalid_deployments_are_named(fitted, rows):
    for wrong in (None, {"device": 1}):
        with pytest.raises(TypeError, match="deployment must be a Deployment. Got"):
            fitted[0].plan(*rows, wrong, 0.8)


def test_another_base_must_say_how_sure_it_is(fitted, rows):
    X, y = rows
    for model in fitted:
        with pytest.raises(ValueError, match="base_estimator=.* has no predict_proba"):
            model.with_base(LinearSVC().fit(X, y), X, y)
        with pytest.raises(ValueError, match="base_estimator=None has no"):
            model.with_base(None, X, y)
        with pytest.raises(ValueError, match="base_estimator returned labels that are"):
            model.with_base(GaussianNB().fit(X, y + 100), X, y)
