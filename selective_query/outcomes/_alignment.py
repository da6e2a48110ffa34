"""Align data frames: rows by id or index, class columns by name."""

import numpy as np
from sklearn.utils import _safe_indexing

from selective_query._utils.frames import (
    column_names,
    has_numbered_columns,
    is_numbered,
    select_columns,
)
from selective_query._utils.labels import check_labels, kind_of
from selective_query._utils.validation import count_rows
from selective_query.outcomes._tables import first_without_number

SHOWN = 5


def aligned(frames, *, classes=None, id=None, y=None, fields):
    """Arguments for Outcomes or Evidence, from frames of class probabilities.

    Parameters
    ----------
    frames : dict of str to DataFrame
        By parameter name: ``"base"``, whose rows set the order, and optionally
        ``"global_"``.
    classes : array-like of shape (n_classes,) or None
        None takes the column names, which must then be the same on both sides.
    id : str or None
        Column, or pandas index, that identifies the rows.
    y : str, array-like or None
    fields : dict of str to object
        Further parameters, as column names, frames, series or arrays.

    Returns
    -------
    dict of str to object

    Raises
    ------
    TypeError
        If a value that should be a frame is not one.
    ValueError
        If a row, column or class is missing or duplicated.
    """
    for name, frame in frames.items():
        _check_frame(frame, name)
    rows = _Rows(frames, id)
    given = {**fields, **({} if y is None else {"y": y})}
    spoken_for = {id, *(value for value in given.values() if isinstance(value, str))}
    made = {name: rows.column(value, name) for name, value in given.items()}
    sides = {
        name: [c for c in column_names(frame) if c not in spoken_for]
        for name, frame in frames.items()
    }
    if classes is None:
        classes = _common_classes(frames, sides, made.get("y"))
    elif id is None and len(frames) == 2:
        _check_unused_columns(frames, sides, classes, rows)
    for name, columns in sides.items():
        if columns:
            table = _class_table(frames[name], columns, classes, name)
            made[f"{name.rstrip('_')}_proba"] = rows.ordered(table, frames[name], name)
    if classes is not None:
        made["classes"] = classes
    if rows.id is not None:
        made.setdefault("id", rows.id)
    return made


def _check_frame(frame, name):
    names = column_names(frame)
    if names is None:
        raise TypeError(
            f"{name} must be a data frame of pandas or polars, or a table of pyarrow. "
            f"Got {type(frame).__name__}. Pass arrays to the class itself."
        )
    twice = sorted({str(n) for n in names if names.count(n) > 1})
    if twice:
        raise ValueError(
            f"{name} must give each column a name of its own. Got more than one of "
            f"{', '.join(twice)}."
        )


def column_of(frame, name):
    """A column of a frame as an array."""
    return np.asarray(frame[name])


