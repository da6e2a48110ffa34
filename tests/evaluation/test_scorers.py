import numpy as np
import pytest
from sklearn import config_context
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from selective_query import HybridClassifier
from selective_query.budgets import All, Coverage, GroupCoverage, MinAccuracy, QueryRate
from selective_query.evaluation.scorers import (
    accuracy_at,
    at_budget,
    deferral_area,
    priced_accuracy,
)


@pytest.fixture(scope="module")
def hybrid(digits, frozen_pair):
    return HybridClassifier(*frozen_pair, router="margin", coverage=0.8).fit(
        digits[0][600:1200], digits[1][600:1200]
    )


def new_rows(digits):
    return digits[0][1200:], digits[1][1200:]


def test_accuracy_at_ends_is_that_of_one_side(digits, hybrid):
    X, y = new_rows(digits)
    report = hybrid.report(X, y, query_all=True)
    assert accuracy_at(1.0)(hybrid, X, y) == pytest.approx(report.base_accuracy)
    assert accuracy_at(0.0)(hybrid, X, y) == pytest.approx(report.global_accuracy)


def test_accuracy_at_ignores_the_threshold(digits, hybrid):
    X, y = new_rows(digits)
    assert accuracy_at(0.7)(hybrid, X, y) == accuracy_at(0.7)(hybrid.at(0.2), X, y)


def test_deferral_area_is_the_mean_over_coverages(digits, hybrid):
    X, y = new_rows(digits)
    grid = np.linspace(0, 1, 2001)
    mean = np.mean([accuracy_at(c)(hybrid, X, y) for c in grid[::20]])
    assert deferral_area(hybrid, X, y) == pytest.approx(mean, abs=2e-3)


def test_a_price_makes_a_search_over_coverage_meaningful(digits, frozen_pair):
    X, y = digits[0][600:], digits[1][600:]
    grid = {"coverage": [0.2, 0.6, 0.95]}
    hybrid = HybridClassifier(*frozen_pair, router="margin")
    by_accuracy = GridSearchCV(hybrid, grid, cv=3).fit(X, y)
    assert by_accuracy.best_params_["coverage"] == 0.2
    dear = GridSearchCV(hybrid, grid, cv=3, scoring=priced_accuracy(1.0)).fit(X, y)
    assert dear.best_params_["coverage"] == 0.95


def test_in_cross_validate(digits, hybrid):
    X, y = new_rows(digits)
    scores = cross_validate(
        hybrid, X, y, cv=3, scoring={"at": accuracy_at(0.8), "area": deferral_area}
    )
    assert scores["test_at"].shape == scores["test_area"].shape == (3,)


def test_bad_input(digits):
    X, y = new_rows(digits)
    with pytest.raises(TypeError, match="outermost"):
        accuracy_at(0.8)(make_pipeline(StandardScaler(), GaussianNB()).fit(X, y), X, y)
    with pytest.raises(ValueError, match="coverage"):
        accuracy_at(80)
    with pytest.raises(ValueError, match="price"):
        priced_accuracy(-1)


def test_at_budget_says_what_the_ranking_reaches(digits, hybrid):
    X, y = new_rows(digits)
    outcomes = hybrid.outcomes(X, y)
    score = hybrid.policy_.query_score(outcomes.evidence)
    order = np.argsort(score, kind="stable")
    gain = (outcomes.global_utility - outcomes.base_utility)[order]
    accuracy = outcomes.global_utility.mean() - np.append(0, np.cumsum(gain)) / len(y)
    reached = at_budget(MinAccuracy(0.9))(hybrid, X, y)
    distinct = np.append(True, np.diff(score[order]) > 0)
    ends = np.append(np.flatnonzero(distinct), len(y))
    assert reached == max(k for k in ends if accuracy[k] >= 0.9 - 1e-9) / len(y)
    assert at_budget(QueryRate(0.2))(hybrid, X, y) == accuracy_at(0.8)(hybrid, X, y)
    lacking = at_budget(MinAccuracy(1.0))(hybrid, X, y)
    assert lacking == pytest.approx(accuracy[ends].max() - 1)
    within = at_budget(All(Coverage(0.99), MinAccuracy(1.0)))(hybrid, X, y)
    assert within < lacking < 0


def test_at_budget_refuses_row_budgets():
    with pytest.raises(ValueError, match="priced_accuracy"):
        at_budget(GroupCoverage(0.5))
    with pytest.raises(ValueError, match="coverage must be"):
        at_budget(3)


SMOOTH = GaussianNB(var_smoothing=0.1)
SCORERS = [
    accuracy_at(0.7),
    at_budget(QueryRate(0.3)),
    at_budget(MinAccuracy(0.9)),
    priced_accuracy(0.1),
    deferral_area,
]


@pytest.mark.parametrize(
    "scorer", SCORERS, ids=lambda scorer: getattr(scorer, "__name__", str(scorer))
)
def test_weights_count_as_repeated_rows(scorer, digits, hybrid):
    X, y = new_rows(digits)
    times = np.random.default_rng(0).integers(0, 4, len(y)) * (1 + (y > 4))
    repeated = scorer(hybrid, np.repeat(X, times, axis=0), np.repeat(y, times))
    weighted = scorer(hybrid, X, y, sample_weight=times)
    assert weighted == pytest.approx(repeated)
    assert weighted != pytest.approx(scorer(hybrid, X, y), abs=1e-4)


@pytest.mark.parametrize(
    "scoring", [accuracy_at(0.7), {"at": accuracy_at(0.7), "price": priced_accuracy(1)}]
)
def test_a_search_hands_weights_to_the_scorer(scoring, digits):
    X, y = digits[0][:300], digits[1][:300]
    weight = np.where(y > 4, 5.0, 0.5)
    model = HybridClassifier(SMOOTH, GaussianNB(), router="margin", cv=2)
    refit = not isinstance(scoring, dict)
    search = GridSearchCV(
        model, {"coverage": [0.7]}, cv=[(np.arange(150), np.arange(150, 300))],
        scoring=scoring, refit=refit,
    ).fit(X, y, sample_weight=weight)  # fmt: skip
    model.set_params(coverage=0.7).fit(X[:150], y[:150], weight[:150])
    expected = accuracy_at(0.7)(model, X[150:], y[150:], weight[150:])
    found = search.cv_results_["mean_test_at" if not refit else "mean_test_score"][0]
    assert found == pytest.approx(expected)


def test_weights_are_routed_to_a_scorer_that_asks_for_them(digits):
    X, y = digits[0][:300], digits[1][:300]
    weight = np.where(y > 4, 5.0, 0.5)
    splits = [(np.arange(150), np.arange(150, 300))]
    with config_context(enable_metadata_routing=True):
        model = HybridClassifier(SMOOTH, GaussianNB(), router="margin", cv=2)
        model.set_fit_request(sample_weight=True)
        found = {
            asks: cross_validate(
                model, X, y, cv=splits, params={"sample_weight": weight},
                scoring=accuracy_at(0.7).set_score_request(sample_weight=asks),
            )["test_score"][0]
            for asks in (True, False)
        }  # fmt: skip
        with pytest.raises(ValueError, match="set_score_request"):
            cross_validate(
                model, X, y, params={"sample_weight": weight}, scoring=accuracy_at(0.7)
            )
    model.fit(X[:150], y[:150], weight[:150])
    rows = X[150:], y[150:]
    assert found[True] == accuracy_at(0.7)(model, *rows, weight[150:])
    assert found[False] == accuracy_at(0.7)(model, *rows)
