"""Builder of an ONNX graph: nodes, constants, inputs and outputs."""

from typing import NamedTuple

import numpy as np

from selective_query.export._onnx.packages import package
from selective_query.export._single import single

# All parts use these versions, so that they can be joined.
OPSET = 18
ML_OPSET = 3
IR_VERSION = 10
ML = "ai.onnx.ml"
DOMAINS = {"": OPSET, ML: ML_OPSET}


class Table(NamedTuple):
    """A tensor of shape (n_samples, width); the width is None if unknown."""

    name: str
    width: int | None


class Graph:
    """Nodes in execution order, with a prefix on their names."""

    def __init__(self, prefix=""):
        self._onnx, self._prefix = package("onnx"), prefix
        self._nodes, self._constants = [], {}
        self._inputs, self._outputs = [], []

    def input(self, name, dtype, shape):
        """Declare an input; the first axis counts rows."""
        self._inputs.append(self._value(name, dtype, ["N", *shape[1:]]))
        return name

    def output(self, name, source, dtype, shape):
        """Declare a tensor as an output of this name."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [source], [name]))
        self._outputs.append(self._value(name, dtype, ["N", *shape[1:]]))

    def add(self, op, *inputs, domain="", **attributes):
        """Append a node; return the name of its first output."""
        name = f"{self._prefix}{op}_{len(self._nodes)}"
        made = [name, f"{name}_places"] if op == "TopK" else [name]
        node = self._onnx.helper.make_node(
            op, list(inputs), made, domain=domain, **attributes
        )
        self._nodes.append(node)
        return name

    def numbers(self, values, name=None):
        """Add a constant in single precision; return its name.

        Raises
        ------
        ExportError
            If a finite number is out of range.
        """
        return self.constant(single(values), name)

    def places(self, values):
        """Add a constant of integers; return its name."""
        return self.constant(np.asarray(values, dtype=np.int64))

    def constant(self, values, name=None):
        """Add a constant and return its name; equal unnamed ones are stored once."""
        values = np.asarray(values)
        key = name or (values.dtype.str, values.shape, values.tobytes())
        if key not in self._constants:
            name = name or f"{self._prefix}constant_{len(self._constants)}"
            made = self._onnx.numpy_helper.from_array(values, name)
            self._constants[key] = made
        return self._constants[key].name

    def model(self, name):
        """Return the finished, validated model."""
        helper = self._onnx.helper
        graph = helper.make_graph(
            self._nodes, name, self._inputs, self._outputs, [*self._constants.values()]
        )
        opsets = [helper.make_opsetid(*item) for item in DOMAINS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        self._onnx.checker.check_model(model)
        return model

    def _value(self, name, dtype, shape):
        dtype = np.dtype(object if dtype in (str, "str") else dtype)
        kind = self._onnx.helper.np_dtype_to_tensor_dtype(dtype)
        return self._onnx.helper.make_tensor_value_info(name, kind, shape)
