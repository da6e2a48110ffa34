"""Post-training quantisation of a net to int8."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from selective_query.footprint._liveness import COMPUTING, VIEW_CALLS, VIEWS, module_of
from selective_query.nets.compression._tracing import check_trained, put, rewrapped
from selective_query.nets.compression.folding import fold_batch_norm
from selective_query.nets.compression.grids import RANGES
from selective_query.nets.compression.integer_layers import (
    IntegerLayer,
    OnGrid,
    integer_layer,
)
from selective_query.nets.training._engine import Rows

CLIPPING = (nn.ReLU, nn.ReLU6, torch.relu, F.relu, F.relu6, "relu", "relu_")
# Operations whose output stays on the grid of their input.
KEEPING = (*VIEWS, nn.MaxPool1d, nn.MaxPool2d, *VIEW_CALLS, F.max_pool1d, F.max_pool2d,
           *CLIPPING)  # fmt: skip
ROWS_AT_ONCE = 100
SAMPLED_AT_ONCE = 5000


def quantise(net, X, *, ranges="mse"):
    """Quantise a trained net to int8, without training.

    Batch norm is folded into the layers before it. Weights get a symmetric int8 scale
    per output channel, activations a grid per tensor, biases 32 bits. Convolutions and
    linear layers are computed in integers, bit for bit as on a device. Additions, means
    and other activations are computed in floating point and rounded to their own grid,
    so that a device may differ there by one step. Logits keep the last layer's 32 bits,
    and a router head, if there is one, stays in floating point.

    A quantised base has different outputs, so refit the threshold with
    ``hybrid.with_base``.

    Parameters
    ----------
    net : NetClassifier
        Fitted, or ``NetClassifier.from_trained(module, classes)``.
    X : array-like of shape (n_samples, ...)
        Representative inputs, from which activation ranges are estimated; a few hundred
        suffice. Labels are not needed, and training rows may be used.
    ranges : {"mse", "percentile", "min_max"}, default="mse"
        Range of a grid: the one with the least squared error, all values except 0.1 %,
        or all observed values.

    Returns
    -------
    NetClassifier
        The remaining layers keep their names. The parameters are those of `net`, so a
        new fit would train in floating point.

    Raises
    ------
    ValueError
        If `net` is not fitted, cannot be traced, or contains an unsupported layer,
        named in the message.

    See Also
    --------
    integer_layers : Weights, scales and zero points for other programs.

    References
    ----------
    Nagel, Fournarakis, Amjad, Bondarenko, van Baalen and Blankevoort, "A white paper on
    neural network quantization", 2021, for the ranges. Jacob et al., "Quantization and
    training of neural networks for efficient integer-arithmetic-only inference", CVPR
    2018, for the arithmetic.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn.datasets import load_digits
    >>> from selective_query.nets.compression import quantise
    >>> from selective_query.nets import ConvNet
    >>> from selective_query.nets.training import NetClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X.reshape(-1, 1, 8, 8) / 16
    >>> net = NetClassifier(
    ...     partial(ConvNet, 10, (8, 16), n_channels=1), n_epochs=3, random_state=0
    ... ).fit(X[:1200], y[:1200])
    >>> int8 = quantise(net, X[:300])
    >>> bool((int8.predict(X[1200:]) == net.predict(X[1200:])).mean() > 0.97)
    True
    """
    check_trained(net)
    if ranges not in RANGES:
        raise ValueError(
            f"ranges must be one of {', '.join(map(repr, RANGES))}. Got {ranges!r}."
        )
    rows = Rows(torch.as_tensor(np.asarray(X)))
    if not len(rows):
        raise ValueError("X must hold inputs to estimate ranges from. Got none.")
    graph = fold_batch_norm(net.module_.net)
    observed = _Observer(graph).of(rows)
    return rewrapped(net, _Quantiser(graph, observed, ranges).run())


def integer_layers(net):
    """Return the layers of a quantised net in execution order.

    Parameters
    ----------
    net : NetClassifier
        Result of :func:`quantise`.

    Returns
    -------
    dict of str to IntegerLayer
        Each with ``weight_int8``, ``weight_scale``, ``bias_int32``, ``input_grid``,
        ``output_grid``, ``multiplier`` and ``shift``.

    Examples
    --------
    >>> import torch
    >>> from selective_query.nets.compression import integer_layers, quantise
    >>> from selective_query.nets import ConvNet
    >>> from selective_query.nets.training import NetClassifier
    >>> net = NetClassifier.from_trained(ConvNet(3, (4,)).eval(), ["a", "b", "c"])
    >>> layers = integer_layers(quantise(net, torch.randn(50, 3, 8, 8)))
    >>> {name: tuple(layer.weight_int8.shape) for name, layer in layers.items()}
    {'blocks.0.0': (4, 3, 3, 3), 'classifier': (3, 4)}
    """
    check_trained(net)
    found = {
        name: module
        for name, module in net.module_.net.named_modules()
        if isinstance(module, IntegerLayer)
    }
    if not found:
        raise ValueError("net has no integer layers. Quantise it: quantise(net, X).")
    return found


class _Observer(fx.Interpreter):
    """Records minimum, maximum and a sample of each node's output."""

    def of(self, rows):
        self.seen = {}
        self._random = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for start in range(0, len(rows), ROWS_AT_ONCE):
                self.run(rows.batch(slice(start, start + ROWS_AT_ONCE))[0])
        return {
            node: (
                torch.cat([sample for sample, _, _ in parts]),
                min(low for _, low, _ in parts),
                max(high for _, _, high in parts),
            )
            for node, parts in self.seen.items()
        }

    def run_node(self, node):
        found = super().run_node(node)
        if isinstance(found, torch.Tensor) and found.is_floating_point():
            values = found.flatten()
            places = torch.randint(
                len(values), (SAMPLED_AT_ONCE,), generator=self._random
            )
            self.seen.setdefault(node, []).append(
                (values[places], float(values.min()), float(values.max()))
            )
        return found


