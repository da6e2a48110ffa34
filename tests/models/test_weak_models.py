"""Frozen models with other labels, or worse than a constant prediction."""

import warnings

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from selective_query import (
    AbstainingClassifier,
    HybridClassifier,
    cross_fit_outcomes,
    outcomes_from_models,
)
from selective_query.exceptions import ModelWarning


@pytest.fixture(scope="module")
def trained(digits):
    X, y = digits
    return LogisticRegression(max_iter=300).fit(X[:600], y[:600])


@pytest.mark.parametrize("side", ["base_estimator", "global_estimator"])
def test_frozen_models_of_other_labels_are_refused(side, digits, trained):
    X, y = digits[0][600:900], 100 + 10 * digits[1][600:900]
    pair = {"base_estimator": LogisticRegression(), "global_estimator": None}
    pair["global_estimator"] = LogisticRegression()
    pair[side] = FrozenEstimator(trained)
    message = rf"(?s){side}.*shares no label with y.*\[0, 1, .*\[100, 110, "
    with pytest.raises(ValueError, match=message):
        HybridClassifier(**pair).fit(X, y)
    with pytest.raises(ValueError, match=message):
        cross_fit_outcomes(**pair, X=X, y=y)
    with pytest.raises(ValueError, match="base_estimator.*shares no label"):
        outcomes_from_models(trained, None, X, y)
    with pytest.raises(ValueError, match="base_estimator.*shares no label"):
        AbstainingClassifier(FrozenEstimator(trained)).fit(X, y)


@pytest.mark.parametrize("calibration", [None, 0.5])
@pytest.mark.parametrize("side", ["base_estimator", "global_estimator"])
def test_frozen_models_worse_than_a_constant_are_told(
    side, calibration, digits, trained
):
    X, y = digits[0][600:1200], 9 + digits[1][600:1200]
    pair = {"base_estimator": LogisticRegression(max_iter=300)}
    pair["global_estimator"] = LogisticRegression(C=10, max_iter=300)
    pair[side] = FrozenEstimator(trained)
    hybrid = HybridClassifier(
        **pair, router="entropy", cv=2, calibration=calibration, random_state=0
    )
    with pytest.warns(ModelWarning, match=f"{side} .*same answer .* for every row"):
        hybrid.fit(X, y)


def test_another_base_worse_than_a_constant_is_told(digits, trained):
    X, y = digits
    base = FrozenEstimator(trained)
    model = AbstainingClassifier(base, router="entropy").fit(X[600:1200], y[600:1200])
    shuffled = LogisticRegression(max_iter=300).fit(X[:600], (y[:600] + 1) % 10)
    with pytest.warns(ModelWarning, match="base_estimator"):
        model.with_base(shuffled, X[1200:], y[1200:])


def test_another_base_of_other_labels_is_refused(digits, trained):
    X, y = digits
    base = FrozenEstimator(trained)
    model = AbstainingClassifier(base, router="entropy").fit(X[600:900], y[600:900])
    with pytest.raises(ValueError, match="base_estimator.*shares no label with y"):
        model.with_base(trained, X[900:1200], 100 + 10 * y[900:1200])


def test_too_few_rows_to_tell_are_passed_over(digits):
    X, y = digits
    noise = np.random.default_rng(0).permutation(y[:600])
    guessing = FrozenEstimator(LogisticRegression(max_iter=300).fit(X[:600], noise))
    hybrid = HybridClassifier(guessing, LogisticRegression(), router="entropy", cv=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ModelWarning)
        for start in range(600, 1600, 100):
            hybrid.fit(X[start : start + 100], y[start : start + 100])
