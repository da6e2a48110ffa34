"""The numbers of a program in single precision, as C and its twin take them."""

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._c.functions import SMALLEST
from selective_query.routers.program import Step

single = np.float32
# Where infinity has a meaning: it leaves a column out, or ends every path.
MAY_BE_INFINITE = {"scale", "threshold", "value"}


def steps_in_single(steps):
    """The same steps with every number in single precision.

    Thresholds of trees are rounded down, so that a single-precision x is at most the
    threshold where it was before.

    Raises
    ------
    ExportError
        When a number is too large.
    """
    return [_in_single(place, *step) for place, step in enumerate(steps)]


def _in_single(place, op, inputs, parameters):
    made = {}
    for name, value in parameters.items():
        if name == "threshold":
            made[name] = rounded_down(value)
        elif name == "floor":
            made[name] = max(single(value), SMALLEST)
        elif isinstance(value, float) or getattr(value, "dtype", None) == np.float64:
            with np.errstate(over="ignore"):
                made[name] = np.asarray(value).astype(single)[()]
        else:
            made[name] = value
        _check_size(place, op, name, made[name])
    return Step(op, inputs, made)


def _check_size(place, op, name, value):
    is_float = getattr(value, "dtype", None) == single
    if is_float and name not in MAY_BE_INFINITE and not np.isfinite(value).all():
        raise ExportError(
            f"Step {place} ({op}): {name} holds a number too large for single "
            "precision, 3.4e38. Scale the inputs of the model or router, and fit it "
            "anew."
        )


def rounded_down(threshold):
    """The largest single-precision numbers that are no larger."""
    threshold = np.asarray(threshold, dtype=float)
    with np.errstate(over="ignore"):
        rounded = threshold.astype(single)
    below = np.nextafter(rounded, single(-np.inf))
    return np.where(rounded > threshold, below, rounded)


def kernel_rate(n_columns, width):
    """What a squared distance is multiplied by in the exponent of a kernel."""
    return single(-0.5 / (n_columns * float(width) ** 2))
