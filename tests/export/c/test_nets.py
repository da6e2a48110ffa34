import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("bakenn")

from bakenn import run_reference
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from skorch import NeuralNetClassifier
from torch import nn

from selective_query.costs import STM32F746
from selective_query.exceptions import ExportError
from selective_query.export._c import emulator, firmware, toolchain
from selective_query.export._c.net_twin import run_plan
from selective_query.export._c.nets import int8_net
from selective_query.nets import ConvNet, MobileNet, SignalNet
from selective_query.nets.compression import quantise
from selective_query.nets.training import NetClassifier


class Mixed(nn.Module):
    """All supported layers that the library's own nets do not use."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 8, 3, 2, "valid")
        self.grouped = nn.Conv2d(8, 8, 3, padding="same", dilation=2, groups=2)
        self.doubled = nn.Conv2d(8, 16, (3, 1), padding=(1, 0), groups=8, bias=False)
        self.max, self.mean = nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2)
        self.hidden = nn.Linear(24 * 4, 20)
        self.drop = nn.Dropout(0.5)
        self.classifier = nn.Linear(20, 3)

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = nn.functional.relu6(self.grouped(x) + x)
        wide = self.max(nn.functional.silu(self.doubled(x)))
        x = torch.cat([self.mean(wide), torch.sigmoid(self.max(self.mean(x)))], 1)
        x = self.drop(nn.functional.relu(self.hidden(self.drop(x.flatten(1)))))
        return self.classifier(x)


class Scaled(nn.Module):
    """Scales the input of a net."""

    def __init__(self):
        super().__init__()
        self.net, self.centre = SignalNet(2, n_channels=3, width=4, depth=1), 0.7

    def forward(self, x):
        return self.net(((x - self.centre) / 2.5 + 0.1) * 1.5)


class Twice(nn.Module):
    """Uses the raw inputs in two branches."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.last(self.first(x - 1.0) + self.first.bias.shape[0] * x)


def chain(*layers):
    return nn.Sequential(*layers)


NETS = {
    "signal": (lambda: SignalNet(3, n_channels=4, width=8), (4, 32)),
    "images": (lambda: ConvNet(4, (8, 16)), (3, 12, 12)),
    "mobile": (lambda: MobileNet(3, width=0.25, depth=2, n_stages=3), (3, 16, 16)),
    "mixed": (Mixed, (2, 19, 19)),
    "large": (lambda: ConvNet(130, (8, 64), n_channels=1), (1, 8, 8)),
    "maps": (
        lambda: chain(nn.Conv1d(3, 6, 4), nn.ReLU(), nn.Flatten(), nn.Linear(30, 2)),
        (3, 8),
    ),
    "rows": (
        lambda: chain(nn.Linear(5, 9), nn.Hardswish(), nn.Linear(9, 4)),
        (5,),
    ),
    "scaled": (Scaled, (3, 16)),
    "pooled": (
        lambda: chain(
            nn.Conv1d(2, 6, 3, bias=False), nn.BatchNorm1d(6), nn.MaxPool1d(2),
            nn.Sigmoid(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 2),
        ),
        (2, 20),
    ),
}  # fmt: skip


def trained(make, shape, n=60, seed=0):
    """Return a net with statistics from some rows, and these rows."""
    torch.manual_seed(seed)
    net, X = make(), torch.randn(n, *shape)
    net.train()
    with torch.no_grad():
        for _ in range(20):
            net(X)
    n_classes = net.eval()(X).shape[1]
    return NetClassifier.from_trained(net, range(n_classes)), X.numpy()


@pytest.mark.parametrize("core", [None, "cortex-m4"])
@pytest.mark.parametrize("name", NETS)
def test_c_puts_out_the_bits_of_the_twin(name, core, tmp_path, run_on_host):
    net, X = trained(*NETS[name])
    made = int8_net(net, X, tmp_path, core=core)
    X = np.concatenate([X, 100 * X[:5], np.full_like(X[:1], np.nan)])
    out = run_on_host(tmp_path, made.call, X)
    np.testing.assert_array_equal(out, made.reference(X))
    assert set(made.files) >= {p.name for p in tmp_path.glob("*.[ch]")}
    assert any("cmsis" in kernel for kernel in made.kernels) == (core is not None)


@pytest.mark.parametrize("name", NETS)
def test_the_twin_is_bakenns_reference(name, tmp_path):
    net, X = trained(*NETS[name])
    plan = int8_net(net, X, tmp_path)._plan
    shape = plan.tensors[plan.inputs[0]].tensor_type.shape
    x = np.random.default_rng(0).integers(-128, 128, (3, *shape[1:])).astype(np.int8)
    expected = np.stack([run_reference(plan, row[None])[0] for row in x])
    np.testing.assert_array_equal(run_plan(plan, x), expected)


@pytest.mark.parametrize("name", NETS)
def test_it_agrees_with_the_net(name, tmp_path):
    net, X = trained(*NETS[name])
    made = int8_net(net, X, tmp_path)
    out = made.reference(X)
    if made.last_layer is not None:
        weight, bias = made.last_layer
        out = out @ weight.T + bias
    with torch.no_grad():
        logits = net.module_.net(torch.as_tensor(X)).numpy()
    error = np.abs(out - logits).mean() / logits.std()
    assert error < 0.06
    assert (made.last_layer is None) == (name == "large")


def test_features_are_finer_than_int8(tmp_path):
    net, X = trained(*NETS["images"])
    features = int8_net(net, X, tmp_path).reference(X)
    assert len(np.unique(features)) > 300


