"""Fits run on the backend that joblib is configured to use."""

import threading

import joblib
import numpy as np
import pytest
from joblib._parallel_backends import MultiprocessingBackend, ThreadingBackend
from sklearn.naive_bayes import GaussianNB

from selective_query import HybridClassifier, cross_fit_outcomes

THREADS = set()


class Watched(GaussianNB):
    def fit(self, X, y, sample_weight=None):
        THREADS.add(threading.get_ident())
        return super().fit(X, y, sample_weight)


@pytest.fixture
def threads():
    THREADS.clear()
    return THREADS


class AllAtOnce(ThreadingBackend):
    """A backend that cannot return results one by one, like Ray's."""

    supports_return_generator = False


@pytest.mark.parametrize("backend", ["threading", AllAtOnce()])
def test_cross_fitting_runs_where_it_is_told_to(digits, threads, backend):
    X, y = digits
    X, y = X[:300], y[:300]
    alone = cross_fit_outcomes(GaussianNB(), GaussianNB(), X, y)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        found = cross_fit_outcomes(Watched(), Watched(), X, y)
    assert threads and threading.get_ident() not in threads
    np.testing.assert_array_equal(found.base_proba, alone.base_proba)
    np.testing.assert_array_equal(found.global_proba, alone.global_proba)


def test_n_jobs_of_the_estimator_wins_over_none(digits, threads):
    X, y = digits
    with joblib.parallel_config(backend="threading"):
        HybridClassifier(Watched(), Watched(), router="margin", cv=3, n_jobs=2).fit(
            X[:300], y[:300]
        )
    assert threads - {threading.get_ident()}


def test_rays_backend_is_still_of_the_kind_that_is_mimicked():
    backend = pytest.importorskip("ray.util.joblib.ray_backend").RayBackend
    assert issubclass(backend, MultiprocessingBackend)
    assert not backend().supports_return_generator
