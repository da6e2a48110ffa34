from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from selective_query import HybridClassifier, RoutingPolicy, load, save
from selective_query.datasets import make_selective_query
from selective_query.exceptions import MissingEvidenceError
from selective_query.outcomes import Outcomes
from selective_query.routers import (
    BenefitRouter,
    FeatureRouter,
    KNNBenefitRouter,
    MaxProbabilityRouter,
    PreRouter,
)
from selective_query.routers.checks import yield_router_checks
from tests.routers.samples import outcomes_with_inputs


@pytest.fixture(scope="module")
def texts():
    """Draw texts, half of them hard for the base independently of its confidence."""
    rng = np.random.default_rng(0)
    hard = rng.random(600) < 0.5
    words = np.where(hard, "prove the lemma", "name the river")
    X = [f"{w} {n}" for w, n in zip(words, rng.integers(100, size=600), strict=True)]
    doubt = rng.uniform(0.05, 0.45, 600)
    return Outcomes(
        X=X,
        base_proba=np.column_stack([1 - doubt, doubt]),
        base_utility=np.where(hard, rng.random(600) < 0.2, rng.random(600) < 0.95),
        global_utility=np.ones(600),
    )


def gained(router, outcomes):
    """Return the mean benefit of the half of the rows that the router would query."""
    score = router.fit_score(outcomes)
    return outcomes.benefit[np.argsort(-score)[:300]].mean()


@pytest.mark.parametrize("router", [None, KNNBenefitRouter()])
def test_texts_tell_more_than_the_base_does(router, texts):
    features = make_pipeline(TfidfVectorizer(), TruncatedSVD(5, random_state=0))
    assert gained(FeatureRouter(features, router), texts) > 0.6
    assert gained(BenefitRouter(), replace(texts, X=None)) < 0.5


def test_it_is_the_router_with_the_columns_among_its_features(texts):
    columns = CountVectorizer().fit_transform(texts.X).toarray()
    own = np.random.default_rng(0).normal(size=(600, 2))
    given = replace(texts, base_features=np.column_stack([own, columns]), X=None)
    router = FeatureRouter(CountVectorizer())
    found = router.fit_score(replace(texts, base_features=own))
    np.testing.assert_allclose(found, BenefitRouter().fit_score(given))
    score = router.query_score(replace(texts, base_features=own).evidence)
    expected = BenefitRouter().fit(given).query_score(given.evidence)
    np.testing.assert_allclose(score, expected)


def test_sparse_rows_are_read_as_dense_ones():
    outcomes = make_selective_query(300, random_state=0).outcomes
    dense = replace(outcomes, X=np.random.default_rng(0).normal(size=(300, 3)))
    sparse = replace(dense, X=csr_matrix(dense.X))
    router = FeatureRouter(FunctionTransformer())
    found = router.fit(sparse).query_score(sparse.evidence)
    np.testing.assert_allclose(found, router.fit(dense).query_score(dense.evidence))


def test_a_policy_of_texts_is_saved(texts, tmp_path):
    router = FeatureRouter(CountVectorizer())
    policy = RoutingPolicy(router, coverage=0.5).fit(texts)
    save(policy, tmp_path / "policy.skops")
    kept = load(tmp_path / "policy.skops").decide(texts.evidence)
    np.testing.assert_array_equal(kept, policy.decide(texts.evidence))


def test_a_hybrid_hands_it_the_inputs(frozen_pair, digits):
    X, y = digits
    router = FeatureRouter(StandardScaler())
    hybrid = HybridClassifier(*frozen_pair, router=router, coverage=0.7)
    hybrid.fit(X[600:1200], y[600:1200])
    assert hybrid.predict_coverage(X[1200:]).mean() == pytest.approx(0.7, abs=0.08)


def test_it_has_no_program_and_a_cost(texts):
    router = FeatureRouter(CountVectorizer(), BenefitRouter(alpha=1)).fit(texts)
    assert router.decision_cost(texts.take([0])).macs > 5
    with pytest.raises(TypeError, match="a transformer converts X to columns"):
        router.program()


@pytest.mark.parametrize(
    ("router", "error", "says"),
    [
        (FeatureRouter(TfidfVectorizer), TypeError, "instance of a transformer"),
        (FeatureRouter(str.lower), TypeError, "FunctionTransformer makes one"),
        (FeatureRouter(CountVectorizer(), "benefit"), TypeError, "takes as router"),
        (FeatureRouter(FunctionTransformer()), MissingEvidenceError, "X of numbers"),
    ],
)
def test_what_cannot_work_is_refused(router, error, says, texts):
    with pytest.raises(error, match=says):
        router.fit(texts)


def test_what_is_missing_is_named(texts):
    router = FeatureRouter(CountVectorizer(), MaxProbabilityRouter())
    with pytest.raises(MissingEvidenceError, match="FeatureRouter needs X"):
        router.fit(replace(texts, X=None))
    with pytest.raises(MissingEvidenceError, match="needs base_proba"):
        router.fit(replace(texts, base_proba=None)).query_score(
            replace(texts, base_proba=None).evidence
        )


@pytest.mark.parametrize("router", [BenefitRouter(), KNNBenefitRouter(space="X")])
def test_texts_raise_an_error_that_names_feature_router(router, texts):
    with pytest.raises(MissingEvidenceError, match=r"FeatureRouter\(Tfidf.*PreRouter"):
        router.fit(replace(texts, base_proba=None))
    PreRouter(features=CountVectorizer()).fit(texts)


CHECKS = yield_router_checks(
    FeatureRouter(FunctionTransformer()), make_outcomes=outcomes_with_inputs
)


@pytest.mark.parametrize("check", [pytest.param(c, id=n) for n, c in CHECKS])
def test_it_passes_the_router_checks(check):
    check()
