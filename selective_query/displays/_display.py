"""Shared by all displays: axes, line styles that work in greyscale, bands."""

import numpy as np

from selective_query._utils.ink import PALETTE
from selective_query._utils.numbers import as_numbers
from selective_query._utils.validation import check_choice, check_matplotlib_support

DASHES = (
    "-",
    (0, (5, 1.5)),
    (0, (6, 1.5, 1, 1.5)),
    (0, (3, 1)),
    (0, (6, 1, 1, 1, 1, 1)),
)
BOUNDS = {
    "oracle": {"color": "grey", "linestyle": "--", "linewidth": 1},
    "random": {"color": "grey", "linestyle": ":", "linewidth": 1},
}

COST_LABELS = {
    "price": "Price per input",
    "latency_ms": "Mean time to an answer (ms)",
    "p95_latency_ms": "Time in which 95 % of the answers come (ms)",
    "energy_mj": "Energy of the device per input (mJ)",
    "bytes": "Bytes sent per input",
}


class Display:
    """A plot of stored numbers; ``plot`` can be called repeatedly."""

    def plot(self, ax=None, **line_kwargs):
        """Draw the plot.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            New axes in a new figure by default.
        **line_kwargs
            Passed to every curve, if there are curves.

        Returns
        -------
        self
            With ``ax_``, ``figure_`` and the drawn artists.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(layout="constrained")
        self._draw(ax, **line_kwargs)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def line_styles(labels):
    """A style for each curve, by label: thin and grey for bounds, distinct for others.

    Parameters
    ----------
    labels : iterable of str

    Returns
    -------
    dict of str to dict
    """
    styles, n = {}, 0
    for label in labels:
        styles[label] = BOUNDS.get(label)
        if styles[label] is None:
            styles[label] = {
                "color": PALETTE[n % len(PALETTE)],
                "linestyle": DASHES[n % len(DASHES)],
            }
            n += 1
    return styles


def check_bands(bands, labels):
    """Check bands, and return them as arrays by the label of their curve.

    Parameters
    ----------
    bands : dict of str to (coverage, low, high), or None
    labels : iterable of str
        Labels of the curves.

    Returns
    -------
    dict of str to tuple of ndarray

    Raises
    ------
    ValueError
        If a band belongs to no curve, or is not three arrays of one shape.
    """
    labels, checked = list(labels), {}
    for label, band in (bands or {}).items():
        if label not in labels:
            raise ValueError(
                f"There is a band for {label!r} and no curve of that name; curves are "
                f"{', '.join(labels)}."
            )
        band = [np.asarray(part, dtype=float) for part in band]
        if len(band) != 3 or band[0].ndim != 1 or len({p.shape for p in band}) > 1:
            raise ValueError(
                f"The band of {label!r} must be (coverage, low, high), three arrays of "
                f"one shape (n_points,). Got shapes {[p.shape for p in band]}."
            )
        checked[label] = tuple(band)
    return checked


def check_point(point):
    """Check an operating point, and return it as two floats, or None.

    Raises
    ------
    ValueError
        If it is not a coverage and a value, both in [0, 1].
    """
    if point is None:
        return None
    ends = as_numbers(point, "point")
    if ends.shape != (2,) or not ((ends >= 0) & (ends <= 1)).all():
        raise ValueError(
            "point must be two numbers in [0, 1], a coverage and what is reached "
            f"there. Got {point!r}."
        )
    return tuple(map(float, ends))


def draw_band(ax, band, line):
    """Shade the area between low and high in the colour of a line."""
    return ax.fill_between(*band, color=line.get_color(), alpha=0.2, linewidth=0)


def mark_point(ax, x, y, sentence=None):
    """Mark an operating point, and write its description above the axes.

    Parameters
    ----------
    ax : matplotlib Axes
    x, y : float
    sentence : str, optional

    Returns
    -------
    matplotlib line
    """
    look = {"marker": "o", "markersize": 9, "color": "black", "zorder": 4}
    (point,) = ax.plot([x], [y], **look, markeredgecolor="white", linestyle="none")
    point.set_label("operating point")
    if sentence:
        ax.set_title(f"\u25cf {sentence}", loc="left", fontsize=10, wrap=True)
    return point


def check_cost_name(name, parameter):
    """Raise a ValueError for a cost without an axis label."""
    check_choice(name, parameter, COST_LABELS)


def draw_front(ax, cost, accuracy, **line_kwargs):
    """Draw the front of an accuracy-cost plot, thin and behind everything else.

    Returns
    -------
    matplotlib line
    """
    style = {
        "color": "grey",
        "linestyle": ":",
        "linewidth": 1,
        "marker": ".",
        "markersize": 4,
        "zorder": 1,
    }
    (line,) = ax.plot(cost, accuracy, **{**style, **line_kwargs})
    return line
