"""A base of few distinct scores: told where its coverage is not that of its folds."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from selective_query import AbstainingClassifier, HybridClassifier
from selective_query.exceptions import CalibrationWarning
from selective_query.routers import member_votes

X, Y = load_digits(return_X_y=True)
FEW = "distinct scores"


def coarse_warnings(classifier, X, y, weight=None):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier.fit(X, y, sample_weight=weight)
    return [
        str(w.message)
        for w in caught
        if issubclass(w.category, CalibrationWarning) and FEW in str(w.message)
    ]


@pytest.mark.parametrize("router", ["max_probability", "auto"])
def test_a_small_tree_that_keeps_everything_says_so(router):
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    hybrid = HybridClassifier(tree, GaussianNB(), router=router, coverage=0.8)
    (message,) = coarse_warnings(hybrid, X[:900], Y[:900])
    assert hybrid.predict_coverage(X[900:]).all()
    assert "coverage is 1.000" in message and "calibration=0.2" in message


def test_too_little_coverage_is_told_as_well():
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    lonely = AbstainingClassifier(tree, router="max_probability", coverage=0.8)
    (message,) = coarse_warnings(lonely, X[:900], Y[:900])
    told = float(message.split("coverage is ")[1].split()[0])
    assert told == pytest.approx(lonely.predict_coverage(X[:900]).mean(), abs=1e-3)
    assert lonely.predict_coverage(X[900:]).mean() < 0.8


def test_rows_without_weight_say_nothing():
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    lonely = AbstainingClassifier(tree, router="max_probability", coverage=0.8)
    weight = np.repeat([0.0, 1.0], [len(X) - 900, 900])
    (message,) = coarse_warnings(lonely, X, Y, weight)
    told = float(message.split("coverage is ")[1].split()[0])
    assert told == pytest.approx(lonely.predict_coverage(X[-900:]).mean(), abs=1e-3)


@pytest.mark.parametrize(
    "base",
    [
        GaussianNB(),
        # A few votes: hardly any scores, but those of the folds are the same.
        RandomForestClassifier(10, random_state=0),
    ],
)
def test_no_false_alarm(base):
    rows, labels = make_classification(1000, 10, random_state=0)
    hybrid = HybridClassifier(base, DecisionTreeClassifier(), coverage=0.7)
    assert not coarse_warnings(hybrid, rows, labels)


def test_few_scores_of_a_base_that_knows_many_are_no_reason():
    forest = RandomForestClassifier(8, random_state=0)
    hybrid = HybridClassifier(
        forest, GaussianNB(), router="agreement", base_features=member_votes,
        coverage=0.7,
    )  # fmt: skip
    assert not coarse_warnings(hybrid, X[:1200], Y[:1200])


def test_a_threshold_of_the_base_in_use_needs_no_warning():
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    hybrid = HybridClassifier(
        tree, GaussianNB(), coverage=0.8, calibration=0.2, random_state=0
    )
    assert not coarse_warnings(hybrid, X[:900], Y[:900])
