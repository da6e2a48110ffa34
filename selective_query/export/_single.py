"""Conversion to single precision, in which artefacts compute."""

import numpy as np

from selective_query.exceptions import ExportError


def single(values):
    """Convert numbers to single precision.

    Raises
    ------
    ExportError
        If a finite number is out of range.
    """
    values = np.asarray(values, dtype=float)
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    if (np.isinf(found) & np.isfinite(values)).any():
        raise ExportError(
            f"{np.abs(values[np.isfinite(values)]).max():g} is too large for single "
            "precision, in which artefacts compute. Scale the inputs of the model or "
            "router and refit it."
        )
    return found


def rounded_down(values):
    """Round down to single precision.

    A single-precision number is at most the result if and only if it is at most the
    original.
    """
    values = np.asarray(values, dtype=float)
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    below = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded > values, below, rounded)
