"""The best of several points of cost and quality, with and without mixing them."""

import numpy as np

from selective_query._utils.numbers import as_column, check_finite
from selective_query.metrics._inputs import check_points
from selective_query.metrics._integrals import area_under_lines

_RUN = 1 << 16  # number of points whose hull is computed at once, within the cache


def pareto_front(cost, accuracy):
    """Whether each point is on the Pareto front: no other point dominates it.

    Parameters
    ----------
    cost : array-like of shape (n_points,)
        In any unit; less is better.
    accuracy : array-like of shape (n_points,)
        In any unit; more is better.

    Returns
    -------
    ndarray of shape (n_points,), bool
        A point is dominated if another is at least as accurate at no higher cost, and
        better in one of the two. Points that are equal in both share the result.

    Raises
    ------
    ValueError
        If shapes differ, or a number is NaN or infinite.

    Examples
    --------
    >>> from selective_query.metrics import pareto_front
    >>> pareto_front(cost=[1, 2, 2, 3], accuracy=[0.6, 0.7, 0.8, 0.8])
    array([ True, False,  True, False])
    """
    cost, accuracy = check_points(cost=cost, accuracy=accuracy)
    if not len(cost):
        return np.zeros(0, dtype=bool)
    levels, level = np.unique(cost, return_inverse=True)
    best = np.full(len(levels), -np.inf)
    np.maximum.at(best, level, accuracy)
    best_of_cheaper = np.append(-np.inf, np.maximum.accumulate(best)[:-1])
    return (accuracy > best_of_cheaper[level]) & (accuracy == best[level])


def hull_area(cost, quality, *, cost_range=None):
    r"""Mean quality over a range of costs, under the non-decreasing concave hull.

    The average improvement in quality (AIQ) of RouterBench:

    .. math:: \frac{1}{c_{max} - c_{min}} \int_{c_{min}}^{c_{max}} \hat q(c)\,dc

    where :math:`\hat q(c)` is the best expected quality of any random mixture of
    operating points with a mean cost of at most c.

    Parameters
    ----------
    cost : array-like of shape (n_points,)
        Cost of each operating point of one system, in any unit.
    quality : array-like of shape (n_points,)
        Its quality, in any unit.
    cost_range : tuple of float, optional
        Lowest and highest cost; use the same range for all systems that are compared.
        Defaults to the range of the points. Above its most expensive point, a system
        keeps its best quality.

    Returns
    -------
    float
        In units of quality; nan if the range is a single cost.

    Raises
    ------
    ValueError
        If points are missing or not finite, or the range starts below the lowest cost,
        where the system has no operating point.

    References
    ----------
    Hu et al., "RouterBench: a benchmark for multi-LLM routing system", 2024 (arXiv
    2403.12031). Their code divides by the highest cost instead of the range.

    Examples
    --------
    >>> from selective_query.metrics import hull_area
    >>> hull_area(cost=[1, 2, 3], quality=[0.6, 0.6, 0.8])
    0.7
    >>> hull_area(cost=[1, 2, 3], quality=[0.6, 0.8, 0.7])
    0.75
    """
    cost, quality = check_points(cost=cost, quality=quality)
    if not len(cost):
        raise ValueError("cost and quality must hold at least one point. Got none.")
    ends = cost.min(), cost.max()
    if cost_range is not None:
        ends = check_finite(as_column(cost_range, "cost_range"), "cost_range")
    if len(ends) != 2 or not cost.min() <= ends[0] <= ends[1]:
        raise ValueError(
            "cost_range must rise and start at no less than the least cost of the "
            f"points, {cost.min():.4g}. Got {cost_range}. Add the point of what is "
            "answered at a lower cost, for example (0, 0)."
        )
    low, high = ends
    if low == high:
        return float("nan")
    cost, quality = concave_front(cost, quality)
    inside = cost[(cost > low) & (cost < high)]
    corners = np.concatenate([[low], inside, [high]])
    best = np.interp(corners, cost, quality)
    return area_under_lines(corners, best) / float(high - low)


def concave_front(cost, quality):
    """Corners of the best quality of any random mixture of points, at each cost.

    Parameters
    ----------
    cost, quality : ndarray of shape (n_points,)
        In any order.

    Returns
    -------
    cost, quality : ndarray of shape (n_corners,)
        Cost increases; quality does not decrease.
    """
    order = np.lexsort((quality, cost))
    cost, quality = upper_hull(cost[order], quality[order])
    return cost, np.maximum.accumulate(quality)


def upper_hull(x, y):
    """Corners of the smallest concave function on or above all points.

    Parameters
    ----------
    x : ndarray of shape (n_points,)
        Sorted. Of several points with equal x, the last counts.
    y : ndarray of shape (n_points,)

    Returns
    -------
    x, y : ndarray of shape (n_corners,)
    """
    # The hull of the runs' hulls is the hull, and a run fits into the cache.
    runs = [
        _hull_of_run(x[i : i + _RUN], y[i : i + _RUN]) for i in range(0, len(x), _RUN)
    ]
    if len(runs) == 1:
        return runs[0]
    return _hull_of_run(*map(np.concatenate, zip(*runs, strict=True)))


def _hull_of_run(x, y):
    fresh = np.append(np.diff(x) > 0, True)
    x, y = x[fresh], y[fresh]
    while len(x) > 2:
        dx, dy = np.diff(x), np.diff(y)
        corner = np.ones(len(x), dtype=bool)
        # A point on or under the line through its neighbours is not a corner.
        corner[1:-1] = dy[:-1] * dx[1:] > dy[1:] * dx[:-1]
        n_gone = len(x) - np.count_nonzero(corner)
        if not n_gone:
            break
        x, y = x[corner], y[corner]
        if n_gone < len(x) / 10:
            # If a round removes few points, there could be many rounds; this needs one.
            return _monotone_chain(x, y)
    return x, y


def _monotone_chain(x, y):
    corners = []
    for point in zip(x.tolist(), y.tolist(), strict=True):
        while len(corners) > 1 and _not_above(corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    x, y = np.array(corners).T
    return x, y


def _not_above(left, middle, right):
    rise = (middle[1] - left[1]) * (right[0] - middle[0])
    return rise <= (right[1] - middle[1]) * (middle[0] - left[0])
