import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from selective_query import HybridClassifier
from selective_query.evaluation.scorers import accuracy_at
from selective_query.exceptions import (
    BoundRouterError,
    CalibrationWarning,
    CertificateError,
)


class Counting(ClassifierMixin, BaseEstimator):
    """A classifier that records the number of rows in each call."""

    def __init__(self, model):
        self.model = model
        self.classes_ = model.classes_
        self.calls = []

    def fit(self, X, y):
        raise AssertionError("a frozen model must not be fitted")

    def predict(self, X):
        return self.model.predict(X)

    def predict_proba(self, X):
        self.calls.append(len(X))
        return self.model.predict_proba(X)


# Fits on two thirds of 400 rows are clearly different models.
FEW_ROWS = pytest.mark.filterwarnings(
    "ignore::selective_query.exceptions.CalibrationWarning"
)


@pytest.fixture(scope="module")
def hybrid(digits, frozen_pair):
    X, y = digits
    return HybridClassifier(*frozen_pair, router="max_probability", coverage=0.8).fit(
        X[600:1200], y[600:1200]
    )


def test_answers_come_from_the_side_that_the_coverage_says(digits, hybrid):
    X, _ = digits
    X = X[1200:]
    kept = hybrid.predict_coverage(X)
    assert kept.dtype == bool
    assert 0 < kept.mean() < 1
    base, global_ = hybrid.base_estimator_, hybrid.global_estimator_
    expected = np.where(kept, base.predict(X), global_.predict(X))
    np.testing.assert_array_equal(hybrid.predict(X), expected)
    proba = np.where(kept[:, None], base.predict_proba(X), global_.predict_proba(X))
    np.testing.assert_allclose(hybrid.predict_proba(X), proba)


def test_frozen_models_and_a_plain_router_give_the_exact_distribution(hybrid):
    certificate = hybrid.operating_point_.certificate
    assert certificate.exact
    assert certificate.n == 600
    assert certificate.rank == 481  # ceil(0.8 * 601)
    assert hybrid.operating_point_.coverage >= 0.8


def test_global_sees_the_queried_rows_in_one_batch(digits, frozen_pair):
    X, y = digits
    base, global_ = frozen_pair
    counting = Counting(global_.estimator)
    hybrid = HybridClassifier(
        base, FrozenEstimator(counting), router="margin", coverage=0.7
    ).fit(X[600:1200], y[600:1200])
    counting.calls.clear()
    kept = hybrid.predict_coverage(X[1200:])
    assert counting.calls == []
    hybrid.predict(X[1200:])
    assert counting.calls == [(~kept).sum()]
    counting.calls.clear()
    hybrid.at(1.0).predict(X[1200:])
    hybrid.at(1.0).predict_proba(X[1200:])
    assert counting.calls == []
    hybrid.report(X[1200:], y[1200:])
    assert counting.calls == [(~kept).sum()]
    counting.calls.clear()
    hybrid.report(X[1200:], y[1200:], query_all=True)
    assert counting.calls == [len(kept)]


def test_each_decision_depends_on_its_row_alone(digits, hybrid):
    X, _ = digits
    X = X[1200:1300]
    alone = np.concatenate([hybrid.predict_coverage(row[None]) for row in X])
    np.testing.assert_array_equal(alone, hybrid.predict_coverage(X))
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(
        hybrid.predict_coverage(X[order]), hybrid.predict_coverage(X)[order]
    )


def test_setting_the_coverage_moves_nothing_before_the_next_fit(digits, hybrid):
    X, y = digits
    moved = copy.copy(hybrid).set_params(coverage=0.5)
    np.testing.assert_array_equal(moved.predict_coverage(X), hybrid.predict_coverage(X))
    moved.fit(X[600:1200], y[600:1200])
    np.testing.assert_array_equal(
        moved.predict_coverage(X), hybrid.at(0.5).predict_coverage(X)
    )


