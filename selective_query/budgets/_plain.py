"""Budgets, costs, operating points and calibration rows as plain data, and back."""

from dataclasses import fields, is_dataclass
from functools import cache

import numpy as np

from selective_query import budgets, costs
from selective_query.budgets._columns import RowColumns
from selective_query.budgets.combined import All, Mixed

# A budget of parts, of which one has costs with a device that has sources: seven deep.
MAX_DEPTH = 20


@cache
def _types():
    """What plain data may be made into: dataclasses of budgets and costs, by name."""
    exported = [getattr(room, n) for room in (budgets, costs) for n in room.__all__]
    kinds = [kind for kind in exported if isinstance(kind, type) and is_dataclass(kind)]
    return {kind.__name__: kind for kind in [*kinds, RowColumns]}


def to_plain(value):
    """A value as dicts, lists, numbers, text, None and arrays.

    Raises
    ------
    TypeError
        When a part is of another type: a class or function of one's own.
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
        seed = {"seed": value.seed} if kind is Mixed else {}
        return {"type": kind.__name__, "budgets": to_plain(value.parts), **seed}
    if kind is budgets.CalibrationScores:
        return {"type": kind.__name__, **to_plain_fields(value.given)}
    if _types().get(kind.__name__) is kind:
        given = {f.name: getattr(value, f.name) for f in fields(kind) if f.init}
        return {"type": kind.__name__, **to_plain_fields(given)}
    raise TypeError(
        f"{kind.__module__}.{kind.__qualname__} is no plain data: {value!r:.60}"
    )


def to_plain_fields(given):
    """The values of a dict as plain data."""
    return {name: to_plain(value) for name, value in given.items()}


def from_plain(plain, kind=object, depth=0):
    """The value that plain data stand for.

    Lists become tuples. Whatever is made checks its own fields.

    Parameters
    ----------
    plain : object
    kind : type or tuple of type, default=object
        What it must be.

    Raises
    ------
    ValueError
        When a type is not known, lacks a field, has one too many or refuses its value,
        or the whole is of another kind.
    """
    made = _made(plain, depth)
    if not isinstance(made, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        raise ValueError(
            f"{' or '.join(k.__name__ for k in kinds)} is wanted here. Got "
            f"{type(made).__name__}."
        )
    return made


def _made(plain, depth):
    if depth > MAX_DEPTH:
        raise ValueError(f"its parts lie more than {MAX_DEPTH} deep in one another")
    if isinstance(plain, list):
        return tuple(from_plain(part, depth=depth + 1) for part in plain)
    if not isinstance(plain, dict):
        return plain
    name = plain.get("type")
    given = {
        field: from_plain(value, depth=depth + 1)
        for field, value in plain.items()
        if field != "type"
    }
    if name == "dict":
        return {field.removeprefix("."): value for field, value in given.items()}
    try:
        if name in ("All", "Mixed"):
            return {"All": All, "Mixed": Mixed}[name](*given.pop("budgets"), **given)
        if name == "CalibrationScores":
            return budgets.CalibrationScores(**given)
        if isinstance(name, str) and name in _types():
            return _types()[name](**given)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its {name} is damaged ({error})") from error
    raise ValueError(f"it holds a {name!r}, which nothing here reads")


def checked_parts(data, what, format_, names):
    """Plain data of one object, once it has the parts of its format and no others.

    Raises
    ------
    ValueError
        When it has not.
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
