"""Results of the benchmarks, one picture per page."""

import re

import matplotlib.pyplot as plt
import numpy as np
from _figures import stored

from _pictures.drawing import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    QUIET,
    WIDE,
    direct_label,
    intervals,
)


def auto_gains():
    """The default router minus max-probability at coverage 0.8, by data set."""
    rows = []
    for row in stored("compare_routers")[1]:
        for result in row["results"]:
            if (result["router"], result["coverage"]) == ("auto", 0.8) and row[
                "reference"
            ] == "max_probability":
                names = ("difference", "low_simultaneous", "high_simultaneous")
                rows.append((row["dataset"], *(100 * result[n] for n in names)))
    figure, ax = plt.subplots(figsize=(WIDE, 3))
    intervals(ax, rows, unit="Accuracy over max-probability, points")
    return figure


def coverage_by_base():
    """Realised minus asked coverage of the default router."""
    rows = stored("coverage_by_router.bases")[1]
    names = sorted({(r["dataset"], r["base"]) for r in rows})
    figure, panels = plt.subplots(1, 3, sharey=True, sharex=True, figsize=(WIDE, 5))
    for ax, coverage in zip(panels, (90, 70, 50), strict=True):
        ax.axvspan(-1.5, 1.5, color=QUIET, alpha=0.18, lw=0)
        for row in rows:
            text = row[f"auto {coverage}"]
            error = float(re.match(r"[+\-−]?[\d.]+", text).group().replace("−", "-"))
            place = names.index((row["dataset"], row["base"]))
            many = row["n"] == max(r["n"] for r in rows)
            ax.plot(
                np.clip(error, -6, 6),
                place,
                "s" if many else "o",
                ms=5,
                color=ORANGE if many else BLUE,
                mfc="none" if "told" in text else None,
            )
        ax.set(title=f"asked {coverage} %", xlim=(-6.4, 6.4), xticks=[-5, 0, 5])
    panels[0].set(yticks=range(len(names)), yticklabels=[" · ".join(n) for n in names])
    panels[0].invert_yaxis()
    panels[1].set_xlabel("realised minus asked, points (open: with a warning)")
    return figure


def certificate_failures():
    """How often certificates missed their budget, by budget."""
    rows = stored("certificates")[1]
    names = list(dict.fromkeys(r["budget"].partition("(")[0] for r in rows))
    figure, ax = plt.subplots(figsize=(WIDE, 0.8 + 0.42 * len(names)))
    ax.axvline(0.1, color=INK, lw=1, ls="--")
    ax.text(0.1, -0.75, "allowed", ha="center")
    shift = np.random.default_rng(0)
    for row in rows:
        place = names.index(row["budget"].partition("(")[0])
        colour = ORANGE if row["tied"] else BLUE
        ax.plot(
            row["failure_rate"],
            place + shift.uniform(-0.22, 0.22),
            "s" if row["tied"] else "o",
            color=colour,
            ms=5,
            alpha=0.75,
        )
    ax.set(
        yticks=range(len(names)),
        yticklabels=names,
        ylim=(len(names) - 0.5, -0.5),
        xlim=(0, None),
        xlabel="Share of draws that missed the budget (squares: tied scores)",
    )
    return figure


ZOO = {
    "in3": (242.0, 293),
    "256kb": (200.0, 242),
    "512kb": (400.0, 456),
    "5fps": (90.0, 107),
    "10fps": (45.0, 54),
    "mbv2-w0.35": (283.5, 308),
}


def counted_memory():
    """SRAM of published nets, counted and measured."""
    figure, ax = plt.subplots(figsize=(WIDE, 2.8))
    for place, (counted, taken) in enumerate(ZOO.values()):
        ax.barh(place - 0.18, taken, 0.34, color=QUIET, alpha=0.5)
        ax.barh(place + 0.18, counted, 0.34, color=BLUE)
    ax.text(460, 1.82, "engine", va="center")
    ax.text(404, 2.2, "counted", va="center", color=BLUE)
    ax.set(yticks=range(len(ZOO)), yticklabels=ZOO, xlim=(0, 520), xlabel="SRAM, KB")
    ax.invert_yaxis()
    return figure


