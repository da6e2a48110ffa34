from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_matrix
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge

from selective_query import Evidence, HybridClassifier, Outcomes, RoutingPolicy
from selective_query.budgets import GroupCoverage, MaxLatency
from selective_query.costs import ConstantCosts
from selective_query.exceptions import MissingEvidenceError
from selective_query.routers import (
    BenefitRouter,
    KNNBenefitRouter,
    KNNDistanceRouter,
    LearnedRouter,
    MaxProbabilityRouter,
    PreRouter,
    ProxyLogisticRouter,
    TwoStageRouter,
    _table,
)
from selective_query.routers.supervision import soft_outcomes


class Counting:
    """A fitted model that counts the rows that it predicts."""

    def __init__(self, model):
        self.model = model
        self.classes_ = model.classes_
        self.n_asked = 0

    def fit(self, X, y):
        raise AssertionError("a frozen model must not be fitted")

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X):
        self.n_asked += len(X)
        return self.model.predict_proba(X)


@pytest.fixture
def counted(digits, frozen_pair):
    X, y = digits
    base, global_ = (Counting(model.estimator) for model in frozen_pair)
    hybrid = HybridClassifier(
        FrozenEstimator(base), FrozenEstimator(global_), router=PreRouter(),
        coverage=0.7,
    )  # fmt: skip
    hybrid.fit(X[600:1200], y[600:1200])
    base.n_asked = global_.n_asked = 0
    return hybrid, base, global_


def known(n=500, seed=0):
    """Draw a global that is right where the first input is positive, the base never."""
    X = np.random.default_rng(seed).normal(size=(n, 3))
    return Outcomes(
        X=X,
        base_proba=np.tile([0.6, 0.4], (n, 1)),
        base_utility=np.zeros(n),
        global_utility=(X[:, 0] > 0).astype(float),
    )


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_each_side_runs_on_its_own_rows_only(counted, digits, method):
    hybrid, base, global_ = counted
    X = digits[0][1200:]
    answers = getattr(hybrid, method)(X)
    kept = hybrid.predict_coverage(X)
    assert 0 < kept.sum() < len(X)
    assert (base.n_asked, global_.n_asked) == (kept.sum(), (~kept).sum())
    for model, rows in ((base, kept), (global_, ~kept)):
        np.testing.assert_array_equal(answers[rows], getattr(model, method)(X[rows]))


@pytest.mark.parametrize("coverage", [0.0, 1.0])
def test_one_side_may_have_nothing_to_do(counted, digits, coverage):
    hybrid, base, global_ = counted
    X = digits[0][1200:]
    hybrid.at(coverage).predict_proba(X)
    assert base.n_asked == coverage * len(X)
    assert global_.n_asked == (1 - coverage) * len(X)


def test_deciding_and_scoring_run_neither_side(counted, digits):
    hybrid, base, global_ = counted
    hybrid.predict_coverage(digits[0][1200:])
    hybrid.query_score(digits[0][1200:])
    assert base.n_asked == global_.n_asked == 0


def test_report_still_knows_both_sides_everywhere(counted, digits):
    hybrid, _, _ = counted
    X, y = digits[0][1200:], digits[1][1200:]
    report = hybrid.report(X, y, query_all=True)
    assert report.accuracy == pytest.approx((hybrid.predict(X) == y).mean())
    base_right = hybrid.base_estimator_.predict(X) == y
    assert report.base_accuracy == pytest.approx(base_right.mean())


def test_it_learns_from_the_inputs_what_the_base_cannot_tell():
    router = PreRouter().fit(known())
    new = known(seed=1)
    kept = router.query_score(new.evidence) <= 0.5
    assert (kept == (new.global_utility == 0)).mean() > 0.95
    np.testing.assert_array_equal(
        router.query_score(new.evidence), router.query_score(Evidence(X=new.X))
    )


def test_held_out_scores_are_those_of_the_inner_router():
    outcomes = known()
    alone = Outcomes(
        X=outcomes.X, base_utility=outcomes.base_utility,
        global_utility=outcomes.global_utility,
    )  # fmt: skip
    np.testing.assert_array_equal(
        PreRouter().fit_score(outcomes), BenefitRouter().fit_score(alone)
    )


def test_texts_become_columns():
    texts = ["prove the theorem", "hello there"] * 30
    outcomes = Outcomes(
        X=texts, base_utility=np.tile([0, 1], 30), global_utility=np.ones(60)
    )
    router = PreRouter(features=CountVectorizer()).fit(outcomes)
    score = router.query_score(Evidence(X=["prove the lemma", "hello you"]))
    assert score[0] > score[1] + 0.5
    with pytest.raises(MissingEvidenceError, match="Turn texts into features"):
        PreRouter().fit(outcomes)


