"""Fits and reports use the answers that arrived, and count those that did not."""

import time
import warnings

import numpy as np
import pytest
from sklearn.base import clone

from selective_query import HybridClassifier
from selective_query.displays import AccuracyCoverageDisplay
from selective_query.evaluation import diagnose
from selective_query.evaluation.scorers import accuracy_at
from selective_query.exceptions import GlobalUnavailableError, UnavailableWarning
from selective_query.scale import curve_in_chunks, report_in_chunks
from selective_query.serving import CallableClassifier
from tests.serving.test_hybrid_unavailable import Switch


class Broken:
    """A function that fails on rows selected by a predicate."""

    def __init__(self, model):
        self.model, self.fails, self.n_calls = model, lambda row: False, 0

    def __call__(self, X):
        self.n_calls += 1
        if any(map(self.fails, X)):
            raise ConnectionResetError
        return self.model.predict_proba(X)


def some(row):
    return row[20] > 0.95


@pytest.fixture
def function(frozen_pair):
    return Broken(frozen_pair[1])


@pytest.fixture
def hybrid(frozen_pair, function):
    global_ = CallableClassifier(
        function,
        classes=range(10),
        method="predict_proba",
        attempts=1,
        deadline_ms=60_000,
        failures_to_open=None,
    )
    return HybridClassifier(
        frozen_pair[0], global_, router="max_probability", coverage=0.7
    )


@pytest.fixture
def train(digits):
    return digits[0][600:1200], digits[1][600:1200]


@pytest.fixture
def new(digits):
    return digits[0][1200:], digits[1][1200:]


@pytest.mark.parametrize("stand_in", ["raise", "base"])
def test_a_report_counts_what_came_and_what_did_not(
    hybrid, function, train, new, stand_in
):
    X, y = new
    hybrid.set_params(on_unavailable=stand_in).fit(*train)
    whole = hybrid.report(X, y)
    assert whole.n_unavailable == 0
    function.fails = some
    fails = np.array([some(row) for row in X])
    with pytest.warns(UnavailableWarning, match="unreachable"):
        found = hybrid.report(X, y)
    assert f"no answer about {found.n_unavailable:,} rows" in str(found)
    queried = ~hybrid.predict_coverage(X)
    assert 0 < found.n_unavailable == (queried & fails).sum() < queried.sum() / 2
    for name in ("coverage", "n", "n_queried", "base_accuracy"):
        assert found[name] == whole[name]
    right = function.model.predict(X) == y
    on_queried = right[queried & ~fails].mean()
    assert found.global_accuracy_on_queried == pytest.approx(on_queried)
    assert found.accuracy == pytest.approx(
        found.coverage * found.base_accuracy_on_kept + (1 - found.coverage) * on_queried
    )
    with pytest.warns(UnavailableWarning):
        of_all = hybrid.report(X, y, query_all=True)
    assert of_all.global_accuracy == pytest.approx(right[~fails].mean())
    assert of_all.n_unavailable == fails.sum()
    with pytest.warns(UnavailableWarning):
        chunked = report_in_chunks(hybrid, X, y, chunk_rows=50)
    assert dict(chunked) == pytest.approx(dict(found), nan_ok=True)


def test_chunks_go_on_where_one_has_no_answer_at_all(hybrid, function, train, new):
    hybrid.fit(*train)
    X, y = new
    place = {row.tobytes() for row in X[:50]}
    function.fails = lambda row: row.tobytes() in place
    with pytest.warns(UnavailableWarning):
        found = report_in_chunks(hybrid, X, y, chunk_rows=50)
    assert found.n_unavailable == (~hybrid.predict_coverage(X[:50])).sum()
    assert found.accuracy > found.base_accuracy


def test_one_refusal_in_many_costs_one_row(hybrid, function, train, new):
    hybrid.fit(*train)
    X, y = new
    last = np.flatnonzero(~hybrid.predict_coverage(X))[-1]
    function.fails = lambda row: (row == X[last]).all()
    with pytest.warns(UnavailableWarning, match="about 1 of"):
        assert hybrid.report(X, y).n_unavailable == 1


def test_a_fit_leaves_out_rows_without_an_answer(hybrid, function, train):
    X, y = train
    function.fails = some
    fails = np.array([some(row) for row in X])
    with pytest.warns(UnavailableWarning, match=f"about {fails.sum()} of 600 rows"):
        found = clone(hybrid).fit(X, y)
    function.fails = lambda row: False
    expected = hybrid.fit(X[~fails], y[~fails])
    assert found.operating_point_.threshold == pytest.approx(
        expected.operating_point_.threshold, abs=1e-12
    )


@pytest.mark.parametrize("router", ["benefit", "max_probability"])
def test_held_out_rows_too(hybrid, function, train, router):
    function.fails = some
    with pytest.warns(UnavailableWarning):
        hybrid.set_params(calibration=0.5, router=router, random_state=0).fit(*train)
    assert 0.5 < hybrid.operating_point_.coverage < 0.9


def global_accuracy_of(outcomes):
    return np.average(outcomes.global_utility, weights=outcomes.weight)


CURVES = {
    "outcomes": lambda h, X, y: global_accuracy_of(h.outcomes(X, y)),
    "chunks": lambda h, X, y: curve_in_chunks(h, X, y).curve.accuracy_at(0.4),
    "scorer": lambda h, X, y: accuracy_at(0.4)(h, X, y),
    "diagnosis": lambda h, X, y: diagnose(h, X, y).accuracy,
    "display": lambda h, X, y: AccuracyCoverageDisplay.from_estimator(
        h, X, y, name="this"
    ).curves["this"].accuracy_at(0.4),
}  # fmt: skip


@pytest.mark.parametrize("call", CURVES.values(), ids=CURVES)
def test_curves_are_those_of_the_rows_that_were_answered(
    hybrid, function, train, new, call
):
    hybrid.fit(*train)
    X, y = new
    fails = np.array([some(row) for row in X])
    expected = call(hybrid, X[~fails], y[~fails])
    function.fails = some
    with pytest.warns(UnavailableWarning):
        found = call(hybrid, X, y)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("method", ["fit", "outcomes", "report"])
def test_too_few_answers_are_refused_with_all_that_came(
    hybrid, function, train, new, method
):
    hybrid.fit(*train)
    X, y = new
    came = X[0] if method != "report" else None
    function.fails = lambda row: came is None or not (row == came).all()
    with pytest.raises(GlobalUnavailableError, match="rows") as raised:
        getattr(hybrid, method)(X, y)
    assert raised.value.replies.came.sum() == (came is not None)


def test_a_report_outlasts_a_breaker_that_opens(hybrid, function, train, new):
    hybrid.fit(*train)
    hybrid.global_estimator_.set_params(failures_to_open=3, recovery_ms=80, attempts=3)
    start = time.monotonic()
    function.fails = lambda row: time.monotonic() < start + 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnavailableWarning)
        assert hybrid.report(*new, query_all=True).n_unavailable == 0


def test_a_switch_that_works_asks_once_about_each_row(frozen_pair, train):
    switch = Switch(frozen_pair[1])
    global_ = CallableClassifier(
        switch, classes=range(10), method="predict_proba", deadline_ms=60_000
    )
    HybridClassifier(frozen_pair[0], global_, router="benefit", coverage=0.7).fit(
        *train
    )
    assert len(switch.rows) == len(train[0])
