"""Implementation of `selective-query demo`: a hybrid for scikit-learn's digits."""

import sys
import time

from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from selective_query._models.crossfit import cross_fit_outcomes
from selective_query.classifiers.hybrid import HybridClassifier
from selective_query.cli._running.printing import fields_of, show
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
    """Average 8 x 8 pixels to 4 x 4, like a cheap sensor."""
    return X.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)


def make_models():
    """Return a base that fits any microcontroller, and a global that does not."""
    base = make_pipeline(
        FunctionTransformer(halve_resolution),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )
    return base, ExtraTreesClassifier(n_estimators=300, random_state=0)


def demo(args):
    """Train a hybrid, compare routers, print the results, save a picture."""
    start = time.perf_counter()
    progress = sys.stderr.isatty()
    hybrid, comparison, report = run_demo(progress=progress)
    draw(comparison, args.picture)
    picture, seconds = args.picture.resolve(), time.perf_counter() - start
    lines = [
        "Handwritten digits. base: logistic regression on 4 x 4 pixels (170 weights); "
        "global: 300 trees on 8 x 8.",
        str(comparison),
        *differences(comparison, "auto", ("always_base", "entropy")),
        f"\nHybridClassifier(coverage=0.8): {hybrid.operating_point_}",
        *(f"  {name:28}{value:.4g}" for name, value in report.items()),
        f"\nPicture: {picture}",
        f"Done in {seconds:.0f} s.",
    ]
    found = {
        "comparison": fields_of(comparison, "curves", "_paired"),
        "operating_point": fields_of(hybrid.operating_point_),
        "report": dict(report),
        "picture": picture,
    }
    show(args, "\n".join(lines), found)


def run_demo(random_state=0, progress=False):
    """Train a hybrid and compare routers on its models.

    Parameters
    ----------
    random_state : int, default=0
    progress : bool, default=False

    Returns
    -------
    (HybridClassifier, RouterComparison, dict)
        The dict is the report on held-out rows.
    """
    X, y = load_digits(return_X_y=True)
    X, X_new, y, y_new = train_test_split(
        X, y, test_size=0.5, random_state=random_state, stratify=y
    )
    base, global_ = make_models()
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
    return hybrid, comparison, hybrid.report(X_new, y_new, query_all=True)


def differences(comparison, router, references):
    """Yield lines of accuracy differences to other routers, with paired intervals."""
    yield (
        f"\nDifference in accuracy, {router} minus ..., in points (simultaneous 95 % "
        "intervals over all routers and coverages)"
    )
    for reference in references:
        for row in comparison.differences(reference):
            if row["router"] == router:
                names = ("difference", "low_simultaneous", "high_simultaneous")
                points = (100 * row[name] for name in names)
                yield (
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
