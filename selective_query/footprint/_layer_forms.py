"""Kinds of layers by what a multiply-accumulate costs in them."""

from math import prod

from torch import nn

# A convolution of so few channels is one of raw inputs.
FEW_CHANNELS = 4


def layer_form(layer):
    """The kind of a layer, as devices know it.

    Parameters
    ----------
    layer : nn.Conv1d, nn.Conv2d or nn.Linear

    Returns
    -------
    {"convolution", "stem", "pointwise", "depthwise", "linear"}
        A stem reads at most four channels, as of an image, and a pointwise convolution
        one position at a time.
    """
    if isinstance(layer, nn.Linear):
        return "linear"
    if layer.groups == layer.in_channels > 1:
        return "depthwise"
    if prod(layer.kernel_size) == 1:
        return "pointwise"
    return "stem" if layer.in_channels <= FEW_CHANNELS else "convolution"
