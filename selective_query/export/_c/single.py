"""Convert the numbers of a program to single precision, for C and its twin."""

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._c.functions import SMALLEST
from selective_query.export._single import rounded_down, single
from selective_query.routers.program import Step

# Parameters that may be infinite: an infinite scale drops a column.
MAY_BE_INFINITE = {"scale"}


def steps_in_single(steps):
    """Round every number in the steps to single precision.

    Thresholds of trees are rounded down, so that comparisons with single-precision
    numbers keep their results.

    Raises
    ------
    ExportError
        If a number is too large.
    """
    return [_in_single(place, *step) for place, step in enumerate(steps)]


def _in_single(place, op, inputs, parameters):
    made = {}
    for name, value in parameters.items():
        if name == "threshold":
            made[name] = rounded_down(value)
        elif name == "floor":
            made[name] = max(np.float32(value), SMALLEST)
        elif name in MAY_BE_INFINITE:
            with np.errstate(over="ignore"):
                made[name] = np.asarray(value).astype(np.float32)
        elif isinstance(value, float) or getattr(value, "dtype", None) == np.float64:
            made[name] = _finite(value, f"Step {place} ({op}): {name}")
        else:
            made[name] = value
    return Step(op, inputs, made)


def _finite(value, where):
    try:
        return single(value)[()]
    except ExportError as error:
        raise ExportError(f"{where}: {error}") from None


def kernel_rate(n_columns, width):
    """Return the factor of the squared distance in the exponent of a kernel."""
    return np.float32(-0.5 / (n_columns * float(width) ** 2))
