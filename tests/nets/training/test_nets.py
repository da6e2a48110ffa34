import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn

from selective_query.nets import (
    ConvNet,
    EarlyExitNet,
    MobileNet,
    SignalNet,
    SplitNet,
)
from selective_query.nets._blocks import round_channels

IMAGES = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def macs_of(net, x):
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net.eval()(x)
    return counter.get_total_flops() // 2


def exits():
    parts = [nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 16, 3, 2), nn.Conv2d(16, 16, 3, 2)]
    return EarlyExitNet(parts, widths=[8, 16, 16], n_classes=5).eval()


@pytest.mark.parametrize(
    ("net", "x"),
    [
        (ConvNet(7), IMAGES),
        (MobileNet(7, width=0.25), IMAGES),
        (SignalNet(7, n_channels=64), torch.randn(4, 64, 32)),
    ],
)
def test_logits_are_linear_in_the_features(net, x):
    net.eval()
    features = net.forward_features(x)
    torch.testing.assert_close(net(x), net.classifier(features))
    assert net(x).shape == (4, 7)


def test_width_depth_and_resolution_cost_operations():
    base = macs_of(MobileNet(10), IMAGES)
    assert macs_of(MobileNet(10, width=1.0), IMAGES) > 2 * base
    assert macs_of(MobileNet(10, depth=2), IMAGES) > 1.3 * base
    assert macs_of(MobileNet(10, resolution=16), IMAGES) < 0.4 * base
    assert macs_of(MobileNet(10, n_stages=3), IMAGES) < base


def test_images_are_scaled_to_the_resolution_on_both_axes():
    square = ConvNet(10, (8,), resolution=16)
    for size in ((32, 16), (16, 32), (16, 16)):
        assert square(torch.zeros(2, 3, *size)).shape == (2, 10)
    seen = []
    square.blocks.register_forward_pre_hook(lambda _, x: seen.append(x[0].shape[2:]))
    square(torch.zeros(2, 3, 48, 16))
    assert tuple(seen[0]) == (16, 16)


def test_convolutions_cost_what_the_formula_says():
    expected = 16 * 16 * 3 * 16 * 9 + 8 * 8 * 16 * 32 * 9 + 32 * 10
    assert macs_of(ConvNet(10, (16, 32)), IMAGES[:1]) == expected


def test_channels_are_rounded_to_eight_and_no_tenth_below():
    assert [round_channels(n) for n in (1, 8, 11, 12, 20, 96.0)] == [
        8,
        8,
        16,
        16,
        24,
        96,
    ]
    assert all(round_channels(n) >= 0.9 * n for n in range(1, 200))


def test_nets_refuse_incompatible_parameters():
    with pytest.raises(ValueError, match="strides must have one entry for each"):
        ConvNet(10, (8, 16), strides=(2,))
    with pytest.raises(ValueError, match="n_stages must be .* Got 9"):
        MobileNet(10, n_stages=9)
    with pytest.raises(
        ValueError, match="widths must have one entry for each of the 1"
    ):
        EarlyExitNet([nn.Conv2d(3, 8, 3)], widths=[8, 16], n_classes=5)
    with pytest.raises(ValueError, match="branches must have one entry .* Got 2"):
        EarlyExitNet([nn.Conv2d(3, 8, 3)], [8], 5, branches=[None, None])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvNet(1), "n_classes must be a whole number >= 2. Got 1"),
        (lambda: ConvNet(10, 8), "widths must be one or more whole numbers"),
        (lambda: ConvNet(10, ()), r"widths must be .* Got \(\)"),
        (lambda: ConvNet(10, (8, 0)), "widths must be one or more whole numbers"),
        (lambda: ConvNet(10, (8,), (0.5,)), "strides must be one or more whole"),
        (lambda: ConvNet(10, resolution=0), "resolution must be a whole number >= 1"),
        (lambda: MobileNet("ten"), "n_classes must be a whole number >= 2"),
        (
            lambda: MobileNet(10, width=-1),
            "width must be .* above 0. Got -1",
        ),
        (
            lambda: MobileNet(10, width=math.inf),
            "width must be a finite number",
        ),
        (lambda: MobileNet(10, depth=0), "depth must be a whole number >= 1. Got 0"),
        (lambda: MobileNet(10, n_channels=0), "n_channels must be a whole number"),
        (lambda: MobileNet(10, stem_stride=3), "stem_stride must be 1 or 2. Got 3"),
        (lambda: MobileNet(10, n_stages=0), "n_stages must be a whole number >= 1"),
        (lambda: SignalNet(1, 3), "n_classes must be a whole number >= 2. Got 1"),
        (lambda: SignalNet(10, 0), "n_channels must be a whole number >= 1. Got 0"),
        (lambda: SignalNet(10, 3, width=0.5), "width must be a whole number >= 1"),
        (lambda: SignalNet(10, 3, depth=True), "depth must be .* Got True"),
        (lambda: SignalNet(10, 3, kernel=4), "kernel must be odd. Got 4"),
        (lambda: EarlyExitNet([nn.Flatten()], [0], 5), r"widths must be .* Got \[0\]"),
        (lambda: EarlyExitNet([nn.Flatten()], [8], 1), "n_classes must be a whole"),
        (lambda: EarlyExitNet([], [], 5), r"widths must be .* Got \[\]"),
        (
            lambda: SplitNet(nn.Flatten(), None).payload_bytes(IMAGES, bits=0),
            "bits must be a whole number >= 1. Got 0",
        ),
    ],
)
def test_a_size_that_no_net_can_have_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_last_exit_is_the_whole_net():
    net = exits()
    found = net.forward_exits(IMAGES)
    assert [logits.shape for logits in found] == [(4, 5)] * 3
    torch.testing.assert_close(found[-1], net(IMAGES))


