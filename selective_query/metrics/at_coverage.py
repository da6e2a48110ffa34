"""Accuracy at exactly a coverage: what routers are compared by."""

import numpy as np

from selective_query.metrics.curves import accuracy_coverage_curve


def _check_share(coverage):
    coverage = np.asarray(coverage, dtype=float)
    if not ((coverage >= 0) & (coverage <= 1)).all():
        raise ValueError(
            "coverage must be the share of inputs that the base answers, in [0, 1]. "
            f"Got {coverage}."
        )


def accuracy_at_coverage(
    score, base_utility, global_utility=None, *, coverage, sample_weight=None
):
    """Hybrid accuracy when exactly this share of the inputs stays with the base.

    Tie groups are split in expectation, so that no router gains or loses by the
    granularity of its scores.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means query first.
    base_utility, global_utility : array-like of shape (n_samples,)
        Utility of each side's answer, in [0, 1].
    coverage : float or array-like
        Share of inputs that the base answers, in [0, 1].
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float or ndarray

    Examples
    --------
    >>> from selective_query.metrics import accuracy_at_coverage
    >>> accuracy_at_coverage([3, 2, 1, 0], [0, 1, 1, 1], [1, 1, 0, 1], coverage=0.5)
    np.float64(1.0)
    """
    _check_share(coverage)
    curve = accuracy_coverage_curve(score, base_utility, global_utility, sample_weight)
    return curve.accuracy_at(coverage)


def selective_accuracy_at_coverage(
    score, base_utility, *, coverage, sample_weight=None
):
    """Accuracy of the base on the share of inputs that it is surest of.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means less sure.
    base_utility : array-like of shape (n_samples,)
        1 where the base is right, 0 where it is wrong.
    coverage : float or array-like
        Share of inputs that the base answers, in [0, 1].
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float or ndarray
        nan at coverage 0, where nothing is answered.

    Examples
    --------
    >>> from selective_query.metrics import selective_accuracy_at_coverage
    >>> float(selective_accuracy_at_coverage([3, 2, 1, 0], [0, 0, 1, 1], coverage=0.5))
    1.0
    """
    _check_share(coverage)
    curve = accuracy_coverage_curve(score, base_utility, None, sample_weight)
    return curve.selective_accuracy_at(coverage)
