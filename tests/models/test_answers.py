"""Model outputs are checked on every call, in fit and in predict."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import StackingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from selective_query import AbstainingClassifier, HybridClassifier
from selective_query._models.answers import ask
from selective_query.scale import predict_in_chunks, report_in_chunks
from selective_query.scale._stages import BaseStage, GlobalStage

CLASSES = np.array([0, 1, 2])


class Says(ClassifierMixin, BaseEstimator):
    """A fitted model that returns the altered outputs of another one."""

    def __init__(self, model, change=lambda proba: proba):
        self.model = model
        self.change = change
        self.classes_ = model.classes_

    def fit(self, X, y):
        raise AssertionError("frozen")

    def predict(self, X):
        return self.model.predict(X)

    def predict_proba(self, X):
        return self.change(self.model.predict_proba(X))


class Labels(BaseEstimator):
    """A fitted model that returns only labels."""

    def __init__(self, model, change=lambda label: label):
        self.model = model
        self.change = change

    def fit(self, X, y):
        raise AssertionError("frozen")

    def predict(self, X):
        return self.change(self.model.predict(X))


def with_entry(value, column=0):
    def change(proba):
        proba = np.array(proba)
        proba[-1, column] = value
        return proba

    return change


def frame(**options):
    pandas = pytest.importorskip("pandas")
    return lambda proba: pandas.DataFrame(proba, **options)


BAD_PROBA = {
    "NaN": (with_entry(np.nan), "NaN, first in row"),
    "infinity": (with_entry(np.inf), "sum to 1"),
    "negative": (lambda p: p + np.eye(3)[0] - np.eye(3)[1], "negative.* in row 0"),
    "logits": (np.log, "not logits"),
    "a column too few": (
        lambda p: p[:, :2] / p[:, :2].sum(axis=1, keepdims=True), "3 classes",
    ),
    "a column too many": (lambda p: np.column_stack([p, 0 * p[:, 0]]), "3 classes"),
    "a row too few": (lambda p: p[1:], "rows"),
    "one number a row": (lambda p: p[:, 0], "of shape"),
    "a list of columns": (lambda p: list(p), "list"),
    "masked": (lambda p: np.ma.array(p, mask=p > 0.9), "mask"),
    "text": (lambda p: p.astype(str), "numbers"),
    "objects": (lambda p: np.where(p > 0.9, None, p), "numbers"),
    "complex": (lambda p: p + 0j, "numbers"),
}  # fmt: skip

BAD_LABELS = {
    "unknown": (lambda y: np.where(y == y[-1], 7, y), "'7'.*first in row"),
    "NaN": (lambda y: np.where(np.arange(len(y)) == 0, np.nan, y), "first in row 0"),
    "text": (lambda y: y.astype(str), "not among the classes"),
    "a row too few": (lambda y: y[1:], "rows"),
    "a row too many": (lambda y: np.append(y, 0), "rows"),
    "two columns": (lambda y: np.column_stack([y, y]), "one label"),
    "one for all": (lambda y: y[0], "one label"),
    "masked": (lambda y: np.ma.array(y, mask=y == 0), "mask"),
}


@pytest.fixture(scope="module")
def three():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 400)
    X = rng.normal(size=(400, 4)) + 1.2 * np.eye(3, 4)[y]
    return X, y


@pytest.fixture(scope="module")
def models(three):
    X, y = three
    base = GaussianNB().fit(X[:100, :2], y[:100])
    return First(base), LogisticRegression().fit(X[:100], y[:100])


class First(ClassifierMixin, BaseEstimator):
    """A fitted model of the first two columns."""

    def __init__(self, model):
        self.model = model
        self.classes_ = model.classes_

    def fit(self, X, y):
        raise AssertionError("frozen")

    def predict_proba(self, X):
        return self.model.predict_proba(X[:, :2])

    def predict(self, X):
        return self.model.predict(X[:, :2])


def hybrid_of(base, global_, three, router="max_probability"):
    X, y = three
    frozen = FrozenEstimator(base), FrozenEstimator(global_)
    return HybridClassifier(*frozen, router=router, coverage=0.5).fit(
        X[100:300], y[100:300]
    )


def ways_to_ask(hybrid, X, y):
    """Return every way in which a fitted hybrid calls its models, by name."""
    return {
        "predict": lambda: hybrid.predict(X),
        "predict_proba": lambda: hybrid.predict_proba(X),
        "report": lambda: hybrid.report(X, y),
        "outcomes": lambda: hybrid.outcomes(X, y),
        "predict_in_chunks": lambda: list(
            predict_in_chunks(hybrid, X, ("predict", "predict_coverage"))
        ),
        "report_in_chunks": lambda: report_in_chunks(hybrid, X, y),
        "stages": lambda: GlobalStage(hybrid).answer(BaseStage(hybrid).route(X).asked),
    }


@pytest.mark.parametrize("kind", BAD_PROBA)
@pytest.mark.parametrize("side", ["base_estimator", "global_estimator"])
def test_probabilities_are_checked_on_both_sides(kind, side, three, models):
    X, y = three
    change, message = BAD_PROBA[kind]
    pair = dict(zip(("base_estimator", "global_estimator"), models, strict=True))
    pair[side] = Says(pair[side])
    hybrid = hybrid_of(*pair.values(), three)
    pair[side].change = change
    for way in ways_to_ask(hybrid, X[300:], y[300:]).values():
        with pytest.raises(ValueError, match=f"(?s){side}.*{message}"):
            way()
    with pytest.raises(ValueError, match=f"(?s){side}.*{message}"):
        hybrid_of(*pair.values(), three)


@pytest.mark.parametrize("kind", BAD_LABELS)
def test_labels_are_checked(kind, three, models):
    X, y = three
    change, message = BAD_LABELS[kind]
    global_ = Labels(models[1])
    hybrid = hybrid_of(models[0], global_, three)
    global_.change = change
    for name, way in ways_to_ask(hybrid, X[300:], y[300:]).items():
        if name != "predict_proba":
            with pytest.raises(ValueError, match=f"(?s)global_estimator.*{message}"):
                way()


def test_single_precision_and_columns_of_labels_are_let_through(three, models):
    X, _ = three
    expected = hybrid_of(*models, three).predict(X[300:])
    single = Says(models[1], lambda p: p.astype(np.float32))
    column = Labels(models[1], lambda label: label[:, None])
    for global_ in (single, column):
        hybrid = hybrid_of(models[0], global_, three)
        np.testing.assert_array_equal(hybrid.predict(X[300:]), expected)


def test_sums_that_single_precision_misses_are_repaired_row_by_row(three, models):
    X, _ = three
    off = np.where(np.arange(100) % 2, 1.02, 1.0)[:, None]
    exact = models[1].predict_proba(X[300:])
    found = ask(Says(models[1], lambda p: off * p), X[300:], CLASSES).proba
    np.testing.assert_allclose(found, exact, rtol=1e-12)
    np.testing.assert_array_equal(found[::2], exact[::2])


@pytest.mark.parametrize("names", [[2, 0, 1], ["2", "0", "1"]])
@pytest.mark.parametrize("side", [0, 1])
def test_named_columns_are_matched_with_the_labels(names, side, three, models):
    pandas = pytest.importorskip("pandas")
    X, _ = three
    expected = hybrid_of(*models, three).predict_proba(X[300:])
    pair = list(models)
    pair[side] = Says(
        pair[side], lambda p: pandas.DataFrame(p[:, [2, 0, 1]], columns=names)
    )
    hybrid = hybrid_of(*pair, three)
    np.testing.assert_array_equal(hybrid.predict_proba(X[300:]), expected)


def test_columns_that_are_numbered_by_default_go_by_position(three, models):
    X, _ = three
    expected = hybrid_of(*models, three).predict_proba(X[300:])
    hybrid = hybrid_of(models[0], Says(models[1], frame()), three)
    np.testing.assert_array_equal(hybrid.predict_proba(X[300:]), expected)


def test_frames_that_match_neither_labels_nor_rows_are_refused(three, models):
    X, _ = three
    hybrid = hybrid_of(models[0], global_ := Says(models[1]), three)
    global_.change = frame(columns=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"(?s)global_estimator.*'a'.*\[0, 1, 2\]"):
        hybrid.predict(X)
    global_.change = lambda p: frame()(p).iloc[::-1]
    with pytest.raises(ValueError, match="(?s)global_estimator.*index"):
        hybrid.predict(X)


class Nameless(BaseEstimator):
    """A model without classes_."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)

    def predict_proba(self, X):
        return np.full((len(X), 3), 1 / 3)


