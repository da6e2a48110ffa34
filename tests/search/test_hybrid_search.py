from functools import partial

import matplotlib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from selective_query import HybridClassifier, HybridSearchCV, SearchSpace
from selective_query.budgets import MinAccuracy, QueryRate
from selective_query.exceptions import BoundRouterError
from selective_query.routers import EntropyRouter
from selective_query.search._contest import stratified_order
from selective_query.search._hybrid_accuracy import Judged, judge_base, pareto

matplotlib.use("Agg")
A_SMALL_TREE = pytest.mark.filterwarnings(
    "ignore::selective_query.exceptions.CalibrationWarning"
)
TREES = SearchSpace(
    partial(DecisionTreeClassifier, random_state=0),
    {"max_depth": [1, 2, 3, 4, 6, 8], "min_samples_leaf": [1, 5, 20]},
)


@pytest.fixture(scope="module")
def global_(digits):
    X, y = digits
    trees = ExtraTreesClassifier(50, random_state=0).fit(X[:600], y[:600])
    return FrozenEstimator(trees)


def search(candidates, global_, digits, **params):
    X, y = digits
    made = HybridSearchCV(
        candidates, global_, coverage=0.7, cv=3, random_state=0, **params
    )
    return made.fit(X[600:], y[600:])


def test_the_best_of_a_few_makes_the_hybrid(global_, digits):
    candidates = {
        "nothing": DummyClassifier(),
        "stump": DecisionTreeClassifier(max_depth=1),
        "linear": LogisticRegression(max_iter=200),
    }
    found = search(candidates, global_, digits)
    assert found.best_name_ == "linear"
    assert found.pareto_ == ["linear"], "of no cost only the best counts"
    assert isinstance(found.best_hybrid_.base_estimator_, LogisticRegression)
    assert found.results_[0]["name"] == "linear"
    assert found.predict(digits[0][:5]).shape == (5,)
    assert found.predict_coverage(digits[0][600:]).mean() == pytest.approx(0.7, abs=0.1)


def test_results_are_those_of_cross_fitted_hybrids(global_, digits):
    X, y = digits
    found = search({"bayes": GaussianNB()}, global_, digits, proxy="oracle")
    alone, proxy, learned = judge_base(
        GaussianNB(), global_, 0.7, 3, X[600:], y[600:], None
    )
    row = found.results_[0]
    assert row["base_accuracy"] == pytest.approx(alone)
    assert row["proxy"] == pytest.approx(proxy)
    assert np.isnan(learned)
    assert alone < row["learned"] <= row["proxy"]


def test_an_oracle_ignores_that_errors_cannot_be_recognised(global_, digits):
    X, y = digits
    never_in_doubt, in_doubt = TREES.make(), TREES.make(min_samples_leaf=5)

    def proxy(base, router):
        return judge_base(base, global_, 0.7, 3, X[600:], y[600:], None, router)[1]

    assert proxy(never_in_doubt, "oracle") > proxy(in_doubt, "oracle")
    by_confidence = [proxy(b, "max_probability") for b in (never_in_doubt, in_doubt)]
    assert by_confidence[0] < by_confidence[1]


def test_the_proxy_may_be_any_router(global_, digits):
    found = search({"a": GaussianNB()}, global_, digits, router="entropy",
                   proxy=EntropyRouter())  # fmt: skip
    row = found.results_[0]
    assert row["proxy"] == row["learned"]
    with pytest.raises(ValueError, match="'orakel' is not known.* 'oracle'"):
        search({"a": GaussianNB()}, global_, digits, proxy="orakel")


@A_SMALL_TREE
def test_halving_gives_more_rows_to_the_better(global_, digits):
    candidates = {
        f"depth {depth}": DecisionTreeClassifier(max_depth=depth, random_state=0)
        for depth in range(1, 10)
    }
    found = search(candidates, global_, digits, min_rows=100, n_finalists=2)
    n_rows = [row["n_rows"] for row in found.results_]
    assert n_rows[:2] == [1197, 1197]
    assert sorted(n_rows[2:]) == [100] * 6 + [300]
    assert np.isnan([row["learned"] for row in found.results_[2:]]).all()


@A_SMALL_TREE
def test_a_space_is_searched_by_mutation(global_, digits):
    found = search(TREES, global_, digits, min_rows=200, population=4, n_generations=3)
    assert 4 < len(found.results_) <= 12
    assert "max_depth=8" in found.best_name_ or "max_depth=6" in found.best_name_
    again = search(TREES, global_, digits, min_rows=200, population=4, n_generations=3)
    assert again.results_ == found.results_


