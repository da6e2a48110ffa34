"""Several differences tested together: adjusted p-values, intervals and verdicts."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from selective_query._utils.numbers import check_number, check_probability, check_whole
from selective_query._utils.validation import check_choice

ADJUSTMENTS = ("max_t", "holm", None)


@dataclass(frozen=True, eq=False)
class Family:
    """Several differences, with pointwise and simultaneous inference.

    Attributes
    ----------
    estimate : ndarray of shape (n_estimates,)
    p_value, low, high : ndarray of shape (n_estimates,)
        Pointwise.
    p_adjusted, low_simultaneous, high_simultaneous : ndarray of shape (n_estimates,)
        Simultaneous: the p-values bound the probability of any false finding, and the
        intervals hold jointly.
    confidence : float
    """

    estimate: np.ndarray
    p_value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_adjusted: np.ndarray
    low_simultaneous: np.ndarray
    high_simultaneous: np.ndarray
    confidence: float

    def not_inferior(self, margin):
        """Whether each difference lies above minus the margin, simultaneously."""
        return self.low_simultaneous > -margin

    def verdicts(self, margin=None):
        """Verdict on each difference from the adjusted values.

        Parameters
        ----------
        margin : float or None, default=None

        Returns
        -------
        list of {"better", "worse", "not inferior", "no difference shown"}
        """
        shown = self.p_adjusted <= 1 - self.confidence
        otherwise = np.full(len(shown), "no difference shown", dtype=object)
        if margin is not None:
            otherwise[self.not_inferior(margin)] = "not inferior"
        shown_verdict = np.where(self.estimate > 0, "better", "worse")
        return list(np.where(shown, shown_verdict, otherwise))


def family(joint, *, adjust, confidence, n_bootstrap, random_state):
    r"""Test several estimates against zero, with simultaneous intervals.

    ``"max_t"``
        Single-step: the largest absolute statistic :math:`M` is drawn from its null
        distribution (Gaussian multipliers on the influence values), :math:`p = (1 +
        \#\{M \ge t\}) / (B + 1)`. This accounts for the routers sharing the same rows,
        and its intervals and p-values agree.
    ``"holm"``
        Holm's step-down p-values, valid under any dependence; the intervals are
        Bonferroni intervals.
    ``None``
        No adjustment.

    Estimates that are zero by definition, such as a router against itself, do not
    count.

    Parameters
    ----------
    joint : JointEstimate
    adjust : {"max_t", "holm", None}
    confidence : float
    n_bootstrap : int
    random_state : int, RandomState instance or None

    Returns
    -------
    Family

    References
    ----------
    Westfall and Young, "Resampling-Based Multiple Testing", Wiley 1993. Holm, "A simple
    sequentially rejective multiple test procedure", Scandinavian Journal of Statistics
    6 (1979). Chernozhukov, Chetverikov and Kato, "Gaussian approximations and
    multiplier bootstrap for maxima of sums of high-dimensional random vectors", Annals
    of Statistics 41 (2013).
    """
    p_value = joint.p_value()
    by_itself = stats.norm.isf((1 - confidence) / 2)
    if adjust == "max_t":
        largest = np.sort(joint.largest_scores(n_bootstrap, random_state))
        p_adjusted = share_as_large(largest, joint.normal_score())
        critical = max(critical_value(largest, confidence), by_itself)
    elif adjust == "holm":
        p_adjusted = holm(p_value, joint.moves)
        critical = stats.norm.isf((1 - confidence) / 2 / max(joint.moves.sum(), 1))
    else:
        p_adjusted, critical = p_value, by_itself
    low, high = joint.interval(by_itself)
    low_all, high_all = joint.interval(critical)
    return Family(
        estimate=joint.estimate,
        p_value=p_value,
        low=low,
        high=high,
        p_adjusted=np.maximum(p_adjusted, p_value),
        low_simultaneous=low_all,
        high_simultaneous=high_all,
        confidence=confidence,
    )


def share_as_large(largest, score):
    """Share of draws that reach each score, counting the data as one draw."""
    reached = len(largest) - np.searchsorted(largest, score, "left")
    return (1 + reached) / (len(largest) + 1)


def critical_value(largest, confidence):
    """The value that a score must exceed to be significant at this confidence.

    Infinite if there are too few draws for any score to be significant.
    """
    # 0.05 * 20 must count as one, despite rounding.
    allowed = int((1 - confidence) * (len(largest) + 1) * (1 + 1e-9))
    allowed = min(allowed, len(largest))
    return float(largest[-allowed]) if allowed else float("inf")


def holm(p_value, counted):
    """Holm's adjusted p-values among those counted.

    Parameters
    ----------
    p_value : ndarray of shape (n_tests,)
    counted : ndarray of shape (n_tests,), bool

    Returns
    -------
    ndarray of shape (n_tests,)

    Examples
    --------
    >>> import numpy as np
    >>> holm(np.array([0.01, 0.04, 0.03]), np.array([True, True, True])).tolist()
    [0.03, 0.06, 0.06]
    """
    adjusted = p_value.copy()
    order = np.flatnonzero(counted)[np.argsort(p_value[counted], kind="stable")]
    steps = np.arange(len(order), 0, -1) * p_value[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def check_inference(*, confidence=0.95, n_bootstrap=1, margin=None, adjust=None):
    """Raise a ValueError that names the parameter out of range and suggests a value."""
    check_whole(
        n_bootstrap,
        "n_bootstrap",
        1,
        hint="A thousand gives adjusted p-values to about 0.01; draws are cheap.",
    )
    check_probability(confidence, "confidence", hint="For 95 % intervals, give 0.95.")
    if margin is not None:
        check_number(margin, "margin", 0, 1, hint="For half a point, give 0.005.")
    check_choice(
        adjust,
        "adjust",
        ADJUSTMENTS,
        hint="Take 'max_t' unless there is a reason not to.",
    )
