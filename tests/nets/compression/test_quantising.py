import pickle

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

torch = pytest.importorskip("torch")

from torch import nn

from selective_query import HybridClassifier
from selective_query._models.answers import ask
from selective_query.costs import STM32F746
from selective_query.footprint.net_profile import profile_net
from selective_query.nets.compression import integer_layers, quantise
from selective_query.nets.training import NetClassifier, NetRouter


def seen_by(layers, classifier, X):
    """Record inputs and outputs of each layer while a net predicts."""
    seen, handles = {}, []
    for name, layer in layers.items():
        handles.append(
            layer.register_forward_hook(
                # An in-place activation would change the recorded output.
                lambda _, x, out, name=name: seen.update({name: (x[0], out.clone())})
            )
        )
    classifier.predict_proba(X)
    for handle in handles:
        handle.remove()
    return seen


def sums_in_integers(layer, q):
    """Compute 32-bit sums from int8 inputs with integers only."""
    weight = layer.weight_int8.numpy().astype(np.int64)
    bias = layer.bias_int32.numpy().astype(np.int64)
    q = q.numpy().astype(np.int64) - layer.input_grid.zero_point
    if isinstance(layer, nn.Linear):
        return np.einsum("ni,oi->no", q, weight) + bias
    n_axes = weight.ndim - 2
    axes = tuple(range(2, 2 + n_axes))
    q = np.pad(q, [(0, 0), (0, 0), *((p, p) for p in layer.padding)])
    windows = sliding_window_view(q, weight.shape[2:], axis=axes)
    every = tuple(slice(None, None, s) for s in layer.stride)
    windows = windows[(slice(None), slice(None), *every)]
    if layer.groups == 1:
        letters = "nixyab,oiab->noxy" if n_axes == 2 else "nixa,oia->nox"
        total = np.einsum(letters, windows, weight)
    else:
        letters = "nixyab,iab->nixy" if n_axes == 2 else "nixa,ia->nix"
        total = np.einsum(letters, windows, weight[:, 0])
    return total + bias.reshape(-1, *(1,) * n_axes)


def requantised(layer, total):
    """Requantise sums to int8 as a device does: multiply, add half, shift, clip."""
    shape = (1, -1, *(1,) * (total.ndim - 2))
    multiplier = layer.multiplier.numpy().reshape(shape)
    shift = layer.shift.numpy().reshape(shape)
    assert np.abs(total).max() < 2**31
    q = (total * multiplier + (1 << (shift - 1))) >> shift
    return np.clip(q + layer.output_grid.zero_point, -128, 127)


def test_every_layer_is_exactly_what_integers_give(any_net, noise):
    net, shape = any_net
    int8 = quantise(net, noise(100, shape))
    layers = integer_layers(int8)
    for name, (x, out) in seen_by(layers, int8, noise(7, shape)).items():
        layer = layers[name]
        total = sums_in_integers(layer, layer.input_grid.quantised(x))
        if layer.output_grid is None:
            unit = layer.input_grid.scale * layer.weight_scale.numpy()
            assert (out.numpy() == (total * unit).astype(np.float32)).all()
        else:
            q = layer.output_grid.quantised(out).numpy()
            assert (q == requantised(layer, total)).all(), name
    last = list(layers)[-1]
    assert [n for n in layers if layers[n].output_grid is None] == [last]


@torch.no_grad()
def test_integers_are_within_a_step_of_floating_point(any_net, noise):
    net, shape = any_net
    int8 = quantise(net, noise(100, shape))
    layers = integer_layers(int8)
    for name, (x, out) in seen_by(layers, int8, noise(50, shape)).items():
        layer = layers[name]
        if layer.output_grid is None:
            continue
        plain = layer._convolve(
            x, layer.weight, layer.bias, layer.stride, layer.padding, 1, layer.groups
        )
        grid = layer.output_grid
        off = grid.quantised(plain).int() - grid.quantised(out).int()
        assert off.abs().max() <= 1, name
        assert (off == 0).float().mean() > 0.999


@pytest.mark.parametrize("ranges", ["mse", "percentile", "min_max"])
def test_quantisation_loses_little_accuracy(trained, images, ranges):
    X, y = images
    int8 = quantise(trained, X[:300], ranges=ranges)
    before, after = trained.predict(X[900:]), int8.predict(X[900:])
    assert (before == after).mean() > 0.97
    assert abs((before == y[900:]).mean() - (after == y[900:]).mean()) < 0.01
    assert not np.allclose(trained.predict_proba(X), int8.predict_proba(X), atol=1e-4)


def test_weights_are_symmetric_by_channel(trained, images):
    layers = integer_layers(quantise(trained, images[0][:100]))
    for layer in layers.values():
        q = layer.weight_int8.flatten(1).int()
        assert q.dtype == torch.int32
        assert (q.abs().amax(1) == 127).all()
        assert len(layer.weight_scale.unique()) > 1


