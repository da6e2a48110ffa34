"""Convert a base to graphs of its outputs that a router reads."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from selective_query._models.answers import LOGITS
from selective_query._models.layers import net_of
from selective_query._utils.validation import encode_labels
from selective_query.exceptions import ExportError
from selective_query.export._inputs import FRAME, MATRIX, TEXT, Inputs
from selective_query.export._onnx.graph import Graph
from selective_query.export._onnx.head import Part
from selective_query.export._onnx.joining import joined, source_of
from selective_query.export._onnx.packages import package
from selective_query.export._onnx.program_base import source_of_program
from selective_query.export._onnx.sklearn_base import (
    bare,
    source_of_estimator,
    steps_of,
)
from selective_query.export._parity import check_example


def inputs_of(subject, classifier, example):
    """Return the inputs of a classifier's graph.

    Parameters
    ----------
    subject : Subject
    classifier : estimator
        Fitted; it may know its column names.
    example : array-like, data frame or list of texts, or None

    Returns
    -------
    Inputs

    Raises
    ------
    ExportError
        If the type or shape of the inputs is unknown.
    """
    names = getattr(classifier, "feature_names_in_", None)
    names = None if names is None else tuple(names.tolist())
    allow_nan = _allows_nan(subject.base)
    if example is None:
        return _without_example(subject, classifier, names, allow_nan)
    check_example(example)
    if hasattr(example, "columns"):
        return _of_frame(subject.base, example, allow_nan)
    values = example if hasattr(example, "toarray") else np.asarray(example)
    if len(values.shape) == 1 and isinstance(values[0], str):
        return Inputs(TEXT, (("X", "str"),))
    if values.dtype.kind not in "fiub":
        raise ExportError(
            f"example is an array of {values.dtype}, which an artefact cannot read. "
            "Give numbers, a list of texts, or a data frame of both."
        )
    integers = values.dtype.kind in "iu" and _counts(subject.base)
    dtype = "int64" if integers else "float32"
    return Inputs(MATRIX, (("X", dtype),), values.shape[1:], names, allow_nan)


def _of_frame(base, frame, allow_nan):
    names = tuple(frame.columns.tolist())
    if not all(isinstance(name, (str, int)) for name in names):
        raise ExportError(
            f"Columns of X must be named by text or whole numbers. Got {names[:5]}."
        )
    kinds = tuple((str(name), _dtype(frame[name])) for name in names)
    by_name = any(isinstance(step, ColumnTransformer) for step in steps_of(base))
    if by_name or "str" in {dtype for _, dtype in kinds}:
        return Inputs(FRAME, kinds, names=names, allow_nan=allow_nan)
    return Inputs(MATRIX, (("X", "float32"),), (len(names),), names, allow_nan)


def _without_example(subject, classifier, names, allow_nan):
    width = getattr(classifier, "n_features_in_", None)
    by_name = any(isinstance(s, ColumnTransformer) for s in steps_of(subject.base))
    if width is None or by_name or net_of(subject.base) is not None:
        raise ExportError(
            "The type and shape of the inputs are unknown for "
            f"{type(bare(subject.base)).__name__}. Give example=, some rows of X."
        )
    return Inputs(MATRIX, (("X", "float32"),), (int(width),), names, allow_nan)


def _allows_nan(base):
    if any("HistGradientBoosting" in type(step).__name__ for step in steps_of(base)):
        return False  # programs cannot route missing values
    try:
        return bool(get_tags(base).input_tags.allow_nan)
    except Exception:  # a model without tags
        return False


def _dtype(column):
    kind = np.asarray(column).dtype.kind
    return {"i": "int64", "u": "int64", "f": "float32", "b": "int64"}.get(kind, "str")


def _counts(base):
    """Whether a net's inputs may be integers, as for an embedding."""
    net, model = net_of(base), bare(base)
    # NetClassifier converts all inputs to single precision.
    return net is not None and hasattr(model, "_get_predict_nonlinearity")


def classifier_sources(subject, inputs, example):
    """Return the graphs that feed the rule of a classifier.

    Parameters
    ----------
    subject : Subject
    inputs : Inputs
    example : array-like or None
        Defines the input shapes of a net.

    Returns
    -------
    sources : list of ModelProto
    given : dict of str to Part
        Their outputs, by part of the evidence.

    Raises
    ------
    ExportError
        If a step, named in the message, cannot be converted to ONNX.
    """
    read = subject.program.parts()
    part = _part_beside(subject.features, read)
    base = bare(subject.base)
    if net_of(base) is not None:
        sources = _of_net(base, subject.features, inputs, example, part)
    else:
        sources = _of_estimator(base, subject.features, inputs, part)
    if "X" in read:
        sources.append(_inputs_themselves(inputs))
    places = encode_labels(base.classes_, subject.classes, "base_estimator")
    given = {}
    for source in sources:
        for entry in source.graph.output:
            by_class = entry.name in ("base_proba", "base_logits")
            given[entry.name] = _part(entry, places if by_class else None, read)
    return sources, given


