"""Accuracy and risk at exactly a given coverage, for comparing routers."""

from selective_query.metrics._inputs import KEPT, check_share
from selective_query.metrics.ranked import RankedOutcomes


def accuracy_at_coverage(
    score, base_utility, global_utility=None, *, coverage, sample_weight=None
):
    """Hybrid accuracy when the base answers exactly this share of the inputs.

    Tied groups are split in expectation, so the result does not depend on the
    granularity of the scores.

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

    Raises
    ------
    ValueError
        If coverage lies outside [0, 1], shapes differ, a score is NaN, or utilities or
        weights are out of range.

    Examples
    --------
    >>> from selective_query.metrics import accuracy_at_coverage
    >>> accuracy_at_coverage([3, 2, 1, 0], [0, 1, 1, 1], [1, 1, 0, 1], coverage=0.5)
    np.float64(1.0)
    """
    coverage = check_share(coverage, "coverage", KEPT)
    ranked = RankedOutcomes(
        score, base_utility, global_utility, sample_weight=sample_weight
    )
    return ranked.curve.accuracy_at(coverage)


def selective_accuracy_at_coverage(
    score, base_utility, *, coverage, sample_weight=None
):
    """Accuracy of the base on the share of inputs that it is most confident about.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means less confident.
    base_utility : array-like of shape (n_samples,)
        1 where the base is right, 0 where it is wrong.
    coverage : float or array-like
        Share of inputs that the base answers, in [0, 1].
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float or ndarray
        nan at coverage 0, where no input is answered.

    Raises
    ------
    ValueError
        If coverage lies outside [0, 1], shapes differ, a score is NaN, or utilities or
        weights are out of range.

    Examples
    --------
    >>> from selective_query.metrics import selective_accuracy_at_coverage
    >>> float(selective_accuracy_at_coverage([3, 2, 1, 0], [0, 0, 1, 1], coverage=0.5))
    1.0
    """
    coverage = check_share(coverage, "coverage", KEPT)
    ranked = RankedOutcomes(score, base_utility, sample_weight=sample_weight)
    return ranked.curve.selective_accuracy_at(coverage)


def selective_risk_at_coverage(score, base_utility, *, coverage, sample_weight=None):
    """Mean loss of the base on the share of inputs that it is most confident about.

    One minus the selective accuracy, with the same parameters.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means less confident.
    base_utility : array-like of shape (n_samples,)
        1 where the base is right, 0 where it is wrong.
    coverage : float or array-like
        Share of inputs that the base answers, in [0, 1].
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float or ndarray
        nan at coverage 0, where no input is answered.

    Raises
    ------
    ValueError
        As :func:`selective_accuracy_at_coverage`.

    Examples
    --------
    >>> from selective_query.metrics import selective_risk_at_coverage
    >>> float(selective_risk_at_coverage([3, 2, 1, 0], [0, 0, 1, 1], coverage=1))
    0.5
    """
    return 1 - selective_accuracy_at_coverage(
        score, base_utility, coverage=coverage, sample_weight=sample_weight
    )


def coverage_at_risk(score, base_utility, *, risk, sample_weight=None):
    r"""Largest coverage at which the base's mean loss on its answers is within a limit.

    .. math:: \max\{c : R(c) \le r\}, \qquad R(c) = E(c) / c

    where E(c) is the mean loss over all inputs that falls on the share c that the base
    is most confident about. E is linear within a tied group or a single row, so the
    result may lie between two coverages that a threshold can give.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means less confident.
    base_utility : array-like of shape (n_samples,)
        1 where the base is right, 0 where it is wrong.
    risk : float or array-like
        Largest mean loss on the inputs that the base answers, in [0, 1].
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float or ndarray
        0 if no row may be answered at this risk; nan if scores of minus infinity force
        the base to answer rows that exceed it.

    Raises
    ------
    ValueError
        If risk lies outside [0, 1], shapes differ, a score is NaN, or utilities or
        weights are out of range.

    Notes
    -----
    The number describes these rows only. A threshold chosen by it guarantees nothing on
    new rows; use a certificate for that.

    Examples
    --------
    >>> from selective_query.metrics import coverage_at_risk
    >>> coverage_at_risk([4, 3, 2, 1, 0], [0, 0, 1, 1, 1], risk=0.25)
    0.8
    """
    ranked = RankedOutcomes(score, base_utility, sample_weight=sample_weight)
    return ranked.curve.coverage_at_risk(risk)
