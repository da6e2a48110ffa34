from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from selective_query import Evidence, Outcomes
from selective_query.exceptions import MissingEvidenceError
from selective_query.routers import (
    BaseRouter,
    BenefitRouter,
    KernelBenefitRouter,
    MaxProbabilityRouter,
    ProxyLogisticRouter,
    TwoStageRouter,
)
from selective_query.routers._evidence_columns import evidence_columns
from selective_query.routers._ridge import (
    ALPHAS,
    CLASS_SMOOTHING,
    RidgeProblem,
    column_penalty,
    standardised,
)
from selective_query.routers.base import iter_folds
from selective_query.routers.checks import sample_outcomes
from selective_query.routers.supervision import supervise


def from_benefit(benefit, **parts):
    """Return outcomes with this benefit, in [-1, 1]."""
    benefit = np.asarray(benefit, dtype=float)
    return Outcomes(
        base_utility=(1 - benefit) / 2, global_utility=(1 + benefit) / 2, **parts
    )


def informative(n=400, seed=0):
    """Draw a calibrated base, and a global that is always right."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(5, 0.4), size=n)
    y = (proba.cumsum(axis=1) > rng.random((n, 1)) * (1 - 1e-9)).argmax(axis=1)
    return Outcomes(
        base_proba=proba,
        y=y,
        fold=np.arange(n) % 5,
        base_features=rng.normal(size=(n, 3)),
    )


def linear(n=500, noise=0.0, seed=0):
    """Draw a benefit of 0.1 + 0.4 f_0 - 0.2 f_1, for three features on [-1, 1]."""
    rng = np.random.default_rng(seed)
    features = rng.uniform(-1, 1, size=(n, 3))
    benefit = 0.1 + features @ [0.4, -0.2, 0] + noise * rng.uniform(-1, 1, size=n)
    return from_benefit(benefit, base_features=features, fold=np.arange(n) % 4)


# What is fitted


def test_without_the_rest_it_ranks_as_max_probability_does():
    outcomes, new = informative(), informative(seed=1).evidence
    router = BenefitRouter(alpha=np.inf, class_smoothing=np.inf).fit(outcomes)
    assert router.class_effect_ is None
    score = router.query_score(new)
    order = np.argsort(MaxProbabilityRouter().query_score(new))
    assert (np.diff(score[order]) > -1e-9).all()
    # One minus the largest probability is the error probability: slope one, no offset.
    assert router.coef_[0] == pytest.approx(1, abs=0.15)
    assert router.intercept_ == pytest.approx(0, abs=0.06)
    np.testing.assert_allclose(router.coef_[1:], 0, atol=1e-6)


def against_doubt(n=60):
    """Draw a benefit that grows with confidence, possible by chance on few rows."""
    proba = np.random.default_rng(0).dirichlet(np.ones(4), size=n)
    benefit = proba.max(axis=1) - 0.4
    return from_benefit(benefit, base_proba=proba, fold=np.arange(n) % 5)


@pytest.mark.parametrize(
    "router",
    [
        BenefitRouter(alpha=np.inf, class_smoothing=np.inf),
        KernelBenefitRouter(alpha=np.inf, class_smoothing=np.inf),
        ProxyLogisticRouter(alpha=np.inf),
        TwoStageRouter(alpha=np.inf),
    ],
)
def test_the_strongest_penalty_never_reverses_max_probability(router):
    outcomes = against_doubt()
    score = clone(router).fit(outcomes).query_score(outcomes)
    anchor = MaxProbabilityRouter().query_score(outcomes)
    assert spearmanr(score, anchor).statistic == pytest.approx(1)


@pytest.mark.parametrize("alpha", [1.0, 100.0, 1e4])
def test_the_unpenalised_coefficient_is_positive(alpha):
    outcomes = against_doubt()
    assert BenefitRouter(alpha, np.inf).fit(outcomes).coef_[0] > 0
    # Other columns may outweigh it, subject to the penalty.
    light = BenefitRouter(1e-6, np.inf).fit(outcomes)
    assert spearmanr(light.query_score(outcomes), outcomes.benefit).statistic > 0.9


def test_a_base_that_is_always_right_leaves_nothing_to_rank():
    outcomes = from_benefit(np.zeros(400), base_proba=informative().base_proba)
    score = BenefitRouter().fit(outcomes).query_score(outcomes)
    np.testing.assert_array_equal(score, 0)


def test_more_columns_than_rows_are_solved_in_the_space_of_the_rows():
    rng = np.random.default_rng(0)
    features, benefit = rng.normal(size=(30, 80)), rng.uniform(-1, 1, 30)
    outcomes = from_benefit(benefit, base_features=features)
    router = BenefitRouter(alpha=5.0).fit(outcomes)
    known = make_pipeline(StandardScaler(), Ridge(5.0)).fit(features, benefit)
    new = Evidence(base_features=rng.normal(size=(9, 80)))
    np.testing.assert_allclose(
        router.query_score(new), known.predict(new.base_features), atol=1e-8
    )


def test_a_known_linear_benefit_is_recovered():
    router = BenefitRouter(alpha=1e-6).fit(linear())
    np.testing.assert_allclose(router.coef_, [0.4, -0.2, 0], atol=1e-6)
    assert router.intercept_ == pytest.approx(0.1, abs=1e-6)
    new = Evidence(base_features=[[0.5, 0.5, 0.5], [-1, 0, 0]])
    np.testing.assert_allclose(router.query_score(new), [0.2, -0.3], atol=1e-6)


def test_a_known_linear_benefit_is_recovered_under_noise_and_weights():
    outcomes = linear(4000, noise=0.3)
    router = BenefitRouter().fit(outcomes)
    np.testing.assert_allclose(router.coef_, [0.4, -0.2, 0], atol=0.03)
    # Rows of weight zero have no influence, however wrong they are.
    features = np.vstack([outcomes.base_features] * 2)
    benefit = np.concatenate([outcomes.benefit, -outcomes.benefit])
    weighted = from_benefit(
        benefit,
        base_features=features,
        fold=np.arange(8000) % 4,
        sample_weight=np.repeat([1, 0], 4000),
    )
    again = BenefitRouter().fit(weighted)
    np.testing.assert_allclose(again.coef_, router.coef_, atol=1e-8)
    assert again.alpha_ == router.alpha_


def test_the_penalty_shrinks():
    norms = [
        np.linalg.norm(BenefitRouter(alpha=alpha).fit(linear()).coef_)
        for alpha in (1e-3, 10.0, 100.0, 1e4)
    ]
    assert (np.diff(norms) < 0).all()
    router = BenefitRouter(alpha=np.inf).fit(linear())
    np.testing.assert_allclose(router.coef_, 0, atol=1e-6)
    assert router.intercept_ == pytest.approx(linear().benefit.mean(), abs=1e-6)


def test_ridge_penalty_counts_rows_on_standardised_columns():
    # One standardised column: the coefficient is sum(z b) / (n + alpha).
    rng = np.random.default_rng(0)
    x = rng.uniform(2, 4, size=100)
    outcomes = from_benefit(
        0.3 * (x - 3), base_features=x[:, None], fold=np.arange(100) % 5
    )
    z = (x - x.mean()) / x.std()
    expected = z @ outcomes.benefit / (100 + 50) / x.std()
    assert BenefitRouter(alpha=50).fit(outcomes).coef_[0] == pytest.approx(
        expected, rel=1e-6
    )


def test_a_constant_column_does_no_harm():
    outcomes = linear()
    columns = np.column_stack([outcomes.base_features, np.full(500, 1e6)])
    wider = from_benefit(outcomes.benefit, base_features=columns, fold=outcomes.fold)
    router = BenefitRouter(alpha=1e-6).fit(wider)
    np.testing.assert_allclose(router.coef_, [0.4, -0.2, 0, 0], atol=1e-6)


# The effect of the predicted class


def by_class(n=400, n_classes=4):
    """Draw outcomes where queries gain 0.5 only if the base predicts class 0."""
    rng = np.random.default_rng(3)
    predicted = np.arange(n) % n_classes
    top = rng.uniform(0.5, 0.9, size=n)
    proba = np.full((n, n_classes), 0.0) + ((1 - top) / (n_classes - 1))[:, None]
    proba[np.arange(n), predicted] = top
    return from_benefit(
        np.where(predicted == 0, 0.5, 0.0),
        base_proba=proba,
        fold=rng.integers(5, size=n),
    )


def test_class_effect_is_the_mean_residual_shrunk_by_the_count():
    outcomes = by_class()
    free = BenefitRouter(alpha=np.inf, class_smoothing=1e-9).fit(outcomes)
    np.testing.assert_allclose(
        free.class_effect_, [0.375, -0.125, -0.125, -0.125], atol=0.02
    )
    for smoothing in (10.0, 100.0, 1000.0):
        shrunk = BenefitRouter(alpha=np.inf, class_smoothing=smoothing).fit(outcomes)
        np.testing.assert_allclose(
            shrunk.class_effect_,
            free.class_effect_ * 100 / (100 + smoothing),  # 100 rows of each class
            atol=1e-9,
        )
    assert BenefitRouter(class_smoothing=np.inf).fit(outcomes).class_effect_ is None


def test_class_effect_enters_the_score():
    outcomes = by_class()
    router = BenefitRouter(alpha=np.inf, class_smoothing=1e-9).fit(outcomes)
    proba = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]])
    score = router.query_score(Evidence(base_proba=proba))
    np.testing.assert_allclose(score, [0.5, 0], atol=0.02)


def test_a_class_that_was_never_predicted_has_no_effect():
    old = by_class()
    proba = np.column_stack([old.base_proba, np.zeros(old.n_rows)])
    outcomes = from_benefit(old.benefit, base_proba=proba, fold=old.fold)
    router = BenefitRouter(alpha=np.inf, class_smoothing=10.0).fit(outcomes)
    assert router.class_effect_[4] == 0
    score = router.query_score(Evidence(base_proba=[[0, 0, 0.1, 0.1, 0.8]]))
    assert np.isfinite(score).all()


def test_without_smoothing_too_a_class_never_predicted_has_no_effect():
    old = by_class()
    proba = np.column_stack([old.base_proba, np.zeros(old.n_rows)])
    # A class predicted in only one fold is new to the fit without that fold.
    fold = np.where(old.base_proba.argmax(axis=1) == 3, 0, old.fold)
    outcomes = from_benefit(old.benefit, base_proba=proba, fold=fold)
    router = BenefitRouter(class_smoothing=0)
    assert np.isfinite(router.fit_score(outcomes)).all()
    assert router.class_effect_[4] == 0
    assert np.isfinite(router.query_score(outcomes.evidence)).all()


@pytest.mark.parametrize("name", ["alpha", "class_smoothing"])
@pytest.mark.parametrize("value", [-1.0, np.nan, "10", True])
def test_invalid_penalties_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a number >= 0"):
        BenefitRouter(**{name: value}).fit(by_class())


# Held-out scores


@pytest.mark.parametrize("with_folds", [True, False])
def test_fit_score_of_a_row_does_not_know_its_own_outcome(with_folds):
    old = informative()
    fold = old.fold if with_folds else None
    router = BenefitRouter(alpha=10.0, class_smoothing=10.0)

    def scored(base_utility):
        outcomes = Outcomes(
            base_proba=old.base_proba,
            base_features=old.base_features,
            base_utility=base_utility,
            fold=fold,
        )
        return clone(router).fit_score(outcomes)

    before = scored(old.base_utility)
    tests = [test for _, test in iter_folds(replace(old, fold=fold))]
    for row in (0, 17, 399):
        changed = old.base_utility.copy()
        changed[row] = 1 - changed[row]
        after = scored(changed)
        # The scale comes from a fit on all rows, the ranks do not.
        for test in tests:
            kept_order = (np.argsort(after[test]) == np.argsort(before[test])).all()
            assert kept_order == (row in test)


def test_fit_score_is_that_of_fits_without_the_fold():
    # The penalty is negligible, so that the column scales, computed on all rows, do not
    # matter.
    outcomes = linear(noise=0.2)
    router = BenefitRouter(alpha=1e-9)
    expected = BaseRouter.fit_score(clone(router), outcomes)
    np.testing.assert_allclose(router.fit_score(outcomes), expected, atol=1e-6)


class MeanBenefit(BaseRouter):
    """Scores every row with the mean benefit of its fit, and records it."""

    learns = True

    def __init__(self, notes=None):
        self.notes = notes

    def fit(self, outcomes):
        self.mean_ = outcomes.benefit.mean()
        if self.notes is not None:
            self.notes.seen.append(self.mean_)
        return self

    def query_score(self, evidence):
        return np.full(evidence.n_rows, self.mean_)


class Notes:
    """Shared by clones, because a deep copy returns the object itself."""

    def __init__(self):
        self.seen = []

    def __deepcopy__(self, memo):
        return self


def test_folds_of_the_outcomes_are_used():
    benefit = np.array([1.0, 1, 1, 0, 0, -1])
    outcomes = from_benefit(
        benefit, base_features=np.zeros((6, 1)), fold=[7, 7, 2, 2, 2, 9]
    )
    router = MeanBenefit(Notes())
    score = router.fit_score(outcomes)
    np.testing.assert_allclose(sorted(router.notes.seen), [0, 1 / 3, 1 / 3, 0.6])
    assert router.mean_ == pytest.approx(1 / 3)
    # Fold means that do not depend on the row must not distinguish rows.
    np.testing.assert_allclose(score, 1 / 3)


def test_without_folds_five_are_drawn():
    benefit = np.random.default_rng(0).uniform(-1, 1, size=20)
    outcomes = from_benefit(benefit, base_features=np.zeros((20, 1)))
    router = MeanBenefit(Notes())
    router.fit_score(outcomes)
    expected = [benefit[train].mean() for train, _ in iter_folds(outcomes)]
    assert len(expected) == 5
    expected.append(benefit.mean())
    np.testing.assert_allclose(sorted(router.notes.seen), sorted(expected))


def test_too_few_rows_or_folds_are_refused():
    few = from_benefit(np.zeros(9), base_features=np.arange(9.0)[:, None])
    for router in (BenefitRouter(), MeanBenefit()):
        with pytest.raises(ValueError, match=r"at least 10 rows.*Got 9"):
            router.fit_score(few)
        one_fold = from_benefit(
            np.zeros(20), base_features=np.zeros((20, 1)), fold=np.full(20, 3)
        )
        with pytest.raises(ValueError, match=r"at least two folds.*\[3\]"):
            router.fit_score(one_fold)


@pytest.mark.parametrize("router", [BenefitRouter(), MeanBenefit()])
@pytest.mark.parametrize("fold", [np.arange(100) % 5, None])
def test_a_fold_of_rows_without_weight_is_scored_too(router, fold):
    old = informative(100)
    parts = {"base_proba": old.base_proba, "y": old.y, "fold": fold}
    _, without_weight = next(iter_folds(Outcomes(**parts)))
    weight = np.ones(100)
    weight[without_weight] = 0
    score = clone(router).fit_score(Outcomes(**parts, sample_weight=weight))
    assert np.isfinite(score).all()


@pytest.mark.parametrize("router", [BenefitRouter(), MeanBenefit()])
def test_weight_in_one_fold_only_is_refused(router):
    outcomes = informative(100)
    alone = Outcomes(
        base_proba=outcomes.base_proba,
        y=outcomes.y,
        fold=outcomes.fold,
        sample_weight=outcomes.fold == 2,
    )
    with pytest.raises(ValueError, match="sample_weight is zero on every row outside"):
        clone(router).fit_score(alone)


# The choice of the penalties


def test_penalties_are_those_of_the_smallest_held_out_error():
    for outcomes in (informative(300), by_class()):
        columns, _ = evidence_columns(outcomes)
        design, _, _ = standardised(columns, outcomes.weight)
        problem = RidgeProblem(design, column_penalty(design, outcomes), outcomes)
        errors = {}
        for alpha in ALPHAS:
            for smoothing in CLASS_SMOOTHING:
                errors[alpha, smoothing] = sum(
                    ((outcomes.benefit - score)[test] ** 2).sum()
                    for _, test, score in problem.fits(alpha, smoothing)
                )
        router = BenefitRouter().fit(outcomes)
        best = min(errors.values())
        assert errors[router.alpha_, router.class_smoothing_] == pytest.approx(best)


def test_penalties_fit_what_there_is_to_learn():
    assert BenefitRouter().fit(linear()).alpha_ == min(ALPHAS)
    rng = np.random.default_rng(0)
    noise = from_benefit(
        rng.uniform(-1, 1, size=300),
        base_features=rng.normal(size=(300, 40)),
        fold=np.arange(300) % 5,
    )
    assert BenefitRouter().fit(noise).alpha_ >= 1e3
    assert BenefitRouter().fit(by_class()).class_smoothing_ == min(CLASS_SMOOTHING)


def test_score_is_in_units_of_benefit():
    outcomes, new = informative(2000), informative(2000, seed=1)
    assert BenefitRouter.in_benefit_units
    score = BenefitRouter().fit(outcomes).query_score(new.evidence)
    for part in np.array_split(np.argsort(score), 4):
        assert score[part].mean() == pytest.approx(new.benefit[part].mean(), abs=0.06)


# Evidence


def test_inputs_serve_where_the_base_put_out_nothing():
    outcomes = linear()
    by_input = from_benefit(
        outcomes.benefit, X=outcomes.base_features, fold=outcomes.fold
    )
    router = BenefitRouter(alpha=1e-6).fit(by_input)
    np.testing.assert_allclose(router.coef_, [0.4, -0.2, 0], atol=1e-6)
    assert router.class_effect_ is None


def test_texts_alone_are_no_numbers():
    outcomes = from_benefit(np.zeros(20), X=["a text"] * 20)
    with pytest.raises(MissingEvidenceError, match=r"an X of numbers.*PreRouter"):
        BenefitRouter().fit(outcomes)


def test_other_evidence_than_in_fit_is_refused():
    outcomes = informative()
    router = BenefitRouter().fit(outcomes)
    without = Evidence(base_proba=outcomes.base_proba)
    with pytest.raises(
        ValueError, match=r"base_features with 3 columns. Got base_proba"
    ):
        router.query_score(without)


@pytest.mark.parametrize("class_smoothing", [10.0, np.inf])
def test_other_evidence_of_as_many_columns_is_refused_too(class_smoothing):
    outcomes = informative()
    router = BenefitRouter(class_smoothing=class_smoothing).fit(outcomes)
    with pytest.raises(ValueError, match=r"evidence|base_proba"):
        router.query_score(Evidence(base_features=np.zeros((2, len(router.coef_)))))


def test_features_help_where_they_tell_of_the_global():
    rng = np.random.default_rng(5)
    proba = rng.dirichlet(np.ones(3), size=800)
    hint = rng.normal(size=800)
    outcomes = Outcomes(
        base_proba=proba,
        base_features=hint[:, None],
        base_utility=np.zeros(800),
        global_utility=(hint > 0).astype(float),
        fold=np.arange(800) % 5,
    )
    score = BenefitRouter().fit(outcomes).query_score(outcomes.evidence)
    assert spearmanr(score, hint).statistic > 0.95


def test_supervision_replaces_what_is_regressed():
    outcomes = sample_outcomes(400)
    new = sample_outcomes(50, seed=1).evidence
    for name in ("proxy", "soft", "mixed", "diff_prob", "max_prob", "win"):
        taught = supervise(outcomes, name)
        np.testing.assert_array_equal(
            BenefitRouter(supervision=name).fit(outcomes).query_score(new),
            BenefitRouter().fit(taught).query_score(new),
        )
    assert BenefitRouter(supervision="soft").in_benefit_units
    assert not BenefitRouter(supervision="win").in_benefit_units
