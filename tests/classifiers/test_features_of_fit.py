"""Column names and counts seen in fit, and the state after a failed fit."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from selective_query import AbstainingClassifier, HybridClassifier
from selective_query.routers import PreRouter
from selective_query.scale import predict_in_chunks
from selective_query.scale._stages import BaseStage

pandas = pytest.importorskip("pandas")

NAMES = ["a", "b", "c", "d"]


class Careless(ClassifierMixin, BaseEstimator):
    """A model that does not check its columns."""

    def fit(self, X, y):
        self.model_ = GaussianNB().fit(np.asarray(X), y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        return self.model_.predict(np.asarray(X)[:, : self.model_.n_features_in_])

    def predict_proba(self, X):
        return self.model_.predict_proba(np.asarray(X)[:, : self.model_.n_features_in_])


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    X = rng.normal(size=(300, 4)) + 2 * np.eye(3, 4)[y] * [1, 2, 3, 0]
    return pandas.DataFrame(X, columns=NAMES), y


def careless_hybrid(**options):
    return HybridClassifier(
        Careless(), Careless(), router="entropy", coverage=0.5, cv=2,
        calibration="out_of_fold", **options,
    )  # fmt: skip


def ways_to_ask(model, X, y):
    return (
        lambda: model.predict(X),
        lambda: model.predict_proba(X),
        lambda: model.predict_coverage(X),
        lambda: model.query_score(X),
        lambda: model.report(X, y),
        lambda: model.outcomes(X, y),
        lambda: model.with_base(Careless(), X, y),
        lambda: list(predict_in_chunks(model, X)),
    )


@pytest.mark.parametrize("make", [careless_hybrid, lambda: AbstainingClassifier(
    Careless(), router="entropy", coverage=0.5, cv=2, calibration="out_of_fold"
)])  # fmt: skip
@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["b", "a", "c", "d"], "same order"),
        (["a", "b", "c"], "missing"),
        (["a", "b", "c", "d", "d2"], "unseen"),
        (["a", "b", "c", "e"], "unseen"),
    ],
)
def test_columns_that_differ_from_fit_are_refused(make, columns, message, table):
    X, y = table
    model = make().fit(X, y)
    assert list(model.feature_names_in_) == NAMES
    for way in ways_to_ask(model, X, y)[:6]:
        way()
    other = X.assign(d2=0, e=0)[columns]
    for way in ways_to_ask(model, other, y):
        with pytest.raises(ValueError, match=f"(?s)names should match.*{message}"):
            way()
    if isinstance(model, HybridClassifier):
        with pytest.raises(ValueError, match="feature names should match"):
            BaseStage(model).route(other)


def test_arrays_after_frames_warn_like_scikit_learn(table):
    X, y = table
    hybrid = careless_hybrid().fit(X, y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        hybrid.predict(X.to_numpy())
    hybrid.fit(X.to_numpy(), y).predict(X.to_numpy())


def test_another_number_of_columns_is_refused_where_the_base_knows_it(table):
    X, y = table
    pre = PreRouter()
    hybrid = HybridClassifier(
        GaussianNB(), Careless(), router=pre, coverage=0.0, cv=2,
        calibration="out_of_fold",
    ).fit(X.to_numpy(), y)  # fmt: skip
    with pytest.raises(ValueError, match="X has 5 features.*expecting 4"):
        hybrid.predict(X.assign(e=0).to_numpy())


def test_a_refit_forgets_names_and_numbers(table):
    X, y = table
    model = HybridClassifier(GaussianNB(), GaussianNB(), cv=2).fit(X, y)
    model.fit(X.to_numpy()[:, :3], y)
    assert model.n_features_in_ == 3
    assert not hasattr(model, "feature_names_in_")
    model.set_params(base_estimator=Careless()).fit(X.to_numpy(), y)
    assert not hasattr(model, "n_features_in_")


def test_frozen_models_with_names_require_these_names(table):
    X, y = table
    base = Careless().fit(X, y)
    base.feature_names_in_ = np.array(NAMES, dtype=object)
    models = FrozenEstimator(base), FrozenEstimator(GaussianNB().fit(X, y))
    with pytest.raises(ValueError, match="(?s)feature names should match.*same order"):
        HybridClassifier(*models).fit(X[["b", "a", "c", "d"]], y)


def test_frozen_pipelines_may_read_some_columns_by_name(table):
    X, y = table
    pick = make_column_transformer(("passthrough", ["c", "a"]))
    base = make_pipeline(pick, GaussianNB()).fit(X[["a", "c"]], y)
    hybrid = HybridClassifier(
        FrozenEstimator(base), ExtraTreesClassifier(10, random_state=0), cv=2
    ).fit(X, y)
    assert list(hybrid.feature_names_in_) == NAMES
    assert (hybrid.predict(X) == y).mean() > 0.8


def test_a_fit_that_fails_leaves_nothing_behind(table):
    X, y = table
    X = X.to_numpy()
    hybrid = HybridClassifier(LogisticRegression(), GaussianNB(), cv=2)
    text = np.array(["cat", "dog", "elk"])[y]
    nan = np.where(np.arange(len(X))[:, None] == 7, np.nan, X)
    with pytest.raises(ValueError, match="NaN"):
        hybrid.fit(nan, text)
    assert not [name for name in vars(hybrid) if name.endswith("_")]
    with pytest.raises(NotFittedError):
        hybrid.predict(X)
    hybrid.fit(X, y)
    before = dict(vars(hybrid))
    expected = hybrid.predict(X)
    with pytest.raises(ValueError, match="NaN"):
        hybrid.fit(nan, text)
    assert vars(hybrid) == before
    np.testing.assert_array_equal(hybrid.predict(X), expected)


def test_a_successful_fit_forgets_the_previous_one(table):
    X, y = table
    model = AbstainingClassifier(GaussianNB(), cv=2).fit(X, y)
    model.left_over_ = "something"
    model.fit(X.to_numpy(), y)
    assert not hasattr(model, "left_over_")


def test_numbered_columns_in_another_order_are_refused(table):
    X, y = table
    numbered = pandas.DataFrame(X.to_numpy())
    hybrid = careless_hybrid().fit(numbered, y)
    hybrid.predict(pandas.DataFrame(X.to_numpy(), columns=[10, 11, 12, 13]))
    hybrid.predict(X.to_numpy())
    for ask in (hybrid.predict, BaseStage(hybrid).route):
        with pytest.raises(ValueError, match=r"order.*\[3, 2, 1\].*\[0, 1, 2\]"):
            ask(numbered[[3, 2, 1, 0]])
    hybrid.fit(X.to_numpy(), y).predict(numbered[[3, 2, 1, 0]])
