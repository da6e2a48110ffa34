"""Fits in parallel on Ray, through joblib."""

import joblib
import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from selective_query import cross_fit_outcomes
from selective_query.scale import predict_in_chunks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:::ray"),  # Ray's own, of its own calls
]


def test_cross_fitting_and_chunks_on_ray(ray_cluster, digits, named_hybrid):
    from ray.util.joblib import register_ray

    X, y = digits
    pair = GaussianNB(var_smoothing=0.1), DecisionTreeClassifier(random_state=0)
    here = cross_fit_outcomes(*pair, X[:600], y[:600])
    register_ray()
    with joblib.parallel_config(backend="ray", n_jobs=2):
        there = cross_fit_outcomes(*pair, X[:600], y[:600])
        labels = list(predict_in_chunks(named_hybrid, X[900:], chunk_rows=100))
    np.testing.assert_array_equal(here.base_proba, there.base_proba)
    np.testing.assert_array_equal(here.global_proba, there.global_proba)
    np.testing.assert_array_equal(np.concatenate(labels), named_hybrid.predict(X[900:]))
