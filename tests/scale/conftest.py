import pytest

from selective_query import AbstainingClassifier, CascadeClassifier, HybridClassifier


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
def chain(digits, frozen_pair):
    X, y = digits
    tiers = [("a", frozen_pair[0]), ("b", frozen_pair[1]), ("c", frozen_pair[1])]
    return CascadeClassifier(
        tiers, router="margin", coverage=(0.6, 0.5), abstain=0.1, costs=[1, 2, 3],
        abstain_label=-1, random_state=0,
    ).fit(X[600:900], y[600:900])  # fmt: skip


@pytest.fixture(scope="session")
def rows(digits):
    """Rows that are new to models and router."""
    X, y = digits
    return X[900:1097], y[900:1097]
