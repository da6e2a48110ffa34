"""Kinds of layers that differ in the cost of a multiply-accumulate."""

from math import prod

from torch import nn

# A convolution with at most this many channels reads raw inputs.
FEW_CHANNELS = 4


def layer_form(layer):
    """Return the kind of a layer, as in the profiles of devices.

    Parameters
    ----------
    layer : nn.Conv1d, nn.Conv2d or nn.Linear

    Returns
    -------
    {"convolution", "stem", "pointwise", "depthwise", "linear"}
        A stem reads at most four channels, such as those of an image; a pointwise
        convolution reads one position at a time.
    """
    if isinstance(layer, nn.Linear):
        return "linear"
    if layer.groups == layer.in_channels > 1:
        return "depthwise"
    if prod(layer.kernel_size) == 1:
        return "pointwise"
    return "stem" if layer.in_channels <= FEW_CHANNELS else "convolution"
