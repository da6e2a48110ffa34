"""Convolutions and linear layers in integer arithmetic, as on a device."""

import math

import torch
from torch import nn
from torch.nn.functional import conv1d, conv2d, linear

from selective_query.nets.compression.grids import HIGHEST, LOWEST

LARGEST_WEIGHT = 127
LARGEST_BIAS = 2**30
MANTISSA_BITS = 31
LARGEST_SHIFT = 62


class OnGrid(nn.Identity):
    """Round activations to a grid.

    Needs no memory on a device, which writes the int8 numbers directly.

    Parameters
    ----------
    grid : Grid
    """

    def __init__(self, grid):
        super().__init__()
        self.grid = grid

    def forward(self, x):
        """Round each number of a tensor to the grid."""
        return self.grid.rounded(x)

    def extra_repr(self):
        """Return the text for ``print``."""
        return repr(self.grid)


class IntegerLayer:
    r"""Base class of integer layers: int8 weights, int32 sums, a fixed-point factor.

    Inputs and outputs are real numbers on their grids; the computation in between uses
    only integers:

    .. math::
        a = b + \sum_i w_i\, (q_i - z_{in}), \qquad
        q_{out} = z_{out} + \lfloor (a\, m + 2^{s-1}) / 2^s \rfloor

    clipped to [-128, 127], with 64 bits for a·m. A ReLU needs no extra step: the grid
    of its output starts at zero.

    Attributes
    ----------
    weight_int8 : tensor of shape (n_out, n_in, ...), int8
        Symmetric: each represents itself times the ``weight_scale`` of its output
        channel.
    weight_scale : tensor of shape (n_out,), float64
    bias_int32 : tensor of shape (n_out,), int32
        In units of ``input_grid.scale * weight_scale``.
    input_grid : Grid
    output_grid : Grid or None
        None returns the sums a as real numbers, as in the last layer, to avoid ties
        between the scores of different inputs.
    multiplier, shift : tensor of shape (n_out,), int64, or None
        The m and s, with m / 2^s approximately the input scale times the weight scale
        divided by the output scale; m in [2^30, 2^31).

    References
    ----------
    Jacob et al., "Quantization and training of neural networks for efficient
    integer-arithmetic-only inference", CVPR 2018, for the arithmetic. Krishnamoorthi,
    "Quantizing deep convolutional networks for efficient inference", 2018, for one
    scale per output channel.
    """

    def reset_parameters(self):
        """Skip random initialisation; the weights come from a trained layer."""

    @torch.no_grad()
    def _set_integers(self, layer, input_grid, output_grid):
        self.input_grid, self.output_grid = input_grid, output_grid
        weight = layer.weight.double()
        bias = weight.new_zeros(len(weight))
        if layer.bias is not None:
            bias = layer.bias.double()
        scale = weight.abs().flatten(1).amax(1) / LARGEST_WEIGHT
        # The bias of a channel with tiny weights must still fit 32 bits.
        scale = scale.maximum(bias.abs() / input_grid.scale / LARGEST_BIAS)
        scale[scale == 0] = 1.0
        each = scale.view(-1, *(1,) * (weight.ndim - 1))
        q = (weight / each).round().clamp(-LARGEST_WEIGHT, LARGEST_WEIGHT)
        unit = input_grid.scale * scale
        self.register_buffer("weight_int8", q.to(torch.int8))
        self.register_buffer("weight_scale", scale)
        self.register_buffer("bias_int32", (bias / unit).round().to(torch.int32))
        multiplier = shift = None
        if output_grid is not None:
            fixed = [fixed_point(float(u) / output_grid.scale) for u in unit]
            multiplier, shift = torch.tensor(fixed, dtype=torch.int64).T
        self.register_buffer("multiplier", multiplier)
        self.register_buffer("shift", shift)
        self.weight = nn.Parameter((q * each).float(), requires_grad=False)
        self.bias = nn.Parameter((self.bias_int32 * unit).float(), requires_grad=False)

    @torch.no_grad()
    def forward(self, x):
        """Map real numbers on the input's grid to the output's in integer arithmetic.

        Parameters
        ----------
        x : tensor of shape (n_samples, n_in, ...)

        Returns
        -------
        tensor of shape (n_samples, n_out, ...), float32
        """
        steps = self.input_grid.steps(x)
        # float64 adds integers below 2^53 exactly.
        total = self._sums(steps, self.weight_int8.double(), self.bias_int32.double())
        channels = (-1, *(1,) * (total.ndim - 2)) if self._channels_first else (-1,)
        if self.output_grid is None:
            unit = self.input_grid.scale * self.weight_scale
            return (total * unit.view(channels)).float()
        shift = self.shift.view(channels)
        product = total.long() * self.multiplier.view(channels)
        q = ((product + (1 << (shift - 1))) >> shift) + self.output_grid.zero_point
        return self.output_grid.reals(q.clamp(LOWEST, HIGHEST))


