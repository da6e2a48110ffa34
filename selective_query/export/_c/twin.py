"""The NumPy twin of sq_ops.c: a program in single precision, equal bit for bit.

Each table has one row per input; sums run over columns in the same order as in C.
"""

import numpy as np

from selective_query.export._c.functions import (
    ONE,
    SMALLEST,
    exp,
    log,
    power,
    sigmoid,
)
from selective_query.export._c.single import kernel_rate
from selective_query.routers._operations.trees import levels_of

single = np.float32


def run(steps, read):
    """Return the tables of all steps.

    Parameters
    ----------
    steps : sequence of Step
        In single precision, from ``steps_in_single``.
    read : callable
        ``read(part, width)`` returns the table of a part of the evidence.

    Returns
    -------
    list of ndarray of shape (n_samples, n_columns), float32
    """
    tables = []
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        for op, inputs, parameters in steps:
            if op == "read":
                tables.append(np.asarray(read(**parameters), dtype=single))
            elif op == "constant":
                value = single(parameters["value"])
                tables.append(np.full((len(tables[0]), 1), value))
            else:
                taken = [tables[i] for i in inputs]
                tables.append(_OPERATIONS[op](*taken, **parameters))
    return tables


def is_finite(steps, tables):
    """Return per row whether all numbers except constants are finite."""
    found = np.ones(len(tables[0]), dtype=bool)
    for step, table in zip(steps, tables, strict=True):
        if step.op != "constant":
            found &= np.isfinite(table).all(axis=1)
    return found


def _sum(columns, first=None):
    """Return the sum of columns from first to last, shape (n_samples, 1)."""
    columns = iter(columns)
    total = next(columns) if first is None else first
    for column in columns:
        total = total + column
    return total


def _columns(table):
    return (table[:, i : i + 1] for i in range(table.shape[1]))


def _zeros(table, n_columns=1):
    return np.zeros((len(table), n_columns), dtype=single)


def _row_sum(table):
    return _sum(_columns(table), _zeros(table))


def _largest(table):
    return table.max(axis=1, keepdims=True)


def _top(table, k):
    falling = -np.sort(-table, axis=1)[:, :k]
    return np.pad(falling, ((0, 0), (0, k - falling.shape[1])))


def _is_largest(table):
    return np.arange(table.shape[1]) == table.argmax(axis=1)[:, None]


def _left_by_largest(table):
    """Return one minus the maximum; for probabilities, the sum of the others."""
    others = _row_sum(np.where(_is_largest(table), single(0), table))
    left = ONE - _largest(table)
    return np.where(np.abs(left - others) < single(1e-5), others, left)


def _doubt(table, k):
    roots = np.sqrt(_top(table, k)[:, 1:])
    return np.concatenate([_left_by_largest(table), roots], axis=1)


def _affine(table, weight, bias):
    start = _zeros(table, weight.shape[1]) if bias is None else bias + _zeros(table)
    products = (x * w for x, w in zip(_columns(table), weight, strict=True))
    return _sum(products, start)


def _cross_entropy(one, other):
    return -_row_sum(one * other)


def _centre(table):
    return table - _row_sum(table) / single(table.shape[1])


def _entropy(table):
    left = _left_by_largest(table)
    surprise = log(np.maximum(table, SMALLEST))
    surprise = np.where(table >= SMALLEST, surprise, single(0))
    tail = left * (single(1) / single(3) + left * single(0.25))
    series = -(left * (ONE + left * (single(0.5) + tail)))
    is_near_one = _is_largest(table) & (np.abs(left) < single(0.01))
    surprise = np.where(is_near_one, series, surprise)
    return single(0) - _row_sum(table * surprise)


def _agreement(table):
    votes = (table[:, :, None] == table[:, None, :]).sum(axis=2).max(axis=1)
    return (votes.astype(single) / single(table.shape[1]))[:, None]


