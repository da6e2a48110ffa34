"""Convert a quantised torch net to the graph that bakenn compiles to C."""

from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import nn

from selective_query.exceptions import ExportError
from selective_query.export._c import int8_forms as forms
from selective_query.footprint._liveness import module_of, output_shapes
from selective_query.nets.compression import Grid, IntegerLayer
from selective_query.nets.compression.integer_layers import OnGrid

# bakenn's grid for the output of a sigmoid, in [0, 1].
UNIT_GRID = Grid(1 / 256, -128)


@dataclass(frozen=True)
class Layer:
    """A layer with weights: name, kind and multiply-accumulates."""

    name: str
    kind: str
    macs: int


@dataclass(frozen=True, eq=False)
class Int8Graph:
    """A net up to the input of its last linear layer.

    Parameters
    ----------
    graph : bakenn.ir.QuantizedGraph
        Takes one input, positions first and channels last. Kernels are fastest on
        images: a signal is an image of height 1, a feature vector an image of one
        pixel.
    input_scaling : (float, float)
        Factor and shift of the raw inputs before quantisation.
    input_grid, output_grid : Grid
    n_channels, n_positions : int
        Shape of the output.
    takes_mean : bool
        Whether the features are means of the output over positions, instead of all its
        numbers.
    layers : tuple of Layer
    """

    graph: object
    input_scaling: tuple
    input_grid: Grid
    output_grid: Grid
    n_channels: int
    n_positions: int
    takes_mean: bool
    layers: tuple


def int8_graph(ir, net, last_name, x):
    """Convert a quantised net, without its last linear layer.

    Parameters
    ----------
    ir : module
        ``bakenn.ir``.
    net : torch.fx.GraphModule
        Result of :func:`selective_query.nets.compression.quantise`.
    last_name : str
        Name of the layer that computes the logits.
    x : tensor of shape (1, ...)
        Example input.

    Returns
    -------
    Int8Graph

    Raises
    ------
    ExportError
        If a part, named in the message, cannot be converted to int8 C.
    """
    return _Walk(ir, net, x).upto(last_name)


