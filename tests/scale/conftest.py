import pytest

from selective_query import AbstainingClassifier, HybridClassifier


@pytest.fixture(scope="session")
def hybrid(digits, frozen_pair):
    X, y = digits
    return HybridClassifier(*frozen_pair, router="margin", coverage=0.7).fit(
        X[600:900], y[600:900]
    )


@pytest.fixture(scope="session")
def abstaining(digits, frozen_pair):
    X, y = digits
    return AbstainingClassifier(frozen_pair[0], router="margin", coverage=0.7).fit(
        X[600:900], y[600:900]
    )


@pytest.fixture(scope="session")
def rows(digits):
    """Rows that are new to all."""
    X, y = digits
    return X[900:1097], y[900:1097]
