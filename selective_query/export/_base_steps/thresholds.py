"""Fold a monotonic transformation of inputs into thresholds, exactly."""

import numpy as np

_LARGEST = int(np.float64(np.finfo(float).max).view(np.int64))


def largest_at_most(seen, thresholds):
    """Return the largest numbers that a function maps to at most a threshold.

    ``x <= found`` is then equivalent to ``seen(x) <= threshold`` for every x.

    Parameters
    ----------
    seen : callable
        Non-decreasing function of an array with one number per threshold.
    thresholds : ndarray of shape (n_thresholds,)

    Returns
    -------
    ndarray of shape (n_thresholds,)
        Infinite if all numbers, or none, satisfy the threshold.
    """
    # Ordered floats correspond to consecutive integers: bisect those.
    low = np.full(len(thresholds), -_LARGEST - 1)
    high = np.full(len(thresholds), _LARGEST)
    with np.errstate(over="ignore"):
        while (low < high).any():
            # Midpoint, rounded up, without overflow.
            middle = low // 2 + high // 2 + (low % 2 + high % 2 + 1) // 2
            is_at_most = (seen(_number(middle)) <= thresholds) | (middle == low)
            low = np.where(is_at_most, middle, low)
            high = np.where(is_at_most, high, middle - 1)
    found = _number(low)
    found[low == _LARGEST] = np.inf
    return found


def _number(place):
    """Return the float at a position in the order of all floats."""
    size = np.abs(place).view(np.float64)
    return np.where(place < 0, -size, size)
