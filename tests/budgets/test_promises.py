"""Situations that could invalidate a certificate or violate a device constraint."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from selective_query import Evidence, HybridClassifier, Outcomes, RoutingPolicy
from selective_query.budgets import (
    All,
    Calibration,
    CalibrationScores,
    Coverage,
    GroupCoverage,
    JudgedRows,
    MaxExcessError,
    MaxLatency,
    MaxQueryCost,
    MinAccuracy,
    Mixed,
    QueryRate,
    StayLocal,
)
from selective_query.budgets._p_values import excess_p_value
from selective_query.costs import ConstantCosts
from selective_query.exceptions import (
    BudgetInfeasibleError,
    CalibrationWarning,
    CertificateError,
)
from selective_query.routers import BaseRouter


def draw(n, seed=0, **fields):
    rng = np.random.default_rng(seed)
    doubt = rng.uniform(size=n)
    return Outcomes(
        base_proba=np.column_stack([1 - doubt / 2, doubt / 2]),
        base_utility=(rng.uniform(size=n) > 0.6 * doubt).astype(float),
        global_utility=(rng.uniform(size=n) > 0.1).astype(float),
        **fields,
    )


def policy(budget, **params):
    return RoutingPolicy("max_probability", budget, random_state=0, **params)


def test_marked_rows_stay_whatever_is_set_after_fit():
    private = np.arange(500) % 3 == 0
    outcomes = draw(500, X=pd.DataFrame({"private": private}))
    fitted = policy(All(0.3, StayLocal("private"))).fit(outcomes)
    fitted.set_params(coverage=0.3)
    assert fitted.decide(outcomes.evidence)[private].all()


def test_quality_is_not_certified_on_answers_of_other_globals(digits):
    X, y = digits
    hybrid = HybridClassifier(
        FrozenEstimator(GaussianNB(var_smoothing=0.1).fit(X[:500], y[:500])),
        LogisticRegression(max_iter=50),
        router="margin",
        coverage=MinAccuracy(0.8),
        confidence=0.9,
        cv=3,
        random_state=0,
    )
    with pytest.raises(CertificateError, match="freeze the global"):
        hybrid.fit(X[500:900], y[500:900])
    hybrid.set_params(coverage=0.8).fit(X[500:900], y[500:900])
    assert hybrid.operating_point_.certificate.exact
    with pytest.raises(CertificateError, match="freeze the global"):
        hybrid.at(MinAccuracy(0.8))
    hybrid.set_params(calibration=0.4).fit(X[500:1100], y[500:1100])
    assert hybrid.at(MinAccuracy(0.7)).operating_point_.certificate.exact


def test_held_out_rows_with_folds_are_not_exact():
    fold = np.arange(600) % 5
    with pytest.raises(CertificateError):
        policy(0.8, calibration=0.3, confidence=0.9).fit(draw(600, fold=fold))
    plain = policy(0.8, calibration=0.3).fit(draw(600, fold=fold))
    assert not plain.operating_point_.certificate.exact


def test_a_certificate_does_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(0)
    grade = np.sort(rng.uniform(0.2, 1, size=2000))[::-1]  # mean 0.6
    rows = JudgedRows(rng.uniform(size=2000), grade, grade, np.ones(2000))
    rule = Calibration(CalibrationScores(rows.score, exact=True), rows)
    with pytest.raises(BudgetInfeasibleError):
        rule.solve(MinAccuracy(0.63), 0.9)
    certificate = rule.solve(MinAccuracy(0.5), 0.9).certificate
    assert certificate.bound < 0.62
    assert "betting" in certificate.method


def test_bounds_of_several_budgets_hold_together():
    rng, failed, draws = np.random.default_rng(1), 0, 200
    u = np.linspace(0, 1, 20_001)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        for _ in range(draws):
            outcomes = draw(400, seed=int(rng.integers(2**31)))
            budget = All(Coverage(0.1), MaxExcessError(0.1))
            try:
                point = policy(budget, confidence=0.9).fit(outcomes).operating_point_
            except BudgetInfeasibleError:
                continue
            kept = u / 2 <= point.threshold
            excess = (kept * (0.9 - (1 - 0.6 * u))).mean()
            coverage_bound, excess_bound = point.certificate.bound
            failed += kept.mean() < coverage_bound or excess > excess_bound
    assert failed / draws <= 0.1 + 3 * np.sqrt(0.09 / draws)


@pytest.mark.parametrize(
    "budget",
    [
        All(0.6, QueryRate(0.3)),
        All(0.6, StayLocal()),
        All(Coverage(0), MaxExcessError(1e-4)),
        All(MaxLatency(1e9, ConstantCosts()), MaxExcessError(1e-4)),
        All(StayLocal(), MaxExcessError(0.2)),
        GroupCoverage(0.5),
    ],
    ids=repr,
)
def test_every_certificate_prints(budget):
    n = 600
    outcomes = draw(n, group=np.arange(n) % 2, local_only=np.zeros(n, dtype=bool))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        point = policy(budget, confidence=0.9).fit(outcomes).operating_point_
    assert "calibration rows" in str(point)


def test_mixtures_report_what_they_do():
    rng = np.random.default_rng(2)
    doubt = rng.choice([0.1, 0.5, 0.9], size=6000)
    outcomes = Outcomes(
        base_proba=np.column_stack([1 - doubt / 2, doubt / 2]),
        base_features=rng.normal(size=(6000, 1)),
        base_utility=(rng.uniform(size=6000) > doubt).astype(float),
        global_utility=np.ones(6000),
    )
    mixed = policy(Mixed(0.8)).fit(outcomes)
    kept = mixed.decide(outcomes.evidence)
    point = mixed.operating_point_
    assert point.coverage == pytest.approx(kept.mean(), abs=0.02)
    reached = np.where(kept, outcomes.base_utility, 1.0).mean()
    assert point.accuracy == pytest.approx(reached, abs=0.02)
    assert point.rounding_loss == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="outermost"):
        All(Mixed(0.8), 0.5)
    with pytest.raises(ValueError, match="seed"):
        Mixed(0.8, seed=None)


def test_never_worse_than_the_global_can_be_shown():
    assert excess_p_value(2, 20, 1000, 0.0, 0.05) < 0.01
    assert excess_p_value(0, 8, 1000, 0.0, 0.05) < 0.01
    assert excess_p_value(5, 5, 1000, 0.0, 0.05) == 1.0


class Broken(BaseRouter):
    def __init__(self, scores):
        self.scores = scores

    def query_score(self, evidence):
        return np.asarray(self.scores, dtype=float)


def test_invalid_scores_are_refused():
    with pytest.raises(ValueError, match="NaN as a score"):
        RoutingPolicy(Broken([np.nan] * 30), 0.8).fit(draw(30))
    with pytest.raises(ValueError, match=r"Broken.query_score must return one number"):
        RoutingPolicy(Broken([1.0] * 5), 0.8).fit(draw(30))


def test_infinite_scores_do_not_count_as_too_few_rows():
    score = np.append(np.zeros(50), np.full(50, np.inf))
    rule = Calibration(CalibrationScores(score, exact=True))
    with pytest.warns(CalibrationWarning, match="share the score"):
        point = rule.solve(Coverage(0.8))
    assert not point.certificate.vacuous


@pytest.mark.parametrize("seed", range(8))
def test_rare_groups_do_not_break_a_certificate(seed):
    group = np.array(["common"] * 700 + ["rare"] * 3)
    budget = All(0.5, GroupCoverage({"common": 0.4}))
    fitted = RoutingPolicy(
        "max_probability", budget, confidence=0.9, random_state=seed
    ).fit(draw(703, seed, group=group))
    assert fitted.decide(draw(703, seed, group=group).evidence).mean() > 0.45


def test_groups_without_weight_keep_everything():
    weight = np.append(np.ones(300), np.zeros(20))
    group = np.append(np.zeros(300, dtype=int), np.ones(20, dtype=int))
    fitted = policy(All(0.5, GroupCoverage(0.4))).fit(
        draw(320, group=group, sample_weight=weight)
    )
    assert dict(fitted.operating_point_.thresholds)[1] == np.inf


@pytest.mark.parametrize("wrong", [0, 1, -1, 1.5, np.nan, True, "x"])
def test_confidence_is_a_probability(wrong):
    fitted = policy(0.8).fit(draw(200))
    for budget in (0.8, MinAccuracy(0.7)):
        with pytest.raises(ValueError, match="confidence must be a number"):
            fitted.at(budget, confidence=wrong)


def test_columns_of_rows_are_checked():
    frame = pd.DataFrame({"site": ["a", None] * 50, "cost": ["dear"] * 100})
    frame["mixed"] = [1, "a"] * 50
    outcomes = draw(100, X=frame)
    for budget, message in (
        (GroupCoverage(0.5, by=lambda X: X["site"][:3]), "one value for each"),
        (GroupCoverage(0.5, by="site"), "missing"),
        (GroupCoverage(0.5, by="mixed"), "all text or all numbers"),
        (MaxQueryCost(1, cost="cost"), "number for each row"),
        (StayLocal("cost"), "true or false"),
    ):
        with pytest.raises(ValueError, match=message):
            policy(budget).fit(outcomes)
    with pytest.raises(TypeError, match="name of a column"):
        policy(GroupCoverage(0.5, by=0)).fit(outcomes)
    with pytest.raises(ValueError, match="minimum must be"):
        GroupCoverage({})


def test_a_new_predicted_class_stays_with_the_base():
    fitted = policy(GroupCoverage(0.5, by="predicted_class")).fit(draw(200))
    new = Evidence(base_proba=[[0.4, 0.6], [0.6, 0.4]])
    assert fitted.decide(new)[0]


def test_a_fit_that_fails_changes_nothing():
    fitted = policy(0.8).fit(draw(200))
    before, point = fitted.decide(draw(300)), fitted.operating_point_
    fitted.set_params(coverage=MinAccuracy(1.0))
    with pytest.raises(BudgetInfeasibleError):
        fitted.fit(draw(300))
    assert fitted.operating_point_ == point
    np.testing.assert_array_equal(fitted.decide(draw(300)), before)


def test_a_first_fit_that_fails_leaves_nothing():
    fresh = policy(MinAccuracy(1.0))
    with pytest.raises(BudgetInfeasibleError):
        fresh.fit(draw(300))
    assert vars(fresh) == vars(policy(MinAccuracy(1.0)))
    with pytest.raises(NotFittedError):
        fresh.decide(draw(300))


def test_a_second_fit_knows_nothing_of_the_rows_that_ordered_the_first():
    fitted = policy(0.8).fit(draw(200), held_out=draw(300))
    assert fitted._calibration.ordering is not None
    assert fitted.fit(draw(200))._calibration.ordering is None


def test_one_row_certifies_nothing():
    with pytest.raises(BudgetInfeasibleError, match="Give more rows"):
        policy(MinAccuracy(0.5), confidence=0.5).fit(draw(1))
