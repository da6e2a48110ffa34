import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone

torch = pytest.importorskip("torch")

from torch import nn

from selective_query._models.answers import ask
from selective_query.footprint.net_profile import profile_net
from selective_query.nets import ConvNet, MobileNet, SignalNet
from selective_query.nets.compression import keep_within, kept_channels, prune, quantise
from selective_query.nets.training import NetClassifier

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@torch.no_grad()
def zeroed(net, keep):
    """Return the unpruned net with the outputs of removed channels set to zero."""
    net, kept = copy.deepcopy(net), kept_channels(net, keep)
    layers = dict(net.module_.net.named_modules())
    names = list(layers)
    for name, numbers in kept.items():
        layer = layers[name]
        gone = np.setdiff1d(np.arange(len(layer.weight)), numbers)
        following = layers[names[names.index(name) + 1]] if name != names[-1] else None
        for module in (layer, following):
            if module is layer or isinstance(module, NORMS):
                module.weight[gone] = 0
                if module.bias is not None:
                    module.bias[gone] = 0
    return net


@pytest.mark.parametrize("keep", [0.5, 0.26])
def test_pruned_equals_the_net_with_these_channels_at_zero(any_net, noise, keep):
    net, shape = any_net
    X = noise(20, shape)
    small, zeros = prune(net, keep), zeroed(net, keep)
    np.testing.assert_allclose(
        small.predict_proba(X), zeros.predict_proba(X), atol=1e-5
    )
    assert np.abs(small.predict_proba(X) - net.predict_proba(X)).max() > 1e-3
    assert type(small.module_.net) is type(net.module_.net)


def pruned_macs(net, shape):
    classifier = NetClassifier.from_trained(net.eval(), np.arange(10))
    return profile_net(prune(classifier, 0.5).module_.net, shape).macs


def test_operations_fall_as_by_hand():
    # Maps of 4 x 4 and 2 x 2; of one input, four and eight channels.
    convolutions = ConvNet(10, (8, 16), n_channels=1)
    assert pruned_macs(convolutions, (1, 8, 8)) == 16 * 9 * 4 + 4 * 9 * 4 * 8 + 8 * 10
    # Width 16 to 8; eight frames, then four, then two.
    signals = SignalNet(10, 8, width=16, depth=2)
    block = 5 * 8 + 8 * 8
    assert pruned_macs(signals, (8, 8)) == 8 * 8 * 8 + block * 4 + block * 2 + 8 * 10
    # The one block of a stage with squeeze-and-excitation, stride 2, without expansion.
    gated = MobileNet(10, 0.5, n_channels=1, n_stages=1)
    stem, deep, squeeze = 64 * 9 * 4, 16 * 9 * 4, 4 * 4 + 4 * 4
    project, embed = 16 * 4 * 4, 16 * 4 * 24
    assert pruned_macs(gated, (1, 8, 8)) == (
        stem + deep + squeeze + project + embed + 24 * 10
    )


def test_all_channels_kept_change_nothing(any_net, noise):
    net, shape = any_net
    X = noise(5, shape)
    assert (prune(net, 1).predict_proba(X) == net.predict_proba(X)).all()


def test_channels_are_ranked_after_batch_norm():
    net = nn.Sequential(
        nn.Conv2d(1, 3, 1, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(1),
        nn.Linear(12, 2),
    ).eval()  # fmt: skip
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([3.0, -2.0, 1.0]).view(3, 1, 1, 1))
        net[1].weight.copy_(torch.tensor([0.1, 1.0, -1.0]))
    classifier = NetClassifier.from_trained(net, [0, 1])
    kept = kept_channels(classifier, 0.67)
    assert kept["0"].tolist() == [1, 2]
    small = prune(classifier, 0.67)
    # Each channel of 2 x 2 positions is four inputs of the linear layer.
    assert torch.equal(small.module_.net[4].weight, net[4].weight[:, 4:])
    X = np.ones((3, 1, 2, 2), dtype=np.float32)
    np.testing.assert_allclose(
        small.predict_proba(X), zeroed(classifier, 0.67).predict_proba(X), atol=1e-6
    )


@pytest.mark.parametrize("inputs_first", [True, False])
def test_inputs_and_what_is_tied_to_them_stay(noise, inputs_first):
    class OnInputs(nn.Module):
        def __init__(self):
            super().__init__()
            self.deep = nn.Conv2d(4, 4, 3, padding=1, groups=4)
            self.back = nn.Conv2d(4, 4, 1)
            self.wide = nn.Conv2d(4, 6, 1)
            self.last = nn.Linear(6, 10)

        def forward(self, x):
            back = self.back(self.deep(x))
            x = x + back if inputs_first else back + x
            return self.last(self.wide(x).mean((2, 3)))

    net = NetClassifier.from_trained(OnInputs().eval(), np.arange(10))
    kept = {name: len(found) for name, found in kept_channels(net, 0.5).items()}
    assert kept == {"deep": 4, "back": 4, "wide": 3, "last": 10}
    X = noise(3, (4, 5, 5))
    np.testing.assert_allclose(
        prune(net, 0.5).predict_proba(X), zeroed(net, 0.5).predict_proba(X), atol=1e-6
    )


