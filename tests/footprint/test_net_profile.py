import pytest

torch = pytest.importorskip("torch")

from torch import nn

from selective_query.costs import DEVICES, STM32F746
from selective_query.footprint.net_profile import profile_net
from selective_query.nets import ConvNet, MobileNet, SignalNet


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (ConvNet(10), (3, 32, 32)),
        (MobileNet(10, width=0.35), (3, 32, 32)),
        (MobileNet(7, width=1.0, depth=2, stem_stride=2), (3, 96, 96)),
        (SignalNet(10, n_channels=64), (64, 32)),
    ],
)
def test_operations_and_weights_are_those_of_torch(net, shape):
    from torch.utils.flop_counter import FlopCounterMode

    profile = profile_net(net, shape)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net.eval()(torch.zeros(1, *shape))
    assert 2 * profile.macs == counter.get_total_flops()
    weights = [
        module.weight.numel()
        for module in net.modules()
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear))
    ]
    assert profile.weights == sum(weights)
    assert [layer.weights for layer in profile.layers] == weights


def test_peak_of_a_chain_is_its_largest_pair():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(),
        nn.Conv2d(2, 8, 3, stride=2, padding=1), nn.Flatten(), nn.Linear(200, 4),
    )  # fmt: skip
    profile = profile_net(net, (1, 10, 10))
    # Input, then the maps of 2 x 10 x 10 and those of 8 x 5 x 5.
    assert profile.peak_elements == max(100 + 200, 200 + 200, 200 + 4)
    assert profile.peak_elements_in_place == profile.peak_elements


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Conv2d(4, 16, 1)
        self.deep = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.down = nn.Conv2d(16, 4, 1)

    def forward(self, x):
        return x + self.down(self.deep(self.up(x)))


def test_a_skipped_input_stays_alive_and_depthwise_maps_may_be_replaced():
    profile = profile_net(Residual(), (4, 10, 10))
    # While the depthwise runs: the input, its own input and its output.
    assert profile.peak_elements == 400 + 1600 + 1600
    # In place it needs one extra channel; then `down` runs: input, map, output.
    assert profile.peak_elements_in_place == 400 + 1600 + 400


def test_bytes_follow_from_the_bits():
    profile = profile_net(nn.Sequential(nn.Flatten(), nn.Linear(100, 10)), (1, 10, 10))
    assert profile.flash_bytes() == 1000 + 4 * 10
    assert profile.flash_bytes(bits=32) == 4000 + 4 * 10
    assert profile.sram_bytes() == 110
    assert profile.sram_bytes(bits=32) == 440


@pytest.mark.parametrize("device", ["STM32F746", None, type(STM32F746)])
def test_invalid_devices_are_refused(device):
    profile = profile_net(nn.Sequential(nn.Linear(4, 2)), (4,))
    assert profile.fits(DEVICES["STM32F746"])
    with pytest.raises(TypeError, match="must be a Device. .*DEVICES") as told:
        profile.fits(device)
    assert f"Got {device!r}." in str(told.value)


def test_what_does_not_fit_is_named_with_its_excess():
    small = profile_net(ConvNet(10), (3, 32, 32)).fits(STM32F746)
    assert small
    assert small.excess is None
    large = profile_net(ConvNet(10, (64, 256, 1024), (1, 1, 1)), (3, 64, 64))
    report = large.fits(STM32F746)
    assert not report
    assert report.excess.startswith("STM32F746: ")
    assert "flash_bytes" in report.excess
    assert "sram_bytes" in report.excess
    assert "too many" in report.excess
    assert "left" in str(small)


def test_a_net_that_branches_on_values_is_refused():
    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(ValueError, match="Branching cannot be traced .* branches"):
        profile_net(Branching(), (3,))


def test_profiling_leaves_the_net_as_it_was():
    net = MobileNet(10, width=0.25).train()
    net.blocks[0][1].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    profile_net(net, (3, 32, 32))
    assert [module.training for module in net.modules()] == modes
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    profile_net(nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8)).train(), (12,))


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.out = nn.Linear(3, 2)

    def forward(self, x):
        return self.out(x * self.scale)


@pytest.mark.parametrize(
    ("net", "shape", "name"),
    [
        (Scaled(), (3,), "scale"),
        (nn.Sequential(nn.ConvTranspose2d(1, 2, 3)), (1, 8, 8), "0.weight"),
        (nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)), (4,), "1.weight"),
    ],
)
def test_weights_that_would_not_be_counted_are_refused(net, shape, name):
    with pytest.raises(ValueError, match=f"cannot count {name}.* Measure"):
        profile_net(net, shape)


def test_products_without_weights_are_refused():
    class Attention(nn.Module):
        def forward(self, x):
            return (x @ x.transpose(1, 2)) @ x

    with pytest.raises(ValueError, match="cannot count matmul"):
        profile_net(Attention(), (64, 8))


