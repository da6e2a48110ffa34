from dataclasses import replace

import numpy as np
import pytest

from selective_query import Outcomes, TopKProba
from selective_query.exceptions import MissingEvidenceError
from selective_query.metrics import accuracy_at_coverage
from selective_query.routers import (
    BenefitRouter,
    ClassDoubtRouter,
    MaxProbabilityRouter,
)
from selective_query.routers._class_roots import N_TOP, ClassRoots, roots_of_largest
from selective_query.routers.supervision import privileged_outcomes

N_CLASSES = 12


def specialist(n=1500, seed=0, **changed):
    """Draw a calibrated base, and a global that knows only the even classes."""
    rng = np.random.default_rng(seed)
    base = rng.dirichlet(np.full(N_CLASSES, 0.2), size=n)
    y = (base.cumsum(axis=1) > rng.random((n, 1)) * (1 - 1e-9)).argmax(axis=1)
    answer = np.where(y % 2, rng.integers(N_CLASSES, size=n), y)
    sure = 0.6 * np.eye(N_CLASSES)[answer] + 0.4 / N_CLASSES
    parts = {"base_proba": base, "global_proba": sure, "y": y, "fold": np.arange(n) % 5}
    return Outcomes(**{**parts, **changed})


def listed(outcomes, k=N_TOP):
    order = np.argsort(-outcomes.base_proba, axis=1)[:, :k]
    proba = np.take_along_axis(outcomes.base_proba, order, axis=1)
    return TopKProba(order, proba, N_CLASSES)


@pytest.mark.parametrize("topk", [False, True])
@pytest.mark.parametrize("penalty", [0.5, 20.0])
def test_effects_are_those_of_a_ridge_regression(topk, penalty):
    outcomes = specialist(300)
    weight = np.arange(300) % 3
    proba = listed(outcomes) if topk else outcomes.base_proba
    roots = np.zeros((300, N_CLASSES))
    for row, p in enumerate(outcomes.base_proba):
        largest = np.argsort(-p)[:N_TOP]
        roots[row, largest] = np.sqrt(p[largest])
    gram = roots.T @ (weight[:, None] * roots) + penalty * np.eye(N_CLASSES)
    expected = np.linalg.solve(gram, roots.T @ (weight * outcomes.benefit))
    classes = ClassRoots(proba, weight)
    found = classes.effects(penalty, outcomes.benefit)
    np.testing.assert_allclose(found, expected, atol=1e-8)
    everything = np.arange(300)
    path = list(classes.path((np.inf, 80.0, penalty), outcomes.benefit, everything))
    assert not path[0].any()
    np.testing.assert_allclose(path[2], roots @ expected, atol=1e-7)


def test_all_classes_count_where_there_are_few():
    proba = np.array([[0.25, 0.75], [1.0, 0.0]])
    np.testing.assert_array_equal(roots_of_largest(proba), np.sqrt(proba))


def test_score_by_its_formula():
    outcomes = specialist()
    router = ClassDoubtRouter(class_penalty=30.0).fit(outcomes)
    taught = privileged_outcomes(outcomes)
    free = BenefitRouter(class_smoothing=np.inf).fit(taught).query_score(outcomes)
    line = BenefitRouter(np.inf, np.inf).fit(taught).query_score(outcomes)
    smooth = 0.75 * line + 0.25 * free
    effect = ClassRoots(outcomes.base_proba, outcomes.weight).effects(
        30.0, taught.benefit - smooth
    )
    expected = smooth + roots_of_largest(outcomes.base_proba) @ effect
    np.testing.assert_allclose(router.query_score(outcomes), expected, atol=1e-9)
    assert router.in_benefit_units


def test_classes_that_the_global_does_not_know_are_queried_less():
    train, test = specialist(), specialist(6000, seed=1)

    def accuracy(router):
        return accuracy_at_coverage(
            router.fit(train).query_score(test.evidence),
            test.base_utility,
            test.global_utility,
            coverage=0.7,
        )

    router = ClassDoubtRouter()
    assert accuracy(router) > accuracy(MaxProbabilityRouter()) + 0.02
    effect = router.class_effect_
    assert effect[::2].min() > effect[1::2].max()
    without = ClassDoubtRouter(class_penalty=np.inf)
    assert accuracy(router) > accuracy(without) + 0.01
    assert without.class_effect_ is None


def test_noise_mostly_switches_the_classes_off():
    def is_off(seed):
        rng = np.random.default_rng(seed)
        graded = Outcomes(
            base_proba=rng.dirichlet(np.ones(N_CLASSES), size=300),
            base_utility=rng.integers(2, size=300),
            global_utility=rng.integers(2, size=300),
        )
        return ClassDoubtRouter().fit(graded).class_effect_ is None

    assert np.mean([is_off(seed) for seed in range(20)]) >= 0.5


def test_without_both_sides_it_is_taught_the_benefit():
    alone = specialist(global_proba=None)
    assert ClassDoubtRouter()._taught(alone) is alone
    np.testing.assert_array_equal(
        ClassDoubtRouter().fit(alone).query_score(alone),
        ClassDoubtRouter(supervision="benefit").fit(alone).query_score(alone),
    )
    with pytest.raises(MissingEvidenceError, match="global_proba"):
        ClassDoubtRouter(supervision="privileged").fit(alone)


def test_top_k_probabilities_teach_the_same_effects():
    dense = specialist()
    router = ClassDoubtRouter(class_penalty=30.0, supervision="benefit").fit(dense)
    top = ClassDoubtRouter(class_penalty=30.0, supervision="benefit").fit(
        replace(dense, base_proba=listed(dense))
    )
    correlation = np.corrcoef(router.class_effect_, top.class_effect_)[0, 1]
    assert correlation > 0.95


def test_bad_penalties_are_named():
    with pytest.raises(ValueError, match="class_penalty must be a number >= 0.*-1"):
        ClassDoubtRouter(class_penalty=-1).fit(specialist(60))
    unpenalised = ClassDoubtRouter(class_penalty=0).fit(specialist(60))
    assert np.isfinite(unpenalised.query_score(specialist(60))).all()


def test_features_alone_are_refused():
    graded = Outcomes(
        base_features=np.zeros((60, 2)),
        base_utility=np.zeros(60),
        global_utility=np.ones(60),
    )
    with pytest.raises(MissingEvidenceError, match="ClassDoubtRouter needs base_proba"):
        ClassDoubtRouter().fit(graded)