def test_at_moves_a_copy_only(digits, hybrid):
    X, _ = digits
    before = hybrid.operating_point_
    moved = hybrid.at(0.5)
    assert moved.get_params()["coverage"] == 0.5
    assert hybrid.get_params()["coverage"] == 0.8
    assert hybrid.operating_point_ is before
    assert moved.base_estimator_ is hybrid.base_estimator_
    assert moved.predict_coverage(X).mean() < hybrid.predict_coverage(X).mean()
    refitted = clone(hybrid).set_params(coverage=0.5)
    X_cal, y_cal = digits[0][600:1200], digits[1][600:1200]
    assert (
        refitted.fit(X_cal, y_cal).operating_point_.threshold
        == moved.operating_point_.threshold
    )
    certified = hybrid.at(0.5, confidence=0.95)
    assert certified.confidence == 0.95
    assert certified.at(0.6).confidence == 0.95
    assert certified.operating_point_.threshold > moved.operating_point_.threshold


def test_report_adds_up(digits, hybrid):
    X, y = digits[0][1200:], digits[1][1200:]
    report = hybrid.report(X, y)
    assert report.accuracy == pytest.approx(hybrid.score(X, y))
    assert report["coverage"] == hybrid.predict_coverage(X).mean()
    assert np.isnan(report.global_accuracy)
    mixed = (
        report.coverage * report.base_accuracy_on_kept
        + (1 - report.coverage) * report.global_accuracy_on_queried
    )
    assert report.accuracy == pytest.approx(mixed)
    everything = hybrid.report(X, y, query_all=True)
    assert everything.global_accuracy == hybrid.global_estimator_.score(X, y)
    assert everything.base_accuracy == np.mean(hybrid.base_estimator_.predict(X) == y)
    assert np.isnan(hybrid.at(0.0).report(X, y).base_accuracy_on_kept)
    weight = np.arange(len(y)) % 3
    weighted = hybrid.report(X, y, sample_weight=weight)
    assert weighted.accuracy == pytest.approx(hybrid.score(X, y, weight))


def test_global_with_predict_only(digits):
    X, y = digits
    hybrid = HybridClassifier(GaussianNB(), LinearSVC(), router="entropy", cv=3)
    assert not hasattr(hybrid, "predict_proba")
    hybrid.fit(X[:600], y[:600])
    queried = ~hybrid.predict_coverage(X[600:])
    np.testing.assert_array_equal(
        hybrid.predict(X[600:])[queried],
        hybrid.global_estimator_.predict(X[600:][queried]),
    )
    with pytest.raises(AttributeError, match="predict_proba"):
        hybrid.predict_proba(X)


def test_base_without_probabilities_is_refused(digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"base_estimator=.* has no predict_proba"):
        HybridClassifier(LinearSVC(), GaussianNB()).fit(X, y)


def test_base_may_know_fewer_classes(digits):
    X, y = digits
    few = y[:600] < 7
    base = FrozenEstimator(
        GaussianNB(var_smoothing=0.1).fit(X[:600][few], y[:600][few])
    )
    global_ = FrozenEstimator(LogisticRegression(max_iter=300).fit(X[:600], y[:600]))
    hybrid = HybridClassifier(base, global_, coverage=0.6).fit(X[600:1200], y[600:1200])
    proba = hybrid.predict_proba(X[1200:])
    kept = hybrid.predict_coverage(X[1200:])
    assert proba.shape[1] == 10
    assert (proba[kept][:, 7:] == 0).all()
    assert set(hybrid.predict(X[1200:])[kept]) <= set(range(7))


@pytest.mark.filterwarnings("ignore:A base fitted on all rows scores them so")
def test_fold_models_may_miss_a_class():
    # With plain KFold the rare class is in no training part of one fold.
    X = np.random.default_rng(0).normal(size=(90, 3))
    y = np.array(["c"] * 30 + ["a", "b"] * 30)
    X[:, 0] += (y == "c") + 2 * (y == "a")
    hybrid = HybridClassifier(GaussianNB(), LogisticRegression(), cv=KFold(3)).fit(X, y)
    assert hybrid.classes_.tolist() == ["a", "b", "c"]
    assert set(hybrid.predict(X)) <= {"a", "b", "c"}


