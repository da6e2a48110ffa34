"""The adapters of peers: each does its job and is evaluated correctly."""

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import _peers
from _peers import accuracy, failures, promises
from _peers.jobs import Adapter, Job, saved_job, saved_rows

from selective_query import outcomes_from_models


@pytest.fixture(scope="module")
def rows():
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y = X[order, 1:3], y[order]
    base = GaussianNB().fit(X[:50], y[:50])
    global_ = LogisticRegression().fit(X[:50], y[:50])
    return base, global_, X[50:], y[50:]


@pytest.fixture(scope="module")
def outcomes(rows):
    return outcomes_from_models(*rows)


@pytest.mark.parametrize("abstaining", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_every_installed_adapter_does_its_job(rows, frozen, abstaining):
    base, global_, X, y = rows
    if frozen:
        base, global_ = FrozenEstimator(base), FrozenEstimator(global_)
    job = Job(base, None if abstaining else global_, X, y, 0.7, frozen=frozen)
    for adapter in _peers.abstainers() if abstaining else _peers.hybrids():
        adapter.fit(job)
        kept, score = adapter.kept(X), adapter.score(X)
        assert kept.shape == score.shape == y.shape, adapter.name
        assert kept.dtype == bool
        if kept.any() and not kept.all():
            assert score[kept].mean() <= score[~kept].mean(), adapter.name
        if not abstaining:
            expected = np.where(
                kept, adapter.base.predict(X), adapter.global_.predict(X)
            )
            np.testing.assert_array_equal(adapter.predict(X), expected, adapter.name)


def test_saved_answers_are_those_of_the_models(rows, outcomes):
    base, global_, X, _ = rows
    job, saved = saved_job(outcomes, 0.8, abstaining=False), saved_rows(outcomes)
    np.testing.assert_allclose(job.base.predict_proba(saved), base.predict_proba(X))
    np.testing.assert_array_equal(job.global_.predict(saved), global_.predict(X))
    assert job.seen_on_device().tolist() == [0, 1, 2], "the global's answers are hidden"


def test_our_difference_from_ourselves_is_zero(outcomes):
    found = accuracy.judge(outcomes, outcomes, _peers.hybrids()[:3])
    for row in found:
        if row["peer"] == accuracy.OURS:
            assert row["difference"] == row["low"] == row["high"] == 0
        assert row["low"] <= row["difference"] <= row["high"]


def test_abstention_counts_errors_among_what_is_answered(outcomes):
    found = accuracy.judge(outcomes, outcomes, _peers.abstainers()[:3], True)
    by_peer = {(row["peer"], row["coverage"]): row for row in found}
    for (_, coverage), row in by_peer.items():
        ours = by_peer[accuracy.OURS, coverage]
        gain = row["accuracy"] - ours["accuracy"]
        assert row["difference"] == pytest.approx(gain, abs=1e-9)


class Stubborn(Adapter):
    name = "stubborn"

    def __init__(self, kept):
        self._kept = kept

    def fit(self, job):
        if self._kept is None:
            raise RuntimeError("no")
        return self

    def kept(self, X):
        return np.full(len(X), self._kept)


@pytest.mark.parametrize(
    ("case", "kept", "verdict"),
    [
        ("NaN from the base", None, "refused"),
        ("NaN from the base", True, "silently wrong"),
        ("NaN from the base", False, "right"),
        ("constant scores", None, "crashed"),
        ("constant scores", True, "silently wrong"),
        ("constant scores", False, "silently wrong"),
    ],
)
def test_the_outcome_is_described(case, kept, verdict):
    assert failures.judge(Stubborn(kept), case)["verdict"] == verdict


@pytest.mark.parametrize("case", failures.CASES)
def test_ours_never_crashes(case):
    found = failures.judge(_peers.Ours("max_probability"), case)
    assert found["verdict"] != "crashed", found["what"]


def test_an_impossible_promise_is_not_made(outcomes):
    found = promises.judge(outcomes, 1.0, {"ours": promises.ours}, 3, 40)
    assert found[0]["nothing shown"] == 1
    assert found[0]["missed"] == 0


def test_risk_control_answers_only_if_certified(outcomes):
    pytest.importorskip("mapie")
    rules = _peers.rules()
    found = promises.judge(outcomes, 0.6, rules, 5, 50)
    assert {row["peer"] for row in found} == set(rules)
    assert all(0 <= row["coverage"] <= 1 for row in found)
