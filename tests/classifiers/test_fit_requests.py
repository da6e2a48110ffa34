"""Models that request to be fitted without weights."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB

from selective_query import (
    AlternatingAdaptation,
    HybridClassifier,
    cross_fit_outcomes,
)


class SaysWeights(ClassifierMixin, BaseEstimator):
    """Records for each fit whether it received weights."""

    def __init__(self, seen):
        self.seen = seen

    def __sklearn_clone__(self):
        copied = SaysWeights(self.seen)
        if hasattr(self, "_metadata_request"):
            copied._metadata_request = self._metadata_request
        return copied

    def fit(self, X, y, sample_weight=None):
        self.seen.append(sample_weight is not None)
        self.model_ = GaussianNB().fit(X, y, sample_weight)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def predict_proba(self, X):
        return self.model_.predict_proba(X)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [(False, False), ("other_weight", False), (True, True), (None, True)],
)
def test_a_request_of_a_model_is_honoured(request_, expected, digits):
    X, y = digits[0][:200, 2:], digits[1][:200]
    weight = np.where(y > 4, 2.0, 1.0)
    model = SaysWeights([])
    with config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=request_)
    other = GaussianNB(var_smoothing=0.1)
    HybridClassifier(model, other, router="entropy", cv=2).fit(X, y, weight)
    HybridClassifier(other, model, router="entropy", cv=2).fit(X, y, weight)
    cross_fit_outcomes(model, other, X, y, cv=2, sample_weight=weight)
    assert set(model.seen) == {expected}


def test_adaptation_needs_a_model_that_takes_weights(digits):
    X, y = digits[0][:200], digits[1][:200]
    model = SaysWeights([])
    with config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=False)
    hybrid = HybridClassifier(
        model, GaussianNB(), adaptation=AlternatingAdaptation(), cv=2
    )
    with pytest.raises(ValueError, match="takes no sample_weight"):
        hybrid.fit(X, y)