def test_global_that_returns_unknown_labels(digits, frozen_pair):
    X, y = digits

    class Strange(Counting):
        predict_proba = None

        def __getattribute__(self, name):
            if name == "predict_proba":
                raise AttributeError(name)
            return super().__getattribute__(name)

        def predict(self, X):
            return np.full(len(X), 77)

    strange = FrozenEstimator(Strange(frozen_pair[1].estimator))
    hybrid = HybridClassifier(frozen_pair[0], strange, router="entropy")
    with pytest.raises(ValueError, match=r"global_estimator returned labels.*77"):
        hybrid.fit(X[600:1200], y[600:1200])


class Altered(Counting):
    """A model whose output probabilities or labels are altered."""

    def __init__(self, model, alter):
        super().__init__(model)
        self.alter = alter

    def predict_proba(self, X):
        return self.alter(self.model.predict_proba(X))


def to_nan(proba):
    return np.where(np.arange(len(proba))[:, None] == 2, np.nan, proba)


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (to_nan, "contains NaN, first in row 2"),
        (lambda proba: 0.9 * proba, r"must sum to 1.*Row 0 sums to 0\.9"),
    ],
)
def test_invalid_probabilities_name_their_side(digits, frozen_pair, alter, message):
    X, y = digits[0][600:900], digits[1][600:900]
    base, global_ = (FrozenEstimator(Altered(m.estimator, alter)) for m in frozen_pair)
    for pair, side in (
        ((base, frozen_pair[1]), "base_estimator"),
        ((frozen_pair[0], global_), "global_estimator"),
    ):
        hybrid = HybridClassifier(*pair, router="entropy")
        with pytest.raises(ValueError, match=f"{side}.predict_proba.* {message}"):
            hybrid.fit(X, y)


def test_base_that_starts_to_return_nan_is_refused(digits, frozen_pair):
    X, y = digits[0][600:900], digits[1][600:900]
    base = Altered(frozen_pair[0].estimator, lambda proba: proba)
    hybrid = HybridClassifier(FrozenEstimator(base), frozen_pair[1], router="entropy")
    hybrid.fit(X, y)
    base.alter = to_nan
    with pytest.raises(ValueError, match="base_estimator.* contains NaN"):
        hybrid.predict(X)


def test_global_that_learns_an_unknown_label_later(digits, frozen_pair):
    X, y = digits[0][600:900], digits[1][600:900]
    global_ = Counting(frozen_pair[1].estimator)
    hybrid = HybridClassifier(
        frozen_pair[0], FrozenEstimator(global_), router="entropy", coverage=0.5
    ).fit(X, y)
    global_.classes_ = np.arange(1, 11)
    with pytest.raises(ValueError, match=r"not among the classes seen in fit.*10"):
        hybrid.predict(X)


def test_unfitted_use_says_so(digits):
    X, y = digits
    hybrid = HybridClassifier(GaussianNB(), GaussianNB())
    for method in ("predict", "predict_proba", "predict_coverage", "query_score"):
        with pytest.raises(NotFittedError):
            getattr(hybrid, method)(X)
    for method in ("report", "outcomes", "score"):
        with pytest.raises(NotFittedError):
            getattr(hybrid, method)(X, y)


def test_frozen_model_of_other_labels_is_refused(digits, frozen_pair):
    X, y = digits
    with pytest.raises(ValueError, match="kind of label"):
        HybridClassifier(*frozen_pair).fit(X, y.astype(str))


