"""The picture that explains what the library does."""

import json

import matplotlib.pyplot as plt
import numpy as np
from _figures import RESULTS

from _pictures.drawing import BLUE, INK, QUIET


def what_a_hybrid_keeps():
    """Accuracy over coverage on letter, with the operating point spelled out."""
    content = json.loads((RESULTS / "first_picture.json").read_text())
    rows = {row["router"]: row for row in content["rows"]}
    coverage = 100 * np.array(rows["auto"]["coverage"])
    curve = {name: 100 * np.array(row["accuracy"]) for name, row in rows.items()}
    at, accuracy = 100 * rows["auto"]["at"], rows["auto"]["accuracy at"]

    figure, ax = plt.subplots(figsize=(6.2, 4.1))
    ax.fill_between(coverage, curve["random"], curve["auto"], color=BLUE, alpha=0.14)
    ax.plot(coverage, curve["oracle"], color=QUIET, lw=1.3, ls=":")
    ax.plot(coverage, curve["random"], color=QUIET, lw=1.3)
    ax.plot(coverage, curve["max_probability"], color=INK, lw=1.3, ls="--")
    ax.plot(coverage, curve["auto"], color=BLUE, lw=2.6)

    ax.plot([at, at], [75.5, accuracy], color=BLUE, lw=1, ls=":")
    ax.plot(at, accuracy, "o", color=BLUE, ms=9)
    ax.text(
        at - 1.5,
        76,
        f"The base answers {at:.0f} %.\n"
        f"The pair retains {rows['auto']['gain kept']:.0f} %\nof the global's gain.",
        color=BLUE,
        ha="right",
        linespacing=1.5,
        fontsize=12,
    )
    for x, y, text, colour in (
        (67, 92.9, "this library", BLUE),
        (44, 95.9, "perfect router", QUIET),
        (33, 90.6, "confidence threshold", INK),
        (15, 86.9, "random queries", QUIET),
        (23, 91.9, "gain over random", BLUE),
        (1.5, 94.7, f"global alone {curve['auto'][0]:.1f} %", INK),
        (71, 76, f"base alone {curve['auto'][-1]:.1f} %", INK),
    ):
        ax.text(x, y, text, color=colour, fontsize=9.5)
    ends = curve["auto"][[0, -1]]
    ax.plot([0, 100], ends, "o", color=INK, ms=6, clip_on=False)
    ax.set(
        xlim=(0, 100),
        ylim=(75.5, 97.2),
        yticks=[80, 85, 90, 95],
        xlabel="Share of inputs that the base answers: coverage, %",
        ylabel="Accuracy, %",
    )
    return figure