class PreActivation(nn.Module):
    """A batch norm whose input is needed a second time."""

    def __init__(self):
        super().__init__()
        self.norm, self.relu = nn.BatchNorm2d(32), nn.ReLU()
        self.conv, self.skip = nn.Conv2d(32, 32, 1, 2), nn.Conv2d(32, 32, 1, 2)

    def forward(self, x):
        return self.conv(self.relu(self.norm(x))) + self.skip(x)


def test_memory_that_is_needed_again_is_not_overwritten():
    profile = profile_net(PreActivation(), (32, 10, 10))
    # Input, its normalised copy, and the first convolution's output.
    assert profile.peak_elements_in_place == 3200 + 3200 + 800


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = (
            nn.Conv2d(1, 8, 3, padding=1),
            nn.Conv2d(8, 1, 3, padding=1),
        )
        self.out = nn.Linear(100, 2)

    def forward(self, x):
        x = torch.nn.functional.relu(self.one(x))
        return self.out(torch.flatten(self.two(x), 1))


def test_functional_activations_and_views_are_like_modules():
    functional = profile_net(Functional(), (1, 10, 10))
    modules = profile_net(
        nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1),
            nn.Flatten(), nn.Linear(100, 2),
        ),
        (1, 10, 10),
    )  # fmt: skip
    assert functional.peak_elements == modules.peak_elements == 100 + 800
    assert functional.macs == modules.macs


def test_a_layer_used_twice_is_stored_once():
    layer = nn.Linear(24, 24)
    profile = profile_net(nn.Sequential(layer, nn.ReLU(), layer), (24,))
    assert profile.weights == 24 * 24
    assert profile.macs == 2 * 24 * 24


def test_the_batch_axis_may_move():
    class Moved(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(16, 8)

        def forward(self, x):
            return self.out(x.permute(1, 0, 2))

    assert profile_net(Moved(), (100, 16)).macs == 100 * 16 * 8


TIED = nn.Linear(6, 6, bias=False)


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (nn.Sequential(nn.Linear(4, 3, bias=False)), (4,)),
        (nn.Sequential(nn.Linear(4, 3)), (4,)),
        (
            nn.Sequential(
                nn.Conv2d(3, 8, 3, bias=False), nn.ReLU(), nn.Conv2d(8, 4, 1),
                nn.Conv2d(4, 4, 3, groups=4, bias=False), nn.Flatten(),
                nn.Linear(64, 5, bias=False),
            ),
            (3, 8, 8),
        ),
        (nn.Sequential(TIED, nn.ReLU(), TIED, nn.Linear(6, 2, bias=False)), (6,)),
    ],
)  # fmt: skip
def test_parameters_of_a_net_without_batch_norm_are_those_of_torch(net, shape):
    profile = profile_net(net, shape)
    assert profile.parameters == sum(p.numel() for p in net.parameters())
    assert profile.biases == sum(layer.biases for layer in profile.layers)


def test_layers_of_the_same_weights_have_biases_of_their_own():
    one, two = nn.Linear(6, 6), nn.Linear(6, 6)
    two.weight = one.weight
    net = nn.Sequential(one, nn.ReLU(), two)
    assert profile_net(net, (6,)).parameters == 36 + 6 + 6


def test_batch_norm_leaves_a_bias_where_it_is_folded_and_two_numbers_elsewhere():
    def biases(*layers):
        return profile_net(nn.Sequential(*layers), (4, 6, 6)).biases

    conv, norm = nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4)
    assert biases(conv) == 0
    assert biases(conv, norm) == 4
    assert biases(nn.Conv2d(4, 4, 1), norm) == 4
    assert biases(norm, conv) == 2 * 4
    assert biases(conv, nn.ReLU(), norm) == 2 * 4
    assert biases(conv, norm, conv, norm) == 4
    assert biases(conv, norm, conv, nn.BatchNorm2d(4)) == 4 + 2 * 4


def test_batch_norm_of_an_output_that_is_read_elsewhere_is_not_folded():
    class Read(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 1, bias=False)
            self.norm = nn.BatchNorm2d(4)

        def forward(self, x):
            x = self.conv(x)
            return x + self.norm(x)

    assert profile_net(Read(), (4, 6, 6)).biases == 2 * 4


def test_layers_are_counted_by_what_they_compute():
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 4, 1),
        nn.Conv2d(4, 8, 1), nn.Conv2d(8, 8, 3, groups=2), nn.Flatten(),
        nn.Linear(8 * 16, 5),
    )  # fmt: skip
    profile = profile_net(net, (3, 10, 10))
    assert profile.macs_by_form == {
        "stem": 64 * 8 * 27,
        "depthwise": 36 * 8 * 9,
        "pointwise": 36 * (32 + 32),
        "convolution": 16 * 8 * 4 * 9,
        "linear": 640,
    }
    assert sum(profile.macs_by_form.values()) == profile.macs
    assert STM32F746.plain_macs(profile.macs_by_form) > profile.macs