@FEW_ROWS
@pytest.mark.parametrize("container", [pd.DataFrame, csr_matrix])
def test_containers(digits, container):
    X, y = digits
    data = container(X[:400])
    hybrid = HybridClassifier(
        LogisticRegression(C=0.01), LogisticRegression(), coverage=0.7, cv=3
    ).fit(data, y[:400])
    np.testing.assert_array_equal(
        hybrid.predict(container(X[400:])),
        clone(hybrid).fit(X[:400], y[:400]).predict(X[400:]),
    )
    if container is pd.DataFrame:
        named = data.rename(columns=str)
        names = clone(hybrid).fit(named, y[:400]).feature_names_in_
        assert names.tolist() == named.columns.tolist()


# Bags of three words give few distinct probabilities.
@pytest.mark.filterwarnings("ignore::selective_query.exceptions.CalibrationWarning")
def test_texts():
    words = ["cat purrs", "dog barks", "cow moos"]
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=150)
    X = [f"{words[label]} {rng.integers(5)} {rng.choice(words)}" for label in y]
    hybrid = HybridClassifier(
        make_pipeline(CountVectorizer(max_features=3), MultinomialNB()),
        make_pipeline(TfidfVectorizer(), LogisticRegression()),
        router="margin",
        coverage=0.5,
    ).fit(X, y)
    assert hybrid.predict(X).shape == (150,)
    assert hybrid.predict(X[:1]).shape == (1,)


def test_string_labels_survive(digits):
    X, y = digits
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven",
                      "eight", "nine"])[y]  # fmt: skip
    hybrid = HybridClassifier(GaussianNB(), LogisticRegression(max_iter=200), cv=3)
    hybrid.fit(X[:500], names[:500])
    assert set(hybrid.predict(X[500:])) <= set(names)


@FEW_ROWS
def test_grid_search_over_router_and_base(digits):
    X, y = digits
    search = GridSearchCV(
        HybridClassifier(
            LogisticRegression(max_iter=50), GaussianNB(), coverage=0.8, cv=3
        ),
        {"router": ["entropy", "margin"], "base_estimator__C": [1e-3, 1.0]},
        scoring=accuracy_at(0.8),
        cv=2,
    ).fit(X[:400], y[:400])
    assert search.best_params_["base_estimator__C"] == 1.0
    assert search.best_estimator_.predict(X[400:]).shape == (1397,)


def test_pipelines_inside_and_outside(digits):
    X, y = digits
    inside = HybridClassifier(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=50)),
        make_pipeline(StandardScaler(), ExtraTreesClassifier(20, random_state=0)),
        cv=3,
    )
    outside = make_pipeline(StandardScaler(), inside)
    assert outside.fit(X[:400], y[:400]).predict(X[400:]).shape == (1397,)
    assert "base_estimator__logisticregression__C" in inside.get_params()


def test_pickle_gives_the_same_answers(digits, hybrid):
    X, _ = digits
    copy = pickle.loads(pickle.dumps(hybrid.set_params(base_estimator=None)))
    np.testing.assert_array_equal(copy.predict(X), hybrid.predict(X))


def test_overfitted_base_is_judged_out_of_fold(digits):
    X, y = digits
    base = DecisionTreeClassifier(random_state=0)
    hybrid = HybridClassifier(
        base, ExtraTreesClassifier(50, random_state=0), coverage=0.7, cv=3
    )
    with pytest.warns(CalibrationWarning, match="share the score"):
        hybrid.fit(X[:900], y[:900])
    report = hybrid.report(X[900:], y[900:])
    assert hybrid.base_estimator_.score(X[:900], y[:900]) == 1.0
    assert report.accuracy > report.base_accuracy


