"""Operations on the numbers in a row: selections, functions, sums and products."""

from functools import lru_cache

import numpy as np
from scipy.special import expit

from selective_query._utils.numbers import check_number, check_positive
from selective_query.outcomes.probabilities import (
    TopKProba,
    entropy,
    top_class,
    top_probabilities,
    top_probability,
)
from selective_query.routers._class_roots import roots_of_largest
from selective_query.routers._operations.operation import (
    ANY,
    Operation,
    bias_or_none,
    constant,
    finite,
    known_width,
    one_of,
    same_width,
    scales,
    whole,
    width_or_none,
)

PARTS = ("base_proba", "base_logits", "base_features", "X")


class Read(Operation):
    n_inputs = (0, 0)
    parameters = {"part": one_of(*PARTS), "width": width_or_none}


class Top(Operation):
    parameters = {"k": whole(1)}
    takes_top_k = True

    def run(self, proba, k):
        if k == 1:
            return top_probability(proba)[:, None]
        return top_probabilities(proba, k)

    def width(self, width, k):
        if width is not None and k > width:
            raise ValueError(f"k={k} is more than the {width} columns there are.")
        return k

    def macs(self, width, k):
        return k * width - k * (k + 1) // 2  # k times the largest of the rest


class Doubt(Top):
    def run(self, proba, k):
        top = top_probabilities(proba, k)
        doubt = np.sqrt(top)
        np.subtract(1, top[:, 0], out=doubt[:, 0])
        return doubt

    def macs(self, width, k):
        return super().macs(width, k) + k


class Columns(Operation):
    parameters = {"start": whole(0), "stop": whole(1)}

    def is_view(self, **parameters):
        return True

    def run(self, table, start, stop):
        return table[:, start:stop]

    def width(self, width, start, stop):
        if start >= stop or stop > known_width(width):
            raise ValueError(
                f"columns {start} to {stop} are not there; the table has {width}."
            )
        return stop - start


class Concatenate(Operation):
    n_inputs = (2, ANY)
    in_place = True

    def run(self, *tables):
        return np.concatenate(tables, axis=1)

    def width(self, *widths):
        return sum(map(known_width, widths))


class Log(Operation):
    parameters = {"floor": check_positive}
    in_place = True

    def run(self, table, floor):
        return np.log(np.maximum(table, floor))

    def width(self, width, floor):
        return width

    def macs(self, width, floor):
        return 2 * width

    def stored(self, floor):
        return 0  # part of the code


def _single(table):
    """Numbers, or top-k probabilities, in single precision."""
    if isinstance(table, TopKProba):
        return TopKProba(table.classes, _single(table.proba), table.n_classes)
    largest = np.finfo(np.float32).max
    return np.clip(table, -largest, largest).astype(np.float32).astype(float)


class Apply(Operation):
    functions = {
        "complement": lambda table: 1 - table,
        "negative": np.negative,
        "sqrt": np.sqrt,
        "sigmoid": expit,
        "tanh": np.tanh,
        "relu": lambda table: np.maximum(table, 0),
        "single": _single,
    }
    parameters = {"function": one_of(*functions)}
    in_place = True

    def run(self, table, function):
        return self.functions[function](table)

    def width(self, width, function):
        return width

    def macs(self, width, function):
        special = {"single": 0, "sigmoid": 3 * width, "tanh": 3 * width}
        return special.get(function, width)

    def is_view(self, function):
        return function == "single"


class Scale(Operation):
    parameters = {"centre": finite(1), "scale": scales}
    in_place = True

    def run(self, table, centre, scale):
        return (table - centre) / scale

    def width(self, width, centre, scale):
        if len(centre) != len(scale):
            raise ValueError(
                f"centre and scale must be as long. Got {len(centre)} and {len(scale)}."
            )
        return same_width(width, len(scale), "scale")

    def macs(self, width, centre, scale):
        return 2 * width


class Affine(Operation):
    parameters = {"weight": finite(2), "bias": bias_or_none}

    def run(self, table, weight, bias):
        product = table @ weight
        if bias is not None:
            product += bias
        return product

    def width(self, width, weight, bias):
        same_width(width, len(weight), "weight")
        n_made = weight.shape[1]
        if bias is not None and len(bias) != n_made:
            raise ValueError(
                f"weight makes {n_made} columns. Got a bias of {len(bias)}."
            )
        return n_made

    def macs(self, width, weight, bias):
        return weight.size + np.size(bias) * (bias is not None)


class Combine(Operation):
    n_inputs = (2, 2)
    functions = {
        "add": np.add,
        "subtract": np.subtract,
        "cross_entropy": lambda one, other: -np.vecdot(one, other)[:, None],
    }
    parameters = {"function": one_of(*functions)}
    in_place = True

    def run(self, one, other, function):
        return self.functions[function](one, other)

    def width(self, one, other, function):
        widths = {known_width(one), known_width(other)}
        row_by_row = function == "cross_entropy"
        if len(widths if row_by_row else widths - {1}) > 1:
            raise ValueError(f"tables of {one} and {other} columns do not combine.")
        return 1 if row_by_row else max(widths)

    def macs(self, one, other, function):
        return max(one, other) + (function == "cross_entropy")


