"""What commands print: text for people, JSON for programs."""

import json
from dataclasses import fields, is_dataclass
from math import isfinite

import numpy as np


def show(args, text, found):
    """Print text, or with --json what was found.

    Parameters
    ----------
    args : Namespace
    text : object
    found : object
        Of dicts, lists, dataclasses, arrays, numbers and text; all else as text.
    """
    print(json.dumps(as_json(found)) if args.json else text)


def as_json(value):
    """A value as JSON knows it."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): as_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(part) for part in value]
    return str(value)


def fields_of(found, *left_out):
    """The fields of a dataclass by name, but for some."""
    if not is_dataclass(found):
        return found
    names = (field.name for field in fields(found))
    return {name: getattr(found, name) for name in names if name not in left_out}
