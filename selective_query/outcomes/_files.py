"""Read Outcomes or Evidence from npz, CSV or parquet files, and write them."""

from dataclasses import fields
from difflib import get_close_matches

import numpy as np

from selective_query._utils.frames import column_names
from selective_query.outcomes._alignment import labels_like
from selective_query.outcomes._archives import read_npz
from selective_query.outcomes._tables import (
    DELIMITERS,
    GZIP,
    PARQUET,
    TABLES,
    as_labels,
    numbers_of,
    opened_source,
    read_table,
    suffix_of,
    write_table,
)
from selective_query.outcomes.probabilities import TopKProba

BY_CLASS = ("base_proba", "base_logits", "global_proba")
# Fields with one table column for each array column: NAME_LABEL or NAME_NUMBER.
WIDE = (*BY_CLASS, "base_features", "X")
LABELS = ("id", "y", "base_pred", "global_pred", "group", "fold")
NUMBERS = (
    "base_utility", "global_utility", "local_only", "query_cost", "sample_weight",
)  # fmt: skip
FIELDS = (*WIDE, *LABELS, *NUMBERS, "classes")
TRUTH = {"true": 1, "false": 0}


def is_table(source):
    """Whether a file is CSV or parquet; otherwise it should be npz."""
    with opened_source(source) as file:
        start = file.read(4)
    if start[:2] in (b"PK", b"\x93N"):
        return False
    suffix = suffix_of(getattr(source, "name", source))
    return (
        start == PARQUET
        or start.startswith(GZIP)
        or suffix in ("", ".txt", *DELIMITERS)
    )


def read_predictions(source, kind, *, classes=None, y=None, id=None):
    """Read Outcomes, or only the Evidence in them, from a file.

    Parameters
    ----------
    source : path-like or binary file
    kind : {Outcomes, Evidence}
    classes : array-like of shape (n_classes,) or None
        Order of the columns. An npz file without classes is assumed to be in this
        order.
    y, id : str or None
        Names of the table columns for these fields, if they differ from the field
        names.

    Returns
    -------
    Outcomes or Evidence

    Raises
    ------
    ValueError
        If the file has another format, unknown names or malformed contents.
    """
    table = is_table(source)
    if not table and (y is not None or id is not None):
        raise ValueError(
            f"y= and id= name columns of a table. {source} is an npz file, whose keys "
            "say what they are: leave them out."
        )
    if table:
        parts = _read_columns(source, classes, {"y": y, "id": id})
    else:
        parts = _read_arrays(source)
        if classes is not None:
            parts = _reordered(parts, np.asarray(classes), source)
    wanted = {field.name for field in fields(kind)}
    try:
        return kind(**{name: parts[name] for name in parts.keys() & wanted})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{source}: {error}") from error


def _read_arrays(path):
    try:
        arrays = read_npz(path)
    except ValueError as error:
        raise ValueError(
            f"{error} Write it with numpy.savez(path, base_proba=..., "
            "global_proba=..., y=...)."
        ) from error
    return _joined(arrays, path)


def _reordered(parts, classes, path):
    """Arrays with a column for each class, in the order of the given classes."""
    own = parts.get("classes", classes)
    if np.array_equal(own, classes):
        return {**parts, "classes": classes}
    wide = {name: parts[name] for name in BY_CLASS if name in parts}
    known = sorted(map(str, own.tolist())) == sorted(map(str, classes.tolist()))
    if not known or any(np.ndim(part) != 2 for part in wide.values()):
        raise ValueError(
            f"{path} must have the classes {classes[:10].tolist()}, of which it has "
            f"arrays or top-k probabilities in this order. Got {own[:10].tolist()}."
        )
    place = {str(label): j for j, label in enumerate(own.tolist())}
    order = [place[str(label)] for label in classes.tolist()]
    moved = {name: part[:, order] for name, part in wide.items()}
    return {**parts, **moved, "classes": classes}


def _read_columns(path, classes, renamed):
    renamed = {new: old for new, old in renamed.items() if old is not None}
    table = read_table(path, {*LABELS, *renamed.values()})
    called = {old: new for new, old in renamed.items()}
    missing = called.keys() - set(column_names(table))
    if missing:
        raise ValueError(
            f"{path} has no column {sorted(missing)[0]!r}. It has "
            f"{', '.join(column_names(table))}."
        )
    parts, wide = {}, {}
    for column in column_names(table):
        name = called.get(column, column)
        field = next((w for w in WIDE if name.startswith(f"{w}_")), None)
        if name in LABELS or name == "X":
            parts[name] = np.asarray(table[column])
        elif name in NUMBERS:
            parts[name] = _numbers(table, column, path)
        elif field is not None:
            label = name.removeprefix(f"{field}_")
            wide.setdefault(field, {})[label] = _numbers(table, column, path)
        else:
            _refuse_column(name, path)
    for field, columns in wide.items():
        parts[field] = np.column_stack(list(columns.values()))
    return {**parts, **_in_order(wide, classes, parts.get("y"), path)}


def _numbers(table, column, path):
    cells = np.asarray(table[column])
    if cells.dtype == object and all(str(c).lower() in TRUTH for c in cells):
        return np.array([TRUTH[str(c).lower()] for c in cells])
    return numbers_of(table, column, path)


