"""Building blocks of nets for images."""

from torch import nn
from torch.nn.functional import hardsigmoid

from selective_query._utils.numbers import is_whole

# Channels are rounded to a multiple of this, which suits vector units.
DIVISOR = 8


def round_channels(n_channels, divisor=DIVISOR):
    """Round to the nearest positive multiple that is at most 10 % too low.

    This is the rule of the MobileNet papers.
    """
    rounded = max(divisor, int(n_channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * n_channels else rounded


def conv_block(n_in, n_out, kernel=3, stride=1, groups=1, activation=nn.ReLU):
    """Return a convolution without bias, a batch norm and an optional activation."""
    layers = [
        nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(n_out),
    ]
    if activation is not None:
        layers.append(activation(inplace=True))
    return nn.Sequential(*layers)


class SqueezeExcite(nn.Module):
    """Scale each channel by a gate computed from the means of all channels.

    References
    ----------
    Hu, Shen and Sun, "Squeeze-and-excitation networks", CVPR 2018.
    """

    def __init__(self, n_channels, reduction=4):
        super().__init__()
        n_squeezed = round_channels(n_channels / reduction)
        self.squeeze = nn.Conv2d(n_channels, n_squeezed, 1)
        self.activation = nn.ReLU(inplace=True)
        self.excite = nn.Conv2d(n_squeezed, n_channels, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        return x * hardsigmoid(self.excite(self.activation(self.squeeze(mean))))


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution and projection, with a residual if shapes match.

    References
    ----------
    Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018.
    """

    def __init__(
        self, n_in, n_out, expansion, kernel=3, stride=1, *, se=False,
        activation=nn.ReLU,
    ):  # fmt: skip
        super().__init__()
        n_wide = round_channels(n_in * expansion)
        layers = []
        if n_wide != n_in:
            layers.append(conv_block(n_in, n_wide, 1, activation=activation))
        layers.append(
            conv_block(n_wide, n_wide, kernel, stride, n_wide, activation=activation)
        )
        if se:
            layers.append(SqueezeExcite(n_wide))
        layers.append(conv_block(n_wide, n_out, 1, activation=None))
        self.layers = nn.Sequential(*layers)
        self.is_residual = stride == 1 and n_in == n_out

    def forward(self, x):
        return x + self.layers(x) if self.is_residual else self.layers(x)


def check_wholes(values, name):
    """Raise a ValueError unless values are a non-empty sequence of integers >= 1."""
    is_sequence = hasattr(values, "__len__") and not isinstance(values, str)
    if not (is_sequence and len(values) and all(is_whole(v, 1) for v in values)):
        raise ValueError(
            f"{name} must be one or more whole numbers >= 1, such as (16, 32). "
            f"Got {values!r}."
        )
