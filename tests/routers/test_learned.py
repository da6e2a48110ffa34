import warnings

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from selective_query import Outcomes, RoutingPolicy, TopKProba
from selective_query.routers import LearnedRouter
from selective_query.routers.checks import (
    _scoring,
    fields_of,
    sample_outcomes,
    yield_router_checks,
)

SHARP = LogisticRegression(C=0.1, tol=1e-9, max_iter=2000)
ROUTERS = {
    "regressor": LearnedRouter(Ridge(10.0)),
    "classifier": LearnedRouter(SHARP),
    "label": LearnedRouter(SHARP, "proxy"),
    "pipeline": LearnedRouter(make_pipeline(FunctionTransformer(), Ridge(10.0))),
    "wins": LearnedRouter(Ridge(10.0), "win"),
}
CHECKS = [
    pytest.param(check, id=f"{kind}-{label.removeprefix('check_')}")
    for kind, router in ROUTERS.items()
    for label, check in yield_router_checks(router)
]


@pytest.mark.parametrize("check", CHECKS)
def test_router(check):
    check()


def test_trees_do_not_cut_at_a_value():
    router = LearnedRouter(HistGradientBoostingRegressor(max_iter=20))
    _scoring.check_a_row_scores_alone_as_in_a_batch(router)
    _scoring.check_last_digits_do_not_matter(router)


def rates(win, loss, n=1000):
    draw = np.random.default_rng(0).random(n)
    benefit = np.where(draw < win, 1, np.where(draw < win + loss, -1, 0))
    rng = np.random.default_rng(1)
    return Outcomes(
        base_features=rng.normal(size=(n, 1)),
        base_utility=(benefit < 1).astype(float),
        global_utility=(benefit > -1).astype(float),
    )


@pytest.mark.parametrize("estimator", [LinearRegression(), SHARP])
def test_scores_are_in_units_of_what_is_taught(estimator):
    outcomes = rates(0.4, 0.1)
    for supervision, mean in (
        ("benefit", outcomes.benefit.mean()),
        ("proxy", outcomes.proxy_label.mean()),
    ):
        router = LearnedRouter(estimator, supervision).fit(outcomes)
        score = router.query_score(outcomes.evidence)
        np.testing.assert_allclose(score.mean(), mean, atol=1e-3)
    assert LearnedRouter(estimator).in_benefit_units
    assert not LearnedRouter(estimator, "proxy").in_benefit_units


def test_a_linear_model_sees_columns_and_the_mean_of_the_class():
    outcomes = sample_outcomes()
    router = LearnedRouter(LinearRegression()).fit(outcomes)
    with_class = len(router.estimator_.coef_)
    router = LearnedRouter(LinearRegression(), class_smoothing=np.inf).fit(outcomes)
    assert len(router.estimator_.coef_) == with_class - 1 == len(router.centre_)
    assert router.class_mean_ is None


class Remembers(LinearRegression):
    """A regressor that stores its training data."""

    def fit(self, X, y, sample_weight=None):
        self.shown_ = X
        return super().fit(X, y, sample_weight)


def test_mean_of_the_class_does_not_hold_the_rows_own_benefit():
    outcomes = sample_outcomes()
    flipped = outcomes.global_utility.copy()
    flipped[7] = 1 - flipped[7]
    own = [
        LearnedRouter(Remembers())
        .fit(Outcomes(**fields_of(outcomes), global_utility=utility))
        .estimator_.shown_[:, -1]
        for utility in (outcomes.global_utility, flipped)
    ]
    same_fold = outcomes.fold == outcomes.fold[7]
    np.testing.assert_array_equal(own[0][same_fold], own[1][same_fold])
    assert (own[0] != own[1]).any()


def test_class_means_are_shrunk_towards_the_mean():
    outcomes = sample_outcomes()
    router = LearnedRouter(Ridge(), class_smoothing=10.0).fit(outcomes)
    predicted = outcomes.base_proba.argmax(axis=1)
    for k in range(4):
        own = outcomes.benefit[predicted == k]
        shrunk = (own.sum() + 10 * outcomes.benefit.mean()) / (len(own) + 10)
        np.testing.assert_allclose(router.class_mean_[k], shrunk)


def test_two_folds_can_still_be_held_out():
    old = sample_outcomes()
    outcomes = Outcomes(**fields_of(old, fold=np.arange(240) % 2))
    assert np.isfinite(LearnedRouter(Ridge()).fit_score(outcomes)).all()


def test_fewer_than_ten_rows_are_refused_and_ten_are_enough():
    old = sample_outcomes(20)
    plain = Outcomes(**fields_of(old, fold=None))
    for n in (1, 9):
        for method in ("fit", "fit_score"):
            with pytest.raises(ValueError, match="at least 10 rows"):
                getattr(LearnedRouter(Ridge()), method)(plain.take(np.arange(n)))
    assert LearnedRouter(Ridge()).fit_score(plain.take(np.arange(10))).shape == (10,)
    light = Outcomes(**fields_of(old, fold=None, sample_weight=np.arange(20) < 9))
    with pytest.raises(ValueError, match="at least 10 rows"):
        LearnedRouter(Ridge()).fit(light)


def test_models_without_weights_learn_from_equal_ones_only():
    old = sample_outcomes()
    weighted = Outcomes(**fields_of(old, sample_weight=np.arange(240) + 1.0))
    router = LearnedRouter(KNeighborsRegressor())
    assert np.isfinite(router.fit_score(old)).all()
    with pytest.raises(ValueError, match="KNeighborsRegressor takes no sample_weight"):
        router.fit(weighted)
    neighbours = KNeighborsClassifier(15)
    assert np.isfinite(LearnedRouter(neighbours, "proxy").fit_score(old)).all()
    with pytest.raises(ValueError, match="labels between 0 and 1"):
        LearnedRouter(neighbours, "benefit").fit(old)


def test_one_label_only_gives_the_constant_that_it_is():
    old = sample_outcomes()
    right = Outcomes(**fields_of(old, y=None), base_utility=np.ones(240),
                     global_utility=np.ones(240))  # fmt: skip
    score = LearnedRouter(GaussianNB(), "proxy").fit_score(right)
    np.testing.assert_array_equal(score, 0)


def test_a_thousand_classes_in_top_k_form():
    rng = np.random.default_rng(0)
    classes = np.argsort(rng.random((200, 1000)), axis=1)[:, :3]
    top = TopKProba(classes, rng.dirichlet([9, 3, 1], 200) * 0.9, 1000)
    outcomes = Outcomes(base_proba=top, global_proba=top, y=classes[:, 1])
    for supervision in ("benefit", "soft", "mixed", "diff_prob", "max_prob"):
        router = LearnedRouter(Ridge(), supervision)
        assert np.isfinite(router.fit_score(outcomes)).all()


def test_works_in_a_policy_and_stops_where_a_query_gains_nothing():
    outcomes = sample_outcomes(600)
    policy = RoutingPolicy(LearnedRouter(Ridge(10.0)), coverage=0.8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        policy.fit(outcomes)
    assert abs(policy.decide(outcomes.evidence).mean() - 0.8) < 0.05
    assert policy.at(None).operating_point_.threshold == 0
