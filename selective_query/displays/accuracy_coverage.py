"""The deferral curve: accuracy of hybrids over coverage."""

import numpy as np

from selective_query._utils.ink import ACCENT, QUIET
from selective_query._utils.validation import check_flag
from selective_query.displays._beside import name_lines
from selective_query.displays._display import (
    BOUNDS,
    Display,
    check_bands,
    check_point,
    draw_band,
    line_styles,
    mark_point,
)
from selective_query.evaluation.diagnosis import judge
from selective_query.metrics._inputs import check_rows
from selective_query.metrics._sentences import of_abstention, of_hybrid
from selective_query.metrics.ranked import (
    accuracy_coverage_curve,
    stopping_at_harm,
)
from selective_query.routers.registry import router_name


class AccuracyCoverageDisplay(Display):
    """Accuracy of hybrids over coverage; with abstention, on the answered rows.

    Parameters
    ----------
    curves : dict of str to AccuracyCoverageCurve
        By label.
    base_accuracy, global_accuracy : float or None
        Accuracy of each side alone, for reference lines.
    abstention : bool, default=False
        Whether a query means no answer. If so, the accuracy on the answered rows is
        drawn, without a line for the global.
    bands : dict of str to (coverage, low, high), optional
        Band around the curve with that label: coverages, and lower and upper limits of
        the accuracy there, each of shape (n_points,).
    point : (coverage, accuracy), optional
        The operating point to mark, with its description above the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib lines, one for each curve
    bands_ : dict of str to matplotlib area, one for each band
    point_ : matplotlib line or None
    gain_ : matplotlib area or None
        Area between the curve of a single router and a random order.

    Raises
    ------
    ValueError
        If a band belongs to no curve, or a band or the point is malformed.

    Examples
    --------
    >>> from selective_query import AccuracyCoverageDisplay
    >>> display = AccuracyCoverageDisplay.from_predictions(
    ...     {"a score": [0.1, 0.9]}, base_utility=[1, 0], global_utility=[1, 1]
    ... )
    >>> sorted(display.curves)
    ['a score', 'oracle', 'random']
    """

    def __init__(
        self,
        curves,
        *,
        base_accuracy=None,
        global_accuracy=None,
        abstention=False,
        bands=None,
        point=None,
    ):
        self.curves = curves
        self.base_accuracy = base_accuracy
        self.global_accuracy = global_accuracy
        self.abstention = abstention
        self.bands = check_bands(bands, curves)
        self.point = check_point(point)

    @classmethod
    def from_predictions(
        cls,
        score,
        base_utility,
        global_utility=None,
        *,
        sample_weight=None,
        bounds=True,
        bands=None,
        point=None,
    ):
        """Build the display from query scores and the utilities of both sides' answers.

        Parameters
        ----------
        score : array-like of shape (n_samples,), or dict of label to such
            Higher means query first. A score without a label is named ``router``.
        base_utility, global_utility : array-like of shape (n_samples,)
            In [0, 1]; no global utility means abstention.
        sample_weight : array-like of shape (n_samples,), optional
        bounds : bool, default=True
            Whether to add the oracle and a random order.
        bands : dict of str to (coverage, low, high), optional
            As in the constructor.
        point : (coverage, accuracy), optional
            As in the constructor.

        Returns
        -------
        AccuracyCoverageDisplay
        """
        scores = score if isinstance(score, dict) else {"router": score}
        check_flag(bounds, "bounds")
        known = base_utility, global_utility, sample_weight
        if bounds:
            benefit = check_rows(next(iter(scores.values())), *known)[2]
            scores = {
                "oracle": stopping_at_harm(benefit),
                **scores,
                "random": np.zeros(len(benefit)),
            }
        curves = {
            label: accuracy_coverage_curve(
                values, base_utility, global_utility, sample_weight=sample_weight
            )
            for label, values in scores.items()
        }
        any_curve = next(iter(curves.values()))
        return cls(
            curves,
            base_accuracy=any_curve.base_accuracy,
            global_accuracy=None
            if global_utility is None
            else any_curve.global_accuracy,
            abstention=global_utility is None,
            bands=bands,
            point=point,
        )

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, sample_weight=None, name=None):
        """Build the display from a fitted model and rows that are new to it.

        Queries the global about every row that may be sent, and marks the operating
        point.

        Parameters
        ----------
        estimator : HybridClassifier, AbstainingClassifier or RoutingPolicy
        X : array-like, or Outcomes for a RoutingPolicy
        y : array-like of shape (n_samples,), optional
            Omit with Outcomes.
        sample_weight : array-like of shape (n_samples,), optional
        name : str, optional
            Label of the curve; by default, the router's name in :func:`list_routers`.

        Returns
        -------
        AccuracyCoverageDisplay
        """
        policy, score, outcomes, weight = judge(estimator, X, y, sample_weight)
        kept = policy.operating_point_.keeps(score, outcomes)
        counted = kept if not outcomes.has_global else np.ones_like(kept)
        point = None
        if counted.any():
            got = np.where(kept, outcomes.base_utility, outcomes.query_utility)
            of = np.ones(len(kept)) if weight is None else np.asarray(weight)
            of_answered = np.average(got[counted], weights=of[counted])
            point = float(np.average(kept, weights=of)), float(of_answered)
        return cls.from_predictions(
            {name or router_name(policy.router_): score},
            outcomes.base_utility,
            outcomes.global_utility,
            sample_weight=weight,
            point=point,
        )

    @classmethod
    def from_comparison(cls, comparison, routers=None, *, bands=None):
        """Build the display from the result of :func:`compare_routers`.

        For a router that was trained for several coverages, the first curve is shown.

        Parameters
        ----------
        comparison : RouterComparison
        routers : sequence of str or None
            Routers to draw; None draws all but the constant ones.
        bands : dict of str to (coverage, low, high), optional
            As in the constructor.

        Returns
        -------
        AccuracyCoverageDisplay
        """
        curves = {}
        for (router, _), curve in comparison.curves.items():
            wanted = len(curve.coverage) > 1 if routers is None else router in routers
            if wanted:
                curves.setdefault(router, curve)
        return cls(
            curves,
            base_accuracy=comparison.base_accuracy,
            global_accuracy=comparison.global_accuracy,
            abstention=not comparison.has_global,
            bands=bands,
        )

    def _draw(self, ax, **line_kwargs):
        self.lines_, self.bands_, self.point_ = [], {}, None
        drawn = {}
        for label, style in line_styles(self.curves).items():
            curve = self.curves[label]
            drawn[label] = _of_answered(curve) if self.abstention else _of_all(curve)
            style = {"label": label, **style, **line_kwargs}
            self.lines_ += ax.plot(*drawn[label], **style)
            if label in self.bands:
                self.bands_[label] = draw_band(ax, self.bands[label], self.lines_[-1])
        self.gain_ = _shade_gain(ax, drawn)
        for value, label in (
            (self.base_accuracy, "base alone"),
            (None if self.abstention else self.global_accuracy, "global alone"),
        ):
            if value is not None:
                ax.axhline(value, color="lightgrey", linewidth=1, zorder=0)
                ax.annotate(
                    label,
                    (1, value),
                    xycoords=("axes fraction", "data"),
                    xytext=(4, 0),
                    textcoords="offset points",
                    color=QUIET,
                    va="center",
                    fontsize=9,
                )
        if self.point is not None:
            self.point_ = mark_point(ax, *self.point, self._sentence())
        if self.abstention:
            ax.set(
                xlabel="Coverage (share answered)",
                ylabel="Accuracy on answered inputs",
            )
        else:
            ax.set(xlabel="Coverage (share answered by the base)", ylabel="Accuracy")
        ax.margins(x=0.02, y=0.08)
        ax.spines[["top", "right"]].set_visible(False)
        name_lines(ax, self.lines_)

    def _sentence(self):
        if self.abstention:
            return of_abstention(*self.point)
        sides = self.base_accuracy, self.global_accuracy
        return None if None in sides else of_hybrid(*self.point, *sides)


def _shade_gain(ax, drawn):
    """Shade the gain of a single router over a random order."""
    routers = [label for label in drawn if label not in BOUNDS]
    if len(routers) != 1 or "random" not in drawn:
        return None
    x, y = drawn[routers[0]]
    by_chance = np.interp(x, *drawn["random"])
    return ax.fill_between(x, y, by_chance, color=ACCENT, alpha=0.1, linewidth=0)


def _of_all(curve):
    # At the lowest coverage that a bound chooses, it also meets every lower one.
    coverage = np.append(0, curve.coverage)
    return coverage, np.append(curve.accuracy[0], curve.accuracy)


def _of_answered(curve):
    # Within a tied group this is not a straight line, hence the extra points.
    coverage = np.union1d(np.linspace(0, 1, 201), curve.coverage)
    return coverage, curve.selective_accuracy_at(coverage)
