import pytest

torch = pytest.importorskip("torch")

from torch import nn

from selective_query.costs import CLOUD, STM32F746, WIFI, Deployment
from selective_query.footprint.exit_profile import profile_exits, split_points
from selective_query.footprint.net_profile import profile_net
from selective_query.nets import EarlyExitNet

SHAPE = 3, 16, 16


def block(n_in, n_out, stride):
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out),
        nn.ReLU(),
    )  # fmt: skip


def net(branches=None, widths=(8, 8, 16)):
    parts = [block(3, 8, 1), block(8, 8, 2), block(8, 16, 2)]
    return EarlyExitNet(parts, widths, 10, branches)


NETS = {
    "plain": lambda: net(),
    "branches": lambda: net([block(8, 8, 2), nn.Conv2d(8, 8, 1), None]),
}


def by_hand(made, last, heads):
    """Return operations of the parts up to one and of some exits, each by itself."""
    shape, total = SHAPE, 0
    for number in range(last + 1):
        total += profile_net(made.parts[number], shape).macs
        with torch.no_grad():
            made.eval()
            x = made.parts[number](torch.zeros(1, *shape))
            shape = tuple(x.shape[1:])
            if number in heads:
                branch = made.branches[number]
                if not isinstance(branch, nn.Identity):
                    total += profile_net(nn.Sequential(branch), shape).macs
                total += made.heads[number].weight.numel()
    return total


@pytest.mark.parametrize("name", NETS)
def test_macs_to_an_exit_hold_the_exits_before_it(name):
    made = NETS[name]()
    found = profile_exits(made, SHAPE)
    expected = [by_hand(made, last, range(last + 1)) for last in range(3)]
    assert list(found.macs) == expected
    assert found.macs[-1] == found.net.macs
    layers = [m for m in made.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert found.net.weights == sum(layer.weight.numel() for layer in layers)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("bits", [8, 16])
def test_a_cut_counts_what_runs_where_and_what_is_sent(name, bits):
    made = NETS[name]()
    whole_way = by_hand(made, 2, [2])
    cuts = split_points(made, SHAPE, bits)
    assert [cut.number for cut in cuts] == [0, 1]
    for cut, features in zip(cuts, (8 * 16 * 16, 8 * 8 * 8), strict=True):
        assert cut.edge_macs == by_hand(made, cut.number, [cut.number])
        assert cut.cloud_macs == whole_way - by_hand(made, cut.number, [])
        assert cut.feature_bytes == features * bits // 8
        assert cut.flash_bytes == cut.edge.flash_bytes(bits)
        assert cut.sram_bytes >= cut.feature_bytes
    assert cuts[0].flash_bytes < cuts[1].flash_bytes


def test_features_wait_in_memory_while_the_exit_decides():
    # The branch is larger than anything the parts ever store besides their output.
    wide = net([nn.Conv2d(8, 64, 1), None, None], widths=(64, 8, 16))
    features, branch, pooled = 8 * 16 * 16, 64 * 16 * 16, 64
    assert split_points(wide, SHAPE)[0].sram_bytes == features + branch + pooled


def test_the_net_is_left_as_it_was():
    made = net().train()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    split_points(made, SHAPE)
    profile_exits(made, SHAPE)
    assert made.training
    assert all(module.training for module in made.modules())
    for name, value in made.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_a_cut_is_deployed_where_the_others_are():
    shared = Deployment(
        device=STM32F746, base_ms=50, link=WIFI, cloud=CLOUD, payload_bytes=768,
        router_macs=100, inputs_per_day=9,
    )  # fmt: skip
    cut = split_points(net(), SHAPE)[1]
    found = cut.deployed(shared)
    assert found.base_time_ms == STM32F746.latency_ms(cut.edge_macs)
    assert found.bytes(0.5) == pytest.approx(
        0.5 * found.attempts * cut.feature_bytes, rel=1e-12
    )
    for name in ("device", "link", "cloud", "router_macs", "inputs_per_day"):
        assert getattr(found, name) == getattr(shared, name)
    same = Deployment(device=STM32F746, base_ms=1, global_ms=2, order="same_device")
    with pytest.raises(ValueError, match="must be 'base_first'. Got 'same_device'"):
        cut.deployed(same)