class _Walk:
    """Converts node by node; ``name_of`` maps a node to the value of its output."""

    def __init__(self, ir, net, x):
        self.ir, self.net, self.shapes = ir, net, output_shapes(net, x)
        self.types, self.constants, self.ops, self.layers = {}, {}, [], []
        self.name_of, self.grids, self.flattened = {}, {}, {}
        self.scaling = (1.0, 0.0)

    def upto(self, last_name):
        nodes = list(self.net.graph.nodes)
        last = next(node for node in nodes if node.target == last_name)
        source, takes_mean = self._source_of_features(last.args[0])
        for node in nodes[: nodes.index(source) + 1]:
            if node in self.shapes:
                self._convert(node)
        if not self.ops:
            raise ExportError(
                f"The net has no layer in int8 before {last_name!r}. Use "
                "dtype='float32'."
            )
        name = self.name_of[source]
        (input_name,) = (n.name for n in nodes if n.op == "placeholder")
        graph = self.ir.QuantizedGraph(
            "sq_int8", self.types, self.constants, self.ops, (input_name,), (name,)
        )
        shape, grids = self.types[name].shape, self.grids
        n_channels, n_positions = shape[-1], prod(shape[1:-1])
        return Int8Graph(
            graph, self.scaling, grids[input_name], grids[name], n_channels,
            n_positions, takes_mean, tuple(self.layers),
        )  # fmt: skip

    def _source_of_features(self, node):
        """Return the last layer's input before flattening or averaging."""
        while self._is(node, forms.VIEWED | {OnGrid}):
            node = node.args[0]
        is_mean = self._is_global_mean(node)
        return (node.args[0] if is_mean else node), is_mean

    def _kind(self, node):
        module = module_of(self.net, node)
        return node.target if module is None else type(module)

    def _is(self, node, kinds):
        return node.op.startswith("call") and self._kind(node) in kinds

    def _is_global_mean(self, node):
        """Whether a node is a mean over all positions."""
        if not self._is(node, forms.MEANS):
            return False
        before, after = self.shapes[node.args[0]], self.shapes[node]
        return len(before) > 2 and after[:2] == before[:2] and prod(after[2:]) == 1

    def _convert(self, node):
        module, kind = module_of(self.net, node), self._kind(node)
        if node.op == "placeholder":
            self._declare(node, None)
            return
        sources = [
            self.name_of.get(n) for n in node.all_input_nodes if n in self.shapes
        ]
        if not sources or None in sources:
            raise self._no_form(node)
        if isinstance(module, OnGrid):
            self._place_on_grid(node, sources[0], module.grid)
        elif self._is(node, forms.VIEWED):
            self._view(node, sources[0])
        elif any(self.grids[name] is None for name in sources):
            self._scale(node, sources[0])
        elif isinstance(module, IntegerLayer):
            self._layer(node, module, self._on(sources[0], module.input_grid))
        elif kind in forms.RELU | forms.RELU6:
            self._clamp(node, sources[0], kind in forms.RELU6)
        elif kind in forms.SIGMOIDS:
            self._add(node, forms.SIGMOIDS[kind], UNIT_GRID, *sources)
        elif kind in forms.CURVES:
            self._add(node, forms.CURVES[kind], self._grid_after(node), *sources)
        elif kind in forms.PAIRS and len(sources) == len(node.args) and not node.kwargs:
            self._add(node, forms.PAIRS[kind], self._grid_after(node), *sources)
        elif self._is_global_mean(node):
            grid = self._grid_after(node)
            self._add(node, "ReduceMeanOp", grid, *sources, axes=(1, 2), keepdims=True)
        elif kind in forms.POOLS:
            self._pool(node, sources[0], module)
        elif kind in forms.CATS and 1 in (*node.args[1:], node.kwargs.get("dim")):
            axis = len(self._shape(node)) - 1
            parts = tuple(self.name_of[n] for n in node.args[0])
            self._add(
                node, "ConcatenateOp", self._grid_after(node), parts, axis=axis
            )  # fmt: skip
        else:
            raise self._no_form(node)

    def _words(self, node):
        kind = self._kind(node)
        return f"{getattr(kind, '__name__', kind)} at {node.name!r} of the net"

    def _no_form(self, node, why=""):
        return ExportError(
            f"{self._words(node)} has no form in int8 C{why}. Known are {forms.KNOWN}. "
            "Rewrite this part of the net with those."
        )

    def _shape(self, node):
        _, n_channels, *positions = self.shapes[node]
        return (1, *(1,) * (2 - len(positions)), *positions, n_channels)

    def _declare(self, node, grid):
        """Declare a value for a node, on a grid unless it is the raw input."""
        shape = self._shape(node)
        if len(shape) > 4:
            raise self._no_form(node, f": it returns {len(shape)} axes, at most 4 fit")
        self.name_of[node] = node.name
        self._type(node.name, grid, shape)

    def _type(self, name, grid, shape):
        ir, self.grids[name] = self.ir, grid
        if grid is not None:
            q = ir.PerTensorQParams(grid.scale, grid.zero_point)
            self.types[name] = ir.TensorType(shape, ir.DType.INT8, ir.Layout.NHWC, q)

    def _add(self, node, op, grid, *sources, **settings):
        self._declare(node, grid)
        make = getattr(self.ir, op)
        self.ops.append(make(f"op_{node.name}", *sources, node.name, **settings))

    def _grid_after(self, node):
        """Return the grid to which the quantiser rounds a node's output."""
        (rounding,) = node.users
        return module_of(self.net, rounding).grid

    def _place_on_grid(self, node, source, grid):
        """Set the grid of the raw input; other nodes already have it."""
        self.name_of[node] = source
        if self.grids[source] is None:
            self._type(source, grid, self._shape(node))

    def _scale(self, node, source):
        """Fold a scale or shift into the quantisation of the raw input."""
        change = forms.scaling_of(node.target, node.args)
        is_alone = len(node.all_input_nodes[0].users) == 1
        if change is None or not is_alone or node.kwargs:
            raise ExportError(
                f"{self._words(node)} comes before the first layer, where values are "
                "not yet in int8, and is not a shift or scale by one number. Move it "
                "to a scaler in a pipeline before the net."
            )
        (factor, shift), (scale, offset) = self.scaling, change
        self.scaling = factor * scale, shift * scale + offset
        self.name_of[node] = source

    def _on(self, name, grid):
        """Return a value on the grid that a layer expects, requantised if needed."""
        if self.grids[name] == grid:
            return name
        moved = f"{name}_moved_{len(self.ops)}"
        self._type(moved, grid, self.types[name].shape)
        self.ops.append(self.ir.RequantizeOp(f"op_{moved}", name, moved))
        return moved

    def _view(self, node, source):
        before, after = self.shapes[node.args[0]], self.shapes[node]
        self.name_of[node] = source
        if before == after:
            return
        if len(after) != 2 or after[1] != prod(before[1:]):
            raise self._no_form(node, ": its output shape is not that of flatten(1)")
        if self.grids[source] is None:
            raise self._no_form(node, " before the first layer: flatten inputs earlier")
        self._add(node, "ReshapeOp", self.grids[source], source)
        self.flattened[node.name] = before[1], prod(before[2:])

    def _clamp(self, node, source, is_relu6):
        grid = self.grids[source]
        highest = int(grid.quantised(torch.tensor(6.0))) if is_relu6 else 127
        limits = {"activation_min": grid.zero_point, "activation_max": highest}
        self._add(node, "ClampOp", grid, source, **limits)

    def _pool(self, node, source, pool):
        try:
            settings = forms.pool_settings(pool)
        except ValueError as error:
            raise self._no_form(node, f": {error}") from None
        kind = forms.POOLS[type(pool)]
        self._add(node, kind, self.grids[source], source, **settings)

    def _layer(self, node, layer, source):
        if isinstance(layer, nn.Linear):
            if len(self.shapes[node]) != 2:
                raise self._no_form(node, ": it reads maps. Flatten them first")
            form = forms.linear_form(layer, self.flattened.get(source))
        else:
            form = forms.convolution_form(layer)
        names = f"{node.name}_weight", f"{node.name}_bias"
        self._constants(names, layer, form)
        self._add(
            node, form.op, layer.output_grid, source, *names, **form.settings
        )  # fmt: skip
        n_positions = prod(self.shapes[node][2:])
        macs = form.weight.size * n_positions
        self.layers.append(Layer(node.target, form.kind, macs))

    def _constants(self, names, layer, form):
        """Add weights and bias of a layer; bias units are products of two scales."""
        ir, zeros = self.ir, (0,) * len(layer.weight_scale)
        scales = ir.PerAxisQParams(layer.weight_scale.tolist(), zeros, form.axis)
        unit = ir.PerTensorQParams(layer.input_grid.scale, 0).scale
        units = ir.PerAxisQParams([unit * s for s in scales.scales], zeros, 0)
        layout, bias = ir.Layout[form.layout], layer.bias_int32.numpy()
        for name, numbers, as_type in (
            (names[0], form.weight, (ir.DType.INT8, layout, scales)),
            (names[1], bias, (ir.DType.INT32, ir.Layout.C, units)),
        ):
            self.constants[name] = np.ascontiguousarray(numbers)
            self.types[name] = ir.TensorType(numbers.shape, *as_type)
