"""Which points no other point surpasses in both cost and accuracy."""

import numpy as np

from selective_query.metrics._inputs import check_points


def pareto_front(cost, accuracy):
    """Whether no other point is as accurate at no higher cost, and better in one.

    Parameters
    ----------
    cost : array-like of shape (n_points,)
        In any unit; less is better.
    accuracy : array-like of shape (n_points,)
        In any unit; more is better.

    Returns
    -------
    ndarray of shape (n_points,), bool
        Points that are equal in both stand or fall together.

    Raises
    ------
    ValueError
        When shapes differ, or a number is NaN or infinite.

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
