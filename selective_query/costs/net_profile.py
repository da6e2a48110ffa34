"""What a torch net costs: operations, parameters, and memory at its peak."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import fx, nn

from selective_query.costs.fitting import FitReport, Limit

BYTES_OF_BIAS = 4
# Layers that an engine runs in the memory of their input.
IN_PLACE = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid, nn.BatchNorm1d,
            nn.BatchNorm2d, nn.Dropout, nn.Identity)  # fmt: skip


@dataclass(frozen=True)
class LayerProfile:
    """One layer that computes.

    Parameters
    ----------
    name : str
        As in ``named_modules()``.
    kind : str
    macs, weights, biases : int
        With a bias for each output channel, where batch norm leaves one.
    output_shape : tuple of int
        Of one input.
    """

    name: str
    kind: str
    macs: int
    weights: int
    biases: int
    output_shape: tuple


@dataclass(frozen=True)
class NetProfile:
    """What a net costs for one input.

    Parameters
    ----------
    macs, weights, biases : int
        Of convolutions and linear layers, after batch norm was folded into them.
    peak_elements : int
        Numbers that are alive at once, at most, with every layer in memory of its own.
    peak_elements_in_place : int
        The same where activations, and depthwise convolutions channel by channel, take
        the place of their input, as TinyEngine does.
    layers : tuple of LayerProfile
    """

    macs: int
    weights: int
    biases: int
    peak_elements: int
    peak_elements_in_place: int
    layers: tuple

    def flash_bytes(self, bits=8):
        """Bytes of weights at so many bits, and of biases at 4 bytes each."""
        return self.weights * bits // 8 + BYTES_OF_BIAS * self.biases

    def sram_bytes(self, bits=8, *, in_place=True):
        """Bytes of activations at the peak."""
        peak = self.peak_elements_in_place if in_place else self.peak_elements
        return peak * bits // 8

    def fits(self, device, *, bits=8, in_place=True, reserved_bytes=32 * 1024):
        """Whether a device holds the net, and with how much room to spare.

        Parameters
        ----------
        device : Device
        bits : int, default=8
        in_place : bool, default=True
        reserved_bytes : int, default=32768
            Of each memory, for the program and all else.

        Returns
        -------
        FitReport
        """
        return FitReport(
            device.name,
            (
                Limit(
                    "flash_bytes", self.flash_bytes(bits) + reserved_bytes,
                    device.flash_bytes,
                ),
                Limit(
                    "sram_bytes",
                    self.sram_bytes(bits, in_place=in_place) + reserved_bytes,
                    device.sram_bytes,
                ),
            ),
        )  # fmt: skip


def profile_net(net, input_shape):
    """Count what a net costs for one input.

    The net is traced symbolically and run once on zeros.

    Parameters
    ----------
    net : nn.Module
        That ``torch.fx`` can trace: no branches on values.
    input_shape : tuple of int
        Of one input, without the batch axis.

    Returns
    -------
    NetProfile

    Raises
    ------
    ValueError
        When the net cannot be traced.

    Examples
    --------
    >>> from selective_query.costs.net_profile import profile_net
    >>> from selective_query.nets import ConvNet
    >>> profile = profile_net(ConvNet(10, (16, 32)), (3, 32, 32))
    >>> profile.macs
    405824
    """
    was_training = net.training
    try:
        graph = fx.symbolic_trace(net.eval())
    except Exception as error:
        raise ValueError(
            f"{type(net).__name__} cannot be traced by torch.fx, so its memory cannot "
            f"be counted: {error}. Avoid branches that depend on values in forward."
        ) from error
    finally:
        net.train(was_training)
    sizes = _Shapes(graph).of(torch.zeros(1, *input_shape))
    modules = dict(graph.named_modules())
    layers = tuple(_layers(graph, modules, sizes))
    return NetProfile(
        macs=sum(layer.macs for layer in layers),
        weights=sum(layer.weights for layer in layers),
        biases=sum(layer.biases for layer in layers),
        peak_elements=_peak(graph, modules, sizes, in_place=False),
        peak_elements_in_place=_peak(graph, modules, sizes, in_place=True),
        layers=layers,
    )


class _Shapes(fx.Interpreter):
    """The shape of each node's output, for one input."""

    def of(self, x):
        self.shapes = {}
        with torch.no_grad():
            self.run(x)
        return self.shapes

    def run_node(self, node):
        found = super().run_node(node)
        if isinstance(found, torch.Tensor):
            self.shapes[node] = tuple(found.shape[1:])
        return found


def _layers(graph, modules, shapes):
    for node in graph.graph.nodes:
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        if not isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)):
            continue
        weights = module.weight.numel()
        n_out = module.weight.shape[0]
        positions = int(np.prod(shapes[node])) // n_out
        yield LayerProfile(
            str(node.target),
            type(module).__name__,
            weights * positions,
            weights,
            n_out,
            shapes[node],
        )


def _peak(graph, modules, shapes, in_place):
    """The most numbers alive at once, while the nodes run in order."""
    nodes = [node for node in graph.graph.nodes if node.op != "output"]
    owner = {}  # whose memory a node's output lies in
    last_use = {}
    for place, node in enumerate(graph.graph.nodes):
        for source in node.all_input_nodes:
            last_use[owner.get(source, source)] = place
        owner[node] = _owner(node, modules, owner, shapes, in_place)
        last_use.setdefault(owner[node], place)
    size = {}
    for node in nodes:
        root = owner[node]
        size[root] = max(size.get(root, 0), int(np.prod(shapes.get(node, (0,)))))
    first = {}
    for place, node in enumerate(nodes):
        first.setdefault(owner[node], place)
    return max(
        sum(size[root] for root in first if first[root] <= place <= last_use[root])
        + _scratch(node, modules, shapes, in_place)
        for place, node in enumerate(nodes)
    )


def _owner(node, modules, owner, shapes, in_place):
    """The node in whose memory this one's output lies: itself, or its input's owner."""
    sources = node.all_input_nodes
    if not sources or node not in shapes:
        return node
    source = owner.get(sources[0], sources[0])
    module = modules.get(str(node.target)) if node.op == "call_module" else None
    # Views move nothing, and batch norm is folded into the layer before it.
    if node.op == "call_method" and node.target in ("view", "reshape", "flatten"):
        return source
    if isinstance(module, (nn.Flatten, nn.Identity, nn.Dropout, nn.BatchNorm1d,
                           nn.BatchNorm2d)):  # fmt: skip
        return source
    used_once = len(sources[0].users) == 1
    if isinstance(module, IN_PLACE) and used_once:
        return source
    if in_place and used_once and _is_depthwise(module):
        return source
    return node


def _is_depthwise(module):
    return (
        isinstance(module, (nn.Conv1d, nn.Conv2d))
        and module.groups == module.in_channels == module.out_channels
    )


def _scratch(node, modules, shapes, in_place):
    """Numbers that a depthwise convolution in place keeps beside: one channel."""
    module = modules.get(str(node.target)) if node.op == "call_module" else None
    if in_place and _is_depthwise(module):
        return int(np.prod(shapes[node][1:]))
    return 0
