"""Data frames: columns that stand for classes go by their names, rows by their index.

Nothing here imports pandas or polars: a frame brings what it can do.
"""

import numpy as np


def class_columns(values, labels, name):
    """The columns in the order of the labels, where they have names.

    Columns that a frame numbered by itself have none, and go by position.

    Parameters
    ----------
    values : array-like of shape (n_samples, n_classes)
    labels : array-like of shape (n_classes,) or None
        None where nothing is known of them but that they are numbered.
    name : str
        For the message.

    Returns
    -------
    array-like of shape (n_samples, n_classes)
        The values themselves where they are no frame.

    Raises
    ------
    ValueError
        When the names are not those of the labels.
    """
    if not hasattr(values, "columns") or _are_numbered(values.columns):
        return values
    names = [str(column) for column in values.columns]
    wanted = [str(label) for label in (range(len(names)) if labels is None else labels)]
    if sorted(names) != sorted(wanted) or len(set(names)) < len(names):
        cure = (
            "What is given here does not know them: pass frame[labels].to_numpy(), "
            "with the labels in the order of the classes"
            if labels is None
            else f"These are {np.asarray(labels)[:10].tolist()}: rename the columns, "
            "or pass to_numpy() if they are in this order"
        )
        raise ValueError(
            f"{name} has columns of the names {names[:10]}, which must be the labels "
            f"of the classes. {cure}."
        )
    return np.asarray(values)[:, [names.index(label) for label in wanted]]


def _are_numbered(columns):
    if type(columns).__name__ == "RangeIndex":  # of pandas
        return columns.start == 0 and columns.step == 1
    return list(columns) == [f"column_{i}" for i in range(len(columns))]  # of polars


def refuse_other_index(parts):
    """Raise where rows of frames or series are indexed otherwise.

    Parameters
    ----------
    parts : iterable of (str, object)
        Names and values; what has no index goes by position.

    Raises
    ------
    ValueError
        Which names the first two that differ.
    """
    indexed = [(name, part.index) for name, part in parts if hasattr(part, "iloc")]
    for name, index in indexed[1:]:
        first_name, first = indexed[0]
        if not index.equals(first):
            raise ValueError(
                f"{name} and {first_name} must have the same index, so that a row of "
                f"one is that of the other. Got {list(index[:3])} ... and "
                f"{list(first[:3])} .... Use {name}.loc[{first_name}.index], or pass "
                "to_numpy() if the rows are in the same order."
            )


def refuse_moved_rows(answers, X, name):
    """Raise where answers about X are a frame or series with another index than X has.

    One that they numbered by themselves goes by position.

    Raises
    ------
    ValueError
        Which names the answers.
    """
    if not hasattr(answers, "iloc") or _are_numbered(answers.index):
        return
    if not (hasattr(X, "iloc") and answers.index.equals(X.index)):
        raise ValueError(
            f"{name} has another index than X, so its rows may stand in another order. "
            f"Got {list(answers.index[:3])} .... Return the rows in the order of X, as "
            "an array or with the index of X."
        )