@A_SMALL_TREE
def test_a_small_space_is_searched_whole(global_, digits):
    small = SearchSpace(TREES.make, {"max_depth": [1, 5]})
    found = search(small, global_, digits, min_rows=100, population=8)
    assert len(found.results_) == 2


def test_candidates_that_do_not_fit_are_left_out_before_any_fit(global_, digits):
    class Forbidden(GaussianNB):
        def fit(self, *args, **kwargs):
            raise AssertionError("must not be fitted")

    def excess(base):
        return "too large by 3 KB" if isinstance(base, Forbidden) else None

    found = search(
        {"no": Forbidden(), "yes": GaussianNB()}, global_, digits, excess=excess
    )
    assert found.left_out_ == {"no": "too large by 3 KB"}
    with pytest.raises(
        ValueError, match="Each candidate exceeds .* no: too large by 3"
    ):
        search({"no": Forbidden()}, global_, digits, excess=excess)


def test_a_search_resumes_after_an_interrupt(global_, digits, tmp_path):
    notes = []

    class Noting(GaussianNB):
        def fit(self, *args, **kwargs):
            notes.append(1)
            return super().fit(*args, **kwargs)

    globals()["Noting"] = Noting  # so that it can be pickled
    Noting.__qualname__ = "Noting"
    counts = []
    for _ in range(2):
        search({"a": Noting()}, global_, digits, memory=str(tmp_path))
        counts.append(len(notes))
        notes.clear()
    # The second time only the final hybrid is fitted.
    assert counts[0] > counts[1]


def test_costs_make_a_front_and_a_picture(global_, digits):
    candidates = {
        "cheap": DecisionTreeClassifier(max_depth=2, random_state=0),
        "dear": LogisticRegression(max_iter=200),
        "dear and bad": DummyClassifier(),
    }
    costs = {DecisionTreeClassifier: 1, LogisticRegression: 5, DummyClassifier: 9}
    found = search(candidates, global_, digits, cost=lambda base: costs[type(base)])
    assert set(found.pareto_) == {"cheap", "dear"}
    assert -1 <= found.proxy_rank_correlation_ <= 1
    ax = found.plot()
    assert len(ax.lines) == 3
    with pytest.raises(ValueError, match="needs HybridSearchCV\\(cost="):
        search({"a": GaussianNB()}, global_, digits).plot()


def test_no_point_on_the_front_is_dominated():
    def one(name, learned, cost):
        return Judged(name, 1, 0.0, 0.0, learned, cost)

    judged = [one("a", 0.9, 2), one("b", 0.9, 3), one("c", 0.8, 1), one("d", 0.7, 1)]
    assert pareto(judged) == ["a", "c"]


def test_neighbours_differ_in_one_parameter_by_one_place():
    rng = np.random.RandomState(0)
    for _ in range(100):
        point = TREES.sample(rng)
        moved = TREES.mutate(point, rng)
        assert sorted(np.abs(np.subtract(point, moved))) == [0, 1]
        assert all(0 <= p < n for p, n in zip(moved, (6, 3), strict=True))
    with pytest.raises(ValueError, match="at least one value"):
        SearchSpace(DecisionTreeClassifier, {"max_depth": []})
    with pytest.raises(ValueError, match="make must be a callable"):
        SearchSpace("tree", {"max_depth": [1]})


def test_it_can_be_cloned():
    made = HybridSearchCV(TREES, GaussianNB(), population=3)
    assert clone(made).get_params(deep=False)["population"] == 3


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"candidates": {}}, "candidates must name at least one base"),
        ({"cv": [([0], [1])]}, "'cv' parameter"),
    ],
)
def test_bad_parameters_are_named(global_, digits, params, message):
    X, y = digits
    made = HybridSearchCV(**{"candidates": {"a": GaussianNB()}, **params},
                        global_estimator=global_)  # fmt: skip
    with pytest.raises(ValueError, match=message):
        made.fit(X[600:], y[600:])


def test_weights_of_another_length_are_named(global_, digits):
    X, y = digits
    with pytest.raises(ValueError, match="sample_weight"):
        HybridSearchCV({"a": GaussianNB()}, global_).fit(X[600:], y[600:], np.ones(3))


@pytest.mark.parametrize("n_rare", [2, 40])
def test_the_first_rows_hold_every_class(n_rare):
    y = np.repeat(["rare", "common"], [n_rare, 2000])
    order = stratified_order(y, np.random.RandomState(0), 2)
    assert sorted(order) == list(range(len(y)))
    for n in (10, 200, 1000):
        n_first = (y[order[:n]] == "rare").sum()
        assert 2 <= n_first <= n * n_rare / len(y) + 3


