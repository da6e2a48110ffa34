"""Post-training quantisation: a trained net in int8."""

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
# What goes in on a grid comes out on the same one.
KEEPING = (*VIEWS, nn.MaxPool1d, nn.MaxPool2d, *VIEW_CALLS, F.max_pool1d, F.max_pool2d,
           *CLIPPING)  # fmt: skip
ROWS_AT_ONCE = 100
SAMPLED_AT_ONCE = 5000


def quantise(net, X, *, ranges="mse"):
    """A trained net in int8, by what it computes on some inputs; nothing is trained.

    Batch norm is folded into the layers before it. Weights get a symmetric int8 scale
    for each output channel, activations a grid for each tensor, biases 32 bits.
    Convolutions and linear layers are computed in integers, bit for bit as a device
    would; additions, means and other activations in reals, rounded to a grid of their
    own, so that a device may differ there by one step. Logits are left in the last
    layer's 32 bits, and a router head, if there is one, in floating point.

    A quantised base says other things than before, so learn the threshold again:
    ``hybrid.with_base``.

    Parameters
    ----------
    net : NetClassifier
        Fitted, or ``NetClassifier.from_trained(module, classes)``.
    X : array-like of shape (n_samples, ...)
        Inputs such as those in use; some hundreds do. Labels are not needed, and rows
        of the training set are good enough.
    ranges : {"mse", "percentile", "min_max"}, default="mse"
        Which values a grid reaches to: those of least squared error, all but 0.1 %, or
        all that were observed.

    Returns
    -------
    NetClassifier
        Its layers keep their names, as far as they are left. The parameters are those
        of `net`: a fit would train in floating point anew.

    Raises
    ------
    ValueError
        When `net` is not fitted, cannot be traced, or holds a layer that is not
        supported; the message names it.

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
        raise ValueError("X must hold inputs to observe ranges on. Got none.")
    graph = fold_batch_norm(net.module_.net)
    observed = _Observer(graph).of(rows)
    return rewrapped(net, _Quantiser(graph, observed, ranges).run())


def integer_layers(net):
    """The layers of a quantised net, in the order in which they run.

    Parameters
    ----------
    net : NetClassifier
        That :func:`quantise` made.

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
        raise ValueError("net holds no layer in integers. Make one: quantise(net, X).")
    return found


class _Observer(fx.Interpreter):
    """What each node puts out: the least, the largest, and a sample of the values."""

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
    """Puts integer layers and grids into a graph, node by node.

    What reads numbers of a grid puts out numbers of a grid, and so does what a layer
    reads; arithmetic on the raw inputs before is left as it is.
    """

    def __init__(self, graph, observed, ranges):
        self.graph, self.observed, self.rule = graph, observed, RANGES[ranges]
        self.grids = {}  # of nodes whose values lie on one
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
        """A grid for what a node puts out, or a ReLU right after it, which it is."""
        users = list(node.users)
        if len(users) == 1 and _is_one_of(self.graph, users[0], CLIPPING):
            clipping = users[0]
            clipping.replace_all_uses_with(node)
            self.graph.graph.erase_node(clipping)
            self.erased.add(clipping)
            node = clipping
        return self.rule(*self.observed[node])


def _is_one_of(graph, node, kinds):
    """Whether a node calls one of some functions, methods, or kinds of modules."""
    module = module_of(graph, node)
    if module is None:
        return node.target in kinds
    return isinstance(module, tuple(kind for kind in kinds if isinstance(kind, type)))
