from dataclasses import replace

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

from selective_query import HybridClassifier, Outcomes, RoutingPolicy
from selective_query.budgets import (
    All,
    Coverage,
    GroupCoverage,
    MaxQueryCost,
    Mixed,
    StayLocal,
)
from selective_query.datasets import make_selective_query
from selective_query.exceptions import ExportError
from selective_query.export._subject import subject_of
from selective_query.rule import Rule


@pytest.fixture(scope="module")
def outcomes():
    made = make_selective_query(600, random_state=0).outcomes
    rng = np.random.default_rng(0)
    return Outcomes(
        base_proba=made.base_proba, global_proba=made.global_proba, y=made.y,
        group=rng.choice(["north", "south"], 600), query_cost=rng.uniform(1, 2, 600),
        local_only=rng.uniform(size=600) < 0.1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("budget", "group", "names", "reads_local"),
    [
        (0.8, None, [None], False),
        (All(Coverage(0.8), StayLocal()), None, [None], True),
        (GroupCoverage(0.8), "input", ["north", "south"], False),
        (GroupCoverage(0.8, by="predicted_class"), "predicted_class", None, False),
        (MaxQueryCost(0.3), None, [None], False),
    ],
)
def test_a_policy_provides_its_thresholds(outcomes, budget, group, names, reads_local):
    policy = RoutingPolicy("margin", budget).fit(outcomes)
    subject = subject_of(policy)
    assert subject.base is None
    assert subject.group == group
    assert subject.reads_local == reads_local
    if names is None:
        names = sorted(set(outcomes.base_proba.argmax(axis=1)))
    assert [name for name, _ in subject.cuts] == names
    assert len(subject.thresholds) == len(names)
    kept = subject.program.run(outcomes) <= subject.thresholds[0]
    if names == [None] and not reads_local:
        alone = Outcomes(
            base_proba=outcomes.base_proba, global_proba=outcomes.global_proba,
            y=outcomes.y,
        )  # fmt: skip
        np.testing.assert_array_equal(kept, policy.decide(alone.evidence))


def test_thresholds_part_the_same_scores_in_single_precision(outcomes):
    rule = RoutingPolicy("margin").fit(outcomes).rule_
    score = np.float32(0.1)
    behind = np.nextafter(score, np.float32(1))
    just_above = np.nextafter((float(score) + float(behind)) / 2, 1)
    assert np.float32(just_above) > score  # rounded to the nearest it would keep both
    levels = np.array([float(score), float(behind)])
    point = replace(rule.operating_point, threshold=just_above)
    cut = subject_of(rule.cut(point, levels))
    assert cut.single_thresholds(4).tolist() == [score]
    by_class = replace(cut, group="predicted_class", cuts=((2, just_above),))
    assert by_class.single_thresholds(4).tolist() == [np.inf, np.inf, score, np.inf]


def test_a_classifier_provides_base_and_classes():
    X = np.random.default_rng(0).normal(size=(300, 3))
    y = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
    base, other = GaussianNB().fit(X[:100], y[:100]), SVC().fit(X[:100], y[:100])
    hybrid = HybridClassifier(
        FrozenEstimator(base), FrozenEstimator(other), router="margin"
    ).fit(X[100:], y[100:])
    subject = subject_of(hybrid)
    assert subject.base is hybrid.base_estimator_
    assert subject.classes.tolist() == ["no", "yes"]
    assert subject.thresholds.tolist() == [hybrid.operating_point_.threshold]


def test_subjects_that_cannot_be_exported_are_refused(outcomes):
    mixed = RoutingPolicy("margin", Mixed(MaxQueryCost(0.3))).fit(outcomes)
    with pytest.raises(ExportError, match="at random, row by row. Give the budget"):
        subject_of(mixed)
    with pytest.raises(ExportError, match="RandomRouter has no program"):
        subject_of(RoutingPolicy("random").fit(outcomes))
    with pytest.raises(NotFittedError):
        subject_of(RoutingPolicy("margin"))
    rule = RoutingPolicy("margin").fit(outcomes).rule_
    with pytest.raises(NotFittedError, match="ranks and has no threshold"):
        subject_of(rule.cut(None))
    with pytest.raises(TypeError, match="Got GaussianNB"):
        subject_of(GaussianNB())


@pytest.mark.parametrize("budget", [0.8, GroupCoverage(0.8), 0.0, 1.0])
def test_a_rule_is_exported_like_its_policy(outcomes, budget):
    policy = RoutingPolicy("margin", budget).fit(outcomes)
    of_policy = subject_of(policy)
    for rule in (policy.rule_, Rule.from_dict(policy.rule_.to_dict())):
        np.testing.assert_array_equal(subject_of(rule).margins, of_policy.margins)
        assert rule.calibration == policy.rule_.calibration
    levels = np.append(policy.calibration_rows_.score, np.inf)
    for threshold, margin in zip(of_policy.thresholds, of_policy.margins, strict=True):
        behind = levels[levels > threshold].min(initial=np.inf)
        assert margin >= 0
        assert behind == np.inf or margin <= (behind - threshold) / 2