def _refuse_column(name, path):
    close = get_close_matches(name, (*LABELS, *NUMBERS, *WIDE), n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(
        f"{path} has the column {name!r}, which is none of {', '.join(LABELS)}, "
        f"{', '.join(NUMBERS)}, X, nor of those that begin with "
        f"{', '.join(f'{w}_' for w in WIDE)}.{hint} Drop it, or give a table for each "
        "side, with columns named by the classes."
    )


def _in_order(wide, classes, y, path):
    """Columns that stand for classes, in one order, and the classes."""
    sides = {name: columns for name, columns in wide.items() if name in BY_CLASS}
    if not sides:
        return {} if classes is None else {"classes": classes}
    if classes is None:
        names = list(next(iter(sides.values())))
        labels = as_labels(names) if y is None else labels_like(names, y)
        classes = np.array(labels.tolist())
    wanted = [str(label) for label in np.asarray(classes).tolist()]
    made = {}
    for name, columns in sides.items():
        if columns.keys() != set(wanted):
            lacking = [label for label in wanted if label not in columns]
            more = [label for label in columns if label not in wanted]
            raise ValueError(
                f"{path} must have a column of {name} for each class. Missing: "
                f"{', '.join(lacking) or 'none'}; not among the classes: "
                f"{', '.join(more) or 'none'}. Classes are {', '.join(wanted[:10])}."
            )
        made[name] = np.column_stack([columns[label] for label in wanted])
    return {**made, "classes": classes}


def write_predictions(path, known):
    """Write evidence or outcomes to an npz, CSV or parquet file.

    Parameters
    ----------
    path : path-like
        Its suffix determines the format; anything but a table suffix means npz, under
        exactly this name.
    known : Evidence or Outcomes

    Raises
    ------
    ValueError
        If a part cannot be written in the format.
    ImportError
        If it is a parquet file and pyarrow is not installed.
    """
    given = ((field.name, getattr(known, field.name)) for field in fields(known))
    derived = known._derived_fields()
    parts = {n: part for n, part in given if part is not None and n not in derived}
    if suffix_of(path) in TABLES:
        write_table(path, _columns(parts))
    else:
        arrays = _arrays(parts)
        with open(path, "wb") as file:
            np.savez(file, **arrays)


def _columns(parts):
    classes = parts.pop("classes", None)
    columns = {}
    for name, part in parts.items():
        if isinstance(part, TopKProba):
            raise ValueError(
                f"{name} holds only the largest of {part.n_classes} probabilities, "
                "which a table cannot hold. Write an npz file."
            )
        part = plain_array(name, part)
        if part.ndim == 1:
            columns[name] = part
            continue
        labels = range(part.shape[1])
        if name in BY_CLASS and classes is not None:
            labels = classes.tolist()
        columns |= {f"{name}_{v}": part[:, j] for j, v in enumerate(labels)}
    return columns


def _arrays(parts):
    arrays = {}
    for name, part in parts.items():
        if isinstance(part, TopKProba):
            side = name.removesuffix("_proba")
            arrays[f"{side}_topk_classes"] = part.classes
            arrays[f"{side}_topk_proba"] = part.proba
            arrays["n_classes"] = part.n_classes
        else:
            arrays[name] = plain_array(name, part)
    return arrays


def plain_array(name, part):
    """An array of numbers or text, as a file can store it."""
    array = np.asarray(part)
    if array.dtype == object and array.ndim:
        array = np.array(array.tolist())
    if array.dtype.kind not in "biufUSMm" or array.ndim not in (1, 2):
        raise ValueError(
            f"{name} must be numbers or text, in one or two dimensions, to be written. "
            f"Got {type(part).__name__} of dtype {array.dtype}. Leave it out: "
            f"dataclasses.replace(outcomes, {name}=None)."
        )
    return array


def _joined(arrays, path):
    """Arrays by parameter, with top-k triples combined into TopKProba."""
    n_classes = _pop_n_classes(arrays, path)
    for side in ("base", "global"):
        _join_topk(arrays, side, n_classes, path)
    for key in arrays:
        if key not in FIELDS:
            close = get_close_matches(key, FIELDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"{path} has the key {key!r}, which is not one of "
                f"{', '.join(sorted(FIELDS))}.{hint}"
            )
    return arrays


def _pop_n_classes(arrays, path):
    if "n_classes" not in arrays:
        return None
    if not any("_topk_" in key for key in arrays):
        raise ValueError(
            f"{path}: n_classes belongs to top-k probabilities (base_topk_classes and "
            "base_topk_proba, or the same of the global). Got n_classes without them; "
            "leave it out, or add them."
        )
    n_classes = arrays.pop("n_classes")
    if n_classes.shape or n_classes.dtype.kind not in "iu":
        raise ValueError(
            f"{path}: n_classes must be one whole number. Got {n_classes.tolist()!r}. "
            "Write numpy.savez(path, n_classes=1000, ...)."
        )
    return int(n_classes)


def _join_topk(arrays, side, n_classes, path):
    names = f"{side}_topk_classes", f"{side}_topk_proba"
    present = [name for name in names if name in arrays]
    if not present:
        return
    if len(present) < 2 or n_classes is None:
        raise ValueError(
            f"{path}: top-k probabilities need the three keys {names[0]}, {names[1]} "
            f"and n_classes. Got only {', '.join(present)}"
            + (" and n_classes." if n_classes is not None else ".")
        )
    if f"{side}_proba" in arrays:
        raise ValueError(
            f"{path}: the {side}'s probabilities must be given once. Got {side}_proba "
            f"and {side}_topk_proba; leave one of them out."
        )
    classes, proba = (arrays.pop(name) for name in names)
    try:
        arrays[f"{side}_proba"] = TopKProba(classes, proba, n_classes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
