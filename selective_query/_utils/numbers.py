"""Checks of numeric input, for single numbers and arrays."""

import math
from decimal import Decimal
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

# numpy counts durations as integers, and Python counts truth values.
NO_NUMBERS = bool, np.bool_, np.timedelta64
LARGEST = 1e150  # the product of two such numbers is still finite
# Words for numpy dtypes whose values are not real numbers.
STRANGE = {
    "M": "dates",
    "m": "durations",
    "c": "complex numbers",
    "U": "text",
    "S": "bytes",
    "T": "text",
    "V": "records",
}


def is_number(value):
    """Whether this is a real number, not a truth value or duration; NaN counts."""
    return isinstance(value, Real) and not isinstance(value, NO_NUMBERS)


def is_whole(value, least=0):
    """Whether this is a whole number of at least `least`, and not a truth value."""
    return is_number(value) and isinstance(value, Integral) and value >= least


def as_python(value):
    """Convert a numpy scalar, or an array without dimensions, to a Python number.

    Small numpy integers overflow when they are multiplied.
    """
    if isinstance(value, np.generic) or (type(value) is np.ndarray and not value.ndim):
        return value.item()
    return value


def check_number(
    value, name, low=0, high=math.inf, *, what="", hint="", or_infinite=False
):
    """Check a number against bounds, both inclusive.

    Parameters
    ----------
    value : object
    name : str
        For the message.
    low, high : float
    what : str, default=""
        What the number describes, for the message.
    hint : str, default=""
        What to do next.
    or_infinite : bool, default=False
        Whether infinity is allowed where `high` is infinite.

    Returns
    -------
    float or int
        As given; a numpy scalar is converted to Python.

    Raises
    ------
    ValueError
        If it is not a number, is NaN, or is out of bounds.
    """
    value = as_python(value)
    most = high if or_infinite else min(high, LARGEST)
    least = low if or_infinite else max(low, -LARGEST)
    if is_number(value) and least <= value <= most:
        return value
    if high < math.inf:
        allowed = f"a number in [{low:g}, {high:g}]"
    else:
        bound = f" >= {low:g}" if low > -math.inf else ""
        allowed = f"a {'' if or_infinite else 'finite '}number{bound}"
    if not hint and high == 1 and is_number(value) and 1 < value <= 100:
        hint = f"Did you mean {value / 100:g}?"
    meaning = f"{what}, " if what else ""
    raise ValueError(
        f"{name} must be {meaning}{allowed}. Got {value!r}. {hint}".rstrip()
    )


def check_whole(value, name, least=0, *, hint=""):
    """Return a whole number of at least `least` as an int, or raise a ValueError."""
    if not is_whole(value, least):
        raise ValueError(
            f"{name} must be a whole number >= {least}. Got {value!r}. {hint}".rstrip()
        )
    return int(value)


def check_positive(value, name, *, hint="", or_infinite=False):
    """Return a number above 0 as a float, or raise a ValueError."""
    value = as_python(value)
    if not (is_number(value) and 0 < value <= (math.inf if or_infinite else LARGEST)):
        finite = "" if or_infinite else "finite "
        raise ValueError(
            f"{name} must be a {finite}number above 0. Got {value!r}. {hint}".rstrip()
        )
    return float(value)


def check_probability(value, name, *, hint=""):
    """Return a number strictly between 0 and 1 as a float, or raise a ValueError."""
    if not (is_number(value) and 0 < value < 1):
        raise ValueError(
            f"{name} must be a number between 0 and 1, both excluded. Got {value!r}. "
            f"{hint}".rstrip()
        )
    return float(value)


def as_numbers(values, name):
    """Real numbers as an array in their own dtype; truth values count as 0 and 1.

    Parameters
    ----------
    values : array-like
    name : str
        For the message.

    Returns
    -------
    ndarray
        Of bool, integer or floating dtype; NaN and shapes are not checked.

    Raises
    ------
    ValueError
        If an entry is masked or missing, or not a real number: text, a date, complex.
    """
    if type(values) is not np.ndarray:
        refuse_masked(values, name)
        values = _array_of(values, name)
    kind = values.dtype.kind
    if kind == "O":
        return _from_objects(values, name)
    if kind in STRANGE:
        raise _no_numbers(name, STRANGE[kind])
    return values


def as_floats(values, name):
    """Real numbers as a single or double precision array, depending on their dtype."""
    numbers = as_numbers(values, name)
    if numbers.dtype in (np.float32, np.float64):
        return numbers
    return numbers.astype(np.float32 if numbers.dtype == np.float16 else np.float64)


def as_mask(values, name):
    """Truth values, or zeros and ones, as a bool array with one entry for each row."""
    column = as_column(values, name)
    if not ((column == 0) | (column == 1)).all():
        raise ValueError(f"{name} must be true or false for each row.")
    return column.astype(bool)


def check_amount(value, name):
    """Check one number >= 0, or an array of them, all finite; returned unchanged.

    Raises
    ------
    ValueError
    """
    if is_number(value):
        return check_number(value, name)
    check_finite(as_numbers(value, name).ravel(), name, 0, each="entry")
    return value


def as_column(values, name, each="row"):
    """Real numbers as a float array, one for each row."""
    column = as_numbers(values, name)
    if column.ndim != 1:
        raise ValueError(
            f"{name} must be one number for each {each}, of one dimension. Got shape "
            f"{column.shape}."
        )
    return column.astype(float, copy=False)


def check_finite(column, name, low=-LARGEST, *, each="point"):
    """Return the column, or raise a ValueError if a number is not finite or too low.

    Numbers so large that sums or products overflow count as infinite.
    """
    column = column.astype(float, copy=False)
    fits = (column >= low) & (column <= LARGEST)
    if not fits.all():
        place = int(fits.argmin())
        bound = f" >= {low:g}" if low > -LARGEST else ""
        raise ValueError(
            f"{name} must be a finite number{bound} at every {each}. Got "
            f"{column[place]:g} at {each} {place}. Leave out {each}s that were not "
            "measured or are not possible."
        )
    return column


def refuse_masked(values, name):
    """Raise a ValueError if any value is masked.

    numpy's own conversion drops the mask and reads the values beneath it as data.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} must be without masked values. Got {np.ma.count_masked(values)} "
            f"of {values.size} masked. Fill them in, or drop their rows everywhere."
        )


def random_state_of(random_state):
    """Return a RandomState for a seed, or raise a ValueError naming the parameter."""
    try:
        return check_random_state(random_state)
    except (TypeError, ValueError):
        raise ValueError(
            "random_state must be a whole number in [0, 2**32), a numpy RandomState, "
            f"or None. Got {random_state!r}."
        ) from None


def _array_of(values, name):
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        # Rows of unequal length, or a tensor on an accelerator or with a gradient.
        raise ValueError(
            f"{name} must be an array of numbers. Got {type(values).__name__}, and "
            f"numpy says: {error}."
        ) from None


def _from_objects(values, name):
    strange = [v for v in values.flat if not isinstance(v, (Real, Decimal, np.bool_))]
    if strange:
        raise _no_numbers(name, type(strange[0]).__name__)
    try:
        return values.astype(float)
    except OverflowError:
        raise _no_numbers(name, "a number beyond the range of floats") from None


def _no_numbers(name, got):
    return ValueError(
        f"{name} must be real numbers, none of them missing. Got {got}. Turn them "
        "into floats, or drop the rows without one."
    )


def usual_size(values):
    """Size of nearly all finite values, robust to outliers; 0 if there are none."""
    size = np.abs(values[np.isfinite(values)])
    return (np.quantile(size, 0.99) or size.max()) if len(size) else 0.0
