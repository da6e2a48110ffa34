"""Masks of masked arrays are not silently dropped."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB

from selective_query import (
    AbstainingClassifier,
    HybridClassifier,
    cross_fit_outcomes,
    outcomes_from_models,
)
from selective_query.scale import report_in_chunks

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
Y = (X[:, 0] + RNG.normal(size=120) > 0).astype(int)
MASKED_X = np.ma.masked_greater(X, 1)
MASKED_Y = np.ma.array(Y, mask=np.arange(120) == 7)
MODEL = GaussianNB().fit(X, Y)
FITTED = AbstainingClassifier(FrozenEstimator(MODEL), router="entropy").fit(X, Y)


@pytest.mark.parametrize(
    "call",
    [
        lambda X, y: AbstainingClassifier(GaussianNB()).fit(X, y),
        lambda X, y: HybridClassifier(GaussianNB(), GaussianNB()).fit(X, y),
        lambda X, y: cross_fit_outcomes(GaussianNB(), None, X, y),
        lambda X, y: outcomes_from_models(MODEL, None, X, y),
        lambda X, y: FITTED.report(X, y),
        lambda X, y: FITTED.outcomes(X, y),
        lambda X, y: report_in_chunks(FITTED, X, y),
    ],
)
def test_masked_values_are_refused(call):
    with pytest.raises(ValueError, match="^X must be without masked values"):
        call(MASKED_X, Y)
    with pytest.raises(ValueError, match="^y must be without masked values"):
        call(X, MASKED_Y)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_coverage"])
def test_masked_inputs_are_refused(method):
    with pytest.raises(ValueError, match="^X must be without masked values"):
        getattr(FITTED, method)(MASKED_X)


def test_a_mask_of_nothing_is_none():
    plain = FITTED.predict(X)
    np.testing.assert_array_equal(FITTED.predict(np.ma.array(X)), plain)