def branching():
    parts = [nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 16, 3, 2)]
    branches = [nn.Conv2d(8, 12, 3), None]
    return EarlyExitNet(parts, widths=[12, 16], n_classes=5, branches=branches).eval()


def test_a_net_ends_in_any_of_its_exits():
    net = branching()
    for number, logits in enumerate(net.forward_exits(IMAGES)):
        torch.testing.assert_close(net.up_to(number)(IMAGES), logits)
    assert net.up_to(0).heads[0] is net.heads[0]
    assert macs_of(net.up_to(0), IMAGES) == 4 * (27 * 8 * 225 + 72 * 12 * 169 + 60)
    with pytest.raises(ValueError, match=r"number must be .* in \[0, 1\]. Got 2"):
        net.up_to(2)


def test_a_net_splits_after_any_part_but_the_last():
    net = branching()
    split = net.split_at(0)
    first, last = net.forward_exits(IMAGES)
    torch.testing.assert_close(split(IMAGES), last)
    torch.testing.assert_close(split.exit_head(split.edge(IMAGES)), first)
    assert split.payload_bytes(IMAGES) == 8 * 15 * 15
    with pytest.raises(ValueError, match=r"number must be .* in \[0, 0\]. Got 1"):
        net.split_at(1)


def test_an_input_leaves_at_the_first_exit_that_is_sure():
    net = exits()
    each = net.forward_exits(IMAGES)
    entropy = [-(z.log_softmax(1).exp() * z.log_softmax(1)).sum(1) for z in each]
    threshold = entropy[0].median().item()
    logits, taken = net.entropy_exit(IMAGES, [threshold, -1.0])
    expected = np.where(entropy[0] <= threshold, 0, 2)
    np.testing.assert_array_equal(taken, expected)
    for row in range(4):
        torch.testing.assert_close(logits[row], each[taken[row]][row])


@pytest.mark.parametrize(("threshold", "number"), [(math.log(5) + 1, 0), (-1.0, 2)])
def test_all_or_no_input_may_leave_early(threshold, number):
    _, taken = exits().entropy_exit(IMAGES, [threshold, threshold])
    assert (taken == number).all()


def test_a_split_net_is_its_parts_in_a_row():
    edge, cloud = nn.Conv2d(3, 8, 3, 2), nn.Sequential(nn.Flatten(), nn.Linear(1800, 5))
    net = SplitNet(edge, cloud)
    torch.testing.assert_close(net(IMAGES), cloud(edge(IMAGES)))
    assert net.payload_bytes(IMAGES) == 8 * 15 * 15
    assert net.payload_bytes(IMAGES, bits=1) == 15 * 15
    assert SplitNet(nn.Linear(3, 27), cloud).payload_bytes(torch.zeros(2, 3), 1) == 4
    assert net.payload_bytes(IMAGES, bits=32) == 4 * 8 * 15 * 15
