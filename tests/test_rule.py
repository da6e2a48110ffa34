"""A rule decides like the policy that created it, and all decisions use a rule."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB

from selective_query import Evidence, HybridClassifier, RoutingPolicy, Rule
from selective_query.budgets import All, Coverage, StayLocal
from selective_query.datasets import make_selective_query


@pytest.fixture(scope="module")
def outcomes():
    return make_selective_query(600, random_state=0).outcomes


def test_a_policy_decides_by_its_rule(outcomes):
    policy = RoutingPolicy("benefit", coverage=0.7, random_state=0).fit(outcomes)
    rule = policy.rule_
    assert isinstance(rule, Rule)
    np.testing.assert_array_equal(rule.decide(outcomes), policy.decide(outcomes))
    np.testing.assert_array_equal(rule.score(outcomes), policy.query_score(outcomes))
    assert rule.operating_point is policy.operating_point_
    assert rule.router is policy.router_
    assert (rule.budget, rule.certificate) == (
        Coverage(0.7),
        policy.operating_point_.certificate,
    )


def test_at_makes_another_rule_and_leaves_the_first(outcomes):
    policy = RoutingPolicy("margin", coverage=0.9).fit(outcomes)
    kept = policy.rule_.decide(outcomes)
    lower = policy.at(0.5)
    assert lower.rule_.router is policy.rule_.router
    assert lower.rule_.decide(outcomes).mean() == pytest.approx(0.5, abs=0.01)
    np.testing.assert_array_equal(policy.rule_.decide(outcomes), kept)


def test_a_rule_is_frozen(outcomes):
    rule = RoutingPolicy("margin").fit(outcomes).rule_
    with pytest.raises(FrozenInstanceError):
        rule.operating_point = None


def test_queried_rows_are_those_that_are_not_kept(outcomes):
    rule = RoutingPolicy("margin", coverage=0.8).fit(outcomes).rule_
    kept = rule.decide(outcomes)
    passed_on = rule.queried(outcomes)
    assert 0 < passed_on.n_rows == (~kept).sum()
    np.testing.assert_array_equal(passed_on.y, outcomes.y[~kept])
    np.testing.assert_array_equal(passed_on.base_proba, outcomes.base_proba[~kept])


def test_rows_that_must_stay_are_scored_so(outcomes):
    stays = np.arange(outcomes.n_rows) % 3 == 0
    marked = Evidence(base_proba=outcomes.base_proba, local_only=stays)
    rule = RoutingPolicy("margin", coverage=0.5).fit(outcomes).rule_
    np.testing.assert_array_equal(np.isneginf(rule.score(marked)), stays)
    assert rule.decide(marked)[stays].all()
    assert not rule.decide(marked)[~stays].all()


def test_what_a_rule_needs(outcomes):
    X = np.arange(600.0)[:, None]
    proba = outcomes.base_proba
    rows = Evidence(base_proba=proba, X=X)
    budget = All(0.6, StayLocal(where=_is_early))
    policy = RoutingPolicy("margin", coverage=budget).fit(replace(outcomes, X=X), rows)
    assert policy.rule_.needs_base
    assert policy.rule_.local == (StayLocal(where=_is_early),)
    assert policy.rule_.decide(rows)[:100].all()
    wider = np.hstack([proba, np.zeros((600, 1))])
    with pytest.raises(ValueError, match="base_proba must have a column for each"):
        policy.rule_.score(Evidence(base_proba=wider, X=X))


def _is_early(X):
    return X[:, 0] < 100


def test_a_classifier_decides_by_its_rule(digits_hybrid):
    hybrid, X = digits_hybrid
    rule, edge = hybrid.rule_, hybrid.edge_
    assert rule is hybrid.policy_.rule_
    np.testing.assert_array_equal(
        rule.decide(edge.evidence(X)), hybrid.predict_coverage(X)
    )
    answers, kept = edge.route(X)
    np.testing.assert_array_equal(kept, hybrid.predict_coverage(X))
    np.testing.assert_array_equal(
        hybrid.classes_[answers.label[kept]], hybrid.predict(X)[kept]
    )


@pytest.fixture(scope="module")
def digits_hybrid():
    X, y = load_digits(return_X_y=True)
    hybrid = HybridClassifier(
        GaussianNB(), ExtraTreesClassifier(10, random_state=0), router="margin"
    )
    return hybrid.fit(X[:500], y[:500]), X[500:700]


def test_a_rule_without_a_threshold_says_so(outcomes):
    rule = RoutingPolicy("margin").new_rule(outcomes)
    assert rule.needs_base
    assert rule.score(outcomes).shape == (600,)
    with pytest.raises(NotFittedError, match="has no threshold yet"):
        rule.decide(outcomes)
