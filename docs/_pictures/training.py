"""Pictures of training and compression."""

import re

import matplotlib.pyplot as plt
from _figures import stored

from _pictures.drawing import BLUE, ORANGE, QUIET, WIDE, intervals


def gains():
    """Gain of each loss on CIFAR-10 with the default router."""
    wanted = {"dataset": "cifar10", "router": "auto", "coverage": 0.8, "epochs": 1}
    rows = [
        (r["arm"], r["gain"], r["low"], r["high"])
        for r in stored("training")[1]
        if all(r[key] == value for key, value in wanted.items())
    ]
    figure, ax = plt.subplots(figsize=(WIDE, 3.4))
    intervals(ax, sorted(rows, key=lambda r: -r[1]), unit="Gain in accuracy, points")
    return figure


def recipe():
    """Gain of each recommended step on top of those before, on three datasets."""
    wanted = {"coverage": 0.8, "epochs": 1}
    rows = [
        r
        for r in stored("ranking.added")[1]
        if all(r[key] == value for key, value in wanted.items())
    ]
    sets = {
        "cifar10": "CIFAR-10",
        "fashion_mnist": "Fashion-MNIST",
        "spoken_digits": "Spoken digits",
    }
    figure, panels = plt.subplots(1, len(sets), sharey=True, figsize=(WIDE, 2.6))
    for ax, (name, title) in zip(panels, sets.items(), strict=True):
        of_set = [
            (r["with"], r["gain"], r["low"], r["high"])
            for r in rows
            if r["dataset"] == name
        ]
        intervals(ax, of_set, unit="points")
        ax.set_title(title)
    return figure


def drift_of_coverage():
    """Change of coverage under the old threshold, and under a new one."""
    rows = [r for r in stored("compression")[1] if r["coverage"] == 0.9]
    arms = list(dict.fromkeys(r["arm"] for r in rows))
    sets = list(dict.fromkeys(r["dataset"] for r in rows))
    figure, panels = plt.subplots(1, len(sets), sharey=True, figsize=(WIDE, 2.6))
    for ax, name in zip(panels, sets, strict=True):
        for row in rows:
            if row["dataset"] != name:
                continue
            for key, colour, shift in (
                ("coverage_old", ORANGE, -0.18),
                ("coverage_new", BLUE, 0.18),
            ):
                value = float(re.match(r"[+\-−\d.]+", row[key]).group())
                ax.barh(arms.index(row["arm"]) + shift, value, 0.34, color=colour)
        ax.axvline(0, color=QUIET, lw=1)
        ax.set(title=name.replace("_", " "), xlim=(-27, 4), xlabel="points")
    ax.text(-26, 0.0 - 0.18, "old threshold", color=ORANGE, va="center")
    ax.text(-26, 0.0 + 0.2, "new threshold", color=BLUE, va="center")
    panels[0].set(yticks=range(len(arms)), yticklabels=arms)
    panels[0].invert_yaxis()
    return figure


def proxies_of_search():
    """Accuracy falls with coverage; a price gives it a maximum."""
    import numpy as np

    from selective_query.datasets import make_selective_query
    from selective_query.metrics import accuracy_coverage_curve

    found = make_selective_query(20_000, regime="uniform", random_state=0).outcomes
    score = 1 - found.base_proba.max(axis=1)
    grid = np.linspace(0, 1, 101)
    curve = accuracy_coverage_curve(score, found.base_utility, found.global_utility)
    accuracy = curve.accuracy_at(grid)
    figure, ax = plt.subplots(figsize=(WIDE, 3.1))
    looks = ((0, QUIET, "-"), (0.1, BLUE, "-"), (0.2, ORANGE, "--"))
    for price, colour, line in looks:
        value = 100 * (accuracy - price * (1 - grid))
        best = value.argmax()
        ax.plot(100 * grid, value, color=colour, ls=line)
        ax.plot(100 * grid[best], value[best], "o", color=colour, ms=7, clip_on=False)
        text = f"priced_accuracy({price:g})" if price else "plain accuracy"
        ax.annotate(
            text,
            (0, value[0]),
            (14, 16 if price else 6),
            textcoords="offset points",
            color=colour,
        )
    ax.set(xlim=(0, 100), xlabel="Coverage, %", ylabel="Score, %")
    return figure