def test_a_rare_class_does_not_break_the_first_rung(global_, digits):
    X, y = digits
    y = np.where(np.arange(len(y)) % 150 == 3, 1, 0)
    candidates = {f"C={c}": LogisticRegression(C=c) for c in (0.1, 1.0, 10.0)}
    made = HybridSearchCV(
        candidates, LogisticRegression(C=100.0), min_rows=20, cv=2, n_finalists=1,
        router="max_probability", random_state=0,
    ).fit(X, y)  # fmt: skip
    assert made.best_name_ in candidates


def test_a_search_without_a_seed_resumes_too(global_, digits, tmp_path):
    X, y = (part[600:] for part in digits)
    candidates = {"bayes": GaussianNB(), "linear": LogisticRegression(max_iter=50)}
    first, again = (
        HybridSearchCV(
            candidates, global_, cv=3, min_rows=100, n_finalists=1, memory=str(tmp_path)
        ).fit(X, y)
        for _ in range(2)
    )
    assert first.results_[1]["n_rows"] == 100
    assert str(first.results_) == str(again.results_)


@pytest.mark.filterwarnings("ignore::selective_query.exceptions.CalibrationWarning")
def test_points_that_were_left_out_are_not_counted_again(global_, digits):
    asked = []

    def excess(base):
        asked.append(base.max_depth)
        return None if base.max_depth < 4 else "too deep"

    space = SearchSpace(
        partial(DecisionTreeClassifier, random_state=0), {"max_depth": [1, 2, 3, 4, 5]}
    )
    search(space, global_, digits, excess=excess, min_rows=200)
    assert len(asked) == len(set(asked)) <= 5


def test_it_scores_like_a_classifier(global_, digits):
    X, y = digits
    found = search({"bayes": GaussianNB()}, global_, digits)
    assert found.score(X[:600], y[:600]) == found.best_hybrid_.score(X[:600], y[:600])
    assert found.predict_proba(X[:5]).shape == (5, 10)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"proxy": "orakel"}, ValueError, "proxy='orakel' is not known"),
        ({"router": "orakel"}, ValueError, "router='orakel' is not known"),
        ({"router": "oracle"}, BoundRouterError, "router='oracle' is a bound"),
    ],
)
def test_routers_are_named_before_anything_is_fitted(digits, params, error, message):
    class Forbidden(GaussianNB):
        def fit(self, *args, **kwargs):
            raise AssertionError("must not be fitted")

    with pytest.raises(error, match=message):
        search({"a": Forbidden()}, Forbidden(), digits, **params)


def test_an_unfitted_search_says_so(digits):
    made = HybridSearchCV(TREES, GaussianNB())
    for method in ("predict", "predict_proba", "predict_coverage"):
        with pytest.raises(NotFittedError):
            getattr(made, method)(digits[0])


def test_labels_and_weights_are_checked_first(global_, digits):
    X, y = (part[600:] for part in digits)
    made = HybridSearchCV({"a": GaussianNB()}, global_)
    with pytest.raises(ValueError, match="sample_weight must be .* Got -1 in row 0"):
        made.fit(X, y, -np.ones(len(y)))
    with pytest.raises(ValueError, match="y must hold a label for each row"):
        made.fit(X, np.where(np.arange(len(y)) == 3, np.nan, y))


def test_a_search_that_fails_leaves_the_one_before(global_, digits, monkeypatch):
    found = search({"bayes": GaussianNB(var_smoothing=0.1)}, global_, digits)
    before = dict(vars(found))

    def fail(*_):
        raise RuntimeError("no more memory")

    monkeypatch.setattr(HybridClassifier, "fit", fail)
    found.candidates["stump"] = DecisionTreeClassifier(max_depth=1)
    with pytest.raises(RuntimeError, match="no more memory"):
        found.fit(digits[0][600:], digits[1][600:])
    assert vars(found) == before


def test_limits_are_compared_at_the_coverage_that_they_amount_to(global_, digits):
    candidates = {"stump": DecisionTreeClassifier(max_depth=1), "bayes": GaussianNB()}
    rows = [part[600:] for part in digits]
    by_number, by_limit = (
        HybridSearchCV(candidates, global_, coverage=asked, cv=3, random_state=0).fit(
            *rows
        )
        for asked in (0.75, QueryRate(0.25))
    )
    np.testing.assert_equal(by_limit.results_, by_number.results_)
    assert by_limit.best_hybrid_.operating_point_.budget == QueryRate(0.25)


@pytest.mark.parametrize("coverage", [None, MinAccuracy(0.9), 1.5, "0.9"])
def test_bases_are_compared_at_one_coverage(coverage, global_, digits):
    candidates = {"bayes": GaussianNB()}
    with pytest.raises(ValueError, match="coverage must be"):
        HybridSearchCV(candidates, global_, coverage=coverage).fit(*digits)