@pytest.mark.parametrize("freeze", [FrozenEstimator, lambda model: model])
@pytest.mark.parametrize("side", ["base_estimator", "global_estimator"])
def test_a_model_without_classes_is_named(freeze, side, three):
    X, y = three
    pair = {"base_estimator": GaussianNB(), "global_estimator": GaussianNB()}
    pair[side] = freeze(Nameless())
    with pytest.raises(ValueError, match=f"{side}.*Nameless.*classes_"):
        HybridClassifier(**pair, cv=3).fit(X, y)


@pytest.mark.parametrize("freeze", [True, False])
def test_a_model_of_several_labels_a_row_is_named(freeze, three, models):
    X, y = three
    several = DecisionTreeClassifier().fit(X, np.column_stack([y, y > 0]))
    if freeze:
        with pytest.raises(ValueError, match="global_estimator.*multi-output"):
            hybrid_of(models[0], several, three)
    else:
        with pytest.raises(ValueError, match="global_estimator.*multi-output"):
            ask(several, X, CLASSES, who="global_estimator")


def test_a_label_that_stands_for_two_columns_is_refused(three, models):
    X, _ = three
    hybrid = hybrid_of(models[0], global_ := Says(models[1]), three)
    global_.classes_ = np.array([0, 1, 1])
    with pytest.raises(ValueError, match="global_estimator.classes_ .*once"):
        hybrid.predict(X)


