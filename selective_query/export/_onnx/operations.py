"""ONNX nodes for each operation of a program, in single precision."""

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._onnx.graph import Table
from selective_query.export._onnx.trees import trees

BOOL = 9  # TensorProto.BOOL
TINY = float(np.finfo(np.float32).tiny)
LARGEST = float(np.finfo(np.float32).max)


def columns_of(graph, table, start, stop):
    """Slice columns of a table."""
    ends = graph.places([start]), graph.places([stop])
    return graph.add("Slice", table.name, *ends, graph.places([1]))


def over_row(graph, op, name):
    """Reduce over the columns to shape (n_samples, 1)."""
    return graph.add(op, name, graph.places([1]), keepdims=1)


def _top(graph, table, k):
    if k == 1:
        return over_row(graph, "ReduceMax", table.name)
    short = 0 if table.width is None else max(0, k - table.width)
    count = graph.places([k - short])
    largest = graph.add("TopK", table.name, count, axis=1, largest=1, sorted=1)
    if not short:
        return largest
    return graph.add("Pad", largest, graph.places([0, 0, 0, short]))


def _is_largest(graph, table):
    """One-hot encoding of the first maximum of each row."""
    width = graph.add("Shape", table.name, start=1, end=2)
    best = graph.add("ArgMax", table.name, axis=1, keepdims=0)
    return graph.add("OneHot", best, width, graph.numbers([0, 1]), axis=1)


def _left_by_largest(graph, table):
    """One minus the maximum; for probabilities, the sum of the others."""
    largest = over_row(graph, "ReduceMax", table.name)
    left = graph.add("Sub", graph.numbers(1), largest)
    kept = graph.add("Sub", graph.numbers(1), _is_largest(graph, table))
    others = over_row(graph, "ReduceSum", graph.add("Mul", table.name, kept))
    apart = graph.add("Abs", graph.add("Sub", left, others))
    are_shares = graph.add("Less", apart, graph.numbers(1e-5))
    return graph.add("Where", are_shares, others, left)


def _doubt(graph, table, k):
    doubt = _left_by_largest(graph, table)
    if k == 1:
        return doubt
    largest = Table(_top(graph, table, k), k)
    rest = graph.add("Sqrt", columns_of(graph, largest, 1, k))
    return graph.add("Concat", doubt, rest, axis=1)


def _concatenate(graph, *tables):
    return graph.add("Concat", *(table.name for table in tables), axis=1)


def _log(graph, table, floor):
    floor = graph.numbers(max(floor, TINY))
    return graph.add("Log", graph.add("Max", table.name, floor))


FUNCTIONS = {
    "negative": "Neg",
    "sqrt": "Sqrt",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "Relu",
}


def _apply(graph, table, function):
    if function == "complement":
        return graph.add("Sub", graph.numbers(1), table.name)
    if function == "single":
        ends = graph.numbers(-LARGEST), graph.numbers(LARGEST)
        return graph.add("Clip", table.name, *ends)
    return graph.add(FUNCTIONS[function], table.name)


def _scale(graph, table, centre, scale):
    moved = graph.add("Sub", table.name, graph.numbers(centre[None]))
    with np.errstate(over="ignore"):
        scale = scale.astype(np.float32)  # an infinite scale drops the column
    return graph.add("Div", moved, graph.numbers(scale[None]))


def _affine(graph, table, weight, bias):
    terms = [table.name, graph.numbers(weight)]
    if bias is None:
        return graph.add("MatMul", *terms)
    return graph.add("Gemm", *terms, graph.numbers(bias))


def _centre(graph, table):
    mean = over_row(graph, "ReduceMean", table.name)
    return graph.add("Sub", table.name, mean)


def _combine(graph, one, other, function):
    if function == "cross_entropy":
        products = graph.add("Mul", one.name, other.name)
        return graph.add("Neg", over_row(graph, "ReduceSum", products))
    op = {"add": "Add", "subtract": "Sub"}[function]
    return graph.add(op, one.name, other.name)


REDUCTIONS = {"max": "ReduceMax", "min": "ReduceMin", "norm2": "ReduceSumSquare"}


def _reduce(graph, table, function):
    if function == "entropy":
        return _entropy(graph, table)
    if function == "agreement":
        return _agreement(graph, table)
    return over_row(graph, REDUCTIONS[function], table.name)


def _entropy(graph, table):
    """Entropy in nats; the logarithm of a probability near 1 uses its series."""
    left, log = _left_by_largest(graph, table), _log(graph, table, TINY)
    series = graph.numbers(0)
    for term in (1 / 4, 1 / 3, 1 / 2, 1):
        series = graph.add("Mul", left, graph.add("Add", graph.numbers(term), series))
    is_near = graph.add("Less", graph.add("Abs", left), graph.numbers(0.01))
    is_largest = graph.add("Cast", _is_largest(graph, table), to=BOOL)
    uses_series = graph.add("And", is_near, is_largest)
    log = graph.add("Where", uses_series, graph.add("Neg", series), log)
    return _combine(graph, table, Table(log, table.width), "cross_entropy")


