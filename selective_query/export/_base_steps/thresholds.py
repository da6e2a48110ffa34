"""Thresholds that mean in single precision what they mean where a model was fitted."""

import numpy as np

_LARGEST = int(np.float32(np.finfo(np.float32).max).view(np.int32))


def largest_at_most(seen, thresholds):
    """The largest numbers of single precision that come out at most as a threshold.

    ``x <= found`` is then ``seen(x) <= threshold`` for every x of single precision.

    Parameters
    ----------
    seen : callable
        What becomes of float32 numbers, one for each threshold; never falling.
    thresholds : ndarray of shape (n_thresholds,)

    Returns
    -------
    ndarray of shape (n_thresholds,)
        Infinite where all numbers, or none, are at most the threshold.
    """
    # Numbers of single precision in their order, by whole numbers: bisect those.
    low = np.full(len(thresholds), -_LARGEST - 1, dtype=np.int64)
    high = np.full(len(thresholds), _LARGEST, dtype=np.int64)
    with np.errstate(over="ignore"):
        while (low < high).any():
            middle = -((-low - high) // 2)
            is_at_most = (seen(_number(middle)) <= thresholds) | (middle == low)
            low = np.where(is_at_most, middle, low)
            high = np.where(is_at_most, high, middle - 1)
    found = _number(low).astype(float)
    found[low == _LARGEST] = np.inf
    return found


def _number(place):
    """The float32 number at a place of their order, minus infinity before all."""
    size = np.abs(place).astype(np.int32).view(np.float32)
    return np.where(place < 0, -size, size).astype(np.float32)
