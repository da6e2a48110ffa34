"""Convert torch layers to bakenn operations, with names and memory layouts."""

import operator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from selective_query._utils.numbers import is_number
from selective_query.exceptions import ExportError
from selective_query.footprint._layer_forms import layer_form
from selective_query.footprint._liveness import VIEW_CALLS, VIEWS

RELU = {nn.ReLU, torch.relu, F.relu, "relu", "relu_"}
RELU6 = {nn.ReLU6, F.relu6}
SIGMOIDS = {
    nn.Hardsigmoid: "HardSigmoidOp", F.hardsigmoid: "HardSigmoidOp",
    nn.Sigmoid: "SigmoidOp", torch.sigmoid: "SigmoidOp", "sigmoid": "SigmoidOp",
}  # fmt: skip
CURVES = {
    nn.Hardswish: "HardSwishOp", F.hardswish: "HardSwishOp",
    nn.SiLU: "SiLUOp", F.silu: "SiLUOp",
}  # fmt: skip
PAIRS = {
    operator.add: "AddOp", operator.iadd: "AddOp", torch.add: "AddOp", "add": "AddOp",
    "add_": "AddOp", operator.mul: "MulOp", operator.imul: "MulOp", torch.mul: "MulOp",
    "mul": "MulOp", "mul_": "MulOp",
}  # fmt: skip
MEANS = {torch.mean, "mean", nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d,
         F.adaptive_avg_pool1d, F.adaptive_avg_pool2d}  # fmt: skip
POOLS = {nn.MaxPool1d: "MaxPool2DOp", nn.MaxPool2d: "MaxPool2DOp",
         nn.AvgPool1d: "AveragePool2DOp", nn.AvgPool2d: "AveragePool2DOp"}  # fmt: skip
# Operations of raw inputs with one number, as factor and shift.
SCALINGS = {
    operator.add: lambda number: (1.0, number),
    operator.sub: lambda number: (1.0, -number),
    operator.mul: lambda number: (number, 0.0),
    operator.truediv: lambda number: (1 / number, 0.0),
}
VIEWED = {*VIEWS, *VIEW_CALLS}
CATS = {torch.cat, torch.concat}
KNOWN = (
    "convolutions, linear layers, batch norm, ReLU, ReLU6, hard swish, hard sigmoid, "
    "SiLU, sigmoid, max and average pooling, means over all positions, flatten(1), "
    "concatenation of channels, sums and products of two layers' outputs"
)
SIGNALS = (nn.Conv1d, nn.MaxPool1d, nn.AvgPool1d)


@dataclass(frozen=True, eq=False)
class LayerForm:
    """A layer with weights in bakenn's form.

    Parameters
    ----------
    op : str
        Class of the operation.
    kind : str
        As in :class:`~selective_query.footprint.net_profile.LayerProfile`.
    weight : ndarray of int8
    layout : str
        Layout of the weight.
    axis : int
        Axis of the weight with the output channels.
    settings : dict
        Settings of the operation.
    """

    op: str
    kind: str
    weight: np.ndarray
    layout: str
    axis: int
    settings: dict


def linear_form(layer, flattened=None):
    """Convert a linear layer to a convolution of an image of one pixel.

    Kernels for linear layers have one scale for all weights, or store weights in 16
    bits.

    Parameters
    ----------
    layer : IntegerLinear
    flattened : (int, int) or None, default=None
        Channels and positions of its inputs before they were flattened; bakenn stores
        positions first.
    """
    weight = layer.weight_int8.numpy()
    if flattened is not None:
        weight = weight.reshape(len(weight), *flattened).transpose(0, 2, 1)
    weight = weight.reshape(len(weight), 1, 1, -1)
    return LayerForm("Conv2DOp", "linear", weight, "OHWI", 0, {})


def convolution_form(layer):
    """Convert a convolution; one over time becomes one over an image of height 1.

    Parameters
    ----------
    layer : IntegerConv1d or IntegerConv2d
    """
    weight = layer.weight_int8.numpy()
    weight = weight[:, :, None] if weight.ndim == 3 else weight
    settings = {
        "stride": pair(layer, "stride"),
        "dilation": pair(layer, "dilation"),
        "padding": both_sides(_padding(layer)),
    }
    n_in = layer.in_channels
    if layer.groups == n_in > 1:
        settings["depth_multiplier"] = layer.out_channels // n_in
        weight = weight[:, 0].transpose(1, 2, 0)
        return LayerForm("DepthwiseConv2DOp", "depthwise", weight, "HWO", 2, settings)
    settings["groups"] = layer.groups
    kind = layer_form(layer)
    weight = weight.transpose(0, 2, 3, 1)
    return LayerForm("Conv2DOp", kind, weight, "OHWI", 0, settings)


def pool_settings(pool):
    """Return the settings of a pooling layer; ValueError if it is unsupported."""
    padding = pair(pool, "padding")
    is_mean = isinstance(pool, (nn.AvgPool1d, nn.AvgPool2d))
    if pool.ceil_mode or pair(pool, "dilation") != (1, 1) or (is_mean and any(padding)):
        raise ValueError("it pads a mean, dilates, or rounds its size up")
    kernel, stride = pair(pool, "kernel_size"), pair(pool, "stride")
    return {"kernel": kernel, "stride": stride, "padding": both_sides(padding)}


def scaling_of(function, args):
    """Return factor and shift of a function of inputs and one number, or None."""
    of_number = SCALINGS.get(function)
    if of_number is None or len(args) != 2 or not is_number(args[1]) or args[1] == 0:
        return None
    return of_number(float(args[1]))


def pair(module, name):
    """Return a setting for height and width; signals have height 1 and no padding."""
    neutral = 0 if name == "padding" else 1
    value = getattr(module, name, neutral)
    value = (value,) if isinstance(value, int) else tuple(value)
    if isinstance(module, SIGNALS):
        return neutral, value[0]
    return value if len(value) == 2 else value * 2


def both_sides(padding):
    """Return the padding above, below, left and right."""
    height, width = padding
    return height, height, width, width


def _padding(layer):
    if layer.padding == "valid":
        return 0, 0
    if layer.padding != "same":
        return pair(layer, "padding")
    kernel, dilation = pair(layer, "kernel_size"), pair(layer, "dilation")
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    if any(r % 2 for r in reach):
        raise ExportError(
            f"{layer} pads one side more than the other, which has no form in int8 C. "
            "Use an odd kernel size."
        )
    return tuple(r // 2 for r in reach)
