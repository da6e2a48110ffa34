"""Accuracy of hybrids over the cost of their bases, for the search among these."""

import numpy as np

from selective_query._utils.validation import check_matplotlib_support


def plot_bases(results, front, ax=None):
    """Draw the results of a search, the finalists filled, the front as a line.

    Parameters
    ----------
    results : list of dict
        With ``name``, ``cost``, ``proxy`` and ``learned``.
    front : list of str
        Names on the Pareto front.
    ax : matplotlib Axes or None, default=None

    Returns
    -------
    Axes
    """
    check_matplotlib_support("BaseSearchCV.plot")
    import matplotlib.pyplot as plt

    ax = plt.subplots()[1] if ax is None else ax
    for key, label in (("learned", "by the router"), ("proxy", "by the proxy")):
        rows = [row for row in results if not np.isnan(row[key])]
        points = [[row[name] for row in rows] for name in ("cost", key)]
        ax.plot(*points, "o" if key == "learned" else "x", label=label)
    best = [row for row in results if row["name"] in front]
    best.sort(key=lambda row: row["cost"])
    ax.plot([row["cost"] for row in best], [row["learned"] for row in best], "-")
    for row in best:
        ax.annotate(row["name"], (row["cost"], row["learned"]))
    ax.set(xlabel="cost of the base", ylabel="accuracy of the hybrid")
    ax.legend()
    return ax
