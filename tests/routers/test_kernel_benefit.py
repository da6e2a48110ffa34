import numpy as np
import pytest

from selective_query import Outcomes, TopKProba
from selective_query.routers import BenefitRouter, KernelBenefitRouter
from selective_query.routers.checks import fields_of, sample_outcomes
from selective_query.routers.supervision import soft_outcomes


def curved(n, seed):
    """Draw a benefit that rises and falls again, which no linear model can fit."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(-2, 2, size=n)
    wins = rng.random(n) < np.where(np.abs(place) < 1, 0.9, 0.1)
    proba = np.tile([0.6, 0.4], (n, 1))
    return Outcomes(
        base_proba=proba,
        base_features=place[:, None],
        base_utility=np.zeros(n),
        global_utility=wins.astype(float),
    )


def error(router, train, test):
    score = router.fit(train).query_score(test.evidence)
    return np.mean((score - test.benefit) ** 2)


def test_follows_a_curve_that_the_ridge_regression_cannot():
    train, test = curved(1000, 0), curved(1000, 1)
    assert error(BenefitRouter(), train, test) > 0.23
    assert error(KernelBenefitRouter(n_landmarks=60), train, test) < 0.14


def test_infinite_width_is_the_ridge_regression():
    train, test = sample_outcomes(400), sample_outcomes(100, seed=1).evidence
    kernel = KernelBenefitRouter(width=np.inf).fit(train)
    plain = BenefitRouter().fit(train)
    assert len(kernel.landmarks_) == 0
    assert kernel.alpha_ == plain.alpha_
    np.testing.assert_allclose(kernel.query_score(test), plain.query_score(test))


def test_chooses_the_ridge_regression_where_there_is_no_curve():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 3))
    benefit = 0.5 + 0.1 * features[:, 0].clip(-4, 4)
    line = Outcomes(
        base_features=features, base_utility=np.zeros(300), global_utility=benefit
    )
    assert KernelBenefitRouter().fit(line).width_ == np.inf


def test_all_rows_as_landmarks_are_exact_kernel_ridge_regression():
    outcomes = curved(80, 0)
    alpha, width = 3.0, 0.7
    router = KernelBenefitRouter(500, width, alpha, np.inf).fit(outcomes)
    place = outcomes.base_features
    # The probabilities are constant, so only one of seven columns has variance.
    n_columns = len(router.coef_)
    rows = (place - place.mean()) / place.std()
    gram = rows @ rows.T + n_columns * np.exp(
        -((rows - rows.T) ** 2) / (2 * n_columns * width**2)
    )
    centring = np.eye(80) - 1 / 80
    gram = centring @ gram @ centring
    benefit = outcomes.benefit
    dual = np.linalg.solve(gram + alpha * np.eye(80), benefit - benefit.mean())
    np.testing.assert_allclose(
        router.query_score(outcomes.evidence), benefit.mean() + gram @ dual, atol=1e-3
    )


def test_landmarks_are_rows_from_certainty_to_doubt():
    outcomes = sample_outcomes(300)
    router = KernelBenefitRouter(n_landmarks=10, width=1.0).fit(outcomes)
    doubt = router.landmarks_[:, 0] * router.scale_[0] + router.centre_[0]
    own = np.sort(1 - outcomes.base_proba.max(axis=1))
    np.testing.assert_allclose(np.sort(doubt), own[14::30], atol=1e-12)


def test_rows_without_weight_are_no_landmarks():
    old = sample_outcomes(100)
    weight = np.arange(100) % 2
    outcomes = Outcomes(**fields_of(old, sample_weight=weight))
    router = KernelBenefitRouter(n_landmarks=200, width=1.0).fit(outcomes)
    assert len(router.landmarks_) == 50


def test_a_thousand_classes_in_top_k_form():
    rng = np.random.default_rng(0)
    classes = np.argsort(rng.random((200, 1000)), axis=1)[:, :3]
    top = TopKProba(classes, np.tile([0.5, 0.2, 0.1], (200, 1)), 1000)
    outcomes = Outcomes(base_proba=top, global_proba=top, y=classes[:, 1])
    score = KernelBenefitRouter().fit_score(outcomes)
    assert np.isfinite(score).all()


def test_learns_from_probabilities_without_labels():
    outcomes, new = sample_outcomes(), sample_outcomes(50, seed=1).evidence
    field = soft_outcomes(outcomes.evidence, outcomes.global_proba)
    taught = KernelBenefitRouter(supervision="soft", width=1.0).fit(outcomes)
    field_taught = KernelBenefitRouter(width=1.0).fit(
        Outcomes(**{**fields_of(field), "fold": outcomes.fold,
                    "base_utility": field.base_utility,
                    "global_utility": field.global_utility})
    )  # fmt: skip
    np.testing.assert_allclose(
        taught.query_score(new), field_taught.query_score(new), atol=1e-9
    )
    assert taught.in_benefit_units
    assert not KernelBenefitRouter(supervision="diff_prob").in_benefit_units


@pytest.mark.parametrize(
    "wrong", [{"n_landmarks": 0}, {"width": 0}, {"width": -1}, {"alpha": -1},
              {"class_smoothing": "much"}, {"supervision": "labels"}],
)  # fmt: skip
def test_wrong_parameters_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        KernelBenefitRouter(**wrong).fit(sample_outcomes())


def test_few_rows_are_refused():
    old = sample_outcomes()
    few = Outcomes(base_proba=old.base_proba[:9], base_utility=np.ones(9))
    with pytest.raises(ValueError, match="at least 10 rows"):
        KernelBenefitRouter().fit(few)
