"""Data frames: columns that stand for classes go by their names, rows by their index.

Nothing here imports pandas, polars or pyarrow: a frame brings what it can do.
"""

import numpy as np


def column_names(values):
    """Names of the columns of a data frame, None of what is no frame."""
    if hasattr(values, "iloc") or not hasattr(values, "column_names"):
        names = getattr(values, "columns", None)
    else:
        names = values.column_names  # of pyarrow, whose columns are the values
    return None if names is None else list(names)


def select_columns(frame, names):
    """A frame of some of the columns."""
    return frame[names] if hasattr(frame, "iloc") else frame.select(names)


def has_numbered_columns(frame):
    """Whether a frame has named its columns by itself."""
    if hasattr(frame, "iloc"):
        return is_numbered(frame.columns)
    names = column_names(frame)
    return names == [f"column_{i}" for i in range(len(names))]  # of polars


def is_numbered(index):
    """Whether this is an index that pandas has counted by itself."""
    return type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1


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
            f"{name} has columns of the names {names[:10]}, which must be the labels "
            f"of the classes. {cure}."
        )
    return np.asarray(values)[:, [names.index(label) for label in wanted]]


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
    if not hasattr(answers, "iloc") or is_numbered(answers.index):
        return
    if not (hasattr(X, "iloc") and answers.index.equals(X.index)):
        raise ValueError(
            f"{name} has another index than X, so its rows may stand in another order. "
            f"Got {list(answers.index[:3])} .... Return the rows in the order of X, as "
            "an array or with the index of X."
        )
