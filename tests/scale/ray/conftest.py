"""A Ray cluster of two cores on this machine, for a module of tests."""

import warnings

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from selective_query import HybridClassifier


@pytest.fixture(scope="module")
def ray_cluster():
    ray = pytest.importorskip("ray")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # caused by Ray itself
        ray.init(
            num_cpus=2,
            object_store_memory=200 * 2**20,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
        )
    yield ray
    ray.shutdown()


@pytest.fixture(scope="session")
def named_hybrid(digits):
    """A hybrid of models that any process can import, with text labels."""
    X, y = digits
    names = np.array(["zero", "one", "two", "three", "four"])[y // 2]
    base = GaussianNB(var_smoothing=0.1).fit(X[:600], names[:600])
    global_ = LogisticRegression(max_iter=100).fit(X[:600], names[:600])
    return HybridClassifier(
        FrozenEstimator(base), FrozenEstimator(global_), router="margin", coverage=0.7
    ).fit(X[600:900], names[600:900])
