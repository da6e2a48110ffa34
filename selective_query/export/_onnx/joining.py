"""Join the graphs of base and rule."""

import numpy as np

from selective_query.export._onnx.graph import (
    DOMAINS,
    IR_VERSION,
    Graph,
)
from selective_query.export._onnx.packages import package

# Until all is joined, this prefix keeps input names apart from the evidence's.
RAW = "raw/"
DOUBLE = 11  # as ONNX numbers its types


def joined(inputs, sources, head):
    """Join graphs into one model from raw inputs to decisions.

    Parameters
    ----------
    inputs : Inputs
    sources : list of ModelProto
        Each reads some of the inputs and outputs a part of the evidence, by name.
    head : ModelProto
        Reads their outputs.

    Returns
    -------
    ModelProto
    """
    compose = package("onnx.compose")
    whole = _fan_out(inputs, sources)
    fed = []
    for place, source in enumerate(sources):
        prefix = f"base_{place}/"
        source = compose.add_prefix(source, prefix)
        ends = [entry.name for entry in source.graph.input]
        io_map = [(f"{end.removeprefix(prefix)}/{place}", end) for end in ends]
        whole = compose.merge_models(whole, source, io_map=io_map)
        fed += [
            (entry.name, entry.name.removeprefix(prefix))
            for entry in source.graph.output
        ]
    whole = compose.merge_models(whole, head, io_map=fed)
    for entry in whole.graph.input:
        entry.name = entry.name.removeprefix(RAW)
    for node in whole.graph.node:
        node.input[:] = [name.removeprefix(RAW) for name in node.input]
    whole.producer_name = "selective_query"
    package("onnx").checker.check_model(whole)
    return whole


def _fan_out(inputs, sources):
    """Return a graph that copies each input to every source that reads it."""
    graph = Graph("handed/")
    shapes = {}
    for name, dtype, shape in inputs.declared():
        graph.input(RAW + name, dtype, shape)
        shapes[name] = dtype, shape
    for place, source in enumerate(sources):
        for entry in source.graph.input:
            handed, (dtype, shape) = RAW + entry.name, shapes[entry.name]
            if entry.type.tensor_type.elem_type == DOUBLE:
                handed, dtype = graph.add("Cast", handed, to=DOUBLE), np.float64
            graph.output(f"{entry.name}/{place}", handed, dtype, shape)
    return graph.model("inputs")


def source_of(model, outputs):
    """Reduce a converted model to these outputs, in the common versions.

    Parameters
    ----------
    model : ModelProto
    outputs : dict of str to str
        Name of an output -> part of the evidence.

    Returns
    -------
    ModelProto
    """
    onnx = package("onnx")
    inputs = [entry.name for entry in model.graph.input]
    model = onnx.utils.Extractor(model).extract_model(inputs, list(outputs))
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for entry in model.graph.output:
        part = outputs[entry.name]
        model.graph.node.append(onnx.helper.make_node("Identity", [entry.name], [part]))
        entry.name = part
        del entry.metadata_props[:]
    del model.graph.value_info[:], model.metadata_props[:]
    used = {entry.domain: entry.version for entry in model.opset_import} | DOMAINS
    del model.opset_import[:]
    model.opset_import.extend(onnx.helper.make_opsetid(*item) for item in used.items())
    model.ir_version = IR_VERSION
    return model
