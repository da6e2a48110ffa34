"""Thresholds on a table that mean what others mean on what becomes of it."""

import numpy as np

_LARGEST = int(np.float64(np.finfo(float).max).view(np.int64))


def largest_at_most(seen, thresholds):
    """The largest numbers that come out at most as a threshold.

    ``x <= found`` is then ``seen(x) <= threshold`` for every x.

    Parameters
    ----------
    seen : callable
        What becomes of numbers, one for each threshold; never falling.
    thresholds : ndarray of shape (n_thresholds,)

    Returns
    -------
    ndarray of shape (n_thresholds,)
        Infinite where all numbers, or none, are at most the threshold.
    """
    # Numbers in their order are whole numbers: bisect those.
    low = np.full(len(thresholds), -_LARGEST - 1)
    high = np.full(len(thresholds), _LARGEST)
    with np.errstate(over="ignore"):
        while (low < high).any():
            # Half the way up, without a sum that is too large.
            middle = low // 2 + high // 2 + (low % 2 + high % 2 + 1) // 2
            is_at_most = (seen(_number(middle)) <= thresholds) | (middle == low)
            low = np.where(is_at_most, middle, low)
            high = np.where(is_at_most, high, middle - 1)
    found = _number(low)
    found[low == _LARGEST] = np.inf
    return found


def _number(place):
    """The number at a place of their order, minus infinity before all."""
    size = np.abs(place).view(np.float64)
    return np.where(place < 0, -size, size)