def test_layers_are_counted_by_kind(tmp_path):
    net, X = trained(*NETS["mobile"])
    made = int8_net(net, X, tmp_path, core="cortex-m4")
    kinds = {layer.kind for layer in made.layers}
    assert kinds == {"stem", "pointwise", "depthwise"}
    assert made.layers[0].macs == 3 * 9 * 8 * 16 * 16
    assert made.macs == sum(layer.macs for layer in made.layers)
    assert made.flash_bytes > 2000 and made.sram_bytes > 3 * 16 * 16


def test_quantised_nets_are_used_unchanged(tmp_path):
    net, X = trained(*NETS["signal"])
    a = int8_net(net, X, tmp_path).reference(X)
    b = int8_net(quantise(net, X), X[:1], tmp_path).reference(X)
    np.testing.assert_array_equal(a, b)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize(
    ("net", "shape", "words"),
    [
        (chain(nn.Conv1d(2, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(24, 2)), (2, 8),
         "GELU at .* has no form"),
        (chain(nn.Conv1d(2, 4, 3), nn.AvgPool1d(2, 2, 1), nn.Flatten(),
               nn.Linear(16, 2)), (2, 8), "pads a mean"),
        (chain(nn.Conv1d(2, 4, 4, padding="same"), nn.Flatten(), nn.Linear(32, 2)),
         (2, 8), "odd kernel"),
        (chain(nn.Linear(4, 2)), (4,), "no layer in int8 before"),
        (chain(nn.Sigmoid(), nn.Conv1d(2, 4, 3), nn.Flatten(), nn.Linear(24, 2)),
         (2, 8), "before the first layer"),
        (chain(nn.Flatten(), nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 2)), (2, 8),
         "flatten inputs earlier"),
        (chain(nn.Conv1d(2, 4, 3), nn.Linear(6, 5), nn.Flatten(), nn.Linear(20, 2)),
         (2, 8), "reads maps"),
        (ConvNet(2, resolution=8), (3, 8, 8), "resolution=None"),
        (Twice(), (3,), "not a shift or scale by one number"),
    ],
)  # fmt: skip
def test_unsupported_parts_are_named(net, shape, words, tmp_path):
    X = np.random.default_rng(0).normal(size=(20, *shape)).astype(np.float32)
    made = NetClassifier.from_trained(net.eval(), range(2))
    with pytest.raises(ExportError, match=words):
        int8_net(made, X, tmp_path)


def test_without_bakenn_its_extra_is_named(monkeypatch, tmp_path):
    net, X = trained(*NETS["rows"])
    monkeypatch.setitem(sys.modules, "bakenn", None)
    with pytest.raises(ImportError, match=r"pip install selective-query\[c\]"):
        int8_net(net, X, tmp_path)


@pytest.mark.parametrize("net", [NetClassifier(ConvNet), GaussianNB()], ids=repr)
def test_only_fitted_nets_are_taken(net, tmp_path):
    with pytest.raises(ExportError, match="fitted NetClassifier .* Got"):
        int8_net(net, np.zeros((3, 3, 8, 8)), tmp_path)


def test_frozen_nets_and_those_of_skorch_are_taken(tmp_path):
    net, X = trained(*NETS["images"])
    skorch = NeuralNetClassifier(
        net.module_.net, criterion=nn.CrossEntropyLoss, classes=[0, 1, 2, 3]
    ).initialize()
    expected = int8_net(net, X, tmp_path).reference(X)
    for other in (FrozenEstimator(net), skorch):
        np.testing.assert_array_equal(
            int8_net(other, X, tmp_path).reference(X), expected
        )


@pytest.mark.skipif(not emulator.is_installed(), reason="needs an emulator")
@pytest.mark.parametrize(
    ("name", "core"),
    [("signal", "cortex-m4"), ("mobile", "cortex-m7"), ("mixed", "cortex-m4"),
     ("large", "cortex-m7")],
)  # fmt: skip
def test_a_microcontroller_puts_out_the_same_bits(name, core, tmp_path):
    net, X = trained(*NETS[name])
    made = int8_net(net, X, tmp_path, core=core)
    found = emulator.run(tmp_path, core, made.call, X[:4])
    np.testing.assert_array_equal(found.outputs, made.reference(X[:4]))
    linked = firmware.link(tmp_path, STM32F746, made.call)
    assert linked.flash_bytes > made.flash_bytes
    n_inputs, n_outputs = X[0].size, made.n_outputs
    assert linked.sram_bytes >= made.sram_bytes + 4 * (n_inputs + n_outputs)
    assert found.stack_bytes <= linked.stack_bytes


@pytest.mark.skipif(not emulator.is_installed(), reason="needs an emulator")
@pytest.mark.parametrize("core", emulator.MACHINES)
@pytest.mark.parametrize(
    ("n", "kernel", "groups", "least", "most"),
    [(32, 3, 1, 1.8, 2.2), (64, 1, 1, 1.8, 2.2), (32, 3, 32, 7, 10)],
    ids=["convolution", "pointwise", "depthwise"],
)
def test_instructions_of_a_multiply_accumulate(
    n, kernel, groups, least, most, core, tmp_path
):
    counted = []
    for depth in (1, 2):
        layers = [
            nn.Conv2d(n, n, kernel, padding="same", groups=groups) for _ in range(depth)
        ]
        made = chain(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n, 2))
        net, X = trained(lambda made=made: made, (n, 12, 12), n=10)
        folder = tmp_path / str(depth)
        folder.mkdir()
        made = int8_net(net, X, folder, core=core)
        counted.append(emulator.run(folder, core, made.call, X[:1]).instructions)
    macs = 144 * n * n // groups * kernel**2
    assert least <= (counted[1] - counted[0]) / macs <= most


def test_templates_are_installed_with_the_package():
    assert "sq_net_features" in toolchain.template("sq_net.c")
