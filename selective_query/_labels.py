"""Class labels: text, bytes or numbers, never a mixture."""

import numpy as np


def check_labels(values, name):
    """Return `values` as an array of labels that can be compared with each other.

    Raises
    ------
    ValueError
        When text and numbers are mixed.
    """
    labels = np.asarray(values)
    if labels.dtype.kind == "O":
        try:
            np.unique(labels)
        except TypeError:
            kinds = sorted({type(label).__name__ for label in labels.flat})
            raise ValueError(
                f"{name} must hold labels of one kind, all text or all numbers. Got a "
                f"mixture of {', '.join(kinds)}. Convert it, for example with "
                "numpy.asarray(labels, dtype=str)."
            ) from None
    return labels


def kind_of(labels):
    """Text, bytes or numbers: labels of two kinds are never equal."""
    first = labels.flat[0] if labels.dtype.kind == "O" and labels.size else labels
    if isinstance(first, str) or labels.dtype.kind in "UT":
        return "text"
    if isinstance(first, bytes) or labels.dtype.kind == "S":
        return "bytes"
    return "numbers"
