"""Data frames: match class columns by name and rows by index.

Nothing here imports pandas, polars or pyarrow; only methods of the frame are used.
"""

import numpy as np


def column_names(values):
    """Column names of a data frame, or None for other objects."""
    if hasattr(values, "iloc") or not hasattr(values, "column_names"):
        names = getattr(values, "columns", None)
    else:
        names = values.column_names  # pyarrow, where columns holds the values
    return None if names is None else list(names)


def select_columns(frame, names):
    """Select columns of a frame by name."""
    return frame[names] if hasattr(frame, "iloc") else frame.select(names)


def has_numbered_columns(frame):
    """Whether a frame's column names are the automatic ones."""
    if hasattr(frame, "iloc"):
        return is_numbered(frame.columns)
    names = column_names(frame)
    return names == [f"column_{i}" for i in range(len(names))]  # polars


def is_numbered(index):
    """Whether an index is the automatic one of pandas."""
    return type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1


def class_columns(values, labels, name):
    """Put the columns in the order of the labels, if they have names.

    Automatic column names do not count; such columns go by position.

    Parameters
    ----------
    values : array-like of shape (n_samples, n_classes)
    labels : array-like of shape (n_classes,) or None
        None if only the number of classes is known.
    name : str
        For the message.

    Returns
    -------
    array-like of shape (n_samples, n_classes)
        The values themselves if they are not a frame.

    Raises
    ------
    ValueError
        If the names are not those of the labels.
    """
    names = column_names(values)
    if names is None or has_numbered_columns(values):
        return values
    names = [str(column) for column in names]
    wanted = [str(label) for label in (range(len(names)) if labels is None else labels)]
    if sorted(names) != sorted(wanted) or len(set(names)) < len(names):
        cure = (
            "No classes were given: pass classes= with the label of each column"
            if labels is None
            else f"These are {np.asarray(labels)[:10].tolist()}: rename the columns, "
            "or pass to_numpy() if they are in this order"
        )
        raise ValueError(
            f"{name} has columns named {names[:10]}, which must be the labels of the "
            f"classes. {cure}."
        )
    return np.asarray(values)[:, [names.index(label) for label in wanted]]


def refuse_other_index(parts):
    """Raise if frames or series have different indexes.

    Parameters
    ----------
    parts : iterable of (str, object)
        Names and values; values without an index go by position.

    Raises
    ------
    ValueError
        The message names the first two that differ.
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
    """Raise if answers about X are a frame or series with another index than X.

    Automatic indexes do not count; such rows go by position.

    Raises
    ------
    ValueError
        The message names the answers.
    """
    if not hasattr(answers, "iloc") or is_numbered(answers.index):
        return
    if not (hasattr(X, "iloc") and answers.index.equals(X.index)):
        raise ValueError(
            f"{name} has another index than X, so its rows may stand in another order. "
            f"Got {list(answers.index[:3])} .... Return the rows in the order of X, as "
            "an array or with the index of X."
        )