@pytest.mark.parametrize(
    "router",
    [None, ProxyLogisticRouter(), KNNBenefitRouter(space="X"), LearnedRouter(Ridge())],
)
@pytest.mark.parametrize("make", [csr_matrix, csc_array])
def test_a_sparse_X_scores_as_the_dense_one(router, make):
    dense = known(120)
    sparse = replace(dense, X=make(dense.X))
    found = PreRouter(router).fit(sparse).query_score(sparse.evidence)
    expected = PreRouter(router).fit(dense).query_score(dense.evidence)
    np.testing.assert_array_equal(found, expected)


def test_more_sparse_columns_than_rows_are_no_matter():
    texts = [f"word{i} word{i % 2}" for i in range(60)]
    features = HashingVectorizer(n_features=2**16)
    outcomes = Outcomes(
        X=features.transform(texts),
        base_utility=np.tile([0, 1], 30),
        global_utility=np.ones(60),
    )
    router = PreRouter().fit(outcomes)
    score = router.query_score(Evidence(X=features.transform(["word0", "word1"])))
    assert score[0] > score[1] + 0.2


def test_a_sparse_X_that_would_not_fit_dense_is_refused(monkeypatch):
    monkeypatch.setattr(_table, "MOST_DENSE", 100)
    with pytest.raises(ValueError, match=r"shape \(500, 3\).*TruncatedSVD"):
        PreRouter().fit(replace(known(), X=csr_matrix(known().X)))


@pytest.mark.parametrize("router", [PreRouter(), KNNDistanceRouter(space="X")])
def test_non_numeric_inputs_raise_an_error_with_a_remedy(router):
    for X in (["a text"] * 60, np.zeros((60, 2, 2)), np.zeros(60)):
        outcomes = Outcomes(X=X, base_utility=np.zeros(60))
        with pytest.raises(MissingEvidenceError, match=r"PreRouter\(features="):
            router.fit(outcomes)
    for X in (np.full((60, 2), np.nan), csr_matrix(np.full((60, 2), np.inf))):
        outcomes = Outcomes(X=X, base_utility=np.zeros(60))
        with pytest.raises(ValueError, match=r"NaN.*PreRouter\(features="):
            router.fit(outcomes)


@pytest.mark.parametrize("router", ["benefit", BenefitRouter, Ridge()])
def test_what_is_no_router_is_named(router):
    with pytest.raises(TypeError, match="an instance of a BaseRouter subclass"):
        PreRouter(router).fit(known())


@pytest.mark.parametrize("router", [MaxProbabilityRouter(), KNNBenefitRouter()])
def test_a_router_that_reads_more_than_inputs_is_named(router):
    with pytest.raises(
        MissingEvidenceError, match=f"columns of X and .*{type(router).__name__} needs"
    ):
        PreRouter(router).fit_score(known())


@pytest.mark.parametrize("features", ["tfidf", TfidfVectorizer, len, Ridge()])
def test_what_is_no_transformer_is_named(features):
    with pytest.raises(TypeError, match="an instance of a transformer"):
        PreRouter(features=features).fit(known())


def test_supervision_may_read_what_the_router_does_not():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(3), size=(2, 200))
    X = rng.normal(size=(200, 2))
    outcomes = Outcomes(
        X=X, base_proba=proba[0], global_proba=proba[1], y=rng.integers(3, size=200)
    )
    taught = soft_outcomes(outcomes, proba[1])
    expected = PreRouter().fit(taught).query_score(outcomes.evidence)
    found = PreRouter(supervision="soft").fit(outcomes).query_score(outcomes.evidence)
    np.testing.assert_allclose(found, expected)


def test_units_of_benefit_are_those_of_router_and_supervision():
    assert PreRouter().in_benefit_units
    assert not PreRouter(TwoStageRouter(0.1)).in_benefit_units
    assert not PreRouter(supervision="proxy").in_benefit_units


def test_costs_that_spare_the_base_need_a_router_that_does():
    costs = ConstantCosts(base_latency_ms=40, query_latency_ms=240, router_first=True)
    policy = RoutingPolicy(PreRouter(), coverage=MaxLatency(140, costs)).fit(known())
    # Half of the inputs at 40 ms and half at 240 ms.
    assert policy.operating_point_.coverage == pytest.approx(0.5, abs=0.01)
    with pytest.raises(ValueError, match="before the base has run.* PreRouter"):
        RoutingPolicy("benefit", coverage=MaxLatency(140, costs)).fit(known())


@pytest.mark.filterwarnings("ignore:Many rows share the score")
def test_a_budget_that_reads_the_base_lets_it_run(digits, frozen_pair):
    X, y = digits
    hybrid = HybridClassifier(*frozen_pair, router=PreRouter(), coverage=0.5).fit(
        X[600:1200], y[600:1200]
    )
    assert not hybrid.rule_.needs_base
    grouped = HybridClassifier(
        *frozen_pair, router=PreRouter(),
        coverage=GroupCoverage(0.5, by="predicted_class"),
    ).fit(X[600:1200], y[600:1200])  # fmt: skip
    assert grouped.rule_.needs_base
    kept = grouped.predict_coverage(X[1200:])
    assert kept.mean() == pytest.approx(0.5, abs=0.15)
    assert grouped.predict(X[1200:]).shape == (597,)
