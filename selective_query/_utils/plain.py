"""Figures as strict JSON."""

from math import isfinite

import numpy as np


def as_json(value):
    """Convert a value to strict JSON.

    Parameters
    ----------
    value : object
        Made of dicts, sequences, arrays, numbers and text; anything else becomes text.

    Returns
    -------
    dict, list, str, int, float, bool or None
        Numbers that are not finite become None, because JSON cannot express them.
    """
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
