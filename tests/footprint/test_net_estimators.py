import copy
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from selective_query.footprint import profile_estimator
from selective_query.footprint.net_profile import profile_net
from selective_query.nets import ConvNet
from selective_query.nets.training import NetClassifier

N = 40
IMAGES = np.random.default_rng(0).normal(size=(N, 1, 8, 8)).astype(np.float32)
LABELS = np.arange(N) % 3
make_net = partial(ConvNet, 3, (4, 8), n_channels=1)
ALONE = profile_net(make_net(), (1, 8, 8))


@pytest.mark.parametrize("module", [make_net, make_net()])
def test_a_net_is_profiled_before_and_after_training(module):
    model = NetClassifier(module, n_epochs=1, torch_device="cpu", random_state=0)
    assert profile_estimator(model, IMAGES) == ALONE
    fitted = model.fit(IMAGES, LABELS)
    state = copy.deepcopy(fitted.module_.state_dict())
    assert profile_estimator(FrozenEstimator(fitted), IMAGES[:1]) == ALONE
    for name, value in fitted.module_.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=0)


def test_the_head_of_a_fitted_net_is_counted():
    model = NetClassifier(
        make_net, loss="selective_net", head_hidden=5, n_epochs=1, torch_device="cpu"
    )
    found = profile_estimator(model.fit(IMAGES, LABELS), IMAGES)
    routed = model.module_
    heads = [m for m in (routed.head, routed.second) if m is not None]
    assert heads
    counted = sum(p.numel() for head in heads for p in head.parameters())
    assert found.parameters == ALONE.parameters + counted
    assert found.macs > ALONE.macs
    assert found.peak_elements == ALONE.peak_elements


def test_heads_run_while_logits_and_features_wait():
    def make():
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.Linear(10, 9))

    labels = np.arange(N) % 9
    model = NetClassifier(
        make, loss="selective_net", head_hidden=70, n_epochs=1, torch_device="cpu"
    ).fit(IMAGES, labels)
    found = profile_estimator(model, IMAGES)
    *_, widen, narrow, second = found.layers
    assert second.name == "second"
    features, hidden, logits = 10, 70, 9
    assert widen.live_elements == logits + features + hidden
    assert narrow.live_elements == logits + features + hidden + 1
    assert second.live_elements == logits + features + 1 + 9
    assert found.peak_elements == narrow.live_elements
    assert found.peak_elements_in_place == narrow.live_elements_in_place


def test_profiling_a_net_leaves_the_random_state_alone():
    before = torch.get_rng_state()
    profile_estimator(NetClassifier(make_net), IMAGES)
    torch.testing.assert_close(torch.get_rng_state(), before)


class Small(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3))

    def forward(self, x):
        return self.net(x)


def test_skorch_nets_are_known_by_their_parameters():
    model = NeuralNetClassifier(Small, module__width=7, max_epochs=1, verbose=0)
    X = np.zeros((N, 4), dtype=np.float32)
    before = profile_estimator(model, X)
    assert before.weights == 4 * 7 + 7 * 3
    assert profile_estimator(model.initialize(), X) == before


def test_a_net_behind_a_scaler():
    model = NeuralNetClassifier(Small, verbose=0)
    X = np.zeros((N, 4), dtype=np.float32)
    alone = profile_estimator(model, X)
    scaled = profile_estimator(make_pipeline(StandardScaler(), model), X)
    assert scaled.macs == alone.macs + 4
    assert scaled.flash_bytes() == alone.flash_bytes() + 4 * 2 * 4
