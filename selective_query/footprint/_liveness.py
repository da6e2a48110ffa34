"""Count how many numbers are alive at once while a traced net runs."""

import operator

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

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
# Slices and chunks are views, in torch and in engines with strides: nothing is copied,
# and the whole tensor stays alive until its last part is read.
PART_CALLS = {torch.chunk, torch.split, torch.tensor_split, torch.unbind, torch.narrow,
              torch.select, "chunk", "split", "tensor_split", "unbind", "narrow",
              "select", getattr}  # fmt: skip
# Operations without parameters whose cost is not counted.
UNCOUNTED_CALLS = {torch.matmul, torch.bmm, torch.mm, torch.einsum, operator.matmul,
                   F.linear, F.conv1d, F.conv2d, F.scaled_dot_product_attention,
                   "matmul", "bmm", "mm"}  # fmt: skip
OVERWRITING_CALLS = {operator.iadd, operator.imul, "add_", "mul_"}


def module_of(graph, node):
    """Return the module that a node calls, or None."""
    return graph.get_submodule(node.target) if node.op == "call_module" else None


def is_call_of(node, known):
    """Whether a node calls one of these functions or methods, rather than a module."""
    return node.op in ("call_function", "call_method") and node.target in known


def output_shapes(graph, x):
    """Return the output shape of each node of a traced net.

    Parameters
    ----------
    graph : torch.fx.GraphModule
    x : tensor
        The net's input.

    Returns
    -------
    dict of node to tuple of int
        For several tensors, the total number of elements. Nodes without tensors, such
        as shapes, are left out.
    """
    interpreter = _Shapes(graph)
    with torch.no_grad():
        interpreter.run(x)
    return interpreter.shapes


class _Shapes(fx.Interpreter):
    def __init__(self, graph):
        super().__init__(graph)
        self.shapes = {}

    def run_node(self, node):
        found = super().run_node(node)
        if isinstance(found, torch.Tensor):
            self.shapes[node] = tuple(found.shape)
        elif isinstance(found, (tuple, list)):
            tensors = [each for each in found if isinstance(each, torch.Tensor)]
            if tensors:
                self.shapes[node] = (sum(each.numel() for each in tensors),)
        return found


def live_elements(graph, shapes, *, in_place):
    """Count the numbers that are alive while each node runs, including its output.

    Parameters
    ----------
    graph : torch.fx.GraphModule
    shapes : dict of node to tuple of int
        Result of :func:`output_shapes`.
    in_place : bool
        Whether activations and depthwise convolutions may overwrite their input.

    Returns
    -------
    dict of node to int
        In execution order.
    """
    nodes = [node for node in graph.graph.nodes if node.op != "output"]
    place = {node: number for number, node in enumerate(graph.graph.nodes)}
    views = {node for node in nodes if node in shapes and _is_view(graph, node, shapes)}
    last_use = _last_uses(nodes, views, place)
    root, members = {}, {}
    for node in nodes:
        if node in views:
            source = root[node.all_input_nodes[0]]
        else:
            source = _memory_of(graph, node, root, members, last_use, place, in_place)
        root[node] = source
        members.setdefault(source, []).append(node)
    size = {node: int(np.prod(shapes[node])) if node in shapes else 0 for node in nodes}
    return {
        node: sum(
            max((size[n] for n in group if place[n] <= now <= last_use[n]), default=0)
            for group in members.values()
        )
        + _scratch(graph, node, shapes, in_place)
        for now, node in enumerate(nodes)
    }


def _last_uses(nodes, views, place):
    """Return where each output, or a view of it, is last read."""
    found = {}
    for node in reversed(nodes):
        found[node] = max(
            (found[user] if user in views else place[user] for user in node.users),
            default=place[node],
        )
    return found


def _memory_of(graph, node, root, members, last_use, place, in_place):
    """Return the node that owns the memory of a node's output."""
    source = node.all_input_nodes[0] if node.all_input_nodes else None
    if source is None or source not in root:
        return node
    module, memory = module_of(graph, node), root[source]
    is_last = all(last_use[other] <= place[node] for other in members[memory])
    is_fused = isinstance(module, NORMS) or _is_activation(node, module)
    if is_fused and is_last and _comes_from_weights(graph, source):
        return memory
    may_overwrite = (
        _is_activation(node, module)
        or isinstance(module, NORMS)
        or _is_depthwise(module)
        or is_call_of(node, OVERWRITING_CALLS)
    )
    return memory if in_place and is_last and may_overwrite else node


def _is_view(graph, node, shapes):
    """Whether a node's output is a view of its first input or of a part of it."""
    if is_call_of(node, {operator.getitem}):
        return not _picks_by_list(node.args[1], shapes)
    return isinstance(module_of(graph, node), VIEWS) or is_call_of(
        node, VIEW_CALLS | PART_CALLS
    )


def _picks_by_list(index, shapes):
    """Whether an index contains a list or a tensor, for which torch copies."""
    return any(
        isinstance(each, list) or (isinstance(each, fx.Node) and each in shapes)
        for each in (index if isinstance(index, tuple) else (index,))
    )


def _comes_from_weights(graph, node):
    """Whether a node is a layer with weights, or a batch norm directly after one."""
    module = module_of(graph, node)
    if isinstance(module, NORMS) and node.all_input_nodes:
        return _comes_from_weights(graph, node.all_input_nodes[0])
    return isinstance(module, COMPUTING)


def _is_activation(node, module):
    return isinstance(module, ACTIVATIONS) or is_call_of(node, ACTIVATION_CALLS)


def _is_depthwise(module):
    return (
        isinstance(module, (nn.Conv1d, nn.Conv2d))
        and module.groups == module.in_channels == module.out_channels
    )


def _scratch(graph, node, shapes, in_place):
    """Return the scratch of an in-place depthwise convolution: one channel."""
    if in_place and _is_depthwise(module_of(graph, node)):
        return int(np.prod(shapes[node][2:]))
    return 0
