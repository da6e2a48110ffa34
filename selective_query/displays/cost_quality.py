"""Cost of an input against accuracy: what money, time or energy buys."""

import numpy as np

from selective_query._utils.numbers import as_numbers, check_finite, check_number
from selective_query.displays._beside import name_lines
from selective_query.displays._display import (
    COST_LABELS,
    Display,
    check_cost_name,
    draw_front,
    line_styles,
)
from selective_query.evaluation.diagnosis import judge
from selective_query.metrics._inputs import check_rows
from selective_query.metrics.fronts import concave_front
from selective_query.metrics.ranked import RankedRows
from selective_query.routers.registry import router_name

# Number of points on a line; a cost model is evaluated once for each.
MOST_POINTS = 501


class CostQualityDisplay(Display):
    """Accuracy of hybrids over the mean cost of an input, and their front.

    Parameters
    ----------
    curves : dict of str to (cost, accuracy)
        Arrays of shape (n_points,), by label.
    points : dict of str to (cost, accuracy), optional
        Single operating points to mark, by label.
    cost_label : str, default="Cost per input"
        Axis label, with the unit.

    Attributes
    ----------
    front : tuple of ndarray of shape (n_corners,)
        Cost and accuracy of the upper bound on any random mixture of operating points,
        as in :func:`selective_query.metrics.hull_area`.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib lines, one for each curve
    front_ : matplotlib line
    points_ : dict of str to matplotlib line

    Examples
    --------
    >>> from selective_query.costs import ConstantCosts
    >>> from selective_query.displays import CostQualityDisplay
    >>> display = CostQualityDisplay.from_predictions(
    ...     [0.9, 0.1],
    ...     base_utility=[0, 1],
    ...     global_utility=[1, 1],
    ...     cost=ConstantCosts(base_latency_ms=40, query_latency_ms=900),
    ...     quantity="latency_ms",
    ... )
    >>> display.front
    (array([ 40., 490.]), array([0.5, 1. ]))
    """

    def __init__(self, curves, *, points=None, cost_label="Cost per input"):
        self.curves = curves
        self.points = points or {}
        self.cost_label = cost_label

    @property
    def front(self):
        """Corners of the non-decreasing concave hull of all curves."""
        cost, accuracy = np.hstack([np.array(c) for c in self.curves.values()])
        cost, accuracy = concave_front(cost, accuracy)
        n = int(np.argmax(accuracy)) + 1
        return cost[:n], accuracy[:n]

    @classmethod
    def from_predictions(
        cls,
        score,
        base_utility,
        global_utility=None,
        *,
        cost,
        quantity=None,
        unit=None,
        threshold=None,
        sample_weight=None,
    ):
        """Build the display from query scores, utilities and costs.

        Parameters
        ----------
        score : array-like of shape (n_samples,), or dict of label to such
            Higher means query first. A score without a label is named ``router``.
        base_utility, global_utility : array-like of shape (n_samples,)
            In [0, 1]; without a global utility a query counts as right.
        cost : CostModel or array-like of shape (n_samples,)
            A model of :mod:`selective_query.costs`, or the cost of a query about each
            row on top of the base.
        quantity : str or None, default=None
            Quantity of the cost model: "price", "latency_ms", "p95_latency_ms",
            "energy_mj" or "bytes". None takes the latency for a deployment with a link,
            otherwise the price.
        unit : str, optional
            Unit of a price or of an array of costs, for the axis.
        threshold : float, optional
            Marks this operating point of the first score.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        CostQualityDisplay

        Raises
        ------
        ValueError
            If the quantity is unknown, costs are negative, not finite or not one for
            each row, shapes differ, a score is NaN, or utilities or weights are out of
            range.
        """
        if quantity is None:
            has_link = getattr(cost, "link", None) is not None
            quantity = "latency_ms" if has_link else "price"
        check_cost_name(quantity, "quantity")
        of_model = _asked_for(cost, quantity)
        if threshold is not None:
            threshold = check_number(threshold, "threshold", -np.inf, or_infinite=True)
        scores = score if isinstance(score, dict) else {"router": score}
        curves, points = {}, {}
        for label, values in scores.items():
            values, base, benefit, weight = check_rows(
                values, base_utility, global_utility, sample_weight
            )
            curve = RankedRows(values, base, benefit).curve(weight)
            cost_at = _cost_over_coverage(cost, of_model, values, weight)
            coverage = curve.coverage
            if len(coverage) > MOST_POINTS:
                coverage = np.linspace(coverage[0], coverage[-1], MOST_POINTS)
            curves[label] = cost_at(coverage), curve.accuracy_at(coverage)
            if not points:
                # Each side alone, independent of the score.
                anyone = _cost_over_coverage(cost, of_model, 0.0 * base, weight)
                ends = anyone(np.array([1.0, 0.0]))
                points["base alone"] = float(ends[0]), curve.base_accuracy
                if global_utility is not None:
                    points["global alone"] = float(ends[1]), curve.global_accuracy
                if threshold is not None:
                    kept = float(np.average(values <= threshold, weights=weight))
                    at_it = float(cost_at(np.array([kept]))[0])
                    points["operating point"] = at_it, float(curve.accuracy_at(kept))
        label = COST_LABELS[quantity] if of_model is not None else "Cost per input"
        with_unit = f"{label} ({unit})" if unit else label
        return cls(curves, points=points, cost_label=with_unit)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        cost=None,
        quantity=None,
        unit=None,
        sample_weight=None,
        name=None,
    ):
        """Build the display from a fitted model, rows that are new to it, and costs.

        Queries the global about every row, and marks the threshold in use.

        Parameters
        ----------
        estimator : HybridClassifier, AbstainingClassifier or RoutingPolicy
            Fitted.
        X : array-like, or Outcomes for a RoutingPolicy
        y : array-like of shape (n_samples,), optional
            Omit with Outcomes.
        cost : CostModel or array-like of shape (n_samples,), optional
            As in ``from_predictions``; ``query_cost`` of the outcomes by default.
        quantity : str or None, default=None
            Quantity of the cost model; as in ``from_predictions``.
        unit : str, optional
            Unit of a price or of an array of costs, for the axis.
        sample_weight : array-like of shape (n_samples,), optional
        name : str, optional
            Label of the curve; by default, the router's name in :func:`list_routers`.

        Returns
        -------
        CostQualityDisplay

        Raises
        ------
        ValueError
            If there are no costs.
        """
        policy, score, outcomes, weight = judge(estimator, X, y, sample_weight)
        cost = outcomes.query_cost if cost is None else cost
        if cost is None:
            raise ValueError(
                "cost is missing, and the outcomes carry no query_cost. Give a model "
                "of selective_query.costs, or what a query about each row costs."
            )
        return cls.from_predictions(
            {name or router_name(policy.router_): score},
            outcomes.base_utility,
            outcomes.global_utility,
            cost=cost,
            quantity=quantity,
            unit=unit,
            threshold=policy.operating_point_.threshold,
            sample_weight=weight,
        )

    def _draw(self, ax, **line_kwargs):
        self.lines_ = []
        for label, style in line_styles(self.curves).items():
            style = {"label": label, **style, **line_kwargs}
            self.lines_ += ax.plot(*self.curves[label], **style)
        self.front_ = draw_front(ax, *self.front, label="front")
        self.points_ = {}
        markers = {"base alone": "s", "global alone": "D", "operating point": "o"}
        for label, (cost, accuracy) in self.points.items():
            (self.points_[label],) = ax.plot(
                cost,
                accuracy,
                marker=markers.get(label, "x"),
                color="black",
                linestyle="none",
                zorder=3,
                label=label,
            )
        ax.set(xlabel=self.cost_label, ylabel="Accuracy")
        ax.margins(y=0.08)
        ax.spines[["top", "right"]].set_visible(False)
        name_lines(ax, [*self.points_.values(), *self.lines_, self.front_])


def _asked_for(cost, quantity):
    """The method of a cost model that returns a quantity; None for an array."""
    name, percentile = quantity, ()
    if quantity == "p95_latency_ms":
        name, percentile = "latency_ms", ("p95",)
    method = getattr(cost, name, None)
    return method and (lambda coverage: method(coverage, *percentile))


def _cost_over_coverage(cost, of_model, score, weight):
    """A function from an array of coverages to the cost of an input at each."""
    if of_model is not None:
        return lambda coverage: np.array([float(of_model(float(c))) for c in coverage])
    cost = as_numbers(cost, "cost")
    if cost.shape != score.shape:
        raise ValueError(
            "cost must be a cost model that knows the quantity, or one cost for each "
            f"of the {len(score)} rows. Got a {type(cost).__name__}, {cost.shape}."
        )
    cost = check_finite(cost.astype(float), "cost", 0, each="row")
    # Here the sum over the queried rows is of their costs, not of their utilities.
    return RankedRows(score, np.zeros_like(cost), cost).curve(weight).accuracy_at