class TwoColumns(ClassifierMixin, BaseEstimator):
    """Returns two columns even if fitted on one class, like some boosting libraries."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        at_least_two = np.zeros((len(X), max(2, len(self.classes_))))
        at_least_two[:, 0] = 1
        return at_least_two

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def test_a_fold_of_one_class(three):
    X, _ = three
    y = np.arange(len(X)) % 2
    first = np.flatnonzero(y == 0)[:-5]
    rest = np.setdiff1d(np.arange(len(X)), first)
    hybrid = HybridClassifier(
        GaussianNB(), TwoColumns(), cv=[(first, rest), (rest, first)], coverage=0.5,
        calibration="out_of_fold", router="random",
    )  # fmt: skip
    with pytest.raises(ValueError, match="one class"):
        HybridClassifier(LogisticRegression(), TwoColumns(), cv=hybrid.cv).fit(X, y)
    assert set(hybrid.fit(X, y).predict(X)) <= {0, 1}
    answers = ask(TwoColumns().fit(X, 0 * y + 1), X, np.array([0, 1]))
    np.testing.assert_array_equal(answers.proba, np.tile([0.0, 1.0], (len(X), 1)))


STACK = StackingClassifier([("nb", GaussianNB())], cv=2)


@pytest.mark.parametrize(
    "model",
    [
        STACK,
        make_pipeline(StandardScaler(), STACK),
        GridSearchCV(STACK, {"nb__var_smoothing": [1e-9, 1e-3]}, cv=2),
    ],
    ids=["stack", "pipeline", "search"],
)
def test_methods_that_a_fit_brings_are_waited_for(model, three):
    X, y = three
    options = {"cv": 2, "calibration": "out_of_fold"}
    hybrid = HybridClassifier(model, GaussianNB(), **options).fit(X, y)
    assert hybrid.predict_proba(X).shape == (400, 3)
    hybrid = HybridClassifier(GaussianNB(), model, **options)
    assert hasattr(hybrid, "predict_proba")
    assert hybrid.fit(X, y).predict_proba(X).shape == (400, 3)
    assert AbstainingClassifier(model, **options).fit(X, y).predict(X).shape == (400,)


@pytest.mark.parametrize(
    "model",
    [
        LinearSVC(),
        make_pipeline(StandardScaler(), LinearSVC()),
        GridSearchCV(LinearSVC(), {"C": [1]}),
        StackingClassifier([("nb", GaussianNB())], LinearSVC()),
    ],
    ids=["plain", "pipeline", "search", "stack"],
)
def test_a_base_that_will_give_no_probabilities_is_refused_unfitted(model, three):
    with pytest.raises(ValueError, match="has no predict_proba"):
        HybridClassifier(model, GaussianNB()).fit(*three)