def proxies():
    """How well each proxy ranks bases."""
    rows = [r for r in stored("base_search")[1] if r["n_rows"] == "all"]
    names = list(dict.fromkeys(r["criterion"] for r in rows))
    figure, ax = plt.subplots(figsize=(WIDE, 2.6))
    for coverage, colour, mark in ((0.9, QUIET, "s"), (0.7, BLUE, "o")):
        for row in rows:
            if row["coverage"] == coverage:
                place = names.index(row["criterion"]) + (0.12 if mark == "o" else -0.12)
                span = [row["correlation low"], row["correlation high"]]
                ax.plot(span, [place, place], color=colour)
                ax.plot(row["correlation"], place, mark, color=colour, ms=6)
    ax.text(0.9, 1 - 0.12, "coverage 0.9 ", ha="right", va="center", color=QUIET)
    ax.text(0.6, 1.14, "coverage 0.7", va="center", color=BLUE)
    ax.set(
        yticks=range(len(names)),
        yticklabels=names,
        xlim=(None, 1),
        xlabel="Rank correlation with the accuracy of the final hybrid",
    )
    ax.invert_yaxis()
    return figure


def systems():
    """The best accuracy within a share of the cloud's latency."""
    rows = stored("paper_tables.table_2")[1]
    figure, ax = plt.subplots(figsize=(WIDE, 3.4))
    looks = {
        "hybrid": (BLUE, "-", "o", 0.2),
        "entropy": (INK, "--", "s", -0.3),
        "on-device": (QUIET, "-", "", -0.15),
        "early exit": (QUIET, ":", "", 0.15),
        "split computation": (ORANGE, "-.", "^", -0.5),
    }
    for name, (colour, line, mark, shift) in looks.items():
        found = [r for r in rows if r["system"] == name]
        x = [100 * r["share of the on-cloud latency"] for r in found]
        y = [r["accuracy"] for r in found]
        ax.plot(x, y, color=colour, ls=line, marker=mark, ms=6, lw=2)
        at = -1 if name == "split computation" else 0
        ax.text(
            x[at],
            y[at] + shift,
            name,
            color=colour,
            va="top" if shift < 0 else "bottom",
            ha="right" if at else "left",
        )
    cloud = next(
        r["accuracy"] for r in rows if r["system"] == "on-cloud" and r["accuracy"]
    )
    ax.plot(100, cloud, "D", color=GREEN, ms=7, clip_on=False)
    ax.annotate(
        "cloud alone",
        (100, cloud),
        (0, 9),
        textcoords="offset points",
        ha="right",
        color=GREEN,
    )
    ax.set(
        ylim=(71, 80.9),
        xlabel="Mean latency, % of the cloud's",
        ylabel="Accuracy on CIFAR-10, %",
    )
    return figure


PEERS = (
    "threshold by hand",
    "scikit-fallback, logistic routing",
    "scikit-fallback, boosted routing",
    "MAPIE, sets",
    "LCE surrogate",
    "OvA surrogate",
    "realizable surrogate",
    "paper's net",
)


def peers():
    """Accuracy of others minus ours at coverage 0.8."""
    rows = stored("peers.accuracy")[1]
    figure, panels = plt.subplots(1, 2, sharey=True, figsize=(WIDE, 3.2))
    for ax, dataset in zip(panels, ("letter", "covertype"), strict=True):
        found = {r["peer"]: r for r in rows if r["dataset"] == dataset}
        shown = [p for p in PEERS if p in found]
        names = ("difference", "low", "high")
        intervals(ax, [(p, *(found[p][n] for n in names)) for p in shown])
        ax.set_title(dataset)
    return figure


def cost_of_predict():
    """Time of predict over a hand-written threshold."""
    rows = stored("predict_cost")[1]
    figure, ax = plt.subplots(figsize=(WIDE, 2.6))
    names = [n for n in dict.fromkeys(r["router"] for r in rows) if n != "benefit"]
    for size, colour, shift in ((100_000, QUIET, -0.18), (1_000_000, BLUE, 0.18)):
        for row in rows:
            if row["rows"] == size and row["router"] in names:
                place = names.index(row["router"]) + shift
                ax.barh(place, row["over hand-written"], 0.32, color=colour)
        direct_label(ax, 0.02, names.index("margin") + shift, f"{size:,} rows")
    ax.axvline(1, color=INK, lw=1, ls="--")
    ax.set(
        yticks=range(len(names)),
        yticklabels=names,
        xlim=(0, 1.3),
        xlabel="Time over that of a hand-written threshold",
    )
    ax.invert_yaxis()
    return figure
