import pytest

from tests.serving.servers import LOOPBACK, FaultyServer


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """Requests to this machine bypass any proxy of the environment."""
    monkeypatch.setenv("NO_PROXY", LOOPBACK)


@pytest.fixture
def server(frozen_pair):
    """The global of `frozen_pair` behind a server with configurable faults."""
    with FaultyServer(frozen_pair[1].predict_proba) as running:
        yield running
