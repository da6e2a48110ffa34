"""Convert the rule to a graph: base outputs to label, queried and score."""

from typing import NamedTuple

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._onnx.graph import ML, Graph, Table
from selective_query.export._onnx.runtime import group_dtype
from selective_query.export._onnx.score import add_program

THRESHOLD = "threshold"
# Part of the evidence -> name of the output that contains it.
EVIDENCE = {"base_logits": "logits", "base_features": "features"}


class Part(NamedTuple):
    """A part of the evidence: its width, dtype, and the class of each column."""

    width: int | None
    dtype: object = np.float32
    places: np.ndarray | None = None


def head_of(subject, given):
    """Return the graph of a subject's rule.

    Parameters
    ----------
    subject : Subject
    given : dict of str to Part
        The evidence that the rule reads.

    Returns
    -------
    ModelProto
        With the outputs ``score`` and ``queried``; for a classifier also ``label``,
        ``probabilities``, and ``logits`` or ``features`` if the router reads them.
    """
    graph = Graph()
    parts = {name: _part(graph, name, part, subject) for name, part in given.items()}
    best = None
    if "base_proba" in parts:
        best = graph.add("ArgMax", parts["base_proba"].name, axis=1, keepdims=0)
    score = add_program(graph, subject.program, parts)[-1].name
    score = graph.add("Squeeze", score, graph.places([1]))
    if subject.reads_local:
        local = graph.input("local_only", bool, [None])
        score = graph.add("Where", local, graph.numbers(-np.inf), score)
    n_classes = parts["base_proba"].width if "base_proba" in parts else None
    threshold = _threshold(graph, subject, best, n_classes)
    kept = graph.add("LessOrEqual", score, threshold)
    if subject.base is not None:
        classes = np.asarray(subject.classes)
        if classes.dtype.kind not in "iubf":
            classes = classes.astype(object)
        label = graph.add("Gather", graph.constant(classes), best)
        kind = str if classes.dtype.kind == "O" else classes.dtype
        graph.output("label", label, kind, [None])
        proba = parts["base_proba"]
        graph.output("probabilities", proba.name, np.float32, [None, proba.width])
    for name in EVIDENCE.keys() & parts.keys() if subject.base is not None else ():
        part = parts[name]
        graph.output(EVIDENCE[name], part.name, np.float32, [None, part.width])
    graph.output("queried", graph.add("Not", kept), bool, [None])
    graph.output("score", score, np.float32, [None])
    return graph.model("selective_query")


def _part(graph, name, part, subject):
    table = graph.input(name, part.dtype, [None, part.width])
    if np.dtype(part.dtype) != np.float32:
        table = graph.add("Cast", table, to=1)
    if name == "base_logits" and part.width == 1:  # two classes
        pair = graph.add("Concat", graph.add("Neg", table), table, axis=1)
        table, width = graph.add("Mul", pair, graph.numbers(0.5)), 2
    else:
        width = part.width
    if part.places is None or (
        len(part.places) == len(subject.classes)
        and (part.places == np.arange(width)).all()
    ):
        return Table(table, width)
    # Classes that the base does not know get a column of zeros.
    source = np.full(len(subject.classes), width)
    source[part.places] = np.arange(width)
    padded = graph.add("Pad", table, graph.places([0, 0, 0, 1]))
    found = graph.add("Gather", padded, graph.places(source), axis=1)
    return Table(found, len(subject.classes))


def _threshold(graph, subject, best, n_classes):
    """Add the threshold of each row; return its name."""
    values = graph.numbers(thresholds_of(subject, n_classes), THRESHOLD)
    if subject.group is None:
        return values
    if subject.group == "predicted_class":
        return graph.add("Gather", values, best)
    labels = np.asarray(subject.groups)
    kind = "strings" if labels.dtype.kind == "U" else "int64s"
    dtype = str if kind == "strings" else group_dtype(labels)
    if dtype is np.float32:
        kind = "floats"
        if len(np.unique(labels.astype(dtype))) < len(labels):
            raise ExportError(
                "Some group labels are equal after rounding to single precision, "
                "which artefacts use. Name groups by text or whole numbers."
            )
    place = graph.add(
        "LabelEncoder",
        graph.input("group", dtype, [None]),
        domain=ML,
        **{f"keys_{kind}": labels.astype(object if dtype is str else dtype).tolist()},
        values_int64s=list(range(len(labels))),
        default_int64=len(labels),
    )
    return graph.add("Gather", values, place)


def thresholds_of(subject, n_classes):
    """Return the values of the initializer ``threshold``: one, or one per group.

    Thresholds by predicted class are in the order of the classes. Other groups have an
    additional threshold for unknown groups, whose rows are queried.
    """
    found = subject.single_thresholds(n_classes)
    if subject.group != "input":
        return found
    return np.append(found, np.float32(-np.inf))
