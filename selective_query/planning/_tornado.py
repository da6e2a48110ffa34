"""Tornado plot: the effect of each assumed constant on the accuracy of a plan."""

import numpy as np

from selective_query._utils.ink import ACCENT, QUIET

LIGHT = "#A9CCE3"
UNITS = {
    "ms": "ms", "kbps": "kbit/s", "mj": "mJ", "uj": "µJ", "mw": "mW", "mwh": "mWh",
    "mah": "mAh", "mhz": "MHz", "v": "V", "mb": "MB", "bytes": "bytes",
}  # fmt: skip


def readable(constant):
    """Format a constant's name for an axis.

    Examples
    --------
    >>> readable("link.energy_mj_per_wake_up")
    'link: energy per wake up (mJ)'
    """
    owner, _, name = constant.partition(", ")[0].rpartition(".")
    name, _, per = name.partition("_per_")
    *words, last = name.split("_")
    unit = UNITS.get(last)
    words = words if unit else [*words, last]
    text = " ".join(words + (["per", *per.split("_")] if per else []))
    start = f"{owner.replace('.', ', ')}: " if owner else ""
    return f"{start}{text}" + (f" ({unit})" if unit else "")


def draw_tornado(ax, plan, shown):
    """Draw bars from the plan's accuracy to that at both ends of each constant.

    Parameters
    ----------
    ax : matplotlib Axes
    plan : Plan
    shown : sequence of Sensitivity
        From top to bottom.
    """
    middle = 100 * plan.accuracy
    ax.axvline(middle, color="black", linewidth=0.8, zorder=3)
    for row, moved in enumerate(reversed(shown)):
        by_end = zip(moved.accuracies, moved.ends, (LIGHT, ACCENT), strict=True)
        rises = moved.accuracies[0] > moved.accuracies[1]
        for number, (accuracy, end, colour) in enumerate(by_end):
            lost = np.isnan(accuracy)
            value = middle if lost else 100 * accuracy
            ax.barh(row, value - middle, left=middle, height=0.6, color=colour)
            right = value > middle or (value == middle and rises == (number == 0))
            ax.annotate(
                f"{_text(end)}{': infeasible' if lost else ''}",
                (value, row),
                xytext=(4 if right else -4, 0),
                textcoords="offset points",
                ha="left" if right else "right",
                va="center",
                fontsize=8,
                color=QUIET,
            )
    ax.set_yticks(range(len(shown)), [readable(s.constant) for s in reversed(shown)])
    ax.set(xlabel="Accuracy of the plan with the constant at either end (%)")
    ax.set_title(
        f"Accuracy {middle:.1f} % at coverage {plan.coverage:.2f}, and what moves it",
        loc="left",
        fontsize=10,
    )
    ax.margins(x=0.18)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)


def _text(end):
    if isinstance(end, tuple):
        return " to ".join(f"{part:g}" for part in end)
    return f"{end:,.0f}" if abs(end) >= 1000 else f"{end:.4g}"
