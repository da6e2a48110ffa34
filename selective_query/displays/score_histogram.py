"""Query scores by outcome: does the score find the rows that a query corrects?"""

import numpy as np

from selective_query._utils.numbers import check_number, check_whole
from selective_query.displays._display import Display
from selective_query.evaluation.diagnosis import judge
from selective_query.metrics._inputs import check_rows
from selective_query.routers.registry import router_name

# Dark for rows that a query corrects, light for rows that it leaves unchanged.
LOOKS = {
    "only global right": {"facecolor": "#08519c", "hatch": None},
    "only base right": {"facecolor": "#fd8d3c", "hatch": "////"},
    "both wrong": {"facecolor": "#b5b5b5", "hatch": "...."},
    "both right": {"facecolor": "#f0f0f0", "hatch": None},
    "base wrong": {"facecolor": "#08519c", "hatch": None},
    "base right": {"facecolor": "#f0f0f0", "hatch": None},
}


class ScoreHistogramDisplay(Display):
    """Histogram of the query score, stacked by which side is right.

    Parameters
    ----------
    edges : ndarray of shape (n_bins + 1,)
        Edges of the bins, in units of the score.
    counts : dict of str to ndarray of shape (n_bins,)
        Sum of the weights in each bin, by outcome.
    threshold : float or None
        Inputs to the right of it are queried.
    score_name : str, default="Query score"
        Axis label.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : dict of str to matplotlib BarContainer
        By outcome.
    threshold_line_ : matplotlib line or None

    Examples
    --------
    >>> from selective_query.displays import ScoreHistogramDisplay
    >>> display = ScoreHistogramDisplay.from_predictions(
    ...     [0.1, 0.2, 0.9], base_utility=[1, 1, 0], global_utility=[1, 0, 1], bins=2
    ... )
    >>> display.counts["only global right"]
    array([0., 1.])
    """

    def __init__(self, edges, counts, *, threshold=None, score_name="Query score"):
        self.edges = edges
        self.counts = counts
        self.threshold = threshold
        self.score_name = score_name

    @classmethod
    def from_predictions(
        cls,
        score,
        base_utility,
        global_utility=None,
        *,
        threshold=None,
        sample_weight=None,
        bins=30,
        score_name="Query score",
    ):
        """Build the display from query scores and whether each side is right.

        Parameters
        ----------
        score : array-like of shape (n_samples,)
            Higher means query first. Infinite scores are counted in the outermost bins.
        base_utility, global_utility : array-like of shape (n_samples,)
            1 for a right answer and 0 for a wrong one; no global utility means
            abstention, with two outcomes instead of four.
        threshold : float, optional
        sample_weight : array-like of shape (n_samples,), optional
        bins : int or array-like, default=30
            Number of bins of equal width, or their edges; scores beyond the edges are
            counted in the outermost bins.
        score_name : str, default="Query score"

        Returns
        -------
        ScoreHistogramDisplay

        Raises
        ------
        ValueError
            If utilities are graded, shapes differ, a score is NaN, or weights are out
            of range.
        """
        score, base, benefit, weight = check_rows(
            score, base_utility, global_utility, sample_weight
        )
        if base.dtype.kind == "f" or benefit.dtype.kind == "f":
            raise ValueError(
                "base_utility and global_utility must be 1 (right) or 0 (wrong) for a "
                "histogram by outcome. Got graded utilities; cut them first, for "
                "example with grade >= 0.5."
            )
        bins = check_whole(bins, "bins", 1)
        if threshold is not None:
            threshold = check_number(threshold, "threshold", -np.inf, or_infinite=True)
        finite = score[np.isfinite(score)]
        edges = np.histogram_bin_edges(finite if len(finite) else [0.0], bins)
        weight = np.ones(len(base)) if weight is None else weight
        inside = np.clip(score, edges[0], edges[-1])
        query = base + benefit
        kinds = {"base wrong": base == 0, "base right": base == 1}
        if global_utility is not None:
            kinds = {
                "only global right": (base == 0) & (query == 1),
                "only base right": (base == 1) & (query == 0),
                "both wrong": (base == 0) & (query == 0),
                "both right": (base == 1) & (query == 1),
            }
        counts = {
            name: np.histogram(inside[rows], edges, weights=weight[rows])[0]
            for name, rows in kinds.items()
        }
        return cls(edges, counts, threshold=threshold, score_name=score_name)

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, sample_weight=None, bins=30):
        """Build the display from a fitted model and rows that are new to it.

        Queries the global about every row. The line marks the threshold in use.

        Parameters
        ----------
        estimator : HybridClassifier, AbstainingClassifier or RoutingPolicy
        X : array-like, or Outcomes for a RoutingPolicy
        y : array-like of shape (n_samples,), optional
            Omit with Outcomes.
        sample_weight : array-like of shape (n_samples,), optional
        bins : int or array-like, default=30

        Returns
        -------
        ScoreHistogramDisplay
        """
        policy, score, outcomes, weight = judge(estimator, X, y, sample_weight)
        return cls.from_predictions(
            score,
            outcomes.base_utility,
            outcomes.global_utility,
            threshold=policy.operating_point_.threshold,
            sample_weight=weight,
            bins=bins,
            score_name=f"Query score ({router_name(policy.router_)})",
        )

    def _draw(self, ax):
        self.bars_, self.threshold_line_ = {}, None
        below = np.zeros(len(self.edges) - 1)
        total = sum(counts.sum() for counts in self.counts.values())
        for name, counts in self.counts.items():
            self.bars_[name] = ax.bar(
                self.edges[:-1],
                counts,
                np.diff(self.edges),
                bottom=below,
                align="edge",
                edgecolor="black",
                linewidth=0.4,
                label=f"{name} ({counts.sum() / total:.1%})",
                **LOOKS[name],
            )
            below = below + counts
        ax.set_ylim(top=1.15 * max(below.max(), 1e-300))
        if self.threshold is not None and np.isfinite(self.threshold):
            self.threshold_line_ = ax.axvline(
                self.threshold, color="black", linestyle="--", label="threshold"
            )
            for text, side, ha in (("kept", -5, "right"), ("queried", 5, "left")):
                ax.annotate(
                    text,
                    (self.threshold, 1),
                    xycoords=("data", "axes fraction"),
                    xytext=(side, -4),
                    textcoords="offset points",
                    ha=ha,
                    va="top",
                )
        ax.set(xlabel=f"{self.score_name}, higher = query first", ylabel="Inputs")
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(
            handles=list(self.bars_.values()),
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=2,
            fontsize=9,
            frameon=False,
        )
