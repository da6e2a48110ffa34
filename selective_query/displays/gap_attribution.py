"""The waterfall from a perfect system down to the pair."""

from math import isnan

from selective_query.displays._display import Display
from selective_query.evaluation.diagnosis import diagnose
from selective_query.metrics.attribution import gap_attribution

LOSS = {"color": "#444444", "edgecolor": "black", "linewidth": 0.5}
GAIN = {"color": "white", "edgecolor": "black", "linewidth": 0.5, "hatch": "////"}
LEVEL = {"color": "#b8cfe5", "edgecolor": "black", "linewidth": 0.5}


class GapAttributionDisplay(Display):
    """Waterfall of the accuracy that the pair loses, step by step.

    Dark bars show the loss of a step; hatched bars show a gain. The accuracy bars at
    both ends are cut off at the bottom.

    Parameters
    ----------
    gap : GapAttribution
        Result of :func:`selective_query.diagnose` or
        :func:`selective_query.metrics.gap_attribution`.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : dict of str to matplotlib Rectangle
        By step, from ``perfect`` to ``pair``, or ``classifier`` where it abstains.

    Examples
    --------
    >>> from selective_query.displays import GapAttributionDisplay
    >>> display = GapAttributionDisplay.from_predictions(
    ...     [0.9, 0.1], base_utility=[0, 1], global_utility=[1, 1], coverage=0.5
    ... )
    >>> display.gap.accuracy
    1.0
    """

    def __init__(self, gap):
        self.gap = gap

    @classmethod
    def from_predictions(cls, score, base_utility, global_utility=None, **kwargs):
        """Build the display from query scores and the utilities of both sides' answers.

        Parameters
        ----------
        score, base_utility, global_utility : array-like of shape (n_samples,)
        **kwargs
            For :func:`selective_query.metrics.gap_attribution`: coverage, threshold,
            calibration, ...

        Returns
        -------
        GapAttributionDisplay
        """
        return cls(gap_attribution(score, base_utility, global_utility, **kwargs))

    @classmethod
    def from_estimator(cls, estimator, X, y=None, **kwargs):
        """Build the display from a fitted model and rows that are new to it.

        Parameters
        ----------
        estimator : HybridClassifier, AbstainingClassifier or RoutingPolicy
        X : array-like, or Outcomes for a RoutingPolicy
        y : array-like of shape (n_samples,), optional
            Omit with Outcomes.
        **kwargs
            For :func:`selective_query.diagnose`.

        Returns
        -------
        GapAttributionDisplay
        """
        return cls(diagnose(estimator, X, y, **kwargs))

    def _draw(self, ax):
        gap, step_bars = self.gap, {}
        names = ["perfect", *(step.name for step in gap.steps), gap.system]
        starts = [1.0, *(step.accuracy for step in gap.steps)]
        ends = [start - s.high for start, s in zip(starts, gap.steps, strict=False)]
        lowest = min(starts + [end for end in ends if not isnan(end)])
        room = max(1 - min(starts), 0.01)
        floor = 100 * max(lowest - 0.15 * room, 0)
        above = 1.0
        has_intervals = not isnan(gap.steps[0].low)
        with_intervals = f", {gap.confidence:.0%} intervals" if has_intervals else ""
        for place, step in enumerate(gap.steps, start=1):
            top, bottom = sorted((above, step.accuracy), reverse=True)
            (bar,) = ax.bar(
                place,
                100 * (top - bottom),
                bottom=100 * bottom,
                width=0.7,
                **(LOSS if step.loss >= 0 else GAIN),
            )
            step_bars[step.name] = bar
            ax.plot([place - 0.65, place + 0.35], [100 * above] * 2, "k-", lw=0.7)
            if has_intervals:
                # Interval of the end of the step, given where it starts.
                ends = 100 * (above - step.high), 100 * (above - step.low)
                ax.plot([place + 0.42] * 2, ends, color="grey", lw=1.5, marker="_")
            ax.annotate(
                f"{-100 * step.loss:+.1f}" if step.loss else "0",
                (place, 100 * bottom),
                xytext=(0, -3),
                textcoords="offset points",
                ha="center",
                va="top",
            )
            above = step.accuracy
        whole = (0, "perfect", 1), (len(names) - 1, gap.system, above)
        for place, name, accuracy in whole:
            (bar,) = ax.bar(
                place, 100 * accuracy - floor, bottom=floor, width=0.7, **LEVEL
            )
            step_bars[name] = bar
            ax.annotate(
                f"{100 * accuracy:.1f}",
                (place, 100 * accuracy),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                va="bottom",
            )
        self.bars_ = {name: step_bars[name] for name in names}
        ax.set_xticks(range(len(names)), names)
        ax.set(
            ylabel="Accuracy (%)",
            xlabel=f"From a perfect system to the {gap.system}{with_intervals}",
            ylim=(floor, 100 + 0.08 * (100 - floor)),
        )
        title = f"Accuracy lost at coverage {gap.coverage:.1%}"
        ax.set_title(title, loc="left", fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
