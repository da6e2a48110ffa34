"""Right and wrong answers sorted by the rows' scores, without an argsort."""

import numpy as np

_MAGNITUDE = np.int64(2**63 - 1)  # all bits of a float64 but its sign


def sort_outcomes(score, base, gain):
    """Outcomes in rising order of their scores, and where tie groups end.

    Sorting values is several times cheaper than finding the order that sorts them. So
    each score is turned into a whole number of the same rank, whether base and global
    are right is put into two bits under it, and the numbers are sorted.

    Parameters
    ----------
    score : ndarray of shape (n_samples,)
        Floating point, without NaN.
    base, gain : ndarray of shape (n_samples,)
        Utility of the base's answer, and what a query adds to it.

    Returns
    -------
    base, gain : ndarray of shape (n_samples,), int8
    at_end : ndarray of shape (n_samples,), bool
        Whether a row is the last of its tie group.

    None is returned instead where outcomes do not fit two bits, utilities being graded,
    or two bits are not to be had: the largest magnitude of a score is more than about
    2 ** 500 times the least that is not zero, or a score is longer than 64 bits.
    """
    if base.dtype != np.int8 or gain.dtype != np.int8 or score.dtype.itemsize > 8:
        return None
    bits = score.astype(np.float64, copy=False).view(np.int64)
    # The bits of a positive float, read as a whole number, rank as the float does.
    key = bits & _MAGNITUDE
    least = key.min(where=key > 0, initial=_MAGNITUDE)
    if int(key.max()) - int(least) >= 2**61 - 1:
        return None
    # Counted from the least, the numbers leave their upper bits free; zero stays zero.
    key -= least - 1
    np.maximum(key, 0, out=key)
    np.negative(key, out=key, where=bits < 0)
    key <<= 2
    key |= 2 * base + (base + gain)
    key.sort()
    right = key.astype(np.int8) & 3
    key >>= 2
    base = right >> 1
    return base, (right & 1) - base, np.append(key[1:] != key[:-1], True)
