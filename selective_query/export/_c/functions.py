"""Exponential and logarithm in single precision, bit-identical to sq_ops.c."""

import numpy as np

LN2_HIGH = np.float32(float.fromhex("0x1.62ep-1"))
LN2_LOW = np.float32(float.fromhex("0x1.0bfbe8p-15"))
PER_LN2 = np.float32(float.fromhex("0x1.715476p+0"))
ROOT_2 = np.float32(float.fromhex("0x1.6a09e6p+0"))
EXP_TERMS = [np.float32(1) / np.float32(n) for n in (5040, 720, 120, 24, 6, 2, 1, 1)]
LOG_TERMS = [np.float32(2) / np.float32(n) for n in (11, 9, 7, 5, 3)]
SMALLEST, LARGEST = np.finfo(np.float32).tiny, np.finfo(np.float32).max
HALF, ONE = np.float32(0.5), np.float32(1)


def exp(x):
    """Exponential; 0 below -87 and infinite above 88.

    Parameters
    ----------
    x : ndarray of float32

    Returns
    -------
    ndarray of float32
    """
    inside = np.clip(x, np.float32(-87), np.float32(88))
    scaled = inside * PER_LN2
    n = np.trunc(np.where(scaled < 0, scaled - HALF, scaled + HALF)).astype(np.int32)
    whole = n.astype(np.float32)
    r = (inside - whole * LN2_HIGH) - whole * LN2_LOW
    power = ((n + 127) << 23).astype(np.int32).view(np.float32)
    result = _polynomial(EXP_TERMS, r) * power
    return np.where(
        x < -87, np.float32(0), np.where(x > 88, np.float32(np.inf), result)
    )


def log(x):
    """Natural logarithm of positive numbers, at least the smallest normal one.

    Parameters
    ----------
    x : ndarray of float32

    Returns
    -------
    ndarray of float32
    """
    bits = np.ascontiguousarray(x).view(np.int32)
    n = (bits >> 23) - 127
    m = ((bits & 0x7FFFFF) | 0x3F800000).view(np.float32)
    is_large = m > ROOT_2
    m = np.where(is_large, m * HALF, m)
    whole = (n + is_large).astype(np.float32)
    s = (m - ONE) / (m + ONE)
    z = s * s
    tail = _polynomial(LOG_TERMS, z) * z * s + whole * LN2_LOW
    result = whole * LN2_HIGH + (np.float32(2) * s + tail)
    return np.where(x <= LARGEST, result, x)


def power(x, order):
    """Raise numbers in [0, 1] to a power of at least 1."""
    if order != int(order):
        safe = np.maximum(x, SMALLEST)
        return np.where(x < SMALLEST, np.float32(0), exp(np.float32(order) * log(safe)))
    product = x
    for _ in range(int(order) - 1):
        product = product * x
    return product


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return ONE / (ONE + exp(-x))


def _polynomial(terms, x):
    """Evaluate a polynomial by Horner's method, highest power first."""
    total = np.full_like(x, terms[0])
    for term in terms[1:]:
        total = total * x + term
    return total