class _Quantiser:
    """Inserts integer layers and grids into a graph, node by node.

    A node's output is on a grid if one of its inputs is, or if a layer reads it.
    Arithmetic on the raw inputs before that is left unchanged.
    """

    def __init__(self, graph, observed, ranges):
        self.graph, self.observed, self.rule = graph, observed, RANGES[ranges]
        self.grids = {}  # of nodes with values on a grid
        self.erased = set()

    def run(self):
        for node in list(self.graph.graph.nodes):
            source = node.all_input_nodes[0] if node.all_input_nodes else None
            if node in self.erased or node not in self.observed:
                continue
            if self._computes(node):
                self._in_integers(node, source)
            elif source in self.grids and _is_one_of(self.graph, node, KEEPING):
                self.grids[node] = self.grids[source]
            elif self._reads_grid(node) or any(map(self._computes, node.users)):
                self._on_grid(node)
        self.graph.delete_all_unused_submodules()
        self.graph.recompile()
        return self.graph

    def _computes(self, node):
        return isinstance(module_of(self.graph, node), COMPUTING)

    def _reads_grid(self, node):
        return any(source in self.grids for source in node.all_input_nodes)

    def _in_integers(self, node, source):
        is_last = any(user.op == "output" for user in node.users)
        grid = None if is_last else self._grid(node)
        if grid is not None:
            self.grids[node] = grid
        layer = module_of(self.graph, node)
        layer = integer_layer(layer, node.target, self.grids[source], grid)
        put(self.graph, node.target, layer)

    def _on_grid(self, node):
        grid, name = self._grid(node), f"grid_of_{node.name}"
        self.graph.add_submodule(name, OnGrid(grid))
        with self.graph.graph.inserting_after(node):
            rounded = self.graph.graph.call_module(name, (node,))
        node.replace_all_uses_with(rounded, lambda user: user is not rounded)
        self.grids[rounded] = grid

    def _grid(self, node):
        """Return the grid of a node's output; absorb a ReLU after it."""
        users = list(node.users)
        if len(users) == 1 and _is_one_of(self.graph, users[0], CLIPPING):
            clipping = users[0]
            clipping.replace_all_uses_with(node)
            self.graph.graph.erase_node(clipping)
            self.erased.add(clipping)
            node = clipping
        return self.rule(*self.observed[node])


def _is_one_of(graph, node, kinds):
    """Whether a node calls one of these functions, methods or module types."""
    module = module_of(graph, node)
    if module is None:
        return node.target in kinds
    return isinstance(module, tuple(kind for kind in kinds if isinstance(kind, type)))