def _part_beside(features, read):
    """Return the part of the base to output besides probabilities, or None.

    A named layer is output even if this router does not read it, because a classifier
    asks its base for it.
    """
    if isinstance(features, str):
        return "base_logits" if features == LOGITS else "base_features"
    return "base_features" if "base_features" in read else None


def _part(entry, places, read):
    tensor = entry.type.tensor_type
    dims = tensor.shape.dim
    width = dims[1].dim_value if len(dims) == 2 and dims[1].dim_value else None
    if places is not None and width != 1:
        if width not in (None, len(places)):
            raise ExportError(
                f"{entry.name} of the base's graph has {width} columns for "
                f"{len(places)} classes. Export the policy alone."
            )
        width = len(places)
    if width is None:
        width = read.get(entry.name)
    dtype = package("onnx").helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    return Part(width, dtype, places)


def _of_net(base, features, inputs, example, part):
    from selective_query.export._onnx.torch_base import source_of_net

    if part is not None and not isinstance(features, str):
        # Computed from X, independently of the net.
        made = _of_features(base, features, inputs, part)
        return [*_of_net(base, None, inputs, example, None), made]
    if example is None:
        raise ExportError("The input shape of the net is unknown. Give example=.")
    if inputs.kind != MATRIX:
        raise ExportError(
            f"The base is a net, and X is a {inputs.kind}. Give arrays of numbers."
        )
    ((_, dtype),) = inputs.dtypes
    rows = np.asarray(inputs.tensors(example)["X"], dtype=dtype)
    layer = None if part is None else "" if features == LOGITS else features
    before = Pipeline(base.steps[:-1]) if isinstance(base, Pipeline) else None
    if before is None:
        return [source_of_net(base, net_of(base), rows, part, layer)]
    first = source_of_estimator(before, inputs, "base_features")
    rows = np.asarray(before.transform(rows), dtype=np.float32)
    net = source_of_net(base, net_of(base), rows, part, layer, name="base_features")
    return [joined(inputs, [first], net)]


def _of_estimator(base, features, inputs, part):
    try:
        sources = [source_of_estimator(base, inputs, "base_proba")]
        if part is not None:
            sources.append(_of_features(base, features, inputs, part))
        return sources
    except ExportError as error:
        # Some models unknown to skl2onnx can be converted to a program.
        if inputs.kind != MATRIX or len(inputs.shape) != 1:
            raise
        try:
            return [source_of_program(base, features, inputs, part)]
        except ExportError:
            raise error from None


def _of_features(base, features, inputs, part):
    if features == LOGITS:
        logits = source_of_estimator(base, inputs, part)
        # For two classes, converters return one score, or it and its negative.
        return _last_column(logits) if len(base.classes_) == 2 else logits
    if isinstance(features, BaseEstimator) and hasattr(features, "transform"):
        return source_of_estimator(features, inputs, part)
    raise _no_features(features)


def _last_column(source):
    onnx = package("onnx")
    (entry,) = source.graph.output
    last = onnx.numpy_helper.from_array(np.array([-1]), "last")
    source.graph.node[-1].output[0] = "every"  # this node produced the output
    node = onnx.helper.make_node("Gather", ["every", "last"], [entry.name], axis=1)
    source.graph.initializer.append(last)
    source.graph.node.append(node)
    entry.type.tensor_type.shape.dim[1].dim_value = 1
    return source


def _no_features(features):
    name = getattr(features, "__name__", type(features).__name__)
    return ExportError(
        f"The router reads base_features={name}, which has no form in ONNX. Set "
        "base_features to 'logits', the name of a layer of a torch net, or a "
        "transformer of scikit-learn; or export the policy alone."
    )


def _inputs_themselves(inputs):
    """Return a graph of the inputs as a numeric table, for routers that read X."""
    numbers = {dtype for _, dtype in inputs.dtypes} <= {"float32", "int64"}
    if not numbers or (inputs.kind == MATRIX and len(inputs.shape) != 1):
        raise ExportError(
            "The router reads X, which is not a numeric table here. Choose a router "
            "that reads the base's outputs."
        )
    graph, columns = Graph(), []
    for name, dtype, shape in inputs.declared():
        columns.append(graph.add("Cast", graph.input(name, dtype, shape), to=1))
    table = graph.add("Concat", *columns, axis=1) if len(columns) > 1 else columns[0]
    width = inputs.shape[0] if inputs.kind == MATRIX else len(columns)
    graph.output("table", table, np.float32, [None, width])
    return source_of(graph.model("inputs"), {"table": "X"})
