"""Pictures of thresholds, budgets and certificates."""

import matplotlib.pyplot as plt
import numpy as np

from _pictures.drawing import BLUE, GREEN, INK, ORANGE, QUIET, WIDE


def law_of_coverage():
    """Coverage on new data over draws of 999 calibration rows."""
    from scipy.stats import beta

    from selective_query import RoutingPolicy
    from selective_query.datasets import make_selective_query

    outcomes = make_selective_query(999, random_state=0).outcomes
    policy = RoutingPolicy("max_probability", 0.9).fit(outcomes)
    figure, ax = plt.subplots(figsize=(WIDE, 2.8))
    grid = np.linspace(0.86, 0.95, 400)
    for confidence, colour, line, text, place in (
        (None, QUIET, "--", "on average:\nhalf of the draws\nfall short", 0.878),
        (0.95, BLUE, "-", "confidence=0.95:\n5 % of the draws\nfall short", 0.936),
    ):
        rank = policy.at(0.9, confidence=confidence).operating_point_.certificate.rank
        density = beta.pdf(grid, rank, 1000 - rank)
        ax.plot(100 * grid, density, color=colour, ls=line)
        short = grid <= 0.9
        ax.fill_between(
            100 * grid[short], density[short], color=colour, alpha=0.25, lw=0
        )
        ax.text(100 * place, 29, text, color=colour, ha="center", va="center")
    ax.axvline(90, color=INK, lw=1)
    ax.text(90, 48, "asked", ha="center")
    ax.set(xlim=(86, 95), ylim=(0, 47), yticks=[], xlabel="Coverage on new rows, %")
    ax.spines["left"].set_visible(False)
    return figure


def limit_and_floor():
    """A limit bounds the queries, a floor asks for a quality."""
    from selective_query.datasets import make_selective_query
    from selective_query.metrics import accuracy_coverage_curve

    found = make_selective_query(20_000, random_state=0).outcomes
    score = 1 - found.base_proba.max(axis=1)
    grid = np.linspace(0, 1, 101)
    curve = accuracy_coverage_curve(score, found.base_utility, found.global_utility)
    accuracy = 100 * curve.accuracy_at(grid)
    figure, panels = plt.subplots(1, 2, sharey=True, figsize=(WIDE, 2.9))
    for ax in panels:
        ax.plot(100 * grid, accuracy, color=QUIET)
        ax.set(xlim=(0, 100), xlabel="Coverage, %")
    limit, floor = panels
    limit.axvspan(60, 100, color=BLUE, alpha=0.13, lw=0)
    limit.plot(60, np.interp(0.6, grid, accuracy), "o", color=BLUE, ms=8)
    limit.text(62, accuracy[-1] + 0.6, "allowed", color=BLUE)
    limit.set(title="limit: Coverage(0.6)", ylabel="Accuracy, %")
    reached = np.flatnonzero(accuracy >= 79)[-1]
    floor.axhspan(79, accuracy.max() + 1, color=GREEN, alpha=0.13, lw=0)
    floor.plot(100 * grid[reached], accuracy[reached], "o", color=GREEN, ms=8)
    floor.text(98, 79.4, "high enough", color=GREEN, ha="right")
    floor.set(title="floor: MinAccuracy(0.79)")
    return figure


def answered():
    """Accuracy of what is answered, and the coverage that a floor leaves."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from sklearn.naive_bayes import GaussianNB

    from selective_query import AbstainingClassifier
    from selective_query.metrics import selective_accuracy_at_coverage

    X, y = load_digits(return_X_y=True)
    X, X_new, y, y_new = train_test_split(X, y, test_size=0.5, random_state=0)
    model = AbstainingClassifier(
        GaussianNB(var_smoothing=0.1), router="max_probability", coverage=0.8
    ).fit(X, y)
    outcomes = model.outcomes(X_new, y_new)
    grid = np.linspace(0.2, 1, 81)
    accuracy = 100 * selective_accuracy_at_coverage(
        model.query_score(X_new), outcomes.base_utility, coverage=grid
    )
    figure, ax = plt.subplots(figsize=(WIDE, 2.9))
    ax.plot(100 * grid, accuracy, color=BLUE)
    reached = np.flatnonzero(accuracy >= 98)[-1]
    ax.axhline(98, color=QUIET, lw=1, ls="--")
    ax.plot(100 * grid[reached], accuracy[reached], "o", color=ORANGE, ms=8)
    ax.annotate(
        f"98 % right on {100 * grid[reached]:.0f} % of the inputs",
        (100 * grid[reached], accuracy[reached]),
        (8, 10),
        textcoords="offset points",
        color=ORANGE,
    )
    ax.set(
        xlim=(20, 100),
        xlabel="Share answered: coverage, %",
        ylabel="Accuracy of the\nanswered inputs, %",
    )
    return figure
