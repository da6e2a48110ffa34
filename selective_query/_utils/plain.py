"""Figures as JSON knows them."""

from math import isfinite

import numpy as np


def as_json(value):
    """A value as strict JSON knows it.

    Parameters
    ----------
    value : object
        Of dicts, sequences, arrays, numbers and text; all else becomes text.

    Returns
    -------
    dict, list, str, int, float, bool or None
        None in place of a number that is not finite: JSON has none for it.
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
