"""Checks of the input that all metrics share: scores, utilities and weights."""

import numpy as np

from selective_query._utils.numbers import (
    as_column,
    as_numbers,
    check_finite,
    is_number,
)
from selective_query._utils.validation import check_weights

KEPT = "the share of inputs that the base answers"


def check_rows(
    score,
    base_utility,
    global_utility=None,
    sample_weight=None,
    *,
    may_vanish=False,
    name="score",
):
    """Check scores, utilities and weights; compute the benefits of a query.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means query first.
    base_utility, global_utility : array-like of shape (n_samples,)
        In [0, 1]; without a global utility a query counts as right.
    sample_weight : array-like of shape (n_samples,), optional
    may_vanish : bool, default=False
        Whether all weights may be zero.
    name : str, default="score"
        Name of the scores, for the message.

    Returns
    -------
    score, base, benefit : ndarray of shape (n_samples,)
        Base and benefit take one byte each if all utilities are 0 or 1.
    weight : ndarray of shape (n_samples,) or None

    Raises
    ------
    ValueError
        If shapes differ, there are no rows, a score is NaN, a utility lies outside [0,
        1], weights are negative or all zero, or an entry is masked or not a number.
    """
    score = as_numbers(score, name)
    if score.dtype.kind != "f":
        score = score.astype(float)
    base = check_utility(base_utility, "base_utility")
    if global_utility is None:
        query = np.ones_like(base)
    else:
        query = check_utility(global_utility, "global_utility")
    if not score.shape == base.shape == query.shape or score.ndim != 1:
        raise ValueError(
            f"{name}, base_utility and global_utility must be of the same shape "
            f"(n_samples,). Got {score.shape}, {base.shape} and {query.shape}."
        )
    if not len(score):
        raise ValueError("There are no rows. Give at least one.")
    weight = None
    if sample_weight is not None:
        weight = check_weights(sample_weight, len(score), may_vanish=may_vanish)
    refuse_nan(score, name)
    return score, base, query - base, weight


def check_scores(score, name, n_rows):
    """Check a router's scores: floats, one for each row, none of them NaN.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
    name : str
        For the message.
    n_rows : int

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
    """
    score = as_numbers(score, name)
    if score.shape != (n_rows,):
        raise ValueError(
            f"{name} must be one number for each of the {n_rows} rows, what "
            f"router.query_score(evidence) returns. Got shape {score.shape}."
        )
    refuse_nan(score, name)
    return score.astype(float, copy=False)


def refuse_nan(score, name):
    """Raise a ValueError if a score is NaN."""
    if np.isnan(score).any():
        row = int(np.flatnonzero(np.isnan(score))[0])
        raise ValueError(
            f"{name} holds NaN, first in row {row}. A router must rank every row; use "
            "minus infinity for rows that are never to be queried."
        )


def check_utility(values, name):
    """Check utilities, and return an array, of one-byte integers if all are 0 or 1.

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
        If one lies outside [0, 1], is masked or not a number.
    """
    values = as_numbers(values, name)
    right = values == 1
    if (right | (values == 0)).all():
        # Right or wrong is the usual case. One byte per row makes sorting by the score
        # and summing as cheap as possible, and sums of integers are exact.
        return right.view(np.int8)
    values = values.astype(float)
    if not ((values >= 0) & (values <= 1 + 1e-9)).all():
        raise ValueError(
            f"{name} must lie in [0, 1], without NaN: 1 for a right answer, 0 for "
            f"a wrong one. Got {values.min():.4g} to {values.max():.4g}."
        )
    return values


def check_share(value, name, meaning):
    """Return an array of shares in [0, 1], or raise a ValueError that explains them.

    Parameters
    ----------
    value : float or array-like
    name, meaning : str
        For the message: the name of the parameter, and what it is a share of.

    Returns
    -------
    ndarray
    """
    if is_number(value) and 0 <= value <= 1:
        return np.asarray(value, dtype=float)
    value = as_numbers(value, name).astype(float)
    if not ((value >= 0) & (value <= 1)).all():
        raise ValueError(f"{name} must be {meaning}, in [0, 1]. Got {value}.")
    return value


def check_points(**columns):
    """Check two columns of finite numbers, one for each point.

    Parameters
    ----------
    **columns : array-like of shape (n_points,)
        By name.

    Returns
    -------
    list of ndarray of shape (n_points,)

    Raises
    ------
    ValueError
        If one is masked, missing, infinite or not a number, or shapes differ.
    """
    found = [
        check_finite(as_column(v, name, "point"), name) for name, v in columns.items()
    ]
    if len({len(column) for column in found}) > 1:
        shapes = " and ".join(str(column.shape) for column in found)
        raise ValueError(
            f"{' and '.join(columns)} must be one number for each point, of the same "
            f"shape (n_points,). Got shapes {shapes}."
        )
    return found
