"""Pictures of routers, comparisons and diagnoses."""

import matplotlib.pyplot as plt
import numpy as np

from _pictures.drawing import BLUE, GREEN, INK, ORANGE, QUIET, WIDE, intervals


def _specialist(seed, n=3000):
    from selective_query.datasets import make_selective_query

    return make_selective_query(n, regime="specialist", random_state=seed)


def three_regimes():
    """Confidence and a learned router in the three regimes of the simulator."""
    from selective_query.datasets import make_selective_query
    from selective_query.routers import BenefitRouter, MaxProbabilityRouter

    grid = np.linspace(0, 1, 41)
    figure, panels = plt.subplots(1, 3, figsize=(WIDE, 2.5))
    for ax, regime in zip(panels, ("uniform", "specialist", "noisy"), strict=True):
        train = make_selective_query(4000, regime=regime, random_state=1)
        test = make_selective_query(20_000, regime=regime, random_state=2)
        for router, colour, line in (
            (MaxProbabilityRouter(), INK, "--"),
            (BenefitRouter(), BLUE, "-"),
        ):
            score = router.fit(train.outcomes).query_score(test.outcomes.evidence)
            accuracy = [test.expected_accuracy(score, c) for c in grid]
            ax.plot(100 * grid, 100 * np.array(accuracy), color=colour, ls=line)
        ax.set(title=regime, xlim=(0, 100), xlabel="Coverage, %", xticks=[0, 50, 100])
    panels[0].set_ylabel("Accuracy, %")
    panels[1].text(98, 66.2, "learned", color=BLUE, ha="right")
    panels[1].text(4, 60.5, "confidence", color=INK)
    return figure


def paired():
    """Separate intervals overlap; the paired one excludes zero."""
    from selective_query import compare_routers

    train, test = _specialist(0, 2000).outcomes, _specialist(1, 600).outcomes
    found = compare_routers(
        train, test, ["max_probability", "benefit"], [0.8], random_state=0
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE, 1.9), width_ratios=[3, 2])
    for place, row in enumerate(found.rows):
        low, high = 100 * row["accuracy_low"], 100 * row["accuracy_high"]
        left.plot([low, high], [place, place], color=QUIET)
        left.plot(100 * row["accuracy_at_coverage"], place, "o", color=QUIET, ms=6)
    left.set(
        yticks=[0, 1],
        yticklabels=[r["router"] for r in found.rows],
        ylim=(1.6, -0.6),
        xlabel="Accuracy, %",
        title="each by itself",
    )
    row = next(r for r in found.differences() if r["router"] == "benefit")
    values = [100 * row[key] for key in ("difference", "low", "high")]
    intervals(right, [("", *values)])
    right.set_title("paired difference")
    return figure


def areas_of_a_curve():
    """The quantities that metrics measure on one curve."""
    from selective_query.metrics import accuracy_coverage_curve
    from selective_query.routers import BenefitRouter

    test = _specialist(1, 20_000).outcomes
    score = BenefitRouter().fit(_specialist(0).outcomes).query_score(test.evidence)
    grid = np.linspace(0, 1, 61)
    curves = {
        name: 100
        * accuracy_coverage_curve(
            s, test.base_utility, test.global_utility
        ).accuracy_at(grid)
        for name, s in {
            "router": score,
            "oracle": test.benefit,
            "random": np.zeros(test.n_rows),
        }.items()
    }
    figure, ax = plt.subplots(figsize=(WIDE, 3.3))
    x = 100 * grid
    ax.fill_between(x, curves["random"], curves["router"], color=BLUE, alpha=0.2, lw=0)
    ax.fill_between(
        x, curves["router"], curves["oracle"], color=QUIET, alpha=0.12, lw=0
    )
    looks = {"router": (BLUE, "-"), "oracle": (QUIET, ":"), "random": (QUIET, "-")}
    for name, (colour, line) in looks.items():
        ax.plot(x, curves[name], color=colour, ls=line)
    at = 48
    ax.plot(x[at], curves["router"][at], "o", color=BLUE, ms=8)
    ax.annotate(
        "accuracy_at_coverage(0.8)",
        (x[at], curves["router"][at]),
        (-95, -52),
        textcoords="offset points",
        color=BLUE,
        ha="center",
        arrowprops={"arrowstyle": "-", "color": BLUE},
    )
    ax.text(20, curves["random"][12] + 0.9, "gain over random", color=BLUE)
    ax.text(40, curves["oracle"].max() + 0.2, "oracle", color=QUIET)
    ax.text(66, 59.4, "random", color=QUIET, ha="right")
    ax.set(xlim=(0, 100), xlabel="Coverage, %", ylabel="Accuracy, %")
    return figure


