"""One number for a whole curve."""

import numpy as np

from selective_query.metrics.curves import accuracy_coverage_curve


def deferral_area(score, base_utility, global_utility=None, sample_weight=None):
    """Area under hybrid accuracy over coverage, from 0 to 1: mean accuracy.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means query first.
    base_utility, global_utility : array-like of shape (n_samples,)
        Utility of each side's answer, in [0, 1].
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float

    Examples
    --------
    >>> from selective_query.metrics import deferral_area
    >>> deferral_area([1, 0], [0, 1], [1, 1])
    0.875
    """
    curve = accuracy_coverage_curve(score, base_utility, global_utility, sample_weight)
    coverage = np.concatenate([[0.0], curve.coverage, [1.0]])
    accuracy = np.pad(curve.accuracy, 1, mode="edge")
    return float(np.trapezoid(accuracy, coverage))
