"""Areas and crossings of piecewise linear curves."""

import numpy as np

# Points that are processed together: the data fit into the cache, no temporary array
# grows with the curve, and numpy's dot product stays in one thread.
RUN = 1 << 13

# A risk of 0.3, computed as 1 - 0.7, is slightly above 0.3.
ROUNDING = 1e-12


def sum_over_runs(area, *columns):
    """Sum of ``area(*columns)`` over consecutive runs of points that share their ends.

    Parameters
    ----------
    area : callable
        Maps a run of each column to the area between its ends.
    *columns : ndarray of shape (n_points,)

    Returns
    -------
    float
    """
    n_segments = len(columns[0]) - 1
    return sum(
        float(area(*(column[i : i + RUN + 1] for column in columns)))
        for i in range(0, n_segments, RUN)
    )


def area_under_lines(x, y):
    """Integral of y over x, both of shape (n_points,), with x increasing."""
    return sum_over_runs(lambda x, y: np.diff(x) @ (y[1:] + y[:-1]) / 2, x, y)


def area_under_ratio(x, y):
    r"""Integral of y / x over x, where y, not the ratio, is linear between points.

    .. math:: \int \frac{y}{x}\,dx = [y \ln x] - \int \ln x \,dy

    Parameters
    ----------
    x : ndarray of shape (n_points,)
        Increasing, >= 0.
    y : ndarray of shape (n_points,)
        0 where x is 0.

    Returns
    -------
    float
    """
    start = y[0] * np.log(x[0]) if x[0] > 0 else 0.0
    end = y[-1] * np.log(x[-1]) if x[-1] > 0 else 0.0
    return float(end - start) - sum_over_runs(_log_against_y, x, y)


def _log_against_y(x, y):
    step = np.diff(x)
    # The integral of ln x; it tends to 0 as x does.
    primitive = x * np.log(np.maximum(x, np.finfo(float).tiny)) - x
    mean_log = np.divide(
        np.diff(primitive), step, out=np.zeros_like(step), where=step > 0
    )
    return np.diff(y) @ mean_log


def last_not_above_zero(x, y):
    """The largest x at which y is at most zero; nan if there is none.

    Parameters
    ----------
    x : ndarray of shape (n_points,)
        Increasing.
    y : ndarray of shape (n_points,)
        Linear between points.

    Returns
    -------
    float
    """
    fits = y <= ROUNDING
    last = len(y) - 1 - int(np.argmax(fits[::-1]))
    if not fits[last]:
        return float("nan")
    if last == len(y) - 1:
        return float(x[last])
    below = max(-y[last], 0.0)
    return float(x[last] + below / (below + y[last + 1]) * (x[last + 1] - x[last]))
