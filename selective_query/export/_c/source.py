"""Convert a program to C: numbers to constants, steps to calls of sq_ops.c."""

import string
from typing import NamedTuple

import numpy as np

from selective_query.export._c.arena import placed
from selective_query.export._c.single import kernel_rate
from selective_query.export._c.trees import packed
from selective_query.export._lost import told_by
from selective_query.routers._operations import OPERATIONS

NUMBERS_PER_LINE = 6
# All except the quote, the backslash, and the question mark, which starts trigraphs.
PLAIN = frozenset(string.printable[:95]) - set('"\\?')
# Names in C of parts of the evidence, if different.
C_NAMES = {"X": "input"}


class Source(NamedTuple):
    """The C source of a program.

    Parameters
    ----------
    constants : str
        Definitions of arrays.
    calls : str
        Statements, one per line.
    tables : list of str
        The C expression of each step's table.
    arena_size : int
        Length of ``arena``, the array of floats that the calls write.
    """

    constants: str
    calls: str
    tables: list
    arena_size: int


def source_of(steps, widths, kept):
    """Convert steps in single precision to C.

    Parameters
    ----------
    steps : sequence of Step
    widths : list of int
    kept : collection of int
        Indices of the steps whose tables are read at the end.

    Returns
    -------
    Source
        A part of the evidence is a pointer with its name; X is called ``input``.
    """
    places, size = placed(steps, widths, kept)
    tables = [_pointer(*place) for place in places]
    constants, calls, telling = [], [], told_by(steps)
    for place, (op, inputs, parameters) in enumerate(steps):
        if op == "read":
            # The outputs of a net, computed from its input.
            calls += [f"    sq_net({tables[i]}, {tables[place]});" for i in inputs]
        elif not OPERATIONS[op].is_view(**parameters):
            taken = [Table(tables[i], widths[i]) for i in inputs]
            step = _StepSource(f"step_{place}", taken, constants)
            write, out = _WRITERS.get(op, _plain(op)), Table(tables[place], 0)
            for function, *arguments in write(step, out, **parameters):
                calls.append(f"    sq_{function}({', '.join(map(str, arguments))});")
        if place in telling:
            is_finite = f"sq_all_finite({tables[place]}, {widths[place]})"
            calls.append(f"    if (!{is_finite}) return SQ_NOT_FINITE;")
    return Source("\n".join(constants), "\n".join(calls), tables, size)


class Table(NamedTuple):
    """A pointer to an array, and its length."""

    pointer: str
    width: int

    def after(self, n):
        """Return the pointer after the first n numbers."""
        return f"{self.pointer} + {n}" if n else self.pointer


class _StepSource(NamedTuple):
    """A step being written: its name, its input tables, and all constants."""

    name: str
    taken: list
    constants: list

    def array(self, parameter, values):
        """Define an array of constants; return its name."""
        name = f"{self.name}_{parameter}"
        self.constants.append(array(name, values))
        return name


def array(name, values):
    """Return the definition of an array of floats, integers or nodes.

    Floats are written exactly, in hexadecimal.
    """
    values = np.asarray(values)
    if values.dtype.names:
        kind, shown = "sq_node", [f"{{{number(v)}, {f}, {s}}}" for v, f, s in values]
    elif values.dtype.kind in "iu":
        kind, shown = f"{values.dtype}_t", [str(v) for v in values.ravel()]
    else:
        kind, shown = "float", [number(v) for v in values.ravel()]
    lines = [
        "    " + ", ".join(shown[start : start + NUMBERS_PER_LINE]) + ","
        for start in range(0, len(shown), NUMBERS_PER_LINE)
    ]
    body = "\n".join(lines)
    return f"static const {kind} {name}[{len(shown)}] = {{\n{body}\n}};"


def quoted(text):
    """Return a C string literal in ASCII; special characters become octal UTF-8."""
    shown = (chr(b) if chr(b) in PLAIN else f"\\{b:03o}" for b in text.encode())
    return f'"{"".join(shown)}"'


def number(value):
    """Return an exact C literal of a single-precision number."""
    value = float(value)
    if np.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    mantissa, _, exponent = value.hex().partition("p")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}p{exponent}f"


def _pointer(part, offset):
    name = "arena" if part is None else C_NAMES.get(part, part)
    return Table(name, 0).after(offset)


def _plain(function):
    """Return a writer for a function from one table to another."""
    return lambda step, out: [(function, *step.taken[0], out.pointer)]


def _named(step, out, function):
    return _plain(function)(step, out)


def _with_number(function):
    return lambda step, out, **known: [
        (function, *step.taken[0], number(*known.values()), out.pointer)
    ]


def _top(function):
    return lambda step, out, k: [(function, *step.taken[0], k, out.pointer)]


def _concatenate(step, out):
    start = 0
    for table in step.taken:
        yield "copy", *table, out.after(start)
        start += table.width


def _scale(step, out, centre, scale):
    arrays = step.array("centre", centre), step.array("scale", scale)
    return [("scale", *step.taken[0], *arrays, out.pointer)]


def _affine(step, out, weight, bias):
    arrays = (
        step.array("weight", weight.T),
        "NULL" if bias is None else step.array("bias", bias),
    )
    return [("affine", *step.taken[0], weight.shape[1], *arrays, out.pointer)]


def _combine(step, out, function):
    one, other = step.taken
    if function == "cross_entropy":
        return [(function, *one, other.pointer, out.pointer)]
    return [(function, *one, *other, out.pointer)]


def _class_effect(step, out, effects):
    effects = step.array("effects", effects)
    return [("class_effect", *step.taken[0], effects, out.pointer)]


def _class_roots(step, out, effects, k):
    effects = step.array("effects", effects)
    return [("class_roots", *step.taken[0], k, effects, out.pointer)]


def _kernel(step, out, landmarks, weights, width):
    arrays = step.array("landmarks", landmarks), step.array("weights", weights)
    rate = number(kernel_rate(landmarks.shape[1], width))
    n = len(landmarks)
    return [("kernel", *step.taken[0], n, *arrays, rate, out.pointer)]


def _squared_distance(step, out, centres, weights):
    arrays = step.array("centres", centres), step.array("weights", weights)
    n = len(centres)
    return [("squared_distance", *step.taken[0], n, *arrays, out.pointer)]


def _trees(step, out, feature, threshold, children, value, root, depth, offset):
    nodes, roots, rows = packed(feature, threshold, children, value, root)
    known = [
        step.taken[0].pointer,
        step.array("nodes", nodes),
        step.array("roots", roots),
        len(roots),
    ]
    if rows is None:
        return [("tree_sum", *known, step.array("offset", offset), out.pointer)]
    known += [step.array("values", rows), rows.shape[1]]
    return [("tree_sums", *known, step.array("offset", offset), out.pointer)]


def _constant(step, out, value):
    return [("copy", step.array("value", [value]), 1, out.pointer)]


_WRITERS = {
    "top": _top("top"),
    "doubt": _top("doubt"),
    "concatenate": _concatenate,
    "log": _with_number("log_above"),
    "apply": _named,
    "scale": _scale,
    "affine": _affine,
    "combine": _combine,
    "reduce": _named,
    "peak": _with_number("peak"),
    "log_sum_exp": _with_number("log_sum_exp"),
    "class_effect": _class_effect,
    "class_roots": _class_roots,
    "kernel": _kernel,
    "squared_distance": _squared_distance,
    "trees": _trees,
    "constant": _constant,
}
