"""Budgets as the `coverage` of both estimators."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

from selective_query import AbstainingClassifier, HybridClassifier
from selective_query.budgets import (
    MaxExcessError,
    MinAccuracy,
    MinSelectiveAccuracy,
    QueryRate,
)
from selective_query.evaluation.scorers import priced_accuracy
from selective_query.exceptions import CertificateError


@pytest.mark.parametrize("calibration", [None, "out_of_fold", 0.3])
def test_budgets_on_quality(digits, calibration):
    X, y = digits
    hybrid = HybridClassifier(
        GaussianNB(var_smoothing=0.1),
        LogisticRegression(max_iter=200),
        router="margin",
        coverage=MinAccuracy(0.95),
        calibration=calibration,
        cv=3,
        random_state=0,
    ).fit(X[:1000], y[:1000])
    report = hybrid.report(X[1000:], y[1000:])
    assert abs(report.accuracy - 0.95) < 0.04
    assert 0 < report.coverage < 1
    cheaper = hybrid.at(MaxExcessError(0.1))
    assert cheaper.operating_point_.coverage > hybrid.operating_point_.coverage
    assert cheaper.coverage == MaxExcessError(0.1)


def test_certified_excess_error_with_frozen_models(digits, frozen_pair):
    X, y = digits
    hybrid = HybridClassifier(
        *frozen_pair,
        router="margin",
        coverage=MaxExcessError(0.05),
        confidence=0.9,
        random_state=0,
    ).fit(X[600:], y[600:])
    certificate = hybrid.operating_point_.certificate
    assert certificate.exact
    assert 0 < certificate.bound <= 0.05
    assert "holds on new data with probability 0.9" in str(hybrid.operating_point_)


def test_weights_without_a_certificate_are_refused_before_anything_is_fitted(digits):
    X, y = digits

    class Unfit(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            raise AssertionError("fitted")

    hybrid = HybridClassifier(Unfit(), Unfit(), calibration=0.2, confidence=0.9)
    with pytest.raises(CertificateError, match="repeat the rows"):
        hybrid.fit(X, y, sample_weight=np.where(y == 3, 5.0, 1.0))


def test_budgets_in_a_grid_search(digits):
    X, y = digits
    search = GridSearchCV(
        HybridClassifier(
            GaussianNB(var_smoothing=0.1), LogisticRegression(max_iter=50), cv=3
        ),
        {"coverage": [QueryRate(0.1), QueryRate(0.4)], "router": ["margin"]},
        scoring=priced_accuracy(0.01),
        cv=2,
    ).fit(X[:400], y[:400])
    assert search.best_params_["coverage"] == QueryRate(0.4)


def test_abstention_reaches_its_selective_accuracy(digits):
    X, y = digits
    model = AbstainingClassifier(
        GaussianNB(var_smoothing=0.1),
        router="margin",
        coverage=MinSelectiveAccuracy(0.95),
        confidence=0.9,
        calibration=0.5,
        random_state=0,
    ).fit(X[:1200], y[:1200])
    assert model.operating_point_.certificate.bound >= 0.95
    kept = model.predict_coverage(X[1200:])
    assert kept.mean() > 0.3
    right = model.predict(X[1200:])[kept] == y[1200:][kept]
    assert right.mean() > 0.93
    assert np.isnan(model.at(1.0).report(X[:3], y[:3]).global_accuracy)


def test_abstention_refuses_budgets_on_a_pair(digits):
    X, y = digits
    model = AbstainingClassifier(GaussianNB(), coverage=MinAccuracy(0.9), cv=3)
    with pytest.raises(ValueError, match="Ask for MinSelectiveAccuracy"):
        model.fit(X[:300], y[:300])
