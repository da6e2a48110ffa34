import pytest

torch = pytest.importorskip("torch")

from torch import nn

from selective_query.footprint.net_profile import profile_net
from selective_query.nets import ConvNet, MobileNet, SignalNet
from selective_query.nets._blocks import SqueezeExcite

SHAPE = 4, 10, 10
PARTED, PART = 16 * 100, 8 * 100
MODELS = "peak_elements", "peak_elements_in_place"
LIVE = "live_elements", "live_elements_in_place"


class Halves(nn.Module):
    """Two branches, each on half of the channels."""

    def __init__(self, cut):
        super().__init__()
        self.a, self.b = nn.Conv2d(4, 16, 1), nn.Conv2d(8, 8, 1)
        self.c, self.cut = nn.Conv2d(8, 8, 1), cut

    def forward(self, x):
        u, v = self.cut(self.a(x))
        return self.b(u) + self.c(v)


CUTS = {
    "torch.chunk": lambda y: torch.chunk(y, 2, 1),
    "torch.split": lambda y: torch.split(y, 8, 1),
    "torch.tensor_split": lambda y: torch.tensor_split(y, 2, 1),
    "chunk": lambda y: y.chunk(2, dim=1),
    "split": lambda y: y.split([8, 8], 1),
    "narrow": lambda y: (y.narrow(1, 0, 8), y.narrow(1, 8, 8)),
    "slices": lambda y: (y[:, :8], y[:, 8:]),
    "slices by shape": lambda y: (y[:, : y.shape[1] // 2], y[:, y.shape[1] // 2 :]),
    "slices of a chunk": lambda y: (torch.chunk(y, 1, 1)[0][:, :8], y[:, 8:]),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_the_whole_stays_until_its_last_part_was_read(cut, model):
    # While c runs: all outputs of a, the output of b, and its own output.
    assert getattr(profile_net(Halves(cut), SHAPE), model) == PARTED + PART + PART


class Unequal(nn.Module):
    """A small part that is read again after the rest was freed."""

    def __init__(self, cut):
        super().__init__()
        self.a, self.wide = nn.Conv2d(4, 16, 1), nn.Conv2d(4, 24, 1)
        self.cut = cut

    def forward(self, x):
        u, _ = self.cut(self.a(x))
        return self.wide(u), u.flatten(1)


@pytest.mark.parametrize(
    "cut",
    [lambda y: torch.split(y, [4, 12], 1), lambda y: (y[:, :4], y[:, 4:])],
    ids=["split", "slices"],
)
def test_a_view_of_a_part_keeps_the_whole(cut):
    profile = profile_net(Unequal(cut), SHAPE)
    assert profile.peak_elements == profile.peak_elements_in_place == PARTED + 2400


def test_a_part_is_not_overwritten_while_another_is_to_be_read():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Conv2d(4, 16, 1)

        def forward(self, x):
            u, v = torch.chunk(self.a(x), 2, 1)
            return torch.sigmoid(u) * v

    profile = profile_net(Gated(), SHAPE)
    assert profile.peak_elements == PARTED + PART + PART
    assert profile.peak_elements_in_place == PARTED + PART + PART


def test_the_last_part_may_be_overwritten():
    class Kept(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(4, 16, 1), nn.Conv2d(8, 8, 1)

        def forward(self, x):
            return self.b(torch.relu(self.a(x)[:, :8]))

    profile = profile_net(Kept(), SHAPE)
    assert profile.peak_elements == PARTED + PART
    # The first layer and its input; afterwards only halves.
    assert profile.peak_elements_in_place == 400 + PARTED


def test_channels_picked_by_a_list_are_copied():
    first, second = list(range(8)), list(range(8, 16))
    profile = profile_net(Halves(lambda y: (y[:, first], y[:, second])), SHAPE)
    assert profile.layers[1].live_elements == PART + PART + PART


@pytest.mark.parametrize(
    "pick", [lambda y: torch.max(y, 1)[0], lambda y: torch.max(y, 1).values]
)
def test_tuples_that_are_computed_take_memory_of_their_own(pick):
    class Largest(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(4, 4, 1), nn.Conv1d(10, 100, 1)

        def forward(self, x):
            return self.b(pick(self.a(x)))

    # While b runs: maxima and their indices, 10 x 10 each, and 100 x 10.
    assert profile_net(Largest(), SHAPE).layers[1].live_elements == 200 + 1000


def test_a_layer_named_like_a_view_is_a_layer():
    profile = profile_net(SqueezeExcite(64, reduction=1), (64, 1, 1))
    # While `excite` runs: the input, the output of `squeeze`, and its own output.
    assert [layer.name for layer in profile.layers] == ["squeeze", "excite"]
    assert profile.layers[1].live_elements == 64 + 64 + 64


NETS = {
    "ConvNet": (ConvNet(10), (3, 32, 32)),
    "MobileNet": (MobileNet(10, width=0.35, depth=2), (3, 32, 32)),
    "SignalNet": (SignalNet(10, n_channels=64), (64, 32)),
    "halves": (Halves(CUTS["torch.chunk"]), SHAPE),
}


@pytest.mark.parametrize("name", NETS)
def test_no_layer_holds_more_than_the_peak_or_less_than_its_output(name):
    net, shape = NETS[name]
    profile = profile_net(net, shape)
    for peak, live in zip(MODELS, LIVE, strict=True):
        held = [getattr(layer, live) for layer in profile.layers]
        assert max(held) <= getattr(profile, peak)
        for layer, n_live in zip(profile.layers, held, strict=True):
            assert n_live >= torch.Size(layer.output_shape).numel()


def test_what_a_layer_holds_is_counted_by_hand():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.down = nn.Conv2d(4, 16, 1), nn.Conv2d(16, 4, 1)
            self.deep = nn.Conv2d(16, 16, 3, padding=1, groups=16)

        def forward(self, x):
            return x + self.down(self.deep(self.up(x)))

    layers = {layer.name: layer for layer in profile_net(Residual(), SHAPE).layers}
    # The skipped input, the layer's own input, and its output.
    assert layers["up"].live_elements == 400 + 1600
    assert layers["deep"].live_elements == 400 + 1600 + 1600
    assert layers["down"].live_elements == 400 + 1600 + 400
    # In place, the depthwise convolution needs one extra channel.
    assert layers["deep"].live_elements_in_place == 400 + 1600 + 100
    assert layers["down"].live_elements_in_place == 400 + 1600 + 400


def test_the_peak_may_be_between_layers():
    class Summed(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Conv2d(4, 4, 1)

        def forward(self, x):
            y = self.a(x)
            return x * y + x + y

    profile = profile_net(Summed(), SHAPE)
    assert profile.layers[0].live_elements == 800
    assert profile.peak_elements == 1600
