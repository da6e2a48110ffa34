"""Profiles of early-exit nets: cost up to each exit, and possible splits."""

import copy
from dataclasses import dataclass, replace

try:
    import torch
    from torch import nn
except ImportError as error:
    raise ImportError(
        "Profiles of nets need torch. Install it with pip install torch."
    ) from error

from selective_query.footprint.net_profile import NetProfile, profile_net


@dataclass(frozen=True)
class ExitProfile:
    """Profile of an early-exit net on one device.

    Parameters
    ----------
    macs : tuple of int
        Multiply-accumulates from the input to each exit's answer, including earlier
        exits.
    net : NetProfile
        Profile of the net with all exits, which the device must hold.
    """

    macs: tuple
    net: NetProfile


@dataclass(frozen=True)
class SplitPoint:
    """A net split in two: the part on the device, and what it sends.

    Parameters
    ----------
    number : int
        Index of the last part on the device, from 0.
    edge : NetProfile
        Profile of the device's parts and their exit; the features stay in memory to be
        sent.
    feature_bytes : int
        Bytes that one query sends.
    cloud_macs : int
        Multiply-accumulates of the part in the cloud.
    bits : int
        Bits per weight, activation and number sent.
    """

    number: int
    edge: NetProfile
    feature_bytes: int
    cloud_macs: int
    bits: int

    @property
    def edge_macs(self):
        """Multiply-accumulates on the device, including the exit."""
        return self.edge.macs

    @property
    def flash_bytes(self):
        """Bytes of weights and biases on the device."""
        return self.edge.flash_bytes(self.bits)

    @property
    def sram_bytes(self):
        """Peak bytes of activations on the device."""
        return self.edge.sram_bytes(self.bits)

    def deployed(self, deployment):
        """Return a deployment with the device's part as base and features as payload.

        Parameters
        ----------
        deployment : Deployment
            Deployment of another system, which provides device, link, cloud and
            everything else.

        Returns
        -------
        Deployment

        Raises
        ------
        ValueError
            If the features cannot be sent in time, or the order is not "base_first":
            a split net always runs its first part before it sends anything.
        """
        if deployment.order != "base_first":
            raise ValueError(
                "A split net sends the features of its first part, so order must be "
                f"'base_first'. Got {deployment.order!r}."
            )
        return replace(
            deployment,
            base_macs=self.edge_macs,
            base_ms=None,
            payload_bytes=self.feature_bytes,
        )


def profile_exits(net, input_shape):
    """Count the cost of a net up to each of its exits.

    Parameters
    ----------
    net : EarlyExitNet
    input_shape : tuple of int
        Of one input, without the batch axis.

    Returns
    -------
    ExitProfile

    Raises
    ------
    ValueError
        As in :func:`~selective_query.footprint.net_profile.profile_net`.

    Examples
    --------
    >>> from torch import nn
    >>> from selective_query.footprint.exit_profile import profile_exits
    >>> from selective_query.nets import EarlyExitNet
    >>> parts = [nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 16, 3, 2, 1)]
    >>> net = EarlyExitNet(parts, widths=[8, 16], n_classes=10)
    >>> profile_exits(net, (3, 32, 32)).macs
    (55376, 129264)
    """
    whole = profile_net(_EveryExit(net), input_shape)
    macs, so_far = {}, 0
    for layer in whole.layers:
        so_far += layer.macs
        macs[layer.name] = so_far
    heads = [f"net.heads.{number}" for number in range(len(net.heads))]
    return ExitProfile(tuple(macs[head] for head in heads), whole)


def split_points(net, input_shape, bits=8):
    """Count each possible split of an early-exit net between device and cloud.

    Parameters
    ----------
    net : EarlyExitNet
    input_shape : tuple of int
        Of one input, without the batch axis.
    bits : int, default=8
        Bits per weight, activation and number sent.

    Returns
    -------
    list of SplitPoint
        One after each part except the last.

    Raises
    ------
    ValueError
        As in :func:`~selective_query.footprint.net_profile.profile_net`.

    References
    ----------
    Kang et al., "Neurosurgeon: collaborative intelligence between the cloud and mobile
    edge", ASPLOS 2017.

    Examples
    --------
    >>> from torch import nn
    >>> from selective_query.costs import CLOUD, Deployment, STM32F746, WIFI
    >>> from selective_query.footprint.exit_profile import split_points
    >>> from selective_query.nets import EarlyExitNet
    >>> parts = [nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 16, 3, 2, 1)]
    >>> net = EarlyExitNet(parts, widths=[8, 16], n_classes=10)
    >>> (cut,) = split_points(net, (3, 32, 32))
    >>> cut.edge_macs, cut.flash_bytes, cut.sram_bytes, cut.feature_bytes
    (55376, 368, 5120, 2048)
    >>> costs = Deployment(
    ...     device=STM32F746, base_ms=50, link=WIFI, cloud=CLOUD, payload_bytes=3072
    ... )
    >>> cut.deployed(costs).payload_bytes
    2048
    """
    blank = torch.zeros(1, *input_shape)
    found = []
    for number in range(len(net.parts) - 1):
        split = copy.deepcopy(net.split_at(number)).cpu()
        with torch.no_grad():
            features = split.eval().edge(blank)
        found.append(
            SplitPoint(
                number=number,
                edge=profile_net(_Edge(split), input_shape),
                feature_bytes=split.payload_bytes(blank, bits),
                cloud_macs=profile_net(split.cloud, tuple(features.shape[1:])).macs,
                bits=bits,
            )
        )
    return found


class _EveryExit(nn.Module):
    """Returns all exits as outputs, so that all are counted."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net.forward_exits(x)


class _Edge(nn.Module):
    """The device's part, whose features stay in memory until the exit has decided."""

    def __init__(self, split):
        super().__init__()
        self.edge, self.exit_head = split.edge, split.exit_head

    def forward(self, x):
        features = self.edge(x)
        return features, self.exit_head(features)