class _IntegerConv(IntegerLayer):
    _channels_first = True

    def __init__(self, layer, input_grid, output_grid):
        super().__init__(
            layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride,
            layer.padding, layer.dilation, layer.groups, padding_mode="zeros",
        )  # fmt: skip
        self._set_integers(layer, input_grid, output_grid)

    def _sums(self, steps, weight, bias):
        return self._convolve(
            steps, weight, bias, self.stride, self.padding, self.dilation, self.groups
        )


class IntegerConv1d(_IntegerConv, nn.Conv1d):
    """A convolution over time in integers; see :class:`IntegerLayer`."""

    _convolve = staticmethod(conv1d)


class IntegerConv2d(_IntegerConv, nn.Conv2d):
    """A convolution over an image in integers; see :class:`IntegerLayer`."""

    _convolve = staticmethod(conv2d)


class IntegerLinear(IntegerLayer, nn.Linear):
    """A linear layer in integers; see :class:`IntegerLayer`."""

    _channels_first = False

    def __init__(self, layer, input_grid, output_grid):
        super().__init__(layer.in_features, layer.out_features)
        self._set_integers(layer, input_grid, output_grid)

    def _sums(self, steps, weight, bias):
        return linear(steps, weight, bias)


def fixed_point(factor):
    """Return integers m and s with m / 2^s nearest to a factor; m in [2^30, 2^31).

    m is smaller if the factor is below 2^-31.
    """
    mantissa, exponent = math.frexp(factor)
    multiplier = round(mantissa * 2**MANTISSA_BITS)
    if multiplier == 2**MANTISSA_BITS:
        multiplier, exponent = multiplier // 2, exponent + 1
    shift = MANTISSA_BITS - exponent
    if shift > LARGEST_SHIFT:
        multiplier, shift = multiplier >> (shift - LARGEST_SHIFT), LARGEST_SHIFT
    return multiplier, shift


_KINDS = {
    nn.Conv1d: IntegerConv1d,
    nn.Conv2d: IntegerConv2d,
    nn.Linear: IntegerLinear,
}


def integer_layer(layer, name, input_grid, output_grid):
    """Convert a layer to integer arithmetic.

    Parameters
    ----------
    layer : nn.Conv1d, nn.Conv2d or nn.Linear
    name : str
        For messages.
    input_grid : Grid
    output_grid : Grid or None

    Returns
    -------
    IntegerLayer

    Raises
    ------
    ValueError
        If its padding is not zeros, or its sums may exceed 32 bits.
    """
    if getattr(layer, "padding_mode", "zeros") != "zeros":
        raise ValueError(
            f"Layer {name!r} pads with padding_mode={layer.padding_mode!r}, and only "
            "'zeros' can be quantised. Train the net with zeros."
        )
    n_terms = layer.weight[0].numel()
    if n_terms * (HIGHEST - LOWEST) * LARGEST_WEIGHT + LARGEST_BIAS >= 2**31:
        raise ValueError(
            f"Layer {name!r} adds up {n_terms} products, which may overflow 32 bits. "
            "Make its kernel or its input narrower, or prune it first."
        )
    return _KINDS[type(layer)](layer, input_grid, output_grid)
