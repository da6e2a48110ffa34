"""Pictures of hybrids in operation."""

import matplotlib.pyplot as plt
from _figures import stored

from _pictures.drawing import BLUE, GREEN, INK, ORANGE, QUIET, WIDE, arrow, box, canvas


def cost_of_rows():
    """Time and memory of prediction, at once and in chunks."""
    rows = [r for r in stored("scale")[1] if r["what"] == "hybrid, rows"]
    figure, panels = plt.subplots(1, 2, figsize=(WIDE, 2.9))
    columns = ("ns a row", "peak MB")
    for ax, column in zip(panels, columns, strict=True):
        for way, colour, line, text in (
            ("whole", ORANGE, "--", "at once"),
            ("chunks", BLUE, "-", "in chunks"),
        ):
            found = [r for r in rows if r["way"] == way]
            x = [int(r["size"].replace(",", "")) for r in found]
            y = [r[column] for r in found]
            ax.plot(x, y, color=colour, ls=line, marker="o", ms=4)
            shift = (0, 7) if (way == "whole") else (0, -15)
            ax.annotate(
                text,
                (x[-1], y[-1]),
                shift,
                textcoords="offset points",
                ha="right",
                color=colour,
            )
        ax.set(xscale="log", xlabel="Rows", xticks=[1e3, 1e5, 1e7])
        ax.minorticks_off()
    panels[0].set(ylim=(0, 560), ylabel="ns per row")
    panels[1].set(yscale="log", ylim=(0.05, 3000), ylabel="Peak memory, MB")
    return figure


def breaker():
    """A silent cloud with and without the breaker."""
    rows = {r["case"]: r["mean ms of a query"] for r in stored("outages.breaker")[1]}
    figure, ax = plt.subplots(figsize=(WIDE, 1.6))
    for place, case in enumerate(("without", "with")):
        ax.barh(place, rows[case], 0.6, color=BLUE if case == "with" else QUIET)
        ax.text(rows[case] + 2, place, f"{rows[case]:.1f} ms", va="center")
    ax.set(
        yticks=[0, 1],
        yticklabels=["without breaker", "with breaker"],
        xlim=(0, 180),
        xlabel="Mean time of a query, ms",
    )
    return figure


def tier_shares():
    """Share kept by the second tier, asked for and realised."""
    rows = stored("tier_shares")[1]
    names = [" · ".join((r["data"], r["base"], r["router"])) for r in rows]
    figure, ax = plt.subplots(figsize=(WIDE, 3.2))
    ax.axvline(0.6, color=INK, lw=1, ls="--")
    for place, row in enumerate(rows):
        ax.plot(
            [row["nested_second"], row["second"]], [place, place], color=QUIET, lw=1
        )
        ax.plot(row["nested_second"], place, "s", color=ORANGE, ms=6)
        ax.plot(row["second"], place, "o", color=BLUE, ms=6)
    ax.text(0.62, 0, "chain", color=BLUE, va="center")
    ax.text(
        rows[0]["nested_second"] - 0.02,
        0,
        "nested hybrid",
        color=ORANGE,
        va="center",
        ha="right",
    )
    ax.text(0.6, -0.9, "asked", ha="center")
    ax.set(
        yticks=range(len(rows)),
        yticklabels=names,
        xlim=(0.1, 0.75),
        xlabel="Share kept by the second tier",
    )
    ax.invert_yaxis()
    return figure


def who_answers():
    """Three outcomes of a query whose server may be down."""
    figure, ax = canvas(2.5)
    box(ax, 0.11, 0.5, "base\n+ router", colour=BLUE)
    box(ax, 0.5, 0.5, "client\ndeadline, breaker", width=0.26, colour=QUIET)
    box(ax, 0.89, 0.5, "global", colour=GREEN)
    arrow(ax, (0.21, 0.5), (0.37, 0.5), "query")
    arrow(ax, (0.63, 0.55), (0.79, 0.55), "request")
    arrow(ax, (0.79, 0.44), (0.63, 0.44), "answer", shift=(0, -0.08), colour=GREEN)
    arrow(ax, (0.11, 0.38), (0.11, 0.08), "")
    ax.text(0.13, 0.2, "kept:\nbase answers", va="center")
    arrow(ax, (0.5, 0.38), (0.5, 0.08), "", colour=ORANGE, dashed=True)
    ax.text(
        0.52,
        0.2,
        "refused, silent, slow or wrong:\nthe base answers, no model does, or an error",
        va="center",
        color=ORANGE,
    )
    return figure


def three_tiers():
    """Inputs that each tier answers and passes on, in the chain of the page."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    from selective_query import CascadeClassifier

    X, y = load_digits(return_X_y=True)
    X = X / 16
    names = ("mcu", "gateway", "cloud")
    models = (LogisticRegression(C=1), LogisticRegression(C=5), SVC())
    cascade = CascadeClassifier(
        list(zip(names, models, strict=True)),
        router="max_probability",
        coverage=(0.6, 0.7),
        costs=(1, 4, 20),
        cv=3,
    ).fit(X[:1200], y[:1200])
    report = cascade.report(X[1200:], y[1200:])
    figure, ax = plt.subplots(figsize=(WIDE, 2.1))
    counts = zip(names, report.n_asked, report.n_answered, strict=True)
    for place, (_, n, kept) in enumerate(counts):
        ax.barh(place, kept, 0.55, color=BLUE)
        ax.barh(place, n - kept, 0.55, left=kept, color=QUIET, alpha=0.4, hatch="//")
        ax.text(
            n + 8,
            place,
            f"answers {kept}" if n == kept else f"answers {kept}, passes on {n - kept}",
            va="center",
        )
    ax.set(yticks=range(3), yticklabels=names, xlim=(0, 900), xlabel="New inputs")
    ax.invert_yaxis()
    return figure
