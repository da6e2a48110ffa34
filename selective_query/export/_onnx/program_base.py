"""Convert estimators to graphs by way of their programs."""

import numpy as np

from selective_query.export._base_steps import base_program
from selective_query.export._onnx.graph import Graph, Table
from selective_query.export._onnx.joining import source_of
from selective_query.export._onnx.score import add_program
from selective_query.routers import Program


def source_of_program(base, features, inputs, part):
    """Convert a fitted classifier to a graph of raw inputs by way of its program.

    Parameters
    ----------
    base : estimator
    features : str, transformer or None
        Same as ``base_features`` of a classifier.
    inputs : Inputs
        One numeric matrix.
    part : {"base_logits", "base_features"} or None
        Additional output besides the probabilities.

    Returns
    -------
    ModelProto

    Raises
    ------
    ExportError
        If a step cannot be converted to a program.
    """
    found = base_program(base, np.asarray(base.classes_), features)
    wanted = {"base_proba": found.proba}
    if part is not None:
        wanted[part] = found.logits if part == "base_logits" else found.features
    graph = Graph()
    ((name, dtype, shape),) = inputs.declared()
    read = {"X": Table(graph.input(name, dtype, shape), shape[1])}
    program = Program(tuple(found.steps), type(base).__name__)
    tables = add_program(graph, program, read)
    for part, place in wanted.items():
        table = tables[place]
        graph.output(f"{part}/of", table.name, np.float32, [None, table.width])
    model = graph.model("base")
    return source_of(model, {f"{part}/of": part for part in wanted})
