"""Accuracy over cost of whole systems, side by side."""

import numpy as np

from selective_query.displays._beside import name_lines
from selective_query.displays._display import (
    COST_LABELS,
    Display,
    check_cost_name,
    draw_front,
    line_styles,
)
from selective_query.metrics.fronts import pareto_front
from selective_query.planning.within import refuse_same_names

MARKERS = "oDsv^P*X"


class AccuracyCostDisplay(Display):
    """Accuracy over the cost of an input, for several systems, with their Pareto front.

    :class:`CostQualityDisplay` describes one pair of base and global, whose operating
    points can be mixed at random. Here each point is a system as deployed, and the
    front is a step function: the best accuracy within each cost.

    Parameters
    ----------
    curves : dict of str to (cost, accuracy)
        Arrays of shape (n_points,), by label.
    cost_label : str, default="Cost per input"
        Axis label, with the unit.

    Attributes
    ----------
    front : tuple of ndarray of shape (n_front,)
        Cost (increasing) and accuracy of the points that no other point surpasses, as
        in :func:`~selective_query.metrics.pareto_front`.
    on_front : dict of str to ndarray of shape (n_points,), bool
        Which points of each system are on the front.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib lines, one for each system
    front_ : matplotlib line

    Raises
    ------
    ValueError
        If there are no curves, or one is not two arrays of finite numbers.

    Examples
    --------
    >>> from selective_query.displays import AccuracyCostDisplay
    >>> display = AccuracyCostDisplay(
    ...     {"cloud": ([1900], [0.8]), "hybrid": ([900, 1500, 2000], [0.7, 0.8, 0.7])},
    ...     cost_label="Mean time to an answer (ms)",
    ... )
    >>> display.on_front["cloud"], display.on_front["hybrid"]
    (array([False]), array([ True,  True, False]))
    """

    def __init__(self, curves, *, cost_label="Cost per input"):
        self.curves = {
            label: _checked(label, *curve) for label, curve in curves.items()
        }
        if not self.curves:
            raise ValueError("curves must hold at least one system. Got none.")
        self.cost_label = cost_label
        cost, accuracy = np.hstack(list(self.curves.values()))
        is_on = pareto_front(cost, accuracy)
        ends = np.cumsum([len(curve[0]) for curve in self.curves.values()])
        self.on_front = dict(zip(self.curves, np.split(is_on, ends[:-1]), strict=True))
        order = np.flatnonzero(is_on)[np.argsort(cost[is_on], kind="stable")]
        self.front = cost[order], accuracy[order]

    @classmethod
    def from_systems(cls, systems, cost="latency_ms", *, unit=None):
        """Build the display from systems and the name of a cost.

        Parameters
        ----------
        systems : sequence of SystemCurve
            With distinct names.
        cost : {"latency_ms", "energy_mj", "bytes", "price"}, default="latency_ms"
        unit : str, optional
            Unit of a price, for the axis.

        Returns
        -------
        AccuracyCostDisplay

        Raises
        ------
        ValueError
            If two systems have the same name, or the cost is unknown.
        """
        check_cost_name(cost, "cost")
        systems = list(systems)
        refuse_same_names(systems)
        label = COST_LABELS[cost]
        return cls(
            {system.name: (system.cost(cost), system.accuracy) for system in systems},
            cost_label=f"{label} ({unit})" if unit else label,
        )

    def _draw(self, ax, **line_kwargs):
        self.lines_ = []
        for number, (label, style) in enumerate(line_styles(self.curves).items()):
            look = {"marker": MARKERS[number % len(MARKERS)], "markersize": 3}
            if len(self.curves[label][0]) == 1:
                look |= {"markersize": 7, "linestyle": "none"}
            style = {"label": label, **style, **look, **line_kwargs}
            self.lines_ += ax.plot(*self.curves[label], **style)
        self.front_ = draw_front(
            ax,
            *self.front,
            drawstyle="steps-post",
            label="front",
        )
        ax.set(xlabel=self.cost_label, ylabel="Accuracy")
        ax.margins(y=0.08)
        ax.spines[["top", "right"]].set_visible(False)
        name_lines(ax, [*self.lines_, self.front_])


def _checked(label, cost, accuracy):
    curve = tuple(np.asarray(part, dtype=float) for part in (cost, accuracy))
    if curve[0].ndim != 1 or curve[0].shape != curve[1].shape or not len(curve[0]):
        raise ValueError(
            f"The curve of {label!r} must be (cost, accuracy), two arrays of one shape "
            f"(n_points,). Got shapes {curve[0].shape} and {curve[1].shape}."
        )
    return curve
