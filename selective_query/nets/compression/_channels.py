"""Find the channels of a net that must be pruned together."""

import operator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn

from selective_query.footprint._liveness import (
    ACTIVATION_CALLS,
    ACTIVATIONS,
    COMPUTING,
    NORMS,
    module_of,
)

POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d,
         nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d)  # fmt: skip
PASSING = (*ACTIVATIONS, *POOLS, nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d)
PASSING_CALLS = {*ACTIVATION_CALLS, F.dropout, F.max_pool1d, F.max_pool2d, F.avg_pool1d,
                 F.avg_pool2d, F.adaptive_avg_pool1d, F.adaptive_avg_pool2d,
                 "contiguous"}  # fmt: skip
ARITHMETIC = {operator.add, operator.iadd, operator.sub, operator.isub, operator.mul,
              operator.imul, operator.truediv, operator.itruediv, torch.add, torch.sub,
              torch.mul, torch.div, "add", "add_", "sub", "sub_", "mul", "mul_", "div",
              "div_"}  # fmt: skip


@dataclass
class ChannelGroup:
    """Channels of several layers that correspond one to one.

    Parameters
    ----------
    n : int or None
        Number of channels; None for inputs, whose number the graph does not contain.
    fixed : bool
        Whether they are inputs or outputs of the net and must be kept.
    made_by : list of str
        Layers that output them; several if their outputs are added or multiplied.
    depthwise : list of str
        Depthwise convolutions.
    norms : list of str
        Batch norms.
    read_by : list of (str, int)
        Layers that read them, and the number of inputs per channel: its positions
        if maps were flattened, otherwise 1.
    """

    n: int | None
    fixed: bool = False
    made_by: list = field(default_factory=list)
    depthwise: list = field(default_factory=list)
    norms: list = field(default_factory=list)
    read_by: list = field(default_factory=list)

    def absorb(self, other):
        """Merge another group into this one."""
        self.fixed |= other.fixed
        self.n = other.n if self.n is None else self.n
        for name in ("made_by", "depthwise", "norms", "read_by"):
            getattr(self, name).extend(getattr(other, name))


def channel_groups(graph):
    """Return the channel groups of a traced net.

    Parameters
    ----------
    graph : torch.fx.GraphModule

    Returns
    -------
    list of ChannelGroup

    Raises
    ------
    ValueError
        If channels cannot be followed through a part of the net, named in the
        message.
    """
    walk = _Walk(graph)
    for node in graph.graph.nodes:
        walk.follow(node)
    found = []
    for group in walk.group_of.values():
        if not any(group is other for other in found):
            found.append(group)
    return found


class _Walk:
    """Follows channels from node to node.

    ``group_of`` maps a node to the channels of its output, and ``n_axes`` to the number
    of its axes: 2 if each channel is one number, None if unknown.
    """

    def __init__(self, graph):
        self.graph, self.group_of, self.n_axes = graph, {}, {}

    def follow(self, node):
        module, target = module_of(self.graph, node), node.target
        if node.op == "placeholder":
            self._set(node, ChannelGroup(None, fixed=True), None)
        elif node.op == "output":
            for source in node.all_input_nodes:
                self.group_of[source].fixed = True
        elif isinstance(module, COMPUTING):
            self._layer(node, module)
        elif isinstance(module, NORMS):
            self._norm(node, module)
        elif isinstance(module, PASSING) or target in PASSING_CALLS:
            self._pass(node)
        elif target in ARITHMETIC:
            self._tie(node)
        elif isinstance(module, nn.Flatten) or target in (torch.flatten, "flatten"):
            self._flatten(node, module)
        elif target in (torch.mean, "mean"):
            self._mean(node)
        else:
            raise self._lost(node)

    def _set(self, node, group, n_axes):
        self.group_of[node], self.n_axes[node] = group, n_axes

    def _source(self, node):
        source = node.all_input_nodes[0]
        if source not in self.group_of:
            raise self._lost(node)
        return source, self.group_of[source]

    def _pass(self, node):
        source, group = self._source(node)
        self._set(node, group, self.n_axes[source])

    def _layer(self, node, layer):
        source, group = self._source(node)
        if isinstance(layer, nn.Linear):
            self._read_flat(node, layer, source, group)
            n_axes = 2
        elif layer.groups == 1:
            group.read_by.append((node.target, 1))
            n_axes = layer.weight.ndim
        elif layer.groups == layer.in_channels == layer.out_channels:
            group.depthwise.append(node.target)
            self._set(node, group, layer.weight.ndim)
            return
        else:
            raise ValueError(
                f"Layer {node.target!r} has groups={layer.groups} for "
                f"{layer.in_channels} channels. Only ordinary and depthwise "
                "convolutions can be pruned; make it one of these."
            )
        new = ChannelGroup(layer.weight.shape[0], made_by=[node.target])
        self._set(node, new, n_axes)

    def _read_flat(self, node, layer, source, group):
        if self.n_axes[source] not in (None, 2):
            raise ValueError(
                f"Linear layer {node.target!r} reads feature maps of "
                f"{self.n_axes[source]} axes. Flatten them or take their mean first."
            )
        n = layer.in_features if group.n is None else group.n
        group.read_by.append((node.target, layer.in_features // n))

    def _norm(self, node, norm):
        source, group = self._source(node)
        if group.n not in (None, norm.num_features):
            raise ValueError(
                f"Batch norm {node.target!r} has {norm.num_features} features for "
                f"{group.n} channels. Put it before they are flattened."
            )
        group.norms.append(node.target)
        self._set(node, group, self.n_axes[source])

    def _tie(self, node):
        sources = node.all_input_nodes
        first, group = self._source(node)
        for source in sources[1:]:
            other = self.group_of.get(source)
            if other is None or (None not in (group.n, other.n) and group.n != other.n):
                raise self._lost(node)
            if other is not group:
                group.absorb(other)
                for place, found in self.group_of.items():
                    if found is other:
                        self.group_of[place] = group
        self._set(node, group, self.n_axes[first])

    def _flatten(self, node, module):
        if module is not None:
            start, end = module.start_dim, module.end_dim
        else:
            start = _argument(node, 1, "start_dim", 0)
            end = _argument(node, 2, "end_dim", -1)
        if start < 1 or end != -1:
            raise self._lost(node)
        self._set(node, self._source(node)[1], start + 1)

    def _mean(self, node):
        source, group = self._source(node)
        dims, n_axes = _argument(node, 1, "dim", None), self.n_axes[source]
        if dims is None or n_axes is None:
            raise self._lost(node)
        dims = {d % n_axes for d in ((dims,) if isinstance(dims, int) else dims)}
        if dims & {0, 1}:
            raise self._lost(node)
        keeps = _argument(node, 2, "keepdim", False)
        self._set(node, group, n_axes if keeps else n_axes - len(dims))

    def _lost(self, node):
        name = node.target if isinstance(node.target, str) else node.target.__name__
        if node.op == "call_module":
            name = f"{name} ({type(module_of(self.graph, node)).__name__})"
        return ValueError(
            f"prune cannot follow channels through {name} (node {node.name!r}). It "
            "knows convolutions, linear layers, batch norm, activations, pooling, "
            "means over positions, flatten(1), and sums and products of channels. "
            "Rewrite this part of the net with those."
        )


def _argument(node, place, name, default):
    if len(node.args) > place:
        return node.args[place]
    return node.kwargs.get(name, default)