class Centre(Operation):
    in_place = True
    scratch = 1

    def run(self, table):
        # A product is several times faster than a mean over so few columns.
        return table - table @ _equal_shares(table.shape[1], table.dtype)

    def width(self, width):
        return width

    def macs(self, width):
        return 2 * width + 1


@lru_cache(maxsize=64)
def _equal_shares(n_columns, dtype):
    return np.full((n_columns, 1), 1 / n_columns, dtype=dtype)


def agreement(votes):
    """Share of the commonest value in each row, shape (n_samples, 1)."""
    votes = np.sort(votes, axis=1)
    run = np.ones(len(votes))
    longest = run.copy()
    for before, vote in zip(votes.T[:-1], votes.T[1:], strict=True):
        run = np.where(vote == before, run + 1, 1)
        np.maximum(longest, run, out=longest)
    return (longest / votes.shape[1])[:, None]


class Reduce(Operation):
    functions = {
        "max": lambda table: table.max(axis=1)[:, None],
        "min": lambda table: table.min(axis=1)[:, None],
        "norm2": lambda table: (table**2).sum(axis=1)[:, None],
        "entropy": lambda table: entropy(table)[:, None],
        "agreement": agreement,
    }
    parameters = {"function": one_of(*functions)}

    def run(self, table, function):
        return self.functions[function](table)

    def width(self, width, function):
        return 1

    def macs(self, width, function):
        if function in ("max", "min"):
            return width - 1
        # A logarithm and a product that is added up; a comparison for each two votes.
        special = {"entropy": 2 * width, "agreement": width * (width - 1) // 2 + 1}
        return special.get(function, width)


class Peak(Operation):
    parameters = {"order": lambda value, name: float(check_number(value, name, 1, 100))}
    scratch = 1

    def run(self, table, order):
        largest = table.max(axis=1)
        if table.shape[1] > 2:  # of two centred numbers the quotient is always the same
            norm = np.linalg.norm(table, ord=order, axis=1)
            nothing = np.zeros_like(largest)
            largest = np.divide(largest, norm, out=nothing, where=norm > 0)
        return largest[:, None]

    def width(self, width, order):
        return 1

    def macs(self, width, order):
        # To compare, to take a power (logarithm, exponential) and add it up.
        return 4 * width + 2


class LogSumExp(Operation):
    parameters = {"temperature": check_positive}
    scratch = 1

    def run(self, table, temperature):
        table = table.astype(float, copy=False)
        largest = table.max(axis=1, keepdims=True)
        total = np.exp((table - largest) / temperature).sum(axis=1, keepdims=True)
        return largest + temperature * np.log(total)

    def width(self, width, temperature):
        return 1

    def macs(self, width, temperature):
        # To compare, subtract and scale, an exponential added up; one logarithm.
        return 4 * width + 2


class Softmax(Operation):
    in_place = True
    scratch = 1

    def run(self, table):
        table = table.astype(float, copy=False)
        power = np.exp(table - table.max(axis=1, keepdims=True))
        power /= power.sum(axis=1, keepdims=True)
        return power

    def width(self, width):
        return width

    def macs(self, width):
        # To compare, subtract, take an exponential, add up and divide.
        return 5 * width


class Normalise(Operation):
    in_place = True
    scratch = 1

    def run(self, table):
        total = table.sum(axis=1, keepdims=True)
        shares = np.full_like(table, 1 / table.shape[1], dtype=float)
        return np.divide(table, total, out=shares, where=total != 0)

    def width(self, width):
        return width

    def macs(self, width):
        return 2 * width


class Pairs(Operation):
    def run(self, table):
        larger, smaller = np.triu_indices(table.shape[1], k=1)
        return table[:, larger] - table[:, smaller]

    def width(self, width):
        if known_width(width) == 1:
            raise ValueError("one column has no pairs.")
        return width * (width - 1) // 2

    def macs(self, width):
        return width * (width - 1) // 2


class ClassEffect(Operation):
    parameters = {"effects": finite(1)}
    takes_top_k = True

    def run(self, proba, effects):
        return effects[top_class(proba)][:, None]

    def width(self, width, effects):
        same_width(width, len(effects), "effects")
        return 1

    def macs(self, width, effects):
        return 1  # the base has found the class


class ClassRoots(Operation):
    parameters = {"effects": finite(1), "k": whole(1)}
    takes_top_k = True

    def run(self, proba, effects, k):
        return (roots_of_largest(proba, k) @ effects)[:, None]

    def width(self, width, effects, k):
        same_width(width, len(effects), "effects")
        return 1

    def macs(self, width, effects, k):
        k = min(k, width)
        find = k * width - k * (k + 1) // 2 if k < width else 0
        return find + 2 * k  # a root and a product of each

    def stored(self, effects, k):
        return len(effects)


class Constant(Operation):
    n_inputs = (0, 0)
    parameters = {"value": constant}

    def width(self, value):
        return 1
