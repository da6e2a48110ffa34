from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.naive_bayes import GaussianNB

from selective_query import Evidence, Outcomes, TopKProba, outcomes_from_models
from selective_query.routers import BenefitRouter, BoostedBenefitRouter
from selective_query.routers.checks import fields_of, sample_outcomes


def stepped(n, seed):
    """Draw a global that wins where two features have the same sign (not linear)."""
    rng = np.random.default_rng(seed)
    features = rng.uniform(-1, 1, size=(n, 2))
    rate = np.where(features.prod(axis=1) > 0, 0.9, 0.1)
    return Outcomes(
        base_proba=np.tile([0.6, 0.4], (n, 1)),
        base_features=features,
        base_utility=np.zeros(n),
        global_utility=(rng.random(n) < rate).astype(float),
    )


def checkered(n, squares):
    """Draw a global that is right on the white squares of a chessboard."""
    features = np.random.default_rng(0).uniform(size=(n, 2))
    white = (squares * features).astype(int).sum(axis=1) % 2
    return Outcomes(
        base_features=features,
        base_utility=np.zeros(n),
        global_utility=white.astype(float),
    )


def error(router, train, test):
    score = router.fit(train).query_score(test.evidence)
    return np.mean((score - test.benefit) ** 2)


def test_finds_an_interaction_that_the_ridge_regression_cannot():
    train, test = stepped(1500, 0), stepped(1500, 1)
    assert error(BenefitRouter(), train, test) > 0.23
    assert error(BoostedBenefitRouter(max_trees=60), train, test) < 0.13


def test_grows_no_tree_where_none_helps():
    rng = np.random.default_rng(0)
    noise = Outcomes(
        base_features=rng.normal(size=(200, 3)),
        base_utility=np.zeros(200),
        global_utility=(rng.random(200) < 0.5).astype(float),
    )
    router = BoostedBenefitRouter(max_trees=60, leaf_smoothing=1.0).fit(noise)
    assert router.n_trees_ == 0
    assert router.trees_ is None
    np.testing.assert_array_equal(
        router.query_score(noise.evidence), router.ridge_.query_score(noise.evidence)
    )


def test_held_out_scores_are_those_of_fits_without_the_fold():
    drawn, fold = stepped(400, 0), np.arange(400) % 4
    flipped = np.where(fold == 1, 1 - drawn.global_utility, drawn.global_utility)
    known_outcomes = [
        replace(drawn, fold=fold, global_utility=utility)
        for utility in (drawn.global_utility, flipped)
    ]
    # With a single number of trees and a single penalty, no choice can leak labels.
    scores = []
    for known in known_outcomes:
        columns, folds = grown_folds(known, max_trees=10)
        scores.append([fold.scored(columns, 1, 10)[2] for fold in folds])
    np.testing.assert_allclose(scores[0][1], scores[1][1], atol=1e-9)
    assert np.abs(scores[0][2] - scores[1][2])[fold == 2].max() > 0.01


def grown_folds(known, max_trees):
    router = BoostedBenefitRouter(max_trees=max_trees)
    router.ridge_ = BenefitRouter(100.0, np.inf)
    problem, _ = router.ridge_._fit_problem(known)
    columns = np.hstack([known.base_proba, known.base_features])
    folds = router._folds(problem, known, columns)
    assert folds[0].trees is not None, "the first fold says that trees pay"
    return columns, folds


def test_a_stage_of_a_fold_scores_all_rows_by_the_first_trees():
    known = replace(stepped(400, 0), fold=np.arange(400) % 4)
    columns, grown_further = grown_folds(known, max_trees=30)
    _, folds = grown_folds(known, max_trees=20)
    for fold, further in zip(folds, grown_further, strict=True):
        _, _, score = further.scored(columns, 2, 20)
        np.testing.assert_array_equal(score, fold.score + fold.trees.predict(columns))


def test_trees_that_grow_on_are_those_grown_at_once():
    known = stepped(400, 0)
    columns = known.base_features
    grown = partial(BoostedBenefitRouter()._grown, columns, known.benefit, known.weight)
    grown_on = grown(30, begun=grown(20))
    np.testing.assert_array_equal(grown_on.predict(columns), grown(30).predict(columns))


