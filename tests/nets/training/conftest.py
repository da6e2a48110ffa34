import numpy as np
import pytest


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """Use one thread: fits are then reproducible bit for bit, and small nets faster."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def images(digits):
    X, y = digits
    return X.reshape(-1, 1, 8, 8).astype(np.float32), y
