"""A hybrid gives each input one answer, whatever happens to its global."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator

from selective_query import HybridClassifier
from selective_query.budgets import StayLocal
from selective_query.exceptions import (
    BadAnswerError,
    GlobalUnavailableError,
    RefusedError,
    UnreachableError,
)
from selective_query.routers import PreRouter
from selective_query.scale import predict_in_chunks
from selective_query.serving import CallableClassifier


class Switch:
    """A function with configurable faults."""

    def __init__(self, model):
        self.model, self.fault, self.rows = model, None, []

    def __call__(self, X):
        self.rows += list(X)
        if isinstance(self.fault, Exception):
            raise self.fault
        found = self.model.predict_proba(X)
        return found if self.fault is None else self.fault(found)


@pytest.fixture
def switch(frozen_pair):
    return Switch(frozen_pair[1])


@pytest.fixture
def fitted(digits, frozen_pair, switch):
    """A hybrid whose global is a function, fitted while it worked."""

    def make(router="max_probability", classes=None, **params):
        X, y = digits
        labels = np.arange(10) if classes is None else classes
        global_ = CallableClassifier(
            switch,
            classes=labels,
            method="predict_proba",
            unavailable=RuntimeError,
            batch_rows=64,
            deadline_ms=60_000,
            failures_to_open=None,
        )
        base = frozen_pair[0]
        if classes is not None:
            base = FrozenEstimator(Renamed(base, classes))
        return HybridClassifier(
            base, global_, router=router, coverage=0.7, **params
        ).fit(X[600:1200], labels[y[600:1200]])

    return make


class Renamed(ClassifierMixin, BaseEstimator):
    def __init__(self, model=None, classes=None):
        self.model, self.classes = model, classes

    def __sklearn_is_fitted__(self):
        return True

    @property
    def classes_(self):
        return self.classes

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return self.model.predict_proba(X)

    def predict(self, X):
        return self.classes[self.predict_proba(X).argmax(axis=1)]


@pytest.mark.parametrize("stand_in", ["raise", "base", "abstain"])
def test_nothing_changes_while_all_is_well(fitted, digits, frozen_pair, stand_in):
    label = {"abstain_label": -1} if stand_in == "abstain" else {}
    hybrid, X = fitted(on_unavailable=stand_in, **label), digits[0][1200:]
    plain = HybridClassifier(*frozen_pair, router="max_probability", coverage=0.7)
    plain.fit(digits[0][600:1200], digits[1][600:1200])
    assert (hybrid.predict(X) == plain.predict(X)).all()
    np.testing.assert_allclose(
        hybrid.predict_proba(X), plain.predict_proba(X), rtol=1e-12
    )
    found = hybrid.predict_detailed(X)
    assert (found.queried == ~plain.predict_coverage(X)).all()
    assert set(found.failure) == {""}
    assert (found.answered_by == np.where(found.queried, "global", "base")).all()


@pytest.mark.parametrize("router", ["max_probability", PreRouter()])
def test_the_base_is_the_fallback(fitted, switch, digits, frozen_pair, router):
    hybrid, X = fitted(router, on_unavailable="base"), digits[0][1200:]
    switch.fault = ConnectionRefusedError()
    base = frozen_pair[0].predict(X)
    assert (hybrid.predict(X) == base).all()
    assert (hybrid.predict_proba(X) == frozen_pair[0].predict_proba(X)).all()
    found = hybrid.predict_detailed(X)
    assert (found.label == base).all() and set(found.answered_by) == {"base"}
    assert set(found.failure[found.queried]) == {"unreachable"}
    assert set(found.failure[~found.queried]) == {""}
    assert set(found.attempts[found.queried]) == {2}
    assert set(found.attempts[~found.queried]) == {0}
    assert (found.score == hybrid.query_score(X)).all()


def test_rows_that_came_are_kept(fitted, switch, digits, frozen_pair):
    hybrid, X = fitted(on_unavailable="base"), digits[0][1200:]
    expected, kept = hybrid.predict(X), hybrid.predict_coverage(X)

    def spoil(proba):
        proba = proba.copy()
        proba[::2] = np.nan
        return proba

    switch.fault = spoil
    found = hybrid.predict_detailed(X)
    failed = found.failure == "bad answer"
    assert 0.4 < failed[~kept].mean() < 0.6
    assert (found.label[~failed] == expected[~failed]).all()
    assert (found.label[failed] == frozen_pair[0].predict(X)[failed]).all()


@pytest.mark.parametrize(
    "classes, label",
    [
        (np.arange(10), -1),
        (np.array([f"digit {i}" for i in range(10)]), "nobody can tell, for now"),
    ],
)
def test_abstaining(fitted, switch, digits, classes, label):
    hybrid = fitted(classes=classes, on_unavailable="abstain", abstain_label=label)
    X = digits[0][1200:]
    expected, kept = hybrid.predict(X), hybrid.predict_coverage(X)
    switch.fault = RuntimeError()
    found = hybrid.predict_detailed(X)
    assert (found.label[~kept] == label).all()
    assert (found.label[kept] == expected[kept]).all()
    assert set(found.answered_by) == {"base", "nobody"}
    assert hybrid.predict(X).tolist() == found.label.tolist()
    assert hybrid.predict_proba(X).shape == (len(X), 10)


def test_raising_is_the_default_and_names_the_kind(fitted, switch, digits):
    hybrid, X = fitted(), digits[0][1200:]
    for fault, expected in (
        (ConnectionResetError(), UnreachableError),
        (RuntimeError(), RefusedError),
        (lambda proba: proba[:-1], BadAnswerError),
    ):
        switch.fault = fault
        for method in ("predict", "predict_proba", "predict_detailed"):
            with pytest.raises(expected):
                getattr(hybrid, method)(X)


def test_reports_and_fits_never_use_a_fallback(fitted, switch, digits):
    hybrid, X, y = fitted(on_unavailable="base"), digits[0][1200:], digits[1][1200:]
    switch.fault = RuntimeError()
    for call in (hybrid.report, hybrid.outcomes, clone(hybrid).fit):
        with pytest.raises(GlobalUnavailableError):
            call(X, y)


def test_rows_that_must_stay_are_never_sent(digits, frozen_pair, switch):
    X, y = digits
    hybrid = HybridClassifier(
        frozen_pair[0],
        CallableClassifier(switch, classes=range(10), method="predict_proba"),
        router="max_probability",
        coverage=StayLocal(lambda X: X[:, 30] > 0.3),
        on_unavailable="base",
    )
    hybrid.fit(X[600:1200], y[600:1200])
    switch.rows.clear()
    found = hybrid.predict_detailed(X[1200:])
    assert found.queried.any()
    stays = X[1200:, 30] > 0.3
    report = hybrid.report(X[1200:], y[1200:], query_all=True)
    assert len(switch.rows) == found.queried.sum() + (~stays).sum()
    assert not any(row[30] > 0.3 for row in switch.rows)
    right = frozen_pair[1].predict(X[1200:]) == y[1200:]
    assert report.global_accuracy == pytest.approx(right[~stays].mean())


class Plain(ClassifierMixin, BaseEstimator):
    """A scikit-learn classifier that raises or returns what it is given."""

    def __init__(self, says=None):
        self.says = says

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y):
        return self

    def predict(self, X):
        if isinstance(self.says, Exception):
            raise self.says
        return np.zeros(len(X), int) if self.says is None else self.says(X)


@pytest.mark.parametrize(
    "says, failure",
    [
        (ConnectionResetError("gone"), "unreachable"),
        (TimeoutError("slow"), "timeout"),
        (lambda X: np.full(len(X), np.nan), "bad answer"),
        (lambda X: np.zeros(len(X) - 1), "bad answer"),
        (lambda X: np.array(["?"] * len(X)), "bad answer"),
    ],
)
def test_any_model_may_fail_in_these_ways(digits, frozen_pair, says, failure):
    X, y = digits
    global_ = Plain()
    hybrid = HybridClassifier(
        frozen_pair[0],
        FrozenEstimator(global_),
        router="margin",
        coverage=0.7,
        on_unavailable="base",
    ).fit(X[600:1200], y[600:1200])
    global_.says = says
    found = hybrid.predict_detailed(X[1200:])
    assert set(found.failure[found.queried]) == {failure}
    assert (found.label == frozen_pair[0].predict(X[1200:])).all()


@pytest.mark.parametrize(
    "labels", [range(10, 20), list("abcdefghij"), [1, 1, *range(2, 10)]]
)
def test_probabilities_of_unknown_labels(fitted, digits, frozen_pair, labels):
    hybrid, X = fitted(on_unavailable="base"), digits[0][1200:]
    hybrid.global_estimator_.set_params(classes=labels)
    found = hybrid.predict_detailed(X)
    assert set(found.failure[found.queried]) == {"bad answer"}
    assert (found.label == frozen_pair[0].predict(X)).all()


def test_faults_of_a_model_are_raised_despite_a_fallback(digits, frozen_pair):
    global_ = Plain()
    hybrid = HybridClassifier(
        frozen_pair[0], FrozenEstimator(global_), coverage=0.7, on_unavailable="base"
    ).fit(digits[0][600:1200], digits[1][600:1200])
    global_.says = ZeroDivisionError("a fault")
    with pytest.raises(ZeroDivisionError):
        hybrid.predict(digits[0][1200:])


@pytest.mark.parametrize(
    "params, message",
    [
        ({"on_unavailable": "ignore"}, "on_unavailable"),
        ({"on_unavailable": "abstain"}, "abstain_label"),
        ({"on_unavailable": "abstain", "abstain_label": 3}, "one of the classes"),
        ({"on_unavailable": "abstain", "abstain_label": "none"}, "kind"),
        ({"on_unavailable": "base", "abstain_label": -1}, "abstain_label"),
    ],
)
def test_invalid_fallbacks_are_refused_in_fit(fitted, params, message):
    with pytest.raises(ValueError, match=message):
        fitted(**params)


def test_chunks_use_the_fallback_too(fitted, switch, digits):
    hybrid, X = fitted(on_unavailable="base"), digits[0][1200:]
    switch.fault = RuntimeError()
    methods = ("predict", "predict_coverage", "query_score")
    parts = list(predict_in_chunks(hybrid, X, methods, chunk_rows=100))
    labels, kept, scores = map(np.concatenate, zip(*parts, strict=True))
    assert (labels == hybrid.predict(X)).all()
    assert (kept == hybrid.predict_coverage(X)).all()
    assert (scores == hybrid.query_score(X)).all()


def test_a_frame_of_decisions(fitted, digits):
    pytest.importorskip("pandas")
    found = fitted().predict_detailed(digits[0][1200:1250])
    frame = found.to_frame()
    assert len(frame) == len(found) == 50
    assert frame.columns.tolist() == [
        "label",
        "answered_by",
        "queried",
        "failure",
        "score",
        "latency_ms",
        "attempts",
    ]