def risk_and_scores():
    """Two displays of one policy."""
    from selective_query import RoutingPolicy
    from selective_query.displays import (
        BenefitReliabilityDisplay,
        ScoreHistogramDisplay,
    )

    policy = RoutingPolicy("benefit", 0.8).fit(_specialist(0).outcomes)
    test = _specialist(1).outcomes
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.6))
    ScoreHistogramDisplay.from_estimator(policy, test, bins=20).plot(left)
    BenefitReliabilityDisplay.from_estimator(policy, test, n_bins=8).plot(right)
    return figure


def gap():
    """Where the accuracy of a hybrid goes."""
    from selective_query import RoutingPolicy, diagnose
    from selective_query.displays import GapAttributionDisplay

    policy = RoutingPolicy("max_probability", 0.8).fit(_specialist(0, 2000).outcomes)
    found = diagnose(policy, _specialist(1, 2000).outcomes, random_state=0)
    figure, ax = plt.subplots(figsize=(WIDE, 3.2))
    GapAttributionDisplay(found).plot(ax)
    return figure


def importance():
    """Importance of each part of the evidence to a router."""
    from selective_query import RoutingPolicy
    from selective_query.evaluation import evidence_importance

    policy = RoutingPolicy("benefit", 0.7).fit(_specialist(0).outcomes)
    found = evidence_importance(policy, _specialist(1).outcomes, random_state=0)[:6]
    figure, ax = plt.subplots(figsize=(WIDE, 2.4))
    for place, part in enumerate(found):
        ax.barh(
            place,
            part.importance,
            0.6,
            xerr=part.standard_error,
            color=BLUE,
            ecolor=QUIET,
        )
    ax.set(
        yticks=range(len(found)),
        yticklabels=[part.name for part in found],
        xlabel="Area under the curve lost when shuffled",
    )
    ax.invert_yaxis()
    return figure


def scores_of_one_batch():
    """Two routers order the same inputs differently."""
    test = _specialist(1, 400).outcomes
    from selective_query.routers import BenefitRouter

    learned = BenefitRouter().fit(_specialist(0).outcomes).query_score(test.evidence)
    doubt = 1 - test.base_proba.max(axis=1)
    figure, ax = plt.subplots(figsize=(WIDE, 3.3))
    looks = (
        (1, GREEN, "^", "a query helps"),
        (0, QUIET, ".", "both alike"),
        (-1, ORANGE, "v", "a query harms"),
    )
    for value, colour, mark, _ in looks:
        rows = test.benefit == value
        ax.plot(doubt[rows], learned[rows], mark, color=colour, ms=5, alpha=0.8)
    cut = np.quantile(learned, 0.7)
    ax.axhline(cut, color=BLUE, lw=1.2)
    ax.axvline(np.quantile(doubt, 0.7), color=INK, lw=1.2, ls="--")
    ax.text(
        1.02,
        cut,
        "benefit queries\nabove",
        color=BLUE,
        va="center",
        transform=ax.get_yaxis_transform(),
    )
    ax.text(
        np.quantile(doubt, 0.7),
        1.03,
        "max_probability queries right of this line",
        ha="center",
        transform=ax.get_xaxis_transform(),
    )
    for place, (_, colour, mark, text) in enumerate(looks):
        ax.plot(
            1.04,
            0.3 - 0.1 * place,
            mark,
            color=colour,
            transform=ax.transAxes,
            clip_on=False,
            ms=6,
        )
        ax.text(
            1.07,
            0.3 - 0.1 * place,
            text,
            color=colour,
            va="center",
            transform=ax.transAxes,
        )
    ax.set(xlabel="Score of max_probability", ylabel="Score of benefit")
    return figure


def three_accuracies():
    """The verdict of a report: base, pair and global on the same rows."""
    from selective_query import RoutingPolicy
    from selective_query.datasets import make_selective_query

    train = make_selective_query(2000, random_state=0).outcomes
    test = make_selective_query(2000, random_state=1).outcomes
    kept = RoutingPolicy("margin", 0.8).fit(train).decide(test.evidence)
    pair = np.where(kept, test.base_utility, test.global_utility)
    rows = (
        ("base alone", test.base_utility, QUIET, "s"),
        (f"pair, {kept.mean():.0%} kept", pair, BLUE, "o"),
        ("global alone", test.global_utility, GREEN, "D"),
    )
    figure, ax = plt.subplots(figsize=(WIDE, 1.8))
    for place, (_, utility, colour, mark) in enumerate(rows):
        mean = 100 * utility.mean()
        half = 196 * utility.std() / len(utility) ** 0.5
        ax.plot([mean - half, mean + half], [place, place], color=colour)
        ax.plot(mean, place, mark, color=colour, ms=8)
        ax.text(mean, place - 0.22, f"{mean:.1f} %", color=colour, ha="center")
    ax.set(
        yticks=range(3),
        yticklabels=[name for name, *_ in rows],
        ylim=(2.5, -0.8),
        xlabel="Accuracy on new rows, %",
    )
    return figure
