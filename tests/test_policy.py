import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from selective_query import Outcomes, RoutingPolicy
from selective_query.datasets import make_selective_query
from selective_query.exceptions import BoundRouterError, CertificateError
from selective_query.policy import UNCHANGED


@pytest.fixture(scope="module")
def outcomes():
    return make_selective_query(600, regime="specialist", random_state=0).outcomes


def test_decides_by_the_threshold(outcomes):
    policy = RoutingPolicy("margin", coverage=0.7).fit(outcomes)
    kept = policy.decide(outcomes.evidence)
    score = policy.query_score(outcomes.evidence)
    np.testing.assert_array_equal(kept, score <= policy.operating_point_.threshold)
    assert kept.mean() == pytest.approx(policy.operating_point_.coverage)
    assert policy.operating_point_.certificate.exact


def test_certificate_needs_rows_that_nothing_learned_from(outcomes):
    RoutingPolicy("margin", confidence=0.9).fit(outcomes)
    with pytest.raises(CertificateError):
        RoutingPolicy("benefit", confidence=0.9).fit(outcomes)
    held_out = RoutingPolicy(
        "benefit", confidence=0.9, calibration=0.5, random_state=0
    ).fit(outcomes)
    assert held_out.operating_point_.certificate.n == 300
    extra = make_selective_query(50, regime="specialist", random_state=1).outcomes
    given = RoutingPolicy("benefit", confidence=0.9).fit(outcomes, held_out=extra)
    assert given.operating_point_.certificate.n == 50
    assert given.operating_point_.certificate.exact


def test_outcomes_with_folds_are_not_exact(outcomes):
    fields = {
        name: getattr(outcomes, name)
        for name in ("base_proba", "base_features", "global_pred", "y")
    }
    folded = Outcomes(**fields, fold=np.arange(600) % 3)
    policy = RoutingPolicy("margin").fit(folded)
    assert not policy.operating_point_.certificate.exact


def test_held_out_rows_do_not_reach_the_router(outcomes):
    policy = RoutingPolicy("benefit", calibration=0.5, random_state=3).fit(outcomes)
    order = np.random.RandomState(3).permutation(600)
    by_hand = RoutingPolicy("benefit").fit(outcomes.take(np.sort(order[300:])))
    np.testing.assert_allclose(policy.router_.coef_, by_hand.router_.coef_)


def test_at_is_a_shallow_copy(outcomes):
    policy = RoutingPolicy("benefit", coverage=0.9).fit(outcomes)
    moved = policy.at(0.6)
    assert moved.router_ is policy.router_
    assert (moved.coverage, policy.coverage) == (0.6, 0.9)
    assert moved.operating_point_.threshold < policy.operating_point_.threshold
    assert policy.at(None).operating_point_.threshold == 0
    assert UNCHANGED not in (moved.confidence, policy.confidence)


def test_router_trained_for_a_coverage_gets_it(outcomes):
    policy = RoutingPolicy("auto", coverage=0.7).fit(outcomes)
    assert policy.router_.target_coverage == 0.7
    assert policy.at(0.5).router_.target_coverage == 0.7


def test_graded_answers_need_no_probabilities():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    weak, strong = rng.uniform(size=(2, 400))
    strong = np.clip(strong * 0.5 + 0.5 * (X[:, 0] > 0), 0, 1)
    graded = Outcomes(X=X, base_utility=weak, global_utility=strong)
    policy = RoutingPolicy(coverage=0.5).fit(graded)
    queried = ~policy.decide(graded.evidence)
    assert X[queried, 0].mean() > 0.5


@pytest.mark.parametrize("bound", ["oracle", "always_base", "always_global"])
def test_bounds_are_refused(outcomes, bound):
    with pytest.raises(BoundRouterError, match=bound):
        RoutingPolicy(bound).fit(outcomes)


def test_bad_input(outcomes):
    with pytest.raises(TypeError, match="takes Outcomes"):
        RoutingPolicy().fit(outcomes.evidence)
    with pytest.raises((TypeError, ValueError), match="router"):
        RoutingPolicy(router=3).fit(outcomes)
    with pytest.raises(ValueError, match=r"Did you mean 0\.9"):
        RoutingPolicy(coverage=90).fit(outcomes)
    with pytest.raises(ValueError, match="leaves one side empty"):
        RoutingPolicy("margin", calibration=0.001).fit(outcomes.take(np.arange(20)))
    with pytest.raises(NotFittedError):
        RoutingPolicy().decide(outcomes.evidence)
