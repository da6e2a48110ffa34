"""Nets called by several threads at once: each call reads its own results."""

import time
from functools import partial
from threading import Barrier, Thread

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB

torch = pytest.importorskip("torch")

from torch import nn

from selective_query import HybridClassifier
from selective_query._models.layers import layer_outputs
from selective_query.nets import SignalNet
from selective_query.nets.training import NetClassifier
from selective_query.scale import predict_in_chunks


class Meeting(nn.Module):
    """A net that returns only once all threads of the barrier have called it."""

    def __init__(self, net):
        super().__init__()
        self.net, self.barrier = net, None

    def forward(self, x):
        out = self.net(x)
        if self.barrier is not None:
            self.barrier.wait(timeout=20)
        return out


@pytest.fixture
def shared():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    return NetClassifier.from_trained(Meeting(net), [0, 1, 2])


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)


def at_once(shared, ask, parts):
    """Return `ask(part)` for each part, by threads that meet inside the net."""
    found = [None] * len(parts)

    def run(i):
        found[i] = ask(parts[i])

    shared.module_.net.barrier = Barrier(len(parts))
    threads = [Thread(target=run, args=(i,)) for i in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    shared.module_.net.barrier = None
    return found


def test_a_head_reads_the_features_of_its_own_call(shared, X):
    parts = X[:120], X[120:]
    alone = [shared.predict_proba(part) for part in parts]
    found = at_once(shared, shared.predict_proba, parts)
    for one, other in zip(found, alone, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("layer", ["net.net.0", "evidence"])
def test_a_layer_is_recorded_by_the_call_that_asked(layer, shared, X):
    def ask(part):
        return layer_outputs(shared, layer, lambda: shared.predict_proba(part))[1]

    parts = X[:120], X[120:]
    alone = [ask(part) for part in parts]
    found = at_once(shared, ask, parts)
    for one, other in zip(found, alone, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not shared.module_.get_submodule(layer)._forward_hooks


def test_chunks_in_threads_as_all_at_once(shared, X):
    y = shared.predict(X)
    y[::5] = (y[::5] + 1) % 3
    global_ = FrozenEstimator(GaussianNB().fit(X, y))
    hybrid = HybridClassifier(
        FrozenEstimator(shared), global_, router="benefit", coverage=0.7,
        base_features="evidence",
    ).fit(X, y)  # fmt: skip
    expected = hybrid.predict(X)
    with joblib.parallel_config(backend="threading", n_jobs=4):
        for _ in range(5):
            found = np.concatenate(list(predict_in_chunks(hybrid, X, chunk_rows=20)))
            np.testing.assert_array_equal(found, expected)


def test_fits_at_once_are_those_of_one_after_the_other(X):
    y = (X[:, 0] > 0).astype(int)
    made = partial(SignalNet, 2, n_channels=1, width=4, depth=1, kernel=3)
    nets = [NetClassifier(made, n_epochs=3, random_state=i) for i in range(4)]
    rows = X[:, None]
    alone = [clone(net).fit(rows, y).predict_proba(rows) for net in nets]
    with joblib.parallel_config(backend="threading", n_jobs=4):
        fitted = joblib.Parallel()(joblib.delayed(net.fit)(rows, y) for net in nets)
    for net, expected in zip(fitted, alone, strict=True):
        np.testing.assert_array_equal(net.predict_proba(rows), expected)


class Counting(nn.Module):
    """A net that counts its simultaneous calls."""

    def __init__(self, net):
        super().__init__()
        self.net, self.now, self.most = net, 0, 0

    def forward(self, x):
        self.now += 1
        self.most = max(self.most, self.now)
        time.sleep(0.02)
        self.now -= 1
        return self.net(x)


def test_a_net_is_moved_to_a_device_for_one_call_at_a_time(X):
    shared = NetClassifier.from_trained(Counting(nn.Linear(4, 3)), [0, 1, 2])
    shared.set_params(torch_device="cpu:0")  # not "cpu", like an accelerator
    with joblib.parallel_config(backend="threading", n_jobs=4):
        joblib.Parallel()(joblib.delayed(shared.predict)(X) for _ in range(8))
    assert shared.module_.net.most == 1
