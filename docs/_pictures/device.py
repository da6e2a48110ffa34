"""Pictures of exports and of memory on devices."""

import itertools

import matplotlib.pyplot as plt
from _figures import stored

from _pictures.drawing import BLUE, GREEN, INK, ORANGE, QUIET, WIDE, arrow, box, canvas


def memories():
    """Memory of nets compared with that of a microcontroller."""
    from selective_query.costs import STM32F746

    rows = stored("paper_tables.nets")[1]
    figure, panels = plt.subplots(1, 2, sharey=True, figsize=(WIDE, 2.4))
    for ax, column, name in zip(
        panels, ("flash_bytes", "sram_bytes"), ("Flash", "SRAM"), strict=True
    ):
        limit = getattr(STM32F746, column)
        for place, row in enumerate(rows):
            size = 100 * (row[column] + 32_768) / limit
            colour = ORANGE if size > 100 else BLUE
            ax.barh(
                place,
                size,
                0.6,
                color=colour,
                hatch="//" if size > 100 else "",
                edgecolor="none",
            )
        ax.axvline(100, color=INK, ls="--", lw=1.2)
        ax.set(xlim=(0, 130), xlabel=f"{name}, % of {limit // 1024:,} KB")
    panels[0].set(yticks=range(len(rows)), yticklabels=[r["net"] for r in rows])
    panels[0].invert_yaxis()
    return figure


def from_fit_to_firmware():
    """The steps of an export."""
    figure, ax = canvas(2.3)
    steps = (
        (0.1, "fit", "base, router,\nthreshold", BLUE),
        (0.36, "export", "ONNX or C", BLUE),
        (0.62, "compare", "row by row with\nthe classifier", GREEN),
        (0.89, "link, emulate", "flash, SRAM,\ninstructions", GREEN),
    )
    for x, title, text, colour in steps:
        box(ax, x, 0.66, title, width=0.19, height=0.26, colour=colour)
        ax.text(x, 0.36, text, ha="center", va="center", fontsize=9.5, linespacing=1.4)
    for (x, *_), (after, *_) in itertools.pairwise(steps):
        arrow(ax, (x + 0.095, 0.66), (after - 0.095, 0.66))
    arrow(ax, (0.62, 0.22), (0.36, 0.22), "", colour=ORANGE, dashed=True)
    ax.text(
        0.49, 0.1, "any unexplained difference is an error", color=ORANGE, ha="center"
    )
    return figure


def exported_decisions():
    """Decisions that changed, per million rows."""
    rows = stored("export_parity.bases")[1]
    names = list(
        dict.fromkeys(r["base"] for r in rows if not r["base"].startswith("net"))
    )
    figure, ax = plt.subplots(figsize=(WIDE, 3.3))
    for target, colour, shift, mark in (
        ("ONNX", BLUE, -0.15, "o"),
        ("C", ORANGE, 0.15, "s"),
    ):
        for row in rows:
            if row["target"] == target and row["base"] in names:
                place = names.index(row["base"]) + shift
                x = 1e6 * row["moved"] / row["rows"]
                ax.plot([0, x], [place, place], color=colour, lw=1.5)
                ax.plot(x, place, mark, color=colour, ms=5, clip_on=False)
        ax.text(95, 3 + 3 * shift, target, color=colour, va="center")
    ax.set(
        yticks=range(len(names)),
        yticklabels=names,
        xlim=(0, 100),
        xlabel="Decisions that changed, per million rows",
    )
    ax.invert_yaxis()
    return figure


def sizes_of_files():
    """File sizes of a rule, a policy and a classifier."""
    import tempfile
    from pathlib import Path

    from sklearn.datasets import load_digits
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.naive_bayes import GaussianNB

    from selective_query import HybridClassifier, save

    X, y = load_digits(return_X_y=True)
    hybrid = HybridClassifier(
        GaussianNB(), ExtraTreesClassifier(20, random_state=0), router="benefit", cv=3
    ).fit(X, y)
    parts = {"rule_": hybrid.policy_.rule_, "policy_": hybrid.policy_, "hybrid": hybrid}
    figure, ax = plt.subplots(figsize=(WIDE, 1.9))
    with tempfile.TemporaryDirectory() as folder:
        for place, (name, thing) in enumerate(parts.items()):
            path = Path(folder) / name
            save(thing, path)
            size = path.stat().st_size / 1024
            ax.barh(place, size, 0.6, color=BLUE if place == 0 else QUIET)
            ax.text(size * 1.08, place, f"{size:,.0f} KB", va="center")
    what = ("decides", "decides, and moves by at()", "policy and both models")
    ax.set(
        yticks=range(3),
        xscale="log",
        xlim=(1, 4000),
        xlabel="File size, KB",
        yticklabels=[f"{n}: {w}" for n, w in zip(parts, what, strict=True)],
    )
    ax.invert_yaxis()
    return figure
