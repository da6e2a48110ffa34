"""Budgets, costs, operating points and calibration rows as plain data, and back."""

from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import get_args, get_origin

import numpy as np
from sklearn.utils import check_random_state

from selective_query import budgets, costs
from selective_query._utils.numbers import as_column, check_finite, is_number
from selective_query.budgets._columns import RowColumns
from selective_query.budgets.base import Budget
from selective_query.budgets.combined import All, Mixed

# Deepest case: a combined budget with costs of a device that has sources, seven levels.
MAX_DEPTH = 20
SCORES = {
    "score": np.ndarray,
    "weight": np.ndarray,
    "exact": bool,
    "shift": tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None,
    "fold": np.ndarray,
}


@cache
def _types():
    """Dataclasses of budgets and costs that plain data may contain, by name."""
    exported = [getattr(room, n) for room in (budgets, costs) for n in room.__all__]
    kinds = [kind for kind in exported if isinstance(kind, type) and is_dataclass(kind)]
    return {kind.__name__: kind for kind in [*kinds, RowColumns]}


def to_plain(value):
    """Convert a value to dicts, lists, numbers, text, None and arrays.

    Raises
    ------
    TypeError
        If a part is of another type, such as a class or function of the user's.
    """
    kind = type(value)
    if isinstance(value, np.generic):
        return value.item()
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is np.ndarray and value.dtype.kind in "biufU":
        return value
    if kind in (tuple, list):
        return [to_plain(part) for part in value]
    if kind is dict and all(isinstance(name, str) for name in value):
        return {"type": "dict", **{f".{n}": to_plain(v) for n, v in value.items()}}
    if kind in (All, Mixed):
        seed = {"seed": to_plain(value.seed)} if kind is Mixed else {}
        return {"type": kind.__name__, "budgets": to_plain(value.parts), **seed}
    if kind is budgets.CalibrationScores:
        return {"type": kind.__name__, **to_plain_fields(value.given)}
    if _types().get(kind.__name__) is kind:
        given = {f.name: getattr(value, f.name) for f in fields(kind) if f.init}
        return {"type": kind.__name__, **to_plain_fields(given)}
    raise TypeError(
        f"{kind.__module__}.{kind.__qualname__} is not plain data: {value!r:.60}"
    )


def to_plain_fields(given):
    """Convert the values of a dict to plain data."""
    return {name: to_plain(value) for name, value in given.items()}


