"""Predicted against observed benefit: are the scores calibrated?"""

import numpy as np
from scipy.stats import norm

from selective_query._utils.numbers import check_finite, check_probability, check_whole
from selective_query.displays._display import Display
from selective_query.evaluation.diagnosis import judge
from selective_query.metrics._inputs import check_rows
from selective_query.routers.registry import router_name


class BenefitReliabilityDisplay(Display):
    """Mean observed benefit of a query, by predicted benefit.

    A router whose scores are calibrated estimates of the benefit lies on the diagonal.
    Above the diagonal, queries gain more than predicted. ``coverage=None`` needs only
    the sign to be right; a coverage needs only the order.

    Parameters
    ----------
    predicted, observed : ndarray of shape (n_bins,)
        Mean predicted and mean observed benefit of each bin, in [-1, 1], in units of
        utility.
    low, high : ndarray of shape (n_bins,)
        Confidence interval of the observed mean.
    weight : ndarray of shape (n_bins,)
        Sum of the weights in each bin.
    name : str, default="router"
        Legend label.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bins_ : matplotlib ErrorbarContainer

    Examples
    --------
    >>> from selective_query.displays import BenefitReliabilityDisplay
    >>> display = BenefitReliabilityDisplay.from_predictions(
    ...     [0.0, 0.0, 0.5, 0.5], [1, 0, 0, 1], [1, 0, 1, 1], n_bins=2
    ... )
    >>> display.predicted, display.observed
    (array([0. , 0.5]), array([0. , 0.5]))
    """

    def __init__(self, predicted, observed, low, high, weight, *, name="router"):
        self.predicted = predicted
        self.observed = observed
        self.low = low
        self.high = high
        self.weight = weight
        self.name = name

    @property
    def mean_gap(self):
        """Weighted mean distance of the bins from the diagonal, in units of utility."""
        gap = np.abs(self.predicted - self.observed)
        return float(np.average(gap, weights=self.weight))

    @classmethod
    def from_predictions(
        cls,
        predicted_benefit,
        base_utility,
        global_utility=None,
        *,
        sample_weight=None,
        n_bins=10,
        confidence=0.95,
        name="router",
    ):
        r"""Build the display from predicted benefits and both sides' utilities.

        Bins have about equal weight. Rows with equal predictions stay together, so
        there may be fewer bins than requested. With the benefits :math:`d_i` of the n
        rows of a bin, the interval is

        .. math::

            \tilde d \pm z \sqrt{\frac{\tilde s - \tilde d^2}{n + 2}}, \quad
            \tilde d = \frac{\sum d_i}{n + 2}, \quad
            \tilde s = \frac{\sum d_i^2 + 2}{n + 2}

        the adjusted Wald interval of Bonett and Price, as if one more row of benefit 1
        and one of -1 had been observed. It therefore has a positive width even if all
        benefits are equal.

        Parameters
        ----------
        predicted_benefit : array-like of shape (n_samples,)
            Finite, in units of utility.
        base_utility, global_utility : array-like of shape (n_samples,)
            In [0, 1]; without a global utility a query counts as right.
        sample_weight : array-like of shape (n_samples,), optional
            Frequency weights.
        n_bins : int, default=10
            Number of bins of equal weight, at least 1.
        confidence : float, default=0.95
            Confidence of the intervals, which are pointwise.
        name : str, default="router"

        Returns
        -------
        BenefitReliabilityDisplay

        Raises
        ------
        ValueError
            If a prediction is not finite, n_bins or confidence is out of range, shapes
            differ, or utilities or weights are out of range.

        References
        ----------
        Bonett and Price, "Adjusted Wald confidence interval for a difference of
        binomial proportions based on paired data", Journal of Educational and
        Behavioral Statistics 37, 2012.
        """
        predicted, base, benefit, weight = check_rows(
            predicted_benefit,
            base_utility,
            global_utility,
            sample_weight,
            name="predicted_benefit",
        )
        # Infinite scores encode rules, not estimates.
        check_finite(predicted, "predicted_benefit", each="row")
        n_bins = check_whole(n_bins, "n_bins", 1)
        confidence = check_probability(confidence, "confidence")
        weight = np.ones(len(base)) if weight is None else weight
        seen = weight > 0
        predicted, benefit, weight = predicted[seen], benefit[seen], weight[seen]
        part = _bins_of_equal_weight(predicted, weight, n_bins)
        n, total_predicted, total, total_square = (
            np.bincount(part, weight * values)
            for values in (1, predicted, benefit, benefit.astype(float) ** 2)
        )
        middle = total / (n + 2)
        spread = np.sqrt(((total_square + 2) / (n + 2) - middle**2) / (n + 2))
        reach = norm.ppf((1 + confidence) / 2) * spread
        observed = total / n
        return cls(
            total_predicted / n,
            observed,
            np.minimum(np.maximum(middle - reach, -1), observed),
            np.maximum(np.minimum(middle + reach, 1), observed),
            n,
            name=name,
        )

    @classmethod
    def from_estimator(
        cls, estimator, X, y=None, *, sample_weight=None, n_bins=10, confidence=0.95
    ):
        """Build the display from new rows and a model whose scores are benefits.

        Queries the global about every row.

        Parameters
        ----------
        estimator : HybridClassifier, AbstainingClassifier or RoutingPolicy
        X : array-like, or Outcomes for a RoutingPolicy
        y : array-like of shape (n_samples,), optional
            Omit with Outcomes.
        sample_weight : array-like of shape (n_samples,), optional
        n_bins : int, default=10
            Number of bins of equal weight, at least 1.
        confidence : float, default=0.95

        Returns
        -------
        BenefitReliabilityDisplay

        Raises
        ------
        ValueError
            If the router's scores are not in units of benefit.
        """
        policy, score, outcomes, weight = judge(estimator, X, y, sample_weight)
        name = router_name(policy.router_)
        if not policy.router_.in_benefit_units:
            raise ValueError(
                f"The scores of router={name!r} are no estimates of the benefit, so "
                "there is nothing to compare with what was observed. Use "
                "router='benefit'."
            )
        return cls.from_predictions(
            score,
            outcomes.base_utility,
            outcomes.global_utility,
            sample_weight=weight,
            n_bins=n_bins,
            confidence=confidence,
            name=name,
        )

    def _draw(self, ax):
        ends = (
            min(self.predicted.min(), self.low.min()),
            max(self.predicted.max(), self.high.max()),
        )
        ax.axhline(0, color="lightgrey", linewidth=1, zorder=0)
        ax.axvline(0, color="lightgrey", linewidth=1, zorder=0)
        ax.plot(ends, ends, color="grey", linestyle="--", label="reliable")
        self.bins_ = ax.errorbar(
            self.predicted,
            self.observed,
            [self.observed - self.low, self.high - self.observed],
            color="black",
            marker="o",
            linestyle="-",
            linewidth=1,
            capsize=3,
            label=f"{self.name} (mean distance {self.mean_gap:.3f})",
        )
        ax.set(
            xlabel="Predicted benefit of a query (utility)",
            ylabel="Observed benefit, mean of a bin (utility)",
        )
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(loc="upper left", fontsize=9, frameon=False)


def _bins_of_equal_weight(values, weight, n_bins):
    """Index of each row's bin; empty bins are not counted."""
    level = np.unique(values, return_inverse=True)[1]
    size = np.bincount(level, weight)
    middle = (np.cumsum(size) - size / 2) / size.sum()
    bin_of_level = np.minimum((middle * n_bins).astype(int), n_bins - 1)
    return np.unique(bin_of_level, return_inverse=True)[1][level]
