"""The main job on data that comes with scikit-learn: a hybrid of two digit readers."""

import time
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from selective_query._models.crossfit import cross_fit_outcomes
from selective_query.classifiers.hybrid import HybridClassifier
from selective_query.displays import AccuracyCoverageDisplay
from selective_query.evaluation import compare_routers

COVERAGES = (0.9, 0.8, 0.7)
ROUTERS = (
    "auto",
    "max_probability",
    "margin",
    "entropy",
    "benefit",
    "random",
    "always_base",
    "always_global",
    "oracle",
)


def halve_resolution(X):
    """8 x 8 pixels averaged to 4 x 4, as a cheap sensor would see them."""
    return X.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)


def make_models():
    """A base that fits any microcontroller, and a global that does not."""
    base = make_pipeline(
        FunctionTransformer(halve_resolution),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )
    return base, ExtraTreesClassifier(n_estimators=300, random_state=0)


def run_demo(picture, random_state=0, progress=True):
    """Train, compare, print, draw.

    Parameters
    ----------
    picture : path-like
        Where the picture goes.
    random_state : int, default=0
    progress : bool, default=True

    Returns
    -------
    RouterComparison
    """
    start = time.perf_counter()
    X, y = load_digits(return_X_y=True)
    X, X_new, y, y_new = train_test_split(
        X, y, test_size=0.5, random_state=random_state, stratify=y
    )
    base, global_ = make_models()
    print(
        "Handwritten digits. base: logistic regression on 4 x 4 pixels (170 weights); "
        "global: 300 trees on 8 x 8."
    )
    hybrid = HybridClassifier(
        base, global_, coverage=0.8, random_state=random_state, verbose=progress
    ).fit(X, y)
    comparison = compare_routers(
        cross_fit_outcomes(base, global_, X, y),
        hybrid.outcomes(X_new, y_new),
        ROUTERS,
        COVERAGES,
        random_state=random_state,
        progress=progress,
    )
    print(comparison)
    print_differences(comparison, "auto", ("always_base", "entropy"))
    print(f"\nHybridClassifier(coverage=0.8): {hybrid.operating_point_}")
    for name, value in hybrid.report(X_new, y_new, query_all=True).items():
        print(f"  {name:28}{value:.4g}")
    draw(comparison, picture)
    print(f"\nPicture: {Path(picture).resolve()}")
    print(f"Done in {time.perf_counter() - start:.0f} s.")
    return comparison


def print_differences(comparison, router, references):
    """Accuracy of one router minus that of others, with paired intervals."""
    print(
        f"\nDifference in accuracy, {router} minus ..., in points (intervals that hold "
        "for all routers and coverages at once, 95 %)"
    )
    for reference in references:
        for row in comparison.differences(reference):
            if row["router"] == router:
                names = ("difference", "low_simultaneous", "high_simultaneous")
                points = (100 * row[name] for name in names)
                print(
                    f"  {reference:16} at coverage {row['coverage']:.2f}: "
                    "{:+.2f} ({:+.2f} to {:+.2f})".format(*points)
                )


def draw(comparison, picture):
    """Save the accuracy-coverage curves as a picture."""
    import matplotlib as mpl

    with mpl.rc_context({"figure.figsize": (7, 4.5), "figure.dpi": 120}):
        from matplotlib.figure import Figure

        figure = Figure(layout="constrained")
        AccuracyCoverageDisplay.from_comparison(comparison).plot(ax=figure.subplots())
        figure.savefig(picture)
