"""Counted figures compared with those published by the authors of MCUNet."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn

from selective_query.costs import STM32F746
from selective_query.footprint.net_profile import profile_net
from selective_query.nets._blocks import InvertedResidual, conv_block
from tests.footprint.mcunet_zoo import ZOO

KB = 1024
N_CLASSES = 1000


def profile_of(published):
    channels = published.stem
    layers = [conv_block(3, channels, 3, 2, activation=nn.ReLU6)]
    for kernel, expansion, n_out, stride in published.blocks:
        layers.append(
            InvertedResidual(
                channels, n_out, expansion, kernel, stride, activation=nn.ReLU6
            )
        )
        channels = n_out
    if published.last is not None:
        layers.append(conv_block(channels, published.last, 1, activation=nn.ReLU6))
        channels = published.last
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, N_CLASSES)
    size = published.resolution
    return profile_net(nn.Sequential(*layers, *head), (3, size, size))


@pytest.fixture(scope="module")
def profiles():
    return {name: profile_of(published) for name, published in ZOO.items()}


@pytest.mark.parametrize("name", ZOO)
def test_operations_and_parameters_are_the_published_ones(name, profiles):
    assert profiles[name].macs / 1e6 == pytest.approx(ZOO[name].macs_m, abs=0.05)
    assert profiles[name].parameters / 1e6 == pytest.approx(
        ZOO[name].parameters_m, rel=0.02
    )


@pytest.mark.parametrize("name", ZOO)
def test_the_peak_of_layers_in_own_memory_is_the_published_one(name, profiles):
    peak = profiles[name].sram_bytes(in_place=False) / KB
    assert peak == pytest.approx(ZOO[name].activations_kb, rel=0.005)
    largest = max(layer.live_elements for layer in profiles[name].layers)
    assert largest == profiles[name].peak_elements


@pytest.mark.parametrize("name", ZOO)
def test_the_engine_takes_more_than_the_peak_in_place_and_at_most_a_fifth(
    name, profiles
):
    share = profiles[name].sram_bytes() / KB / ZOO[name].sram_kb
    assert 0.82 < share < 0.93


@pytest.mark.parametrize("name", ZOO)
def test_flash_is_weights_with_three_numbers_a_channel_and_the_program(name, profiles):
    profile = profiles[name]
    # Bias, multiplier and shift; the default counts only the bias.
    stored = profile.weights + 3 * 4 * profile.biases
    program_kb = ZOO[name].flash_kb - stored / KB
    assert 55 < program_kb < 95


def test_the_verdict_on_the_board_is_that_of_the_authors(profiles):
    assert profiles["in3"].fits(STM32F746)
    assert not profiles["512kb"].fits(STM32F746)
