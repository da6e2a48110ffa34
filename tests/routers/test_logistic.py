import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from selective_query import Outcomes, TopKProba
from selective_query.routers import (
    CrossEntropyDeferralRouter,
    OneVsAllDeferralRouter,
    ProxyLogisticRouter,
    RealizableDeferralRouter,
    TwoStageRouter,
)
from selective_query.routers._logistic import LogisticProblem
from selective_query.routers._ridge import LEAST_SLOPE
from selective_query.routers.checks import fields_of, sample_outcomes
from selective_query.routers.realizable import _MixtureProblem
from selective_query.routers.supervision import soft_outcomes

ALL = (
    ProxyLogisticRouter,
    TwoStageRouter,
    CrossEntropyDeferralRouter,
    OneVsAllDeferralRouter,
    RealizableDeferralRouter,
)


def rates(win, loss, n=4000, seed=0):
    """Draw rows with indistinguishable evidence and a benefit of 1, 0 or -1."""
    draw = np.random.default_rng(seed).random(n)
    benefit = np.where(draw < win, 1, np.where(draw < win + loss, -1, 0))
    return Outcomes(
        base_proba=np.tile([0.7, 0.3], (n, 1)),
        base_utility=(benefit < 1).astype(float),
        global_utility=(benefit > -1).astype(float),
    )


def test_newton_finds_the_optimum_of_a_known_solver():
    rng = np.random.default_rng(0)
    design = np.column_stack([np.ones(300), rng.normal(size=(300, 4))])
    label = rng.random(300) < 1 / (1 + np.exp(-design @ [0.5, 1, -1, 0, 2]))
    weight = rng.uniform(0.5, 2, size=300)
    problem = LogisticProblem(design, np.r_[0, np.ones(4)], label.astype(float), weight)
    found = problem.solve(5.0, np.arange(300), np.zeros(5))
    known = LogisticRegression(C=1 / 5.0, tol=1e-10, max_iter=1000)
    known.fit(design[:, 1:], label, sample_weight=weight)
    np.testing.assert_allclose(found[1:], known.coef_[0], atol=2e-4)
    np.testing.assert_allclose(found[0], known.intercept_[0], atol=2e-3)


def test_more_columns_than_rows_are_solved_in_the_space_of_the_rows():
    rng = np.random.default_rng(0)
    design = np.column_stack([np.ones(40), rng.normal(size=(40, 90))])
    label = (rng.random(40) < expit(design[:, 1] - design[:, 2])).astype(float)
    problem = LogisticProblem(design, np.r_[0, np.ones(90)], label, np.ones(40))
    assert problem.design.shape == (40, 41)
    found, _ = problem.fit_all(3.0)
    slope = design.T @ (expit(design @ found) - label) + np.r_[0.01, [3] * 90] * found
    np.testing.assert_allclose(slope, 0, atol=1e-6)


def test_a_slope_that_must_rise_leaves_the_best_of_the_rest():
    rng = np.random.default_rng(0)
    design = np.column_stack([np.ones(300), rng.normal(size=(300, 3))])
    label = (rng.random(300) < expit(design @ [0.5, -1, 1, 0])).astype(float)
    problem = LogisticProblem(
        design, np.array([0.0, 0, 1, 1]), label, np.ones(300), rising=True
    )

    def objective(coef):
        penalty = 0.01 * coef[:2] @ coef[:2] + 2 * coef[2:] @ coef[2:]
        return problem.losses(design @ coef, slice(None)).sum() + penalty / 2

    found, _ = problem.fit_all(2.0)
    bounds = [(None, None), (LEAST_SLOPE, None), (None, None), (None, None)]
    known = minimize(objective, np.zeros(4), bounds=bounds, tol=1e-12)
    assert found[1] == pytest.approx(LEAST_SLOPE, abs=1e-8)
    np.testing.assert_allclose(found, known.x, atol=1e-4)


def test_newton_survives_separable_rows_and_a_far_start():
    design = np.column_stack([np.ones(20), np.arange(20) - 9.5])
    label = (design[:, 1] > 0).astype(float)
    problem = LogisticProblem(design, np.array([0.0, 1.0]), label, np.ones(20))
    for start in (np.zeros(2), np.array([50.0, -50.0])):
        found = problem.solve(1e-3, np.arange(20), start)
        assert np.isfinite(found).all()
        assert ((design @ found > 0) == label).all()


def test_proxy_logistic_is_the_chance_that_only_the_global_is_right():
    outcomes = rates(0.3, 0.2)
    score = ProxyLogisticRouter().fit(outcomes).query_score(outcomes.evidence)
    np.testing.assert_allclose(score, outcomes.proxy_label.mean(), atol=1e-4)


@pytest.mark.parametrize("cost", [0.0, 0.1, 0.4])
def test_two_stage_weighs_wins_against_losses_and_cost(cost):
    outcomes = rates(0.3, 0.2)
    win, loss = (outcomes.benefit == 1).mean(), (outcomes.benefit == -1).mean()
    gain = win * (1 - cost)
    price = loss * (1 + cost) + (1 - win - loss) * cost
    score = TwoStageRouter(cost).fit(outcomes).query_score(outcomes.evidence)
    np.testing.assert_allclose(score, np.log(gain / price), atol=1e-3)
    assert (score[0] > 0) == (outcomes.benefit.mean() > cost)


def test_two_stage_cuts_at_zero_near_the_target_coverage():
    outcomes = sample_outcomes(2000)
    new = sample_outcomes(2000, seed=1).evidence
    costs = []
    for coverage in (0.9, 0.7, 0.5):
        router = TwoStageRouter(target_coverage=coverage).fit(outcomes)
        kept = (router.query_score(new) <= 0).mean()
        assert abs(kept - coverage) < 0.07
        costs.append(router.query_cost_)
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1]


