"""What every metric takes: scores, utilities and weights, checked."""

import numpy as np


def check_rows(score, base_utility, global_utility=None, sample_weight=None):
    """Scores, utilities of the base, gains of a query and weights, checked.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means query first.
    base_utility, global_utility : array-like of shape (n_samples,)
        In [0, 1]; without a global utility a query counts as right.
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    score, base, gain : ndarray of shape (n_samples,)
        Base and gain are of one byte each where all utilities are 0 or 1.
    weight : ndarray of shape (n_samples,) or None

    Raises
    ------
    ValueError
        When shapes differ, there are no rows, a score is NaN, a utility lies outside
        [0, 1] or weights are negative or all zero.
    """
    score = np.asarray(score)
    if score.dtype.kind != "f":
        score = score.astype(float)
    base = check_utility(base_utility, "base_utility")
    if global_utility is None:
        query = np.ones_like(base)
    else:
        query = check_utility(global_utility, "global_utility")
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
    shapes = [a.shape for a in (score, base, query, weight) if a is not None]
    if len(set(shapes)) > 1 or score.ndim != 1:
        raise ValueError(
            "score, utilities and sample_weight must be of the same shape "
            f"(n_samples,). Got {', '.join(map(str, shapes))}."
        )
    if not len(score):
        raise ValueError("There are no rows. Give at least one.")
    if weight is not None and (not (weight >= 0).all() or not weight.any()):
        raise ValueError(
            "sample_weight must be numbers >= 0 that are not all zero. Got values from "
            f"{weight.min():.4g} to {weight.max():.4g}."
        )
    if np.isnan(score).any():
        row = int(np.flatnonzero(np.isnan(score))[0])
        raise ValueError(
            f"score holds NaN, first in row {row}. A router must rank every row; use "
            "minus infinity for rows that are never to be queried."
        )
    return score, base, query - base, weight


def check_utility(values, name):
    """Utilities as an array, of one byte each where all are 0 or 1.

    Parameters
    ----------
    values : array-like of shape (n_samples,)
        In [0, 1].
    name : str
        For the message.

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        When one lies outside [0, 1].
    """
    values = np.asarray(values)
    right = values == 1
    if (right | (values == 0)).all():
        # Right or wrong is the usual case; a byte a row makes sorting by the score
        # and summing as cheap as they can be, and sums of integers are exact.
        return right.view(np.int8)
    values = values.astype(float)
    if not ((values >= 0) & (values <= 1 + 1e-9)).all():
        raise ValueError(
            f"{name} must lie in [0, 1], without NaN: 1 for a right answer, 0 for "
            f"a wrong one. Got {values.min():.4g} to {values.max():.4g}."
        )
    return values


def check_share(value, name, meaning):
    """An array of shares in [0, 1], or a ValueError that says what is meant.

    Parameters
    ----------
    value : float or array-like
    name, meaning : str
        For the message: the parameter, and the share of what it is.

    Returns
    -------
    ndarray
    """
    value = np.asarray(value, dtype=float)
    if not ((value >= 0) & (value <= 1)).all():
        raise ValueError(f"{name} must be {meaning}, in [0, 1]. Got {value}.")
    return value
