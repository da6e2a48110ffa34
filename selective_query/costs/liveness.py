"""How many numbers are alive at once while a traced net runs."""

import operator

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

COMPUTING = (nn.Conv1d, nn.Conv2d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.SiLU,
               nn.Sigmoid, nn.GELU, nn.LeakyReLU)  # fmt: skip
ACTIVATION_CALLS = {torch.relu, torch.sigmoid, F.relu, F.relu6, F.hardswish, F.silu,
                    F.hardsigmoid, F.hardtanh, F.gelu, F.leaky_relu, "relu", "relu_",
                    "sigmoid", "sigmoid_"}  # fmt: skip
VIEWS = (nn.Flatten, nn.Identity, nn.Dropout, nn.Dropout2d)
VIEW_CALLS = {torch.flatten, torch.reshape, torch.squeeze, F.dropout, "flatten", "view",
              "reshape", "squeeze", "contiguous"}  # fmt: skip
# Work without parameters of its own, which nothing here counts.
UNCOUNTED_CALLS = {torch.matmul, torch.bmm, torch.mm, torch.einsum, operator.matmul,
                   F.linear, F.conv1d, F.conv2d, F.scaled_dot_product_attention,
                   "matmul", "bmm", "mm"}  # fmt: skip
OVERWRITING_CALLS = {operator.iadd, operator.imul, "add_", "mul_"}


def module_of(graph, node):
    """The module that a node calls, or None."""
    return graph.get_submodule(node.target) if node.op == "call_module" else None


def peak_elements(graph, shapes, *, in_place):
    """The most numbers alive at once, while the nodes run in order.

    Parameters
    ----------
    graph : torch.fx.GraphModule
    shapes : dict of node to tuple of int
        Of each output that is a tensor.
    in_place : bool
        Whether activations and depthwise convolutions may overwrite their input.

    Returns
    -------
    int
    """
    nodes = [node for node in graph.graph.nodes if node.op != "output"]
    place = {node: number for number, node in enumerate(graph.graph.nodes)}
    last_use = {
        node: max((place[user] for user in node.users), default=place[node])
        for node in nodes
    }
    root, members = {}, {}
    for node in nodes:
        source = _memory_of(graph, node, root, members, last_use, place, in_place)
        root[node] = source
        members.setdefault(source, []).append(node)
    size = {node: int(np.prod(shapes[node])) if node in shapes else 0 for node in nodes}
    return max(
        sum(
            max((size[n] for n in group if place[n] <= now <= last_use[n]), default=0)
            for group in members.values()
        )
        + _scratch(graph, node, shapes, in_place)
        for now, node in enumerate(nodes)
    )


def _memory_of(graph, node, root, members, last_use, place, in_place):
    """Whose memory a node's output lies in: its own, or that of its first input."""
    source = node.all_input_nodes[0] if node.all_input_nodes else None
    if source is None or source not in root:
        return node
    module, memory = module_of(graph, node), root[source]
    if isinstance(module, VIEWS) or node.target in VIEW_CALLS:
        return memory
    is_last = all(last_use[other] <= place[node] for other in members[memory])
    is_fused = isinstance(module, NORMS) or _is_activation(node, module)
    if is_fused and is_last and _comes_from_weights(graph, source):
        return memory
    may_overwrite = (
        _is_activation(node, module)
        or isinstance(module, NORMS)
        or _is_depthwise(module)
        or node.target in OVERWRITING_CALLS
    )
    return memory if in_place and is_last and may_overwrite else node


def _comes_from_weights(graph, node):
    """Whether a node is a layer with weights, or batch norm right after one."""
    module = module_of(graph, node)
    if isinstance(module, NORMS) and node.all_input_nodes:
        return _comes_from_weights(graph, node.all_input_nodes[0])
    return isinstance(module, COMPUTING)


def _is_activation(node, module):
    return isinstance(module, ACTIVATIONS) or node.target in ACTIVATION_CALLS


def _is_depthwise(module):
    return (
        isinstance(module, (nn.Conv1d, nn.Conv2d))
        and module.groups == module.in_channels == module.out_channels
    )


def _scratch(graph, node, shapes, in_place):
    """Numbers that a depthwise convolution in place keeps beside: one channel."""
    if in_place and _is_depthwise(module_of(graph, node)):
        return int(np.prod(shapes[node][2:]))
    return 0
