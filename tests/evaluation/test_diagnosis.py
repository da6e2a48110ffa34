import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB

from selective_query import (
    AbstainingClassifier,
    HybridClassifier,
    Outcomes,
    RoutingPolicy,
)
from selective_query.budgets import GroupCoverage, MinAccuracy
from selective_query.datasets import make_selective_query
from selective_query.evaluation.diagnosis import diagnose

TRAIN, TEST = (
    make_selective_query(600, regime="specialist", random_state=s).outcomes
    for s in (0, 1)
)


def test_a_hybrid_is_taken_apart(digits, frozen_pair):
    X, y = digits[0][600:], digits[1][600:]
    hybrid = HybridClassifier(*frozen_pair, router="margin", coverage=0.7)
    hybrid.fit(X[:600], y[:600])
    gap = diagnose(hybrid, X[600:], y[600:], n_bootstrap=20, random_state=0)
    assert gap.coverage == 0.7
    assert gap.accuracy == pytest.approx(hybrid.score(X[600:], y[600:]))
    kept = hybrid.predict_coverage(X[600:])
    assert gap.realised_coverage == pytest.approx(kept.mean())
    assert sum(s.loss for s in gap.steps) == pytest.approx(1 - gap.accuracy)
    assert "shift" in gap


def test_an_abstention_has_no_step_for_the_global(digits):
    X, y = digits
    model = AbstainingClassifier(GaussianNB(), router="margin", cv=3, coverage=0.8)
    model.fit(X[:600], y[:600])
    gap = diagnose(model, X[600:], y[600:], n_bootstrap=0)
    assert [s.name for s in gap.steps] == ["base", "ranking", "shift", "threshold"]


def test_a_policy_is_judged_on_outcomes_with_their_weights():
    policy = RoutingPolicy("max_probability", coverage=0.8).fit(TRAIN)
    weight = np.arange(600) % 3
    gap = diagnose(policy, TEST, n_bootstrap=0, sample_weight=weight)
    kept = policy.decide(TEST.evidence)
    right = np.where(kept, TEST.base_utility, TEST.global_utility)
    assert gap.accuracy == pytest.approx(np.average(right, weights=weight))
    assert gap.n == 600


def test_calibration_on_evidence_alone_leaves_shift_out():
    policy = RoutingPolicy("max_probability", coverage=0.8)
    policy.fit(TRAIN, held_out=TRAIN.evidence)
    gap = diagnose(policy, TEST, n_bootstrap=0)
    assert [s.name for s in gap.steps] == ["base", "global", "ranking", "threshold"]


def test_a_quality_is_attributed_at_the_coverage_it_ended_at():
    policy = RoutingPolicy("max_probability", coverage=0.8).fit(TRAIN)
    possible = policy.operating_point_.accuracy
    policy = policy.at(MinAccuracy(possible - 0.02))
    gap = diagnose(policy, TEST, n_bootstrap=0)
    assert gap.coverage == policy.operating_point_.coverage > 0.8
    stopped = RoutingPolicy("benefit", coverage=None).fit(TRAIN)
    gap = diagnose(stopped, TEST, n_bootstrap=0)
    assert gap.coverage == stopped.operating_point_.coverage


def test_invalid_models_and_outcomes_are_refused():
    policy = RoutingPolicy("max_probability").fit(TRAIN)
    with pytest.raises(TypeError, match="X must be Outcomes"):
        diagnose(policy, TEST.evidence)
    with pytest.raises(TypeError, match="X must be Outcomes"):
        diagnose(policy, TEST, TEST.y)
    with pytest.raises(TypeError, match="Got GaussianNB"):
        diagnose(GaussianNB(), [[0]], [0])
    with pytest.raises(ValueError, match="y is missing"):
        diagnose(AbstainingClassifier(GaussianNB()), [[0]])
    with pytest.raises(NotFittedError):
        diagnose(RoutingPolicy("max_probability"), TEST)
    alone = Outcomes(base_proba=TEST.base_proba, y=TEST.y)
    with pytest.raises(ValueError, match="no global"):
        diagnose(policy, alone)


def test_thresholds_by_group_are_left_to_one_threshold():
    outcomes = make_selective_query(400, random_state=0).outcomes
    budget = GroupCoverage(0.5, by="predicted_class")
    policy = RoutingPolicy("margin", budget).fit(outcomes)
    with pytest.raises(ValueError, match=r"model\.at\(0\."):
        diagnose(policy, outcomes)
    moved = policy.at(0.6)
    assert moved.calibration_rows_ is policy.calibration_rows_
    assert len(diagnose(moved, outcomes, n_bootstrap=0).steps) == 5
