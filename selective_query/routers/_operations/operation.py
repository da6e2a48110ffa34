"""The interface of an operation, and checks of its parameters."""

from math import isnan

import numpy as np

from selective_query._utils.numbers import LARGEST, check_whole, is_number

ANY = 2**31


class Operation:
    """One kind of step. Subclasses implement `run`, `width` and `macs`.

    Attributes
    ----------
    n_inputs : tuple of int
        Minimum and maximum number of input tables.
    parameters : dict of str to callable
        Check for each parameter read from a file: ``check(value, name)`` returns it.
    takes_top_k : bool
        Whether top-k probabilities are accepted.
    in_place : bool
        Whether its output may overwrite an input table of the same width.
    scratch : int
        Amount of extra memory needed, in numbers.
    """

    n_inputs = (1, 1)
    parameters = {}
    takes_top_k = False
    in_place = False
    scratch = 0

    def run(self, table, **parameters):
        """Output table, shape (n_samples, n_columns)."""
        raise NotImplementedError

    def width(self, width, **parameters):
        """Number of output columns, or None if that of an input table is unknown."""
        raise NotImplementedError

    def macs(self, *widths, **parameters):
        """Multiply-accumulates per row, given the widths of the input tables."""
        return 0

    def stored(self, **parameters):
        """How many numbers must be stored."""
        numbers = (np.ndarray, float)
        return sum(np.size(v) for v in parameters.values() if isinstance(v, numbers))

    def is_view(self, **parameters):
        """Whether its output takes no memory of its own in single precision."""
        return False


def one_of(*allowed):
    def check(value, name):
        if not isinstance(value, str) or value not in allowed:
            shown = repr(value)[:60] if isinstance(value, str) else type(value).__name__
            raise ValueError(
                f"{name} must be one of {', '.join(allowed)}. Got {shown}."
            )
        return value

    return check


def whole(least):
    return lambda value, name: check_whole(value, name, least)


def width_or_none(value, name):
    return None if value is None else check_whole(value, name, 1)


def constant(value, name):
    as_float = is_number(value) and (isinstance(value, float) or abs(value) <= LARGEST)
    if not as_float or isnan(value):
        raise ValueError(f"{name} must be a number, perhaps infinite. Got {value!r}.")
    return float(value)


def array_of(kinds, n_dimensions):
    def check(value, name):
        if (
            type(value) is not np.ndarray
            or value.dtype.kind not in kinds
            or value.ndim != n_dimensions
        ):
            got = f"{type(value).__name__}"
            if isinstance(value, np.ndarray):
                got = f"dtype {value.dtype} and shape {value.shape}"
            what = "whole numbers" if kinds == "iu" else "numbers"
            raise ValueError(
                f"{name} must be an array of {what}, of {n_dimensions} dimensions. "
                f"Got {got}."
            )
        if not value.size:
            raise ValueError(f"{name} must not be empty.")
        return value.astype(np.intp if kinds == "iu" else float)

    return check


def finite(n_dimensions):
    as_array = array_of("fiu", n_dimensions)

    def check(value, name):
        value = as_array(value, name)
        if not (np.abs(value) <= LARGEST).all():
            raise ValueError(f"{name} must be finite, {LARGEST:g} at most in size.")
        return value

    return check


def bias_or_none(value, name):
    return None if value is None else finite(1)(value, name)


def scales(value, name):
    value = array_of("fiu", 1)(value, name)
    if not (value > 0).all():
        raise ValueError(f"{name} must be above 0; infinite leaves a column out.")
    return value


def thresholds(value, name):
    value = array_of("fiu", 1)(value, name)
    if np.isnan(value).any():
        raise ValueError(f"{name} must not hold NaN.")
    return value


def known_width(width):
    """Return the width, or raise a ValueError if it depends on the evidence."""
    if width is None:
        raise ValueError("it needs a table of known width.")
    return width


def same_width(width, known, name):
    """Return the width, which must match that of an array."""
    if known_width(width) != known:
        raise ValueError(f"{name} is for {known} columns. The table has {width}.")
    return width
