import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB


@pytest.fixture(scope="session")
def digits():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return X[order] / 16, y[order]


@pytest.fixture(scope="session")
def frozen_pair(digits):
    """A base and a global fitted on the first 600 rows."""
    X, y = digits
    base = GaussianNB(var_smoothing=0.1).fit(X[:600, ::4], y[:600])
    global_ = LogisticRegression(max_iter=300).fit(X[:600], y[:600])
    return FrozenEstimator(EveryFourth(base)), FrozenEstimator(global_)


class EveryFourth:
    """A fitted model that uses every fourth column: a weak base."""

    def __init__(self, model):
        self.model = model
        self.classes_ = model.classes_

    def fit(self, X, y):
        raise AssertionError("a frozen model must not be fitted")

    def predict(self, X):
        return self.model.predict(X[:, ::4])

    def predict_proba(self, X):
        return self.model.predict_proba(X[:, ::4])
