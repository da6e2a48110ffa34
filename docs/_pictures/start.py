"""Pictures of the first pages: terms, models, containers."""

import matplotlib.pyplot as plt
import numpy as np

from _pictures.drawing import BLUE, GREEN, ORANGE, QUIET, WIDE, arrow, box, canvas


def one_input():
    """The path of one input through base, router and global."""
    figure, ax = canvas(2.7)
    box(ax, 0.07, 0.62, "input", width=0.13)
    box(ax, 0.29, 0.62, "base", width=0.14, colour=BLUE)
    box(ax, 0.53, 0.62, "router\nscore", width=0.16, colour=BLUE)
    box(ax, 0.9, 0.62, "global", width=0.16, colour=ORANGE)
    arrow(ax, (0.135, 0.62), (0.22, 0.62))
    arrow(ax, (0.36, 0.62), (0.45, 0.62), "evidence", shift=(0, 0.17))
    arrow(
        ax,
        (0.61, 0.62),
        (0.82, 0.62),
        "above the threshold:\nquery",
        shift=(0, 0.14),
        colour=ORANGE,
    )
    arrow(ax, (0.53, 0.5), (0.53, 0.14))
    arrow(ax, (0.9, 0.5), (0.9, 0.14), colour=ORANGE)
    ax.text(0.53, 0.05, "the base's answer", ha="center", va="center", color=BLUE)
    ax.text(0.9, 0.05, "the global's answer", ha="center", va="center", color=ORANGE)
    ax.text(
        0.51,
        0.3,
        "at most the threshold:\nkept (coverage)",
        ha="right",
        va="center",
        fontsize=9.5,
    )
    return figure


def fits_of_a_fit():
    """The rows on which each fold fits and predicts, and the final fit on all rows."""
    figure, ax = plt.subplots(figsize=(WIDE, 2.5))
    for fold in range(5):
        for part in range(5):
            out = part == fold
            ax.barh(
                fold,
                0.97,
                0.7,
                left=part,
                color=ORANGE if out else BLUE,
                alpha=1 if out else 0.35,
                hatch="//" if out else "",
                edgecolor="none",
            )
    ax.barh(5.4, 4.97, 0.7, color=BLUE)
    ax.text(
        5.15,
        2,
        "fitted on the pale rows,\npredicts the hatched ones:\nthe router "
        "and the threshold\nlearn from these",
        va="center",
        fontsize=9.5,
    )
    ax.text(5.15, 5.4, "the final model", va="center", fontsize=9.5)
    ax.set(
        yticks=[*range(5), 5.4],
        xlim=(0, 8),
        xticks=[],
        yticklabels=[*(f"fold {i + 1}" for i in range(5)), "all rows"],
    )
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.invert_yaxis()
    return figure


def two_frames():
    """Frames in different orders, matched by names."""
    figure, ax = canvas(2.6)
    base = [
        ("", "cat", "dog"),
        ("p1", ".9", ".1"),
        ("p2", ".6", ".4"),
        ("p3", ".2", ".8"),
    ]
    other = [
        ("", "dog", "cat"),
        ("p3", ".3", ".7"),
        ("p1", ".2", ".8"),
        ("p2", ".9", ".1"),
    ]
    out = [
        ("", "cat", "dog"),
        ("p1", ".8", ".2"),
        ("p2", ".1", ".9"),
        ("p3", ".7", ".3"),
    ]
    tables = (
        (0.02, "base", base, BLUE),
        (0.35, "global", other, ORANGE),
        (0.72, "global, in order", out, ORANGE),
    )
    for left, title, rows, colour in tables:
        ax.text(left, 0.95, title, color=colour, va="center")
        for i, row in enumerate(rows):
            for j, cell in enumerate(row):
                x, y = left + 0.02 + 0.09 * j, 0.76 - 0.2 * i
                strong = "bold" if i == 0 or j == 0 else "normal"
                ax.text(x, y, cell, va="center", fontweight=strong)
        ax.plot([left, left + 0.26], [0.66, 0.66], color=QUIET, lw=1)
    arrow(ax, (0.62, 0.46), (0.7, 0.46), "by name", shift=(-0.005, 0.09))
    return figure


def two_scales():
    """Coverage and query rate on one scale."""
    figure, ax = plt.subplots(figsize=(WIDE, 1.9))
    ax.barh(0, 80, 0.5, color=BLUE)
    ax.barh(0, 20, 0.5, left=80, color=ORANGE, hatch="//", edgecolor="none")
    ax.text(40, 0, "kept: coverage 80 %", ha="center", va="center", color="white")
    ax.text(90, 0.42, "queried: 20 %", ha="center", va="center", color=ORANGE)
    ax.set(xlim=(0, 100), ylim=(-0.4, 0.6), yticks=[], xlabel="Coverage, %")
    ax.spines["left"].set_visible(False)
    other = ax.secondary_xaxis("top", functions=(lambda c: 100 - c, lambda r: 100 - r))
    other.set_xlabel("Query rate, deferral rate, rejection rate, escalation rate, %")
    return figure


def calibration_rows():
    """How many calibration rows a coverage needs."""
    from selective_query.budgets._solving.thresholds import rows_needed

    coverage = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99])
    figure, ax = plt.subplots(figsize=(WIDE, 2.8))
    for confidence, colour, line, text in (
        (None, QUIET, "--", "on average"),
        (0.95, BLUE, "-", "confidence=0.95"),
    ):
        rows = [rows_needed(c, confidence) for c in coverage]
        ax.plot(100 * coverage, rows, color=colour, ls=line, marker="o", ms=4)
        place = (98, 320) if confidence else (99, 4)
        ax.text(*place, f"{text}: {rows[-1]:,} rows for 99 %", ha="right", color=colour)
    ax.set(
        yscale="log", xlabel="Coverage asked, %", ylabel="Rows needed", ylim=(0.8, 600)
    )
    ax.grid(axis="y")
    return figure


def coverage_errors():
    """Error of the coverage, by library."""
    from _figures import stored

    rows = [
        r
        for r in stored("peers.coverage")[1]
        if (r["dataset"], r["coverage"]) == ("digits", 0.7)
        and r["base"] == "logistic regression"
    ]
    figure, ax = plt.subplots(figsize=(WIDE, 0.9 + 0.32 * len(rows)))
    ax.axvline(0, color=QUIET, lw=1)
    for place, row in enumerate(rows):
        mean, spread = row["mean error"], row["SD"]
        ours = row["peer"].startswith("selective_query")
        colour = BLUE if ours else GREEN
        ax.plot([mean - spread, mean + spread], [place, place], color=colour)
        ax.plot(mean, place, "o" if ours else "s", color=colour, ms=6)
    ax.set(
        yticks=range(len(rows)),
        yticklabels=[r["peer"] for r in rows],
        xlabel="Realised minus asked coverage, points",
    )
    ax.invert_yaxis()
    return figure