class _Rows:
    """The rows of the base's frame, which set the order of all others."""

    def __init__(self, frames, id):
        self.frames, self.base, self.by = frames, frames["base"], id
        self.names = self._names(self.base, "base")
        self.id = self.names
        if id is None and self.names is not None:
            plain = not is_numbered(self.names) and self.names.nlevels == 1
            self.id = np.asarray(self.names) if plain else None

    def column(self, value, name):
        """A further part: a column by name, or rows reordered to match the base."""
        if isinstance(value, str):
            return self._named_column(value, name)
        if column_names(value) is None and not hasattr(value, "iloc"):
            return value
        if column_names(value) is None:
            if self.by is not None and not hasattr(self.base, "iloc"):
                raise ValueError(
                    f"{name} is a series, which cannot have the column {self.by!r} "
                    f"that names the rows. Pass {name}='COLUMN', or a frame with both."
                )
            order = _order(value.index, self._index_of_base(), name)
            return _safe_indexing(value.to_numpy(), order)
        _check_frame(value, name)
        columns = [c for c in column_names(value) if c != self.by]
        if name in ("X", "base_logits", "base_features"):
            return select_columns(self.ordered(value, value, name), columns)
        if len(columns) != 1:
            raise ValueError(
                f"{name} must have one column beside the id. Got "
                f"{', '.join(map(str, columns)) or 'none'}."
            )
        return self.ordered(column_of(value, columns[0]), value, name)

    def ordered(self, values, frame, name):
        """Reorder values that belong to the rows of a frame to match the base."""
        if frame is self.base:
            return values
        names = self._names(frame, name)
        mine = self.names
        if names is None or mine is None:
            if any(n is not None and self.by is None and not is_numbered(f.index)
                   for n, f in ((names, frame), (mine, self.base))):  # fmt: skip
                raise ValueError(
                    f"Only one of base and {name} names its rows, by an index. Pass "
                    "id= with a column that both have."
                )
            if count_rows(frame, name) != count_rows(self.base, "base"):
                raise ValueError(
                    f"base and {name} must have the same rows. Got "
                    f"{count_rows(self.base, 'base')} and {count_rows(frame, name)}. "
                    "Pass id= with a column that both have, to see which are missing."
                )
            return values
        return _safe_indexing(values, _order(names, mine, name))

    def _index_of_base(self):
        return self.base.index if hasattr(self.base, "iloc") else np.arange(
            count_rows(self.base, "base")
        )  # fmt: skip

    def _named_column(self, column, name):
        found = {
            side: self.ordered(column_of(frame, column), frame, side)
            for side, frame in self.frames.items()
            if column in column_names(frame)
        }
        if not found:
            raise ValueError(
                f"{name}={column!r} must be a column of base. It has "
                f"{_listed(column_names(self.base))}."
            )
        first, *others = found.values()
        for other in others:
            if not np.array_equal(first, other):
                row = int(np.argmin(first == other))
                raise ValueError(
                    f"{name}={column!r} is a column of base and of global_, and they "
                    f"differ: {first[row]!r} and {other[row]!r} in row {row} of base. "
                    "Drop it from one of them."
                )
        return first

    def _names(self, frame, name):
        if self.by is None:
            return frame.index if hasattr(frame, "iloc") else None
        if self.by in column_names(frame):
            return check_labels(column_of(frame, self.by), f"{name}[{self.by!r}]")
        if hasattr(frame, "iloc") and frame.index.name == self.by:
            return np.asarray(frame.index)
        raise ValueError(
            f"id={self.by!r} must be a column of every frame. {name} has "
            f"{_listed(column_names(frame))}."
        )


def _order(names, wanted, name):
    """Positions of the wanted rows among the names."""
    names, wanted = (np.asarray(rows) for rows in (names, wanted))
    if np.array_equal(names, wanted):
        return slice(None)
    if len(names) and len(wanted) and kind_of(names) != kind_of(wanted):
        raise ValueError(
            f"base and {name} must name their rows alike. Got {kind_of(wanted)} "
            f"({_listed(wanted)}) and {kind_of(names)} ({_listed(names)})."
        )
    place = _places(names.tolist(), name)
    known = _places(wanted.tolist(), "base")
    lacking = {
        name: [row for row in known if row not in place],
        "base": [row for row in place if row not in known],
    }
    if any(lacking.values()):
        raise ValueError(
            f"base and {name} must have the same rows: {_lacks(lacking)}. Keep those "
            "that both have, or pass to_numpy() of rows that are in one order."
        )
    return np.array([place[row] for row in known], dtype=int)


def _places(names, side):
    """Row numbers by name."""
    place = {row: i for i, row in enumerate(names)}
    if len(place) < len(names):
        twice = [row for i, row in enumerate(names) if place[row] != i]
        raise ValueError(
            f"{side} must name each row once. Got more than one of "
            f"{_listed(list(dict.fromkeys(twice)))}."
        )
    return place


def _lacks(lacking):
    """Describe what is missing on which side."""
    return "; ".join(
        f"{side} lacks {len(what)} ({_listed(what)})"
        for side, what in lacking.items()
        if what
    )