def test_evidence_and_head_serve_a_hybrid(trained, images, frozen_pair):
    X, y = images
    int8 = quantise(trained, X[:300])
    assert int8.predict_proba(X[:0]).shape == (0, 10)
    found = ask(int8, X[900:], int8.classes_, "evidence").features
    known = ask(trained, X[900:], int8.classes_, "evidence").features
    assert found.shape == known.shape
    assert np.corrcoef(found[:, 0], known[:, 0])[0, 1] > 0.99
    np.testing.assert_array_equal(found[:, 0], int8.query_score(X[900:]))
    hybrid = HybridClassifier(
        FrozenEstimator(int8), FrozenEstimator(Flat(frozen_pair[1])),
        router=NetRouter(), base_features="evidence", coverage=0.7,
    ).fit(X[900:1400], y[900:1400])  # fmt: skip
    report = hybrid.report(X[1400:], y[1400:])
    assert report.accuracy > report.base_accuracy
    assert abs(report.coverage - 0.7) < 0.1


class Flat:
    """Applies a model for flat digits to images."""

    def __init__(self, model):
        self.model, self.classes_ = model, model.classes_

    def fit(self, X, y):
        raise AssertionError("a frozen model must not be fitted")

    def predict(self, X):
        return self.model.predict(X.reshape(len(X), -1))

    def predict_proba(self, X):
        return self.model.predict_proba(X.reshape(len(X), -1))


def test_the_net_is_left_alone_and_the_result_pickles(trained, images):
    X, y = images
    before = trained.predict_proba(X[900:])
    int8 = quantise(trained, X[:300])
    assert (trained.predict_proba(X[900:]) == before).all()
    again = pickle.loads(pickle.dumps(int8))
    assert (again.predict_proba(X[900:]) == int8.predict_proba(X[900:])).all()
    assert (quantise(trained, X[:300]).predict_proba(X) == int8.predict_proba(X)).all()
    state = torch.get_rng_state()
    quantise(trained, X[:10])
    assert torch.equal(torch.get_rng_state(), state)
    anew = clone(int8).set_params(n_epochs=1).fit(X[:200], y[:200])
    assert anew.predict(X[:3]).shape == (3,)


def test_profile_is_that_of_the_net(any_net, noise):
    net, shape = any_net
    int8 = quantise(net, noise(20, shape))
    before = profile_net(net.module_.net, shape)
    after = profile_net(int8.module_.net, shape)
    for name in ("macs", "weights", "biases", "peak_elements"):
        assert getattr(before, name) == getattr(after, name)
    assert before.peak_elements_in_place == after.peak_elements_in_place
    assert after.fits(STM32F746, bits=8)
    n_bytes = sum(
        layer.weight_int8.nbytes + layer.bias_int32.nbytes
        for layer in integer_layers(int8).values()
    )
    assert after.flash_bytes(8) == n_bytes


def test_a_bias_without_weights_fits_32_bits():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)).eval()
    with torch.no_grad():
        net[0].weight[0] = 0.0
        net[0].weight[1] = 1e-12
        net[0].bias.copy_(torch.tensor([3.0, 2.0, 0.0]))
    X = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    before = NetClassifier.from_trained(net, [0, 1])
    int8 = quantise(before, X)
    np.testing.assert_allclose(
        int8.predict_proba(X), before.predict_proba(X), atol=0.02
    )


class Residual(nn.Module):
    def __init__(self, mode="zeros"):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1, padding_mode=mode)
        self.last = nn.Linear(4, 2)

    def forward(self, x):
        x = (x - 10.0) / 4.0
        x = torch.relu(self.first(x))
        x = torch.relu(x + self.second(x))
        return self.last(x.mean((2, 3)))


def test_a_relu_is_the_lower_end_of_a_grid_and_raw_inputs_get_one_grid(noise):
    net = NetClassifier.from_trained(Residual().eval(), [0, 1])
    X = 10 + 4 * noise(200, (1, 6, 6))
    graph = quantise(net, X).module_.net
    called = [n.name for n in graph.graph.nodes if n.op in ("call_module",)]
    assert called == ["grid_of_truediv", "first", "second", "grid_of_add",
                      "grid_of_mean", "last"]  # fmt: skip
    assert graph.grid_of_add.grid.zero_point == -128
    assert graph.first.output_grid.zero_point == -128
    assert graph.second.output_grid.zero_point > -128
    assert "relu" not in graph.code


@pytest.mark.parametrize(
    ("net", "shape", "message"),
    [
        (Residual("reflect"), (1, 6, 6), "'second' pads with padding_mode='reflect'"),
        (nn.Linear(4, 2), (4,), "single Linear"),
        (nn.Sequential(nn.Linear(40_000, 2)), (40_000,), "adds up 40000 products"),
    ],
)
def test_layers_that_cannot_be_quantised_are_named(net, shape, message, noise):
    net = NetClassifier.from_trained(net.eval(), [0, 1])
    with pytest.raises(ValueError, match=message):
        quantise(net, noise(3, shape))


def test_other_invalid_arguments_are_refused(trained, images):
    X, _ = images
    with pytest.raises(ValueError, match="must be a fitted NetClassifier"):
        quantise(clone(trained), X)
    with pytest.raises(ValueError, match="'min_max', 'percentile', 'mse'"):
        quantise(trained, X, ranges="exact")
    with pytest.raises(ValueError, match="X must hold inputs"):
        quantise(trained, X[:0])
    with pytest.raises(ValueError, match="has no integer layers"):
        integer_layers(trained)
    with pytest.raises(ValueError, match="already quantised"):
        quantise(quantise(trained, X[:10]), X)