def _peak(table, order):
    largest = _largest(table)
    if table.shape[1] <= 2:
        return largest
    size = _largest(np.abs(table))
    safe = np.where(size < SMALLEST, ONE, size)
    total = _row_sum(power(np.abs(table) / safe, order))
    total = np.maximum(total, SMALLEST)
    quotient = largest / safe / exp(log(total) / single(order))
    return np.where(size < SMALLEST, single(0), quotient)


def _log_sum_exp(table, temperature):
    largest, temperature = _largest(table), single(temperature)
    return largest + temperature * log(_row_sum(exp((table - largest) / temperature)))


def _softmax(table):
    odds = exp(table - _largest(table))
    return odds / _row_sum(odds)


def _normalise(table):
    total = _row_sum(table)
    total = total + (total - total)  # an infinite total becomes NaN
    equal = ONE / single(table.shape[1])
    return np.where(total != 0, table / np.where(total != 0, total, ONE), equal)


def _pairs(table):
    larger, smaller = np.triu_indices(table.shape[1], k=1)
    return table[:, larger] - table[:, smaller]


def _class_effect(table, effects):
    return effects[table.argmax(axis=1)][:, None]


def _class_roots(table, effects, k):
    least = _top(table, min(k, table.shape[1]))[:, -1:]
    return _row_sum(np.where(table >= least, np.sqrt(table) * effects, single(0)))


def _kernel(table, landmarks, weights, width):
    rate = kernel_rate(table.shape[1], width)
    distances = _distances(table, landmarks)
    terms = (w * exp(d * rate) for w, d in zip(weights, distances, strict=True))
    return _sum(terms, _zeros(table))


def _distances(table, landmarks):
    for landmark in landmarks:
        yield _row_sum((table - landmark) * (table - landmark))


def _squared_distance(table, centres, weights):
    pairs = zip(centres, weights, strict=True)
    made = [_row_sum(w * ((table - c) * (table - c))) for c, w in pairs]
    return np.concatenate(made, axis=1)


def _trees(table, feature, threshold, children, value, root, depth, offset):
    rows, levels = np.arange(len(table)), levels_of(children)
    total = offset + _zeros(table)
    for at in root:
        node = np.full(len(table), at)
        for _ in range(levels[at]):
            goes_left = table[rows, feature[node]] <= threshold[node]
            node = children[node, goes_left.astype(int)]
        total = total + value[node]
    return total


_APPLIED = {
    "complement": lambda table: ONE - table,
    "negative": np.negative,
    "sqrt": np.sqrt,
    "sigmoid": sigmoid,
    "tanh": lambda table: single(2) * sigmoid(single(2) * table) - ONE,
    "relu": lambda table: np.where(table > 0, table, single(0)),
    "single": lambda table: table,
}
_COMBINED = {"add": np.add, "subtract": np.subtract, "cross_entropy": _cross_entropy}
_REDUCED = {
    "max": _largest,
    "min": lambda table: table.min(axis=1, keepdims=True),
    "norm2": lambda table: _row_sum(table * table),
    "entropy": _entropy,
    "agreement": _agreement,
}
_OPERATIONS = {
    "top": _top,
    "doubt": _doubt,
    "columns": lambda table, start, stop: table[:, start:stop],
    "concatenate": lambda *tables: np.concatenate(tables, axis=1),
    "log": lambda table, floor: log(np.maximum(table, floor)),
    "apply": lambda table, function: _APPLIED[function](table),
    "scale": lambda table, centre, scale: (table - centre) / scale,
    "affine": _affine,
    "centre": _centre,
    "combine": lambda one, other, function: _COMBINED[function](one, other),
    "reduce": lambda table, function: _REDUCED[function](table),
    "peak": _peak,
    "log_sum_exp": _log_sum_exp,
    "softmax": _softmax,
    "normalise": _normalise,
    "pairs": _pairs,
    "class_effect": _class_effect,
    "class_roots": _class_roots,
    "kernel": _kernel,
    "squared_distance": _squared_distance,
    "trees": _trees,
}