def from_plain(plain, kind=object, depth=0):
    """Rebuild the value that plain data represent.

    Lists become tuples. Every object must match the annotation of the field that it
    fills, and checks its own fields.

    Parameters
    ----------
    plain : object
    kind : type, union or tuple of types, default=object
        The required type, in the form of an annotation.

    Raises
    ------
    ValueError
        If a type is unknown, a field is missing, unknown or refuses its value, or a
        value has the wrong type.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"its parts are nested more than {MAX_DEPTH} deep")
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    made = plain
    if isinstance(plain, list):
        made = _tuple(plain, kinds, depth)
    elif isinstance(plain, dict):
        made = _made(plain, kinds, depth)
    if not any(_is_a(made, one) for one in kinds):
        wanted = " or ".join(getattr(one, "__name__", str(one)) for one in kinds)
        raise ValueError(f"{wanted} is expected here. Got {type(made).__name__}.")
    return made


def _is_a(value, kind):
    if kind is object:
        return not isinstance(value, (np.ndarray, dict))
    if kind in (int, float):
        # An int beyond the range of floats cannot be compared with one.
        return is_number(value) and (
            kind is int or isinstance(value, float) or abs(value) < 2**63
        )
    return isinstance(value, get_origin(kind) or kind)


def _tuple(plain, kinds, depth):
    of_tuples = (get_args(one) for one in kinds if get_origin(one) is tuple)
    parts = next(of_tuples, (object, ...))
    if parts[-1] is ...:
        parts = parts[:1] * len(plain)
    if len(parts) != len(plain):
        raise ValueError(f"{len(parts)} values are expected here. Got {len(plain)}.")
    pairs = zip(plain, parts, strict=True)
    return tuple(from_plain(value, part, depth + 1) for value, part in pairs)


def _fields(name):
    """The constructor of the type with this name, and the types of its fields."""
    parts = {"budgets": tuple[Budget | float, ...]}
    if name == "All":
        return lambda budgets: All(*budgets), All, parts
    if name == "Mixed":
        wanted = {**parts, "seed": int}
        return lambda budgets, seed: Mixed(*budgets, seed=seed), Mixed, wanted
    if name == "CalibrationScores":
        kind = budgets.CalibrationScores
        return kind, kind, SCORES
    kind = _types()[name]
    return kind, kind, {f.name: f.type for f in fields(kind) if f.init}


def _made(plain, kinds, depth):
    name = plain.get("type")
    given = {field: value for field, value in plain.items() if field != "type"}
    if name == "dict":
        return {
            field.removeprefix("."): from_plain(value, depth=depth + 1)
            for field, value in given.items()
        }
    try:
        make, made, wanted = _fields(name)
    except (KeyError, TypeError):
        raise ValueError(f"it holds a {name!r}, which is unknown here") from None
    # Building sorts the rows, so the type is checked first.
    is_cost = name in costs.__all__ and getattr(costs, name) is made
    if not any(is_cost if kind is object else _is_below(made, kind) for kind in kinds):
        raise ValueError(f"it holds a {name} in the wrong place")
    try:
        return make(
            **{
                field: from_plain(value, wanted[field], depth + 1)
                for field, value in given.items()
            }
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its {name} is damaged ({error})") from error


def _is_below(made, kind):
    return (
        isinstance(kind, type) and get_origin(kind) is None and issubclass(made, kind)
    )


def checked_parts(data, what, format_, names):
    """Check that plain data of one object have exactly the parts of their format.

    Raises
    ------
    ValueError
        If they do not.
    """
    if not isinstance(data, dict) or data.get("format") != format_:
        raise ValueError(
            f"{what} must be a dict of format {format_}, as to_dict writes it. Got "
            f"{data.get('format') if isinstance(data, dict) else data!r:.60}. Write it "
            "anew with this version of selective_query."
        )
    if data.keys() != {"format", *names}:
        raise ValueError(
            f"{what} must have the parts {', '.join(names)}. Got "
            f"{', '.join(map(str, data))[:200]}."
        )
    return data


def check_rows(calibration):
    """Raise a ValueError if the parts of a calibration describe different rows."""
    given = calibration.scores.given
    n_rows = len(given["score"])
    columns = [given["weight"], given["fold"]]
    columns += [] if calibration.judged is None else [calibration.judged.score]
    columns += [column for _, _, column in calibration.columns.kept]
    shift = given["shift"] or [np.zeros(0)] * 4
    inside = all(
        0 <= row < n_rows for row in (shift[2].min(initial=0), shift[2].max(initial=0))
    )
    if {np.shape(column) for column in columns} != {(n_rows,)} or not (
        inside and len({np.shape(part) for part in shift}) == 1
    ):
        raise ValueError("The calibration rows of a policy do not belong together.")
    if (
        calibration.judged is not None
        and (calibration.judged.weight != given["weight"]).any()
    ):
        raise ValueError("The calibration rows of a policy have two weights each.")
    for rows in filter(None, (calibration.judged, calibration.ordering)):
        utilities = np.concatenate([rows.base_utility, rows.query_utility])
        if utilities.max(initial=0) > 1:
            raise ValueError("Utilities of calibration rows must be at most 1.")
    if given["shift"] and not all(part.dtype.kind == "i" for part in shift[2:]):
        raise ValueError("shift must name rows and fits by whole numbers.")
    if not calibration.scores.n:
        raise ValueError("There are no calibration rows of positive weight.")
    check_random_state(calibration.seed)
    for kind, _, column in calibration.columns.kept:
        if kind != "GroupCoverage":  # group labels may be text
            check_finite(as_column(column, kind), kind, 0, each="row")
