import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB

from selective_query import AbstainingClassifier


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def fitted(iris, labels=None, **params):
    X, y = iris
    y = y if labels is None else np.asarray(labels)[y]
    params = {"router": "margin", "coverage": 0.8, **params}
    return AbstainingClassifier(GaussianNB(), **params).fit(X, y)


def test_predict_is_total_by_default(iris):
    model = fitted(iris)
    np.testing.assert_array_equal(
        model.predict(iris[0]), model.base_estimator_.predict(iris[0])
    )
    kept = model.predict_coverage(iris[0])
    assert 0.6 < kept.mean() < 1


def test_abstain_label_is_returned_where_the_base_abstains(iris):
    model = fitted(iris, abstain_label=-1)
    kept = model.predict_coverage(iris[0])
    predicted = model.predict(iris[0])
    assert (predicted[~kept] == -1).all()
    np.testing.assert_array_equal(
        predicted[kept], model.base_estimator_.predict(iris[0])[kept]
    )


def test_a_long_label_is_not_cut(iris):
    model = fitted(iris, labels=["a", "b", "c"], abstain_label="unknown")
    assert "unknown" in model.predict(iris[0])


def test_small_integer_classes_allow_a_negative_label(iris):
    labels = np.array([0, 1, 2], dtype=np.uint8)
    model = fitted(iris, labels=labels, abstain_label=-1)
    assert set(model.predict(iris[0])) == {-1, 0, 1, 2}


@pytest.mark.parametrize(
    ("labels", "abstain_label", "match"),
    [
        (None, "unknown", "of the kind of the classes, numbers"),
        (["a", "b", "c"], -1, "of the kind of the classes, text"),
        (None, 1, "is one of the classes"),
        (["a", "b", "c"], "a", "is one of the classes"),
        (None, np.nan, "of the kind of the classes"),
        (None, 0.5, "of the kind of the classes"),
        (None, True, "of the kind of the classes"),
        (None, -1j, "of the kind of the classes"),
        (None, [-1], "of the kind of the classes"),
        (["a", "b", "c"], b"unknown", "of the kind of the classes"),
    ],
)
def test_abstain_label_is_checked_in_fit(iris, labels, abstain_label, match):
    with pytest.raises(ValueError, match=match):
        fitted(iris, labels=labels, abstain_label=abstain_label)


def test_one_class_alone_is_refused(iris):
    with pytest.raises(ValueError, match=r"at least two classes.*\['a'\]"):
        fitted(iris, labels=["a", "a", "a"])


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_coverage", "query_score"]
)
def test_unfitted_use_says_so(iris, method):
    with pytest.raises(NotFittedError):
        getattr(AbstainingClassifier(GaussianNB()), method)(iris[0])


def test_score_is_accuracy_on_what_is_answered(iris):
    X, y = iris
    model = fitted(iris)
    kept = model.predict_coverage(X)
    expected = (model.predict(X) == y)[kept].mean()
    assert model.score(X, y) == pytest.approx(expected)
    report = model.report(X, y)
    assert report.accuracy == report.base_accuracy_on_kept == pytest.approx(expected)
    assert report.coverage == kept.mean()
    assert report.base_accuracy == pytest.approx((model.predict(X) == y).mean())
    assert np.isnan(report.global_accuracy)
    assert np.isnan(model.at(0.0).score(X, y))


def test_abstention_pays(iris):
    X, y = iris
    model = fitted(iris, coverage=0.7)
    assert model.score(X, y) > model.at(1.0).score(X, y)


def test_coverage_none_is_refused(iris):
    with pytest.raises(ValueError, match="coverage must be a number"):
        fitted(iris, coverage=None)
    with pytest.raises(ValueError, match="coverage must be a number"):
        fitted(iris).at(None)


def test_the_abstain_label_is_that_of_the_prediction(iris):
    model = fitted(iris)
    answered = model.predict_coverage(iris[0])
    assert not answered.all()
    total = model.predict(iris[0])
    for label in (-1, -2):
        marked = model.set_params(abstain_label=label).predict(iris[0])
        np.testing.assert_array_equal(marked, np.where(answered, total, label))
    again = model.set_params(abstain_label=None).predict(iris[0])
    np.testing.assert_array_equal(again, total)


@pytest.mark.parametrize(
    ("later", "said"),
    [("unknown", "must be of the kind"), (1, "is one of the classes")],
)
def test_the_abstain_label_is_checked_in_predict_too(iris, later, said):
    model = fitted(iris, abstain_label=-1).set_params(abstain_label=later)
    with pytest.raises(ValueError, match=f"abstain_label.* {said}"):
        model.predict(iris[0])
