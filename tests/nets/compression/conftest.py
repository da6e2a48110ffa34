from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn

from selective_query.nets import ConvNet, MobileNet, SignalNet
from selective_query.nets.training import NetClassifier

MAKERS = {
    "ConvNet": (partial(ConvNet, 10, (8, 16), n_channels=1), (1, 8, 8)),
    "MobileNet": (
        partial(MobileNet, 10, 0.5, n_channels=1, n_stages=3, depth=2),
        (1, 8, 8),
    ),
    "SignalNet": (partial(SignalNet, 10, 8, width=16, depth=2), (8, 8)),
}


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def images(digits):
    X, y = digits
    return X.reshape(-1, 1, 8, 8).astype(np.float32), y


@pytest.fixture(scope="package")
def trained(images):
    """A ConvNet with a router head, trained on the first 900 rows."""
    X, y = images
    make, _ = MAKERS["ConvNet"]
    net = NetClassifier(make, loss="selective_query", n_epochs=8, random_state=0)
    return net.fit(X[:900], y[:900])


@pytest.fixture(params=MAKERS)
def any_net(request):
    """A net of each kind with statistics as after training, and its input shape."""
    make, shape = MAKERS[request.param]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = make()
        for module in net.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
                nn.init.uniform_(module.weight, 0.5, 2)
                nn.init.normal_(module.bias, 0, 0.2)
    return NetClassifier.from_trained(net.eval(), np.arange(10)), shape


@pytest.fixture(scope="package")
def noise():
    """Return fixed random inputs of a shape."""

    def make(n, shape):
        return np.random.default_rng(0).normal(size=(n, *shape)).astype(np.float32)

    return make
