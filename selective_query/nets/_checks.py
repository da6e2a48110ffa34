"""Checks of what nets are made of."""

from math import inf
from numbers import Integral, Real


def check_whole(least=1, **values):
    """Refuse what is no whole number, or too small a one.

    Parameters
    ----------
    least : int, default=1
    **values
        By the name of the parameter.

    Raises
    ------
    ValueError
        Which names the parameter.
    """
    for name, value in values.items():
        if not _is_whole(value, least):
            raise ValueError(
                f"{name} must be a whole number >= {least}. Got {value!r}."
            )


def check_wholes(**values):
    """Refuse what is no sequence of whole numbers >= 1, at least one of them."""
    for name, entries in values.items():
        is_sequence = hasattr(entries, "__len__") and not isinstance(entries, str)
        if not (is_sequence and len(entries) and all(map(_is_whole, entries))):
            raise ValueError(
                f"{name} must be one or more whole numbers >= 1, such as (16, 32). "
                f"Got {entries!r}."
            )


def check_factor(**values):
    """Refuse what is no positive, finite number."""
    for name, value in values.items():
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if not (is_number and 0 < value < inf):
            raise ValueError(
                f"{name} must be a positive number, such as 0.5. Got {value!r}."
            )


def _is_whole(value, least=1):
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    return is_whole and value >= least
