"""Style of the documentation's pictures, and their conversion to SVG."""

import html
import io
import re
from contextlib import contextmanager

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

INK, QUIET = "#1a1a1b", "#7c7c7d"  # the first becomes the colour of the page's text
BLUE, ORANGE, GREEN, PURPLE = "#2b7bd6", "#d9730d", "#2a9464", "#9363d1"
WIDE = 6.2  # inches

STYLE = {
    "figure.figsize": (WIDE, 3.4),
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "figure.constrained_layout.use": True,
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=[BLUE, ORANGE, GREEN, PURPLE]),
    "legend.frameon": False,
    "lines.linewidth": 2,
    "grid.color": QUIET,
    "grid.alpha": 0.25,
    "svg.fonttype": "none",
}


@contextmanager
def style(name):
    """Apply the common style; `name` keeps the SVG ids of pictures distinct."""
    with plt.rc_context({**STYLE, "svg.hashsalt": name}):
        yield
    plt.close("all")


def as_svg(figure, alt):
    """Return a figure as inline SVG, in the text colours of the page."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()[text.getvalue().index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = svg.replace(INK, "currentColor")
    named = f'<svg role="img" aria-label="{html.escape(alt)}"'
    return re.sub(r"\n\s*", "\n", svg.replace("<svg", named, 1))


def label_ends(ax, labels, x, gap, *, side="right"):
    """Write labels at the ends of lines, at least `gap` apart.

    Parameters
    ----------
    ax : matplotlib Axes
    labels : list of (y, text, colour)
    x : float
        Where the lines end.
    gap : float
        In units of y.
    side : {"right", "left"}, default="right"
    """
    floor = float("-inf")
    for y, text, colour in sorted(labels):
        floor = max(y, floor + gap)
        ax.annotate(
            text,
            (x, floor),
            (6 if side == "right" else -6, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            ha="left" if side == "right" else "right",
            annotation_clip=False,
        )


def box(ax, x, y, text, *, width=0.2, height=0.24, colour=QUIET, fill=0.12):
    """Draw a box with centred text at (x, y)."""
    from matplotlib.patches import FancyBboxPatch

    ax.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.02",
            facecolor=matplotlib.colors.to_rgba(colour, fill),
            edgecolor=colour,
        )
    )
    ax.text(x, y, text, ha="center", va="center", linespacing=1.4)


def arrow(ax, start, end, text="", *, colour=QUIET, shift=(0, 0.05), dashed=False):
    """Draw an arrow between two points, with text at its middle."""
    ax.annotate(
        "",
        end,
        start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "lw": 1.5,
            "shrinkA": 0,
            "shrinkB": 0,
            "linestyle": "--" if dashed else "-",
        },
    )
    middle = [(a + b) / 2 + s for a, b, s in zip(start, end, shift, strict=True)]
    ax.text(*middle, text, ha="center", va="center", fontsize=9.5)


def canvas(height=2.2):
    """Return a figure and axes for a diagram, from 0 to 1 in both directions."""
    figure, ax = plt.subplots(figsize=(WIDE, height))
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.axis("off")
    return figure, ax


def intervals(ax, rows, *, unit="points"):
    """Draw estimates with their intervals, one below the other; zero is marked.

    Parameters
    ----------
    ax : matplotlib Axes
    rows : list of (label, estimate, low, high)
        An estimate whose interval excludes zero is filled.
    unit : str, default="points"
    """
    ax.axvline(0, color=QUIET, lw=1)
    for place, (_, value, low, high) in enumerate(rows):
        shown = low > 0 or high < 0
        ax.plot([low, high], [place, place], color=BLUE, lw=2)
        ax.plot(value, place, "o", color=BLUE, mfc=BLUE if shown else "none", ms=6)
    ax.set(
        yticks=range(len(rows)),
        yticklabels=[label for label, *_ in rows],
        ylim=(len(rows) - 0.4, -0.6),
        xlabel=unit,
    )
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def direct_label(ax, x, y, text, colour="white"):
    """Write text on a bar, in a colour that is legible in light and in dark mode."""
    ax.text(x, y, text, color=colour, va="center", fontsize=9)