def test_rows_of_the_fit_score_alone_as_in_their_batch():
    # Naive Bayes returns probabilities that differ only in their last digits.
    X, y = load_digits(return_X_y=True)
    models = GaussianNB(), ExtraTreesClassifier(random_state=0)
    base, dear = (model.fit(X[:400], y[:400]) for model in models)
    outcomes = outcomes_from_models(base, dear, X[400:1300], y[400:1300])
    router = BoostedBenefitRouter().fit(outcomes)
    assert router.n_trees_ > 0
    score = router.query_score(outcomes)
    alone = [router.query_score(outcomes.evidence.take([i]))[0] for i in range(90)]
    np.testing.assert_allclose(alone, score[:90], atol=1e-9)
    cut = np.nextafter(outcomes.base_proba, 1)
    np.testing.assert_allclose(
        router.query_score(Evidence(base_proba=cut, X=outcomes.X)), score, atol=1e-9
    )


@pytest.mark.parametrize("max_trees", [1, 15, 20])
def test_number_of_trees_is_one_that_was_compared(max_trees):
    router = BoostedBenefitRouter(max_trees=max_trees).fit(stepped(600, 0))
    assert 0 < router.n_trees_ <= max_trees
    assert len(router.trees_["root"]) == router.n_trees_


def test_rows_without_weight_teach_nothing():
    old = sample_outcomes(400)
    used = np.arange(400) % 4 > 0
    weighted = Outcomes(**fields_of(old, sample_weight=used.astype(float)))
    new = sample_outcomes(50, seed=1).evidence
    np.testing.assert_allclose(
        BoostedBenefitRouter(max_trees=20).fit(weighted).query_score(new),
        BoostedBenefitRouter(max_trees=20).fit(old.take(used)).query_score(new),
        atol=0.02,
    )


def test_a_thousand_classes_in_top_k_form():
    rng = np.random.default_rng(0)
    classes = np.argsort(rng.random((200, 1000)), axis=1)[:, :3]
    top = TopKProba(classes, rng.dirichlet([9, 3, 1], 200) * 0.9, 1000)
    outcomes = Outcomes(base_proba=top, global_proba=top, y=classes[:, 1])
    assert np.isfinite(BoostedBenefitRouter(max_trees=10).fit_score(outcomes)).all()


def test_few_rows_and_a_wrong_number_of_trees_are_refused():
    old = sample_outcomes()
    few = Outcomes(base_proba=old.base_proba[:9], base_utility=np.ones(9))
    with pytest.raises(ValueError, match="at least 10 rows"):
        BoostedBenefitRouter().fit(few)
    with pytest.raises(ValueError, match="max_trees"):
        BoostedBenefitRouter(max_trees=0).fit(old)


def test_no_trees_where_they_mislead_on_the_first_fold():
    drawn, fold = stepped(1500, 0), np.arange(1500) % 5
    router = BoostedBenefitRouter(leaf_smoothing=1.0)
    assert router.fit(replace(drawn, fold=fold)).n_trees_ > 0
    noise = np.random.default_rng(1).integers(2, size=1500)
    misled = np.where(fold == 0, noise, drawn.global_utility).astype(float)
    known = replace(drawn, fold=fold, global_utility=misled)
    assert router.fit(known).n_trees_ == 0
    # With another fold first the trees pay off, as they do over all folds.
    assert router.fit(replace(known, fold=(fold + 4) % 5)).n_trees_ > 0


def test_cost_counts_splits_leaves_and_the_longest_path():
    outcomes = checkered(1500, squares=2)
    router = BoostedBenefitRouter(max_trees=1, max_leaf_nodes=4).fit(outcomes)
    ridge = router.ridge_.decision_cost(outcomes)
    cost = router.decision_cost(outcomes)
    # Three splits, four leaves, the offset; a sum of the trees, and with the ridge.
    assert cost.flash_bytes - ridge.flash_bytes == 4 * (3 * 2 + 4 * 1 + 1)
    assert cost.macs - ridge.macs in (2 + 1 + 1, 3 + 1 + 1)


def test_default_trees_fit_into_sixteen_kilobytes():
    outcomes = checkered(3000, squares=6)
    router = BoostedBenefitRouter().fit(outcomes)
    assert router.n_trees_ == 60
    assert router.decision_cost(outcomes).flash_bytes < 16 * 1024
