"""Class labels: text, bytes or numbers, never a mix."""

import numpy as np
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.validation import column_or_1d

from selective_query._utils.numbers import refuse_masked
from selective_query._utils.validation import check_weights, refuse_other_length

KINDS = {"U": "text", "T": "text", "S": "bytes", "M": "dates", "m": "durations"}


def check_labels(values, name):
    """Return `values` as an array of labels that can be compared with each other.

    Raises
    ------
    ValueError
        If text and numbers are mixed, an entry is masked or missing, or the values are
        not labels.
    """
    refuse_masked(values, name)
    try:
        labels = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{name} must be an array of labels. Got {type(values).__name__}, of which "
            f"numpy says: {error}."
        ) from None
    if labels.dtype.kind in "cV" or not (labels.ndim or labels.dtype.kind != "O"):
        got = f"dtype {labels.dtype}" if labels.ndim else type(values).__name__
        complex_ = "Complex data not supported: " if labels.dtype.kind == "c" else ""
        raise ValueError(
            f"{complex_}{name} should be a 1d array of labels, text or numbers. Got "
            f"{got}. Turn them into text or whole numbers."
        )
    refuse_missing(labels, name)
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


def labelled_rows(X, y, sample_weight, *, may_vanish=False):
    """Sliceable rows, their labels, and their weights or None, all checked.

    With `may_vanish`, all weights may be zero, as in one chunk of several.

    Raises
    ------
    ValueError
        If lengths differ, an entry is masked, a label is missing or a weight is
        invalid.
    """
    refuse_masked(X, "X")
    (X,) = indexable(X)
    y = label_column(y)
    refuse_other_length(y, "y", X)
    if sample_weight is not None:
        sample_weight = check_weights(sample_weight, len(y), may_vanish=may_vanish)
    return X, y, sample_weight


def pick_rows(rows, X, y, weight):
    """Select rows, with their labels and weights; the weights may be None."""
    return _safe_indexing(X, rows), y[rows], None if weight is None else weight[rows]


def label_column(y, name="y"):
    """Labels as an array with one entry for each row, none masked or missing.

    Raises
    ------
    ValueError
    """
    return column_or_1d(check_labels(y, name), warn=True)


def kind_of(labels):
    """Kind of labels: text, bytes, dates or numbers. Different kinds never match."""
    first = labels.flat[0] if labels.dtype.kind == "O" and labels.size else labels
    if isinstance(first, str):
        return "text"
    if isinstance(first, bytes):
        return "bytes"
    return KINDS.get(labels.dtype.kind, "numbers")


def refuse_missing(labels, name):
    """Raise if a row has no label: None, NaN, NaT, or the NA of pandas.

    Raises
    ------
    ValueError
        The message names the first such row.
    """
    if labels.dtype.kind == "f":
        missing = np.isnan(labels)
    elif labels.dtype.kind in "mM":
        missing = np.isnat(labels)
    elif labels.dtype.kind == "O":
        missing = np.fromiter(map(_is_missing, labels.flat), bool, labels.size)
    else:
        return
    if missing.any():
        row = int(missing.argmax())
        raise ValueError(
            f"{name} must hold a label for each row. Got {labels.flat[row]} in row "
            f"{row}. Drop the rows without one."
        )


def _is_missing(label):
    try:
        return label is None or bool(label != label)
    except TypeError:  # comparing pandas' NA gives NA, which has no truth value
        return True


def check_truth(y, classes):
    """True labels that can be compared with answers among `classes`.

    Labels that are not among the classes are allowed: no answer equals them.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If a label is missing, or of another kind than the classes.
    """
    if len(y) and kind_of(y) != kind_of(classes):
        raise ValueError(
            f"y must hold labels of the kind of the classes, {kind_of(classes)} "
            f"({classes[:3].tolist()}), or no answer is ever right. Got {kind_of(y)} "
            f"({y[:3].tolist()}). Map one to the other."
        )
    return y
