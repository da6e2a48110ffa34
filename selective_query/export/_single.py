"""Numbers in single precision, in which artefacts compute."""

import numpy as np

from selective_query.exceptions import ExportError


def single(values):
    """Numbers in single precision.

    Raises
    ------
    ExportError
        When a finite one is beyond it.
    """
    values = np.asarray(values, dtype=float)
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    if (np.isinf(found) & np.isfinite(values)).any():
        raise ExportError(
            f"{np.abs(values[np.isfinite(values)]).max():g} is too large for single "
            "precision, in which artefacts compute. Scale the inputs of the model or "
            "router, and fit it anew."
        )
    return found


def rounded_down(values):
    """The largest numbers of single precision that are no larger than these.

    A number of single precision is at most the one where it is at most the other.
    """
    values = np.asarray(values, dtype=float)
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    below = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded > values, below, rounded)