@pytest.mark.parametrize(
    ("calibration", "fits"), [(None, 9), ("out_of_fold", 6), (0.2, 1)]
)
def test_number_of_fits_is_as_documented(digits, calibration, fits):
    X, y = digits
    rows = []

    class Noting(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            rows.append(len(y))
            return super().fit(X, y, sample_weight)

    HybridClassifier(
        Noting(),
        GaussianNB(),
        router="max_probability",
        calibration=calibration,
        random_state=0,
    ).fit(X[:500], y[:500])
    assert len(rows) == fits
    assert max(rows) == (400 if calibration == 0.2 else 500)


def test_held_out_calibration_is_exact_and_certifiable(digits):
    X, y = digits
    hybrid = HybridClassifier(
        GaussianNB(var_smoothing=0.1),
        LogisticRegression(max_iter=100),
        coverage=0.8,
        confidence=0.9,
        calibration=0.25,
        cv=3,
        random_state=0,
    ).fit(X[:800], y[:800])
    certificate = hybrid.operating_point_.certificate
    assert certificate.exact
    assert certificate.n == 200
    assert certificate.confidence == 0.9


def test_confidence_is_refused_before_anything_is_fitted(digits, frozen_pair):
    X, y = digits
    for models, router in (
        ((GaussianNB(), GaussianNB()), "entropy"),
        (frozen_pair, "auto"),
    ):
        hybrid = HybridClassifier(*models, router=router, confidence=0.95)
        with pytest.raises(CertificateError, match=r"calibration=0\.2"):
            hybrid.fit(X, y)


def test_cross_fitted_point_says_that_it_is_not_exact(digits):
    X, y = digits
    hybrid = HybridClassifier(GaussianNB(), GaussianNB(), cv=3).fit(X[:300], y[:300])
    assert not hybrid.operating_point_.certificate.exact
    with pytest.raises(CertificateError):
        hybrid.at(0.8, confidence=0.9)


def test_unconstrained_rule_queries_where_the_benefit_is_positive(digits, frozen_pair):
    X, y = digits
    hybrid = HybridClassifier(*frozen_pair, coverage=None).fit(X[600:1200], y[600:1200])
    np.testing.assert_array_equal(
        hybrid.predict_coverage(X), hybrid.query_score(X) <= 0
    )
    with pytest.raises(ValueError, match="router='entropy' does not estimate"):
        HybridClassifier(*frozen_pair, router="entropy", coverage=None).fit(X, y)


def test_base_features_reach_the_router(digits, frozen_pair):
    X, y = digits
    by_callable = HybridClassifier(
        *frozen_pair, router="benefit", base_features=lambda base, X: X[:, 20:30]
    ).fit(X[600:1200], y[600:1200])
    scaler = StandardScaler().fit(X[:600])
    by_transformer = HybridClassifier(
        *frozen_pair, router="benefit", base_features=scaler
    ).fit(X[600:1200], y[600:1200])
    plain = HybridClassifier(*frozen_pair, router="benefit").fit(
        X[600:1200], y[600:1200]
    )
    n_plain = len(plain.policy_.router_.coef_)
    assert len(by_callable.policy_.router_.coef_) == n_plain + 10
    assert len(by_transformer.policy_.router_.coef_) == n_plain + 64


@pytest.mark.parametrize("coverage", [-0.1, 1.5, 90, True, "0.9", np.nan])
def test_coverage_out_of_range(digits, frozen_pair, coverage):
    X, y = digits
    with pytest.raises(ValueError, match=r"coverage must be .* \[0, 1\]"):
        HybridClassifier(*frozen_pair, coverage=coverage).fit(X, y)


def test_bad_input(digits, frozen_pair):
    X, y = digits
    X, y = X[600:900], y[600:900]

    def hybrid(**params):
        return HybridClassifier(*frozen_pair, **params)

    with pytest.raises(ValueError, match=r"router='entropi'.*Did you mean 'entropy'"):
        hybrid(router="entropi").fit(X, y)
    with pytest.raises(BoundRouterError, match="oracle"):
        hybrid(router="oracle").fit(X, y)
    with pytest.raises(ValueError, match="confidence"):
        hybrid(confidence=1.5).fit(X, y)
    with pytest.raises(ValueError, match="calibration"):
        hybrid(calibration="some").fit(X, y)
    with pytest.raises(ValueError, match=r"at least two classes.*Got 1 class"):
        HybridClassifier(GaussianNB(), GaussianNB()).fit(X, np.zeros(len(y)))
    with pytest.raises(
        ValueError, match="y must have one entry for each of the 300 rows"
    ):
        hybrid().fit(X, y[:-1])
    with pytest.raises(ValueError, match="exactly one test part"):
        HybridClassifier(GaussianNB(), GaussianNB(), cv=ShuffleSplit(3)).fit(X, y)
    with pytest.raises(NotFittedError):
        hybrid().predict(X)
    with pytest.raises(NotFittedError):
        hybrid().at(0.5)


def test_sample_weight_changes_the_fit_like_repeated_rows():
    X, y = make_classification(300, random_state=0)
    weight = np.random.default_rng(0).integers(1, 3, size=300)
    folds = np.arange(300) % 3
    rows = np.repeat(np.arange(300), weight)
    splits = [
        (np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(3)
    ]
    repeated = [
        (np.flatnonzero(folds[rows] != k), np.flatnonzero(folds[rows] == k))
        for k in range(3)
    ]
    models = LogisticRegression(C=0.1, tol=1e-8), LogisticRegression(tol=1e-8)
    weighted = HybridClassifier(*models, coverage=0.6, cv=splits)
    weighted.fit(X, y, sample_weight=weight)
    by_rows = HybridClassifier(*models, coverage=0.6, cv=repeated).fit(X[rows], y[rows])
    np.testing.assert_allclose(
        weighted.operating_point_.threshold,
        by_rows.operating_point_.threshold,
        rtol=1e-4,
    )
    np.testing.assert_allclose(
        weighted.query_score(X), by_rows.query_score(X), rtol=1e-3
    )


def test_a_model_that_takes_no_weights_is_named(digits):
    X, y = digits
    pipeline = make_pipeline(StandardScaler(), GaussianNB())
    hybrid = HybridClassifier(pipeline, GaussianNB(), router="margin", cv=3)
    with pytest.warns(UserWarning, match="Pipeline takes no sample_weight"):
        hybrid.fit(X[:300], y[:300], sample_weight=np.ones(300))


@pytest.mark.slow
def test_default_coverage_is_right_on_average(digits):
    # One case of the full table in benchmarks/coverage_by_router.py.
    X, y = digits
    realised = {None: [], "out_of_fold": []}
    for seed in range(30):
        order = np.random.default_rng(seed).permutation(len(y))
        train, new = order[:1000], order[1000:]
        for calibration, found in realised.items():
            hybrid = HybridClassifier(
                LogisticRegression(max_iter=200),
                GaussianNB(),
                router="max_probability",
                coverage=0.7,
                calibration=calibration,
            ).fit(X[train], y[train])
            found.append(hybrid.predict_coverage(X[new]).mean())
    assert abs(np.mean(realised[None]) - 0.7) < 0.015
    assert np.mean(realised["out_of_fold"]) - 0.7 > 0.015


def test_a_hybrid_as_the_global_of_another_warns_with_an_alternative(digits):
    X, y = digits
    base = LogisticRegression(C=0.1, max_iter=300)
    inner = HybridClassifier(base, GaussianNB(), router="margin", cv=2)
    nested = HybridClassifier(base, inner, router="margin", cv=2)
    told = r"global_estimator is a HybridClassifier.*Use CascadeClassifier\("
    piped = clone(nested).set_params(global_estimator=make_pipeline(inner))
    for model in (nested, piped):
        with pytest.warns(CalibrationWarning, match=told):
            model.fit(X[:200], y[:200])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frozen = FrozenEstimator(inner.fit(X[:200], y[:200]))
        HybridClassifier(base, frozen, router="margin", cv=2).fit(
            X[200:400], y[200:400]
        )
    assert not any("global_estimator is a" in str(w.message) for w in caught)