def test_deferral_by_cross_entropy_compares_the_global_with_confidence():
    outcomes = rates(0.3, 0.2)
    right = outcomes.global_utility.mean()
    score = CrossEntropyDeferralRouter().fit(outcomes).query_score(outcomes.evidence)
    np.testing.assert_allclose(score, np.log(right) - np.log(0.7), atol=1e-4)


def test_one_vs_all_deferral_is_the_difference_of_two_chances():
    outcomes = rates(0.3, 0.2)
    right = outcomes.global_utility.mean()
    score = OneVsAllDeferralRouter().fit(outcomes).query_score(outcomes.evidence)
    np.testing.assert_allclose(score, right - 0.7, atol=1e-4)


def test_realizable_deferral_weighs_wins_against_losses():
    outcomes = rates(0.3, 0.2)
    win, loss = (outcomes.benefit == 1).mean(), (outcomes.benefit == -1).mean()
    score = RealizableDeferralRouter().fit(outcomes).query_score(outcomes.evidence)
    # Both right or both wrong: the likelihood does not depend on which model answers.
    np.testing.assert_allclose(score, np.log(win / loss) - np.log(0.7), atol=1e-3)


def test_mixture_is_maximised_as_by_a_known_solver():
    rng = np.random.default_rng(0)
    design = np.column_stack([np.ones(300), rng.normal(size=(300, 3))])
    base, right = rng.uniform(0.05, 0.95, 300), (rng.random(300) < 0.6).astype(float)
    problem = _MixtureProblem(
        design,
        np.r_[0, np.ones(3)],
        base_chance=base,
        global_chance=right,
        weight=np.ones(300),
    )

    def objective(coef):
        chance = expit(design @ coef)
        likelihood = (1 - chance) * base + chance * right
        return -np.log(likelihood).sum() + coef[1:] @ coef[1:] / 2

    found = problem.solve(1.0, np.arange(300), np.zeros(4))
    known = minimize(objective, np.zeros(4), tol=1e-10)
    np.testing.assert_allclose(found, known.x, atol=0.02)
    np.testing.assert_allclose(objective(found), known.fun, atol=1e-3)


def test_a_predicted_class_has_an_effect_of_its_own():
    rng = np.random.default_rng(0)
    predicted = rng.integers(3, size=3000)
    proba = np.full((3000, 3), 0.2) + 0.4 * np.eye(3)[predicted]
    rate = np.array([0.1, 0.5, 0.9])
    outcomes = Outcomes(
        base_proba=proba,
        base_utility=np.zeros(3000),
        global_utility=(rng.random(3000) < rate[predicted]).astype(float),
    )
    score = ProxyLogisticRouter().fit(outcomes).query_score(outcomes.evidence)
    for k in range(3):
        assert abs(score[predicted == k][0] - rate[k]) < 0.05


def test_strongest_penalty_is_a_function_of_confidence():
    outcomes, new = sample_outcomes(), sample_outcomes(100, seed=1).evidence
    score = ProxyLogisticRouter(alpha=np.inf).fit(outcomes).query_score(new)
    doubt = 1 - new.base_proba.max(axis=1)
    slope, at_zero = np.polyfit(doubt, logit(score), 1)
    np.testing.assert_allclose(logit(score), at_zero + slope * doubt, atol=1e-6)
    assert slope > 0


@pytest.mark.parametrize("router", ALL)
def test_a_thousand_classes_and_labels_between_zero_and_one(router):
    rng = np.random.default_rng(0)
    classes = np.argsort(rng.random((200, 1000)), axis=1)[:, :3]
    top = TopKProba(classes, rng.dirichlet([9, 3, 1], 200) * 0.9, 1000)
    outcomes = soft_outcomes(
        Outcomes(base_proba=top, global_proba=top, y=classes[:, 1])
    )
    made = router()
    assert np.isfinite(made.fit_score(outcomes)).all()
    assert made.class_effect_ is None


@pytest.mark.parametrize("router", ALL)
def test_few_rows_no_weight_and_a_wrong_penalty_are_named(router):
    old = sample_outcomes()
    few = Outcomes(base_proba=old.base_proba[:9], base_utility=np.ones(9))
    with pytest.raises(ValueError, match="at least 10 rows"):
        router().fit(few)
    lonely = Outcomes(**fields_of(old, sample_weight=(old.fold == 0).astype(float)))
    with pytest.raises(ValueError, match="sample_weight is zero"):
        router().fit(lonely)
    with pytest.raises(ValueError, match="alpha"):
        router(alpha=-1).fit(old)


def test_wrong_costs_and_coverages_are_named():
    with pytest.raises(ValueError, match="query_cost"):
        TwoStageRouter(query_cost=1.0).fit(sample_outcomes())
    with pytest.raises(ValueError, match="target_coverage"):
        TwoStageRouter(target_coverage=1.5).fit(sample_outcomes())


@pytest.mark.parametrize("router", ALL)
def test_both_sides_always_agree(router):
    old = sample_outcomes()
    same = Outcomes(**fields_of(old, y=None), base_utility=np.ones(240),
                    global_utility=np.ones(240))  # fmt: skip
    made = router()
    assert np.isfinite(made.fit_score(same)).all()
    assert np.isfinite(made.query_score(old.evidence)).all()


@pytest.mark.parametrize("router", ALL)
def test_no_penalty_at_all_is_solvable(router):
    outcomes = sample_outcomes()
    assert np.isfinite(router(alpha=0.0).fit_score(outcomes)).all()
