"""Selective risk over coverage, for abstention."""

import numpy as np

from selective_query._utils.validation import check_flag
from selective_query.displays._beside import name_lines
from selective_query.displays._display import (
    Display,
    check_bands,
    check_point,
    draw_band,
    line_styles,
    mark_point,
)
from selective_query.evaluation.diagnosis import judge
from selective_query.metrics._inputs import check_rows
from selective_query.metrics._sentences import of_abstention
from selective_query.metrics.ranked import accuracy_coverage_curve
from selective_query.routers.registry import router_name


class RiskCoverageDisplay(Display):
    """Mean loss of the base on the inputs that it answers, over coverage.

    Parameters
    ----------
    curves : dict of str to AccuracyCoverageCurve
        By label.
    bands : dict of str to (coverage, low, high), optional
        Band around the risk curve with that label, three arrays of shape (n_points,).
    point : (coverage, risk), optional
        The operating point to mark, with its description above the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib lines, one for each curve
    bands_ : dict of str to matplotlib area, one for each band
    point_ : matplotlib line or None

    Raises
    ------
    ValueError
        If a band belongs to no curve, or a band or the point is malformed.

    Notes
    -----
    Each curve is labelled with the area under it, defined as in
    :func:`selective_query.metrics.aurc`. At the left end few rows are answered, so the
    risk there is noisy.

    Examples
    --------
    >>> from selective_query.displays import RiskCoverageDisplay
    >>> display = RiskCoverageDisplay.from_predictions([0.9, 0.1], base_utility=[0, 1])
    >>> round(display.curves["router"].aurc(), 4)
    0.1534
    """

    def __init__(self, curves, *, bands=None, point=None):
        self.curves = curves
        self.bands = check_bands(bands, curves)
        self.point = check_point(point)

    @classmethod
    def from_predictions(
        cls,
        score,
        base_utility,
        *,
        sample_weight=None,
        bounds=True,
        bands=None,
        point=None,
    ):
        """Build the display from query scores and the utility of the base's answers.

        Parameters
        ----------
        score : array-like of shape (n_samples,), or dict of label to such
            Higher means less confident. A score without a label is named ``router``.
        base_utility : array-like of shape (n_samples,)
            In [0, 1]: 1 where the base is right, 0 where it is wrong.
        sample_weight : array-like of shape (n_samples,), optional
        bounds : bool, default=True
            Whether to add a perfect order (``oracle``) and a random one.
        bands, point : optional
            As in the constructor.

        Returns
        -------
        RiskCoverageDisplay

        Raises
        ------
        ValueError
            If shapes differ, a score is NaN, or utilities or weights are out of range.
        """
        scores = score if isinstance(score, dict) else {"router": score}
        check_flag(bounds, "bounds")
        if bounds:
            known = base_utility, None, sample_weight
            loss = 1 - check_rows(next(iter(scores.values())), *known)[1]
            scores = {"oracle": loss, **scores, "random": np.zeros_like(loss)}
        curves = {
            label: accuracy_coverage_curve(
                values, base_utility, sample_weight=sample_weight
            )
            for label, values in scores.items()
        }
        return cls(curves, bands=bands, point=point)

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, sample_weight=None, name=None):
        """Build the display from a fitted model and new rows; mark the operating point.

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
        RiskCoverageDisplay
        """
        policy, score, outcomes, weight = judge(estimator, X, y, sample_weight)
        kept = policy.operating_point_.keeps(score, outcomes)
        of = np.ones(len(kept)) if weight is None else np.asarray(weight)
        point = None
        if of[kept].any():
            loss = 1 - outcomes.base_utility[kept]
            share = float(np.average(kept, weights=of))
            point = share, float(np.average(loss, weights=of[kept]))
        return cls.from_predictions(
            {name or router_name(policy.router_): score},
            outcomes.base_utility,
            sample_weight=weight,
            point=point,
        )

    def _draw(self, ax, **line_kwargs):
        self.lines_, self.bands_, self.point_ = [], {}, None
        for label, style in line_styles(self.curves).items():
            curve = self.curves[label]
            # Within a tied group this is not a straight line, hence the extra points.
            coverage = np.union1d(np.linspace(0, 1, 201), curve.coverage)
            coverage = coverage[coverage > 0]
            legend = {"label": f"{label} (AURC {curve.aurc():.4f})"}
            self.lines_ += ax.plot(
                coverage,
                curve.selective_risk_at(coverage),
                **{**legend, **style, **line_kwargs},
            )
            if label in self.bands:
                self.bands_[label] = draw_band(ax, self.bands[label], self.lines_[-1])
        ax.set(
            xlabel="Coverage (share answered)",
            ylabel="Selective risk (mean loss on answered inputs)",
        )
        ax.set_ylim(bottom=0)
        ax.margins(x=0.02)
        ax.spines[["top", "right"]].set_visible(False)
        if self.point is not None:
            coverage, risk = self.point
            self.point_ = mark_point(ax, *self.point, of_abstention(coverage, 1 - risk))
        name_lines(ax, self.lines_)