def _common_classes(frames, sides, y):
    """Labels that name the columns on all sides, or None if columns are unnamed."""
    sides = {name: columns for name, columns in sides.items() if columns}
    numbered = {name: has_numbered_columns(frames[name]) for name in sides}
    if all(numbered.values()):
        return None
    if any(numbered.values()):
        raise ValueError(
            "Only one of base and global_ has named columns. Name those of both by the "
            "classes, and pass id= where one of them names the rows."
        )
    (first, names), *others = sides.items()
    for other, columns in others:
        mine, theirs = (dict.fromkeys(map(str, c)) for c in (names, columns))
        lacking = {
            other: [c for c in mine if c not in theirs],
            first: [c for c in theirs if c not in mine],
        }
        if any(lacking.values()):
            raise ValueError(
                "base and global_ must have a column for each class: "
                f"{_lacks(lacking)}. Rename it, name a column that is no class by its "
                "parameter (y=, id=, X= ...), or pass classes= with all labels: a "
                "class without a column then gets probability zero, and other columns "
                "are left aside."
            )
    return labels_like(names, y)


def _check_unused_columns(frames, sides, classes, rows):
    """Refuse an unused column that identifies the rows if its order differs."""
    known = set(map(str, classes))
    for column in sides["base"]:
        if str(column) in known or column not in sides["global_"]:
            continue
        mine, other = (
            rows.ordered(column_of(frame, column), frame, name)
            for name, frame in frames.items()
        )
        if not (_may_name_rows(mine) and _may_name_rows(other)):
            continue
        differ = mine != other
        if differ.any() and set(mine.tolist()) & set(other.tolist()):
            row = int(np.argmax(differ))
            here, there = mine.tolist()[row], other.tolist()[row]
            raise ValueError(
                f"base and global_ must have their rows in one order where no id is "
                f"given. Their column {column!r} differs: {here!r} and "
                f"{there!r} in row {row}. Pass id={column!r} if it names the "
                "rows, or drop it from one of them."
            )


def _may_name_rows(values):
    names = values.tolist()
    whole = all(
        isinstance(name, str | int) or (isinstance(name, float) and name.is_integer())
        for name in names
    )
    return whole and len(set(names)) == len(names)


def labels_like(names, y):
    """Column names as labels; numbers in text form become numbers if y is numeric."""
    labels = np.array(names)
    if y is None or labels.dtype.kind != "U" or not len(y):
        return labels
    if kind_of(check_labels(y, "y")) != "numbers":
        return labels
    try:
        numbers = labels.astype(float)
    except ValueError:
        return labels
    return numbers.astype(int) if (numbers == numbers.astype(int)).all() else numbers


def _class_table(frame, columns, classes, name):
    """Probabilities with a column for each class; missing classes get zeros."""
    by_name = {str(column): column for column in columns}
    wanted = columns if classes is None else [by_name.get(str(c)) for c in classes]
    if classes is not None and has_numbered_columns(frame):
        wanted = columns
    if all(column is None for column in wanted):
        raise ValueError(
            f"{name} has no column of a class. Classes are {_listed(classes)}; it has "
            f"{_listed(column_names(frame))}."
        )
    none = np.zeros(count_rows(frame, name))
    parts = [none if c is None else column_of(frame, c) for c in wanted]
    for column, part in zip(wanted, parts, strict=True):
        if part.dtype.kind not in "fiu":
            row = first_without_number(part) or 0
            raise ValueError(
                f"{name} must hold probabilities in the columns of the classes. Got "
                f"{str(part[row])!r} in column {column!r}, row {row}. Name the classes "
                "by classes=, or this column by its parameter (y=, id=, X= ...)."
            )
    return np.column_stack(parts)


def _listed(names):
    shown = ", ".join(map(repr, np.asarray(names, dtype=object)[:SHOWN].tolist()))
    return shown + (", ..." if len(names) > SHOWN else "") or "none"