class Tied(nn.Module):
    def __init__(self, groups=1):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 4, 1), nn.Conv2d(4, 4, 1, groups=groups)
        self.deep = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.last = nn.Linear(4, 2)

    def forward(self, x):
        x = self.a(x)
        x = x + self.b(x)
        return self.last(self.deep(x).mean((2, 3)))


def test_channels_that_are_added_up_go_together():
    net = Tied().eval()
    with torch.no_grad():
        for layer, strong in ((net.a, 0), (net.b, 1), (net.deep, 0)):
            layer.weight.fill_(0.1)
            layer.weight[strong] = 1.0
    kept = kept_channels(NetClassifier.from_trained(net, [0, 1]), 0.5)
    for name in ("a", "b", "deep"):
        assert kept[name].tolist() == [0, 1]
    assert kept["last"].tolist() == [0, 1], "the classes stay"


def test_head_and_evidence_follow(trained, images):
    X, _ = images
    small, zeros = prune(trained, 0.5), zeroed(trained, 0.5)
    found = ask(small, X[:50], small.classes_, "evidence").features
    wide = ask(zeros, X[:50], small.classes_, "evidence").features
    assert found.shape == (50, 1 + 8)
    assert wide.shape == (50, 1 + 16)
    kept = kept_channels(trained, 0.5)["blocks.1.0"]
    np.testing.assert_allclose(found[:, 1:], wide[:, 1 + kept], atol=1e-5)
    np.testing.assert_allclose(found[:, 0], wide[:, 0], atol=1e-5)


def test_tuning_from_the_unpruned_net_brings_accuracy_back(trained, images):
    X, y = images
    before = trained.predict_proba(X)
    small = prune(trained, 0.5)
    tuned = clone(small).set_params(loss="distillation", n_epochs=4, random_state=0)
    tuned.fit(X[:900], y[:900], global_proba=before[:900])
    right = [(net.predict(X[900:]) == y[900:]).mean() for net in (small, tuned)]
    assert right[1] > right[0] + 0.1
    assert (trained.predict_proba(X) == before).all()
    assert profile_net(tuned.module_.net, (1, 8, 8)) == profile_net(
        small.module_.net, (1, 8, 8)
    )
    again = pickle.loads(pickle.dumps(small))
    assert (again.predict(X) == small.predict(X)).all()
    int8 = quantise(tuned, X[:300])
    assert (int8.predict(X) == tuned.predict(X)).mean() > 0.97


def test_a_share_for_a_number_of_operations(any_net):
    net, shape = any_net
    macs = profile_net(net.module_.net, shape).macs
    keep = keep_within(net, macs // 3, shape)
    assert profile_net(prune(net, keep).module_.net, shape).macs <= macs // 3
    more = profile_net(prune(net, min(1, keep + 1e-4)).module_.net, shape).macs
    assert more > macs // 3
    assert keep_within(net, macs, shape) == 1
    with pytest.raises(ValueError, match="one channel in each layer takes"):
        keep_within(net, 10, shape)


class Concatenated(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.last = nn.Linear(4, 4), nn.Linear(8, 2)

    def forward(self, x):
        return self.last(torch.cat([self.a(x), self.a.weight[0].expand_as(x)], 1))


class Reshaped(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.last = nn.Conv2d(1, 2, 1), nn.Linear(8, 2)

    def forward(self, x):
        return self.last(self.a(x).reshape(-1, 8))


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (Tied(groups=2), "'b' has groups=2 for 4 channels"),
        (Reshaped(), "through reshape"),
        (nn.Sequential(nn.Conv1d(1, 3, 1), nn.Linear(5, 2)), "'1' reads feature maps"),
        (
            nn.Sequential(nn.Conv1d(1, 3, 1), nn.Softmax(1), nn.Flatten(),
                          nn.Linear(9, 2)),
            "through 1 .Softmax",
        ),
    ],
)  # fmt: skip
def test_operations_that_pruning_cannot_follow_are_named(net, message):
    with pytest.raises(ValueError, match=message):
        prune(NetClassifier.from_trained(net.eval(), [0, 1]))


@pytest.mark.parametrize("keep", [0, 1.5, "half", None])
def test_a_share_is_a_share(trained, keep):
    with pytest.raises(ValueError, match=r"keep must be a share in \(0, 1\]"):
        prune(trained, keep)


def test_an_unfitted_net_is_refused(trained):
    with pytest.raises(ValueError, match="must be a fitted NetClassifier"):
        prune(clone(trained))