def _agreement(graph, votes):
    one = graph.add("Unsqueeze", votes.name, graph.places([1]))
    other = graph.add("Unsqueeze", votes.name, graph.places([2]))
    same = graph.add("Cast", graph.add("Equal", one, other), to=1)
    shares = graph.add("ReduceMean", same, graph.places([2]), keepdims=0)
    return over_row(graph, "ReduceMax", shares)


def _peak(graph, table, order):
    if table.width is None:
        raise ExportError(
            "This router treats two columns differently from more, and the number of "
            "columns is unknown. Give example=, the evidence of some rows."
        )
    largest = over_row(graph, "ReduceMax", table.name)
    if table.width <= 2:
        return largest
    # Powers of numbers that are at most 1 do not overflow.
    size = graph.add("Abs", table.name)
    most = over_row(graph, "ReduceMax", size)
    is_some = graph.add("Greater", most, graph.numbers(0))
    most = graph.add("Where", is_some, most, graph.numbers(1))
    powers = graph.add("Pow", graph.add("Div", size, most), graph.numbers(order))
    total = over_row(graph, "ReduceSum", powers)
    norm = graph.add("Pow", total, graph.numbers(1 / order))
    quotient = graph.add("Div", graph.add("Div", largest, most), norm)
    return graph.add("Where", is_some, quotient, graph.numbers(0))


def _log_sum_exp(graph, table, temperature):
    temperature = graph.numbers(temperature)
    largest = over_row(graph, "ReduceMax", table.name)
    power = graph.add("Div", graph.add("Sub", table.name, largest), temperature)
    total = over_row(graph, "ReduceSum", graph.add("Exp", power))
    rest = graph.add("Mul", graph.add("Log", total), temperature)
    return graph.add("Add", largest, rest)


def _softmax(graph, table):
    return graph.add("Softmax", table.name, axis=1)


def _normalise(graph, table):
    total = over_row(graph, "ReduceSum", table.name)
    # An infinite total becomes NaN.
    total = graph.add("Add", total, graph.add("Sub", total, total))
    is_some = graph.add("Not", graph.add("Equal", total, graph.numbers(0)))
    divisor = graph.add("Where", is_some, total, graph.numbers(1))
    ones = graph.add("Exp", graph.add("Mul", table.name, graph.numbers(0)))
    equal = graph.add("Div", ones, over_row(graph, "ReduceSum", ones))
    return graph.add("Where", is_some, graph.add("Div", table.name, divisor), equal)


def _pairs(graph, table):
    ends = [graph.places(i) for i in np.triu_indices(table.width, k=1)]
    return graph.add("Sub", *(graph.add("Gather", table.name, i, axis=1) for i in ends))


def _class_effect(graph, proba, effects):
    best = graph.add("ArgMax", proba.name, axis=1, keepdims=1)
    return graph.add("Gather", graph.numbers(effects), best)


def _class_roots(graph, proba, effects, k):
    name = proba.name
    if k < proba.width:
        largest = Table(_top(graph, proba, k), k)
        least = columns_of(graph, largest, k - 1, k)
        counts = graph.add("GreaterOrEqual", name, least)
        name = graph.add("Where", counts, name, graph.numbers(0))
    return graph.add("MatMul", graph.add("Sqrt", name), graph.numbers(effects[:, None]))


def _kernel(graph, table, landmarks, weights, width):
    # Centre on the landmarks' mean, so that squares are small.
    middle = landmarks.mean(axis=0)
    landmarks = landmarks - middle
    moved = graph.add("Sub", table.name, graph.numbers(middle[None]))
    products = graph.add("MatMul", moved, graph.numbers(-2 * landmarks.T))
    squares = graph.add(
        "Add", products, graph.numbers((landmarks**2).sum(axis=1)[None])
    )
    distance = graph.add("Add", squares, over_row(graph, "ReduceSumSquare", moved))
    distance = graph.add("Max", distance, graph.numbers(0))
    factor = graph.numbers(-1 / (2 * table.width * width**2))
    near = graph.add("Exp", graph.add("Mul", distance, factor))
    return graph.add("MatMul", near, graph.numbers(weights[:, None]))


def _squared_distance(graph, table, centres, weights):
    row = graph.add("Unsqueeze", table.name, graph.places([1]))
    moved = graph.add("Sub", row, graph.numbers(centres[None]))
    squares = graph.add("Mul", moved, moved)
    weighted = graph.add("Mul", squares, graph.numbers(weights[None]))
    return graph.add("ReduceSum", weighted, graph.places([2]), keepdims=0)


FORMS = {
    "top": _top,
    "doubt": _doubt,
    "columns": columns_of,
    "concatenate": _concatenate,
    "log": _log,
    "apply": _apply,
    "scale": _scale,
    "affine": _affine,
    "centre": _centre,
    "combine": _combine,
    "reduce": _reduce,
    "peak": _peak,
    "log_sum_exp": _log_sum_exp,
    "softmax": _softmax,
    "normalise": _normalise,
    "pairs": _pairs,
    "class_effect": _class_effect,
    "class_roots": _class_roots,
    "kernel": _kernel,
    "squared_distance": _squared_distance,
    "trees": trees,
}
