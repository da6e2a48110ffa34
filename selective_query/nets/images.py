"""Image nets for microcontrollers."""

from itertools import pairwise

from torch import nn
from torch.nn.functional import interpolate

from selective_query._utils.numbers import check_positive, check_whole
from selective_query.nets._blocks import (
    InvertedResidual,
    check_wholes,
    conv_block,
    round_channels,
)


def _check_ends(n_classes, n_channels, resolution):
    check_whole(n_classes, "n_classes", 2)
    check_whole(n_channels, "n_channels", 1)
    if resolution is not None:
        check_whole(resolution, "resolution", 1)


class _PooledNet(nn.Module):
    """Blocks, global average pooling, and one linear layer."""

    def forward_features(self, x):
        """Return the embedding of each input.

        Parameters
        ----------
        x : tensor of shape (n_samples, n_channels, height, width)

        Returns
        -------
        tensor of shape (n_samples, n_features)
        """
        size = (self.resolution, self.resolution)
        if self.resolution is not None and tuple(x.shape[-2:]) != size:
            x = interpolate(x, size, mode="bilinear", antialias=True)
        return self.blocks(x).mean((2, 3))

    def forward(self, x):
        """Return the logits of each input.

        Parameters
        ----------
        x : tensor of shape (n_samples, n_channels, height, width)

        Returns
        -------
        tensor of shape (n_samples, n_classes)
        """
        return self.classifier(self.forward_features(x))


class ConvNet(_PooledNet):
    """Plain 3 x 3 convolutions with batch norm, each with a width and a stride.

    Parameters
    ----------
    n_classes : int
    widths : sequence of int, default=(16, 32, 64)
        Channels after each convolution.
    strides : sequence of int or None, default=None
        Stride of each convolution; None uses 2 for all.
    n_channels : int, default=3
        Channels of the input.
    resolution : int or None, default=None
        Height and width to which inputs are rescaled first; None does not rescale.

    Examples
    --------
    >>> import torch
    >>> from selective_query.nets import ConvNet
    >>> ConvNet(10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self, n_classes, widths=(16, 32, 64), strides=None, n_channels=3,
        resolution=None,
    ):  # fmt: skip
        super().__init__()
        check_wholes(widths, "widths")
        strides = (2,) * len(widths) if strides is None else strides
        check_wholes(strides, "strides")
        if len(strides) != len(widths):
            raise ValueError(
                "strides must have one entry for each of widths. Got "
                f"{len(strides)} and {len(widths)}."
            )
        _check_ends(n_classes, n_channels, resolution)
        self.resolution = resolution
        self.blocks = nn.Sequential(
            *(
                conv_block(n_in, n_out, stride=stride)
                for (n_in, n_out), stride in zip(
                    pairwise((n_channels, *widths)), strides, strict=True
                )
            )
        )
        self.classifier = nn.Linear(widths[-1], n_classes)


# Expansion, channels, squeeze-and-excitation, hard swish, stride and kernel of each
# stage of MobileNetV3-Small (Howard et al. 2019, table 2). The stem has stride 1 by
# default, for images of 32 to 96 pixels.
_STAGES = (
    (1.0, 16, True, False, 2, 3),
    (4.0, 24, False, False, 2, 3),
    (4.0, 40, True, True, 2, 5),
    (3.0, 48, True, True, 1, 5),
    (6.0, 96, True, True, 2, 5),
)


class MobileNet(_PooledNet):
    """A small net of the MobileNetV3 family, with a width, depth and resolution.

    Parameters
    ----------
    n_classes : int
    width : float, default=0.5
        Factor on the channels of all layers.
    depth : int, default=1
        Blocks per stage.
    resolution : int or None, default=None
        Height and width to which inputs are rescaled first; None does not rescale.
    n_channels : int, default=3
        Channels of the input.
    stem_stride : {1, 2}, default=1
        2 for inputs of 64 pixels and more.
    n_stages : int, default=5
        Number of stages; the last ones may be left out for small inputs.

    References
    ----------
    Howard et al., "Searching for MobileNetV3", ICCV 2019, table 2. Lin et al., "MCUNet:
    tiny deep learning on IoT devices", NeurIPS 2020, for nets of this shape in 320 KB.

    Examples
    --------
    >>> import torch
    >>> from selective_query.nets import MobileNet
    >>> MobileNet(10, width=0.35)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self, n_classes, width=0.5, depth=1, resolution=None, n_channels=3,
        stem_stride=1, n_stages=5,
    ):  # fmt: skip
        super().__init__()
        _check_ends(n_classes, n_channels, resolution)
        check_positive(width, "width")
        check_whole(depth, "depth", 1)
        check_whole(n_stages, "n_stages", 1)
        if n_stages > len(_STAGES):
            raise ValueError(
                f"n_stages must be a whole number in [1, {len(_STAGES)}]. Got "
                f"{n_stages!r}."
            )
        if stem_stride not in (1, 2):
            raise ValueError(f"stem_stride must be 1 or 2. Got {stem_stride!r}.")
        self.resolution = resolution
        n_in = round_channels(16 * width)
        blocks = [conv_block(n_channels, n_in, 3, stem_stride, activation=nn.Hardswish)]
        for expansion, channels, se, swish, stride, kernel in _STAGES[:n_stages]:
            n_out = round_channels(channels * width)
            for repeat in range(depth):
                blocks.append(
                    InvertedResidual(
                        n_in,
                        n_out,
                        expansion,
                        kernel,
                        stride if repeat == 0 else 1,
                        se=se,
                        activation=nn.Hardswish if swish else nn.ReLU,
                    )
                )
                n_in = n_out
        n_embedding = 6 * n_in
        blocks.append(conv_block(n_in, n_embedding, 1, activation=nn.Hardswish))
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(n_embedding, n_classes)
