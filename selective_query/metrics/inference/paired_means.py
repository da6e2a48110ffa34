"""Difference in accuracy of two systems that answer the same rows."""

from dataclasses import dataclass

import numpy as np

from selective_query._utils.validation import check_weights
from selective_query.metrics._inputs import check_utility
from selective_query.metrics.inference._joint import joint_estimate
from selective_query.metrics.inference._multiplicity import check_inference, family

FIRST_MINUS_SECOND = np.array([[1.0], [-1.0]])


@dataclass(frozen=True)
class PairedDifference:
    """How much more accurate the first system is, with an interval.

    Attributes
    ----------
    difference : float
        Accuracy of the first minus that of the second, in [-1, 1].
    low, high : float
        Ends of the interval.
    p_value : float
        Two-sided, for equal accuracies.
    confidence : float
        Confidence of the interval.
    """

    difference: float
    low: float
    high: float
    p_value: float
    confidence: float

    def __str__(self):
        points, low, high = (100 * v for v in (self.difference, self.low, self.high))
        return (
            f"{points:+.2f} points, {100 * self.confidence:g} % interval {low:+.2f} to "
            f"{high:+.2f}"
        )


def paired_difference(utility, reference, *, sample_weight=None, confidence=0.95):
    """Difference of two accuracies on the same rows, with an interval.

    Models, routers and thresholds must have been fixed before these rows were seen.
    Each row's difference is then one observation, and the interval is that of a mean.
    As in :class:`PairedScores`, one hypothetical extra row with the opposite outcome is
    counted, so that the interval is wide if few rows differ.

    Parameters
    ----------
    utility, reference : array-like of shape (n_samples,)
        Utility of each answer, in [0, 1]; 1 if it is right.
    sample_weight : array-like of shape (n_samples,), optional
        Whole numbers are frequencies: a row of weight 2 is two rows.
    confidence : float, default=0.95

    Returns
    -------
    PairedDifference

    Raises
    ------
    ValueError
        If shapes differ, there are no rows, or a number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from selective_query.metrics import paired_difference
    >>> right = np.arange(1000) % 10 > 1
    >>> print(paired_difference(right, np.arange(1000) % 10 > 2))
    +10.00 points, 95 % interval +8.12 to +12.01
    """
    check_inference(confidence=confidence)
    confidence = float(confidence)
    utilities, weight = _checked(utility, reference, sample_weight)
    found = family(
        joint_estimate([_Means(utilities, weight)], weight, FIRST_MINUS_SECOND),
        adjust=None,
        confidence=confidence,
        n_bootstrap=1,
        random_state=None,
    )
    low, high = np.clip([found.low[0], found.high[0]], -1, 1)
    return PairedDifference(
        float(found.estimate[0]),
        float(low),
        float(high),
        float(found.p_value[0]),
        confidence,
    )


def mean_interval(utility, *, sample_weight=None, confidence=0.95):
    """Interval of one accuracy, counting one hypothetical extra row.

    Parameters
    ----------
    utility : ndarray of shape (n_samples,)
        In [0, 1].
    sample_weight : ndarray of shape (n_samples,) or None, default=None
    confidence : float, default=0.95

    Returns
    -------
    low, high : float
        nan if no row has positive weight.
    """
    weight = np.ones(len(utility)) if sample_weight is None else sample_weight
    if not weight.any():
        return np.nan, np.nan
    column = np.asarray(utility, dtype=float)[:, None]
    found = family(
        joint_estimate([_Means(column, weight)], weight),
        adjust=None,
        confidence=confidence,
        n_bootstrap=1,
        random_state=None,
    )
    low, high = np.clip([found.low[0], found.high[0]], 0, 1)
    return float(low), float(high)


def _checked(utility, reference, sample_weight):
    """Both utilities, of shape (n_samples, 2), and weights."""
    utility = check_utility(utility, "utility")
    reference = check_utility(reference, "reference")
    if utility.shape != reference.shape or utility.ndim != 1 or not utility.size:
        raise ValueError(
            "utility and reference must be one number for each of the same rows, at "
            f"least one. Got shapes {utility.shape} and {reference.shape}."
        )
    weight = np.ones(len(utility))
    if sample_weight is not None:
        weight = check_weights(sample_weight, len(utility))
    return np.stack([utility, reference], axis=1).astype(float), weight


class _Means:
    """Accuracies at thresholds fixed in advance, in the form of AccuracyReadings."""

    def __init__(self, utilities, weight):
        self._utilities = utilities
        self.accuracy = np.average(utilities, axis=0, weights=weight)
        self.everywhere = np.full(utilities.shape[1], np.nan)
        self.span = float(np.ptp(utilities)) or 1.0

    def influence(self, rows):
        return self._utilities[rows] - self.accuracy
