"""Time and memory of each method relative to a threshold by hand, in one run."""

import time
import tracemalloc

import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from _peers.jobs import Job

# Repeats, rows to predict and rows to fit: for the full and for the quick run.
SIZES = {False: (9, 20_000, 2000), True: (1, 2000, 500)}


def make_jobs(n_rows, n_fit):
    """Return a job with fitted models, one with models to fit, and rows to predict."""
    X, y = make_classification(
        n_rows + n_fit + 300, 20, n_informative=10, n_classes=10, random_state=0
    )
    base = LogisticRegression(max_iter=100).fit(X[-300:], y[-300:])
    rows, labels = X[:n_fit], y[:n_fit]
    global_ = LogisticRegression(max_iter=100).fit(X[-n_fit:], y[-n_fit:])
    forest = ExtraTreesClassifier(50, random_state=0)
    frozen = FrozenEstimator(base), FrozenEstimator(global_)
    new = X[n_fit : n_fit + n_rows]
    return (
        Job(*frozen, rows, labels, frozen=True),
        Job(LogisticRegression(max_iter=100), forest, rows, labels),
        new,
    )


def measure(repeats, n_rows, n_fit, adapters):
    """Return ratios to the last adapter; the adapters are timed alternately.

    Returns
    -------
    list of dict
        One for each adapter: times to fit a threshold to fitted models, to fit
        everything, and to predict a batch and one row; and peaks of the memory
        allocated by Python and numpy.
    """
    frozen, unfitted, X = make_jobs(n_rows, n_fit)
    one = X[:1]
    columns = {
        "fit, models fitted": medians_in_turn(
            [lambda a=a: a.fit(frozen) for a in adapters], max(repeats // 3, 1)
        ),
        "fit, models too": medians_in_turn(
            [lambda a=a: a.fit(unfitted) for a in adapters], 1
        ),
        "peak of fit": [_peak(lambda a=a: a.fit(frozen)) for a in adapters],
        "predict": medians_in_turn(
            [lambda a=a: a.predict(X) for a in adapters], repeats
        ),
        "predict one row": medians_in_turn(
            [lambda a=a: a.predict(one) for a in adapters], 10 * repeats
        ),
        "peak of predict": [_peak(lambda a=a: a.predict(X)) for a in adapters],
    }
    return [
        {"peer": adapter.name}
        | {name: float(found[i] / found[-1]) for name, found in columns.items()}
        for i, adapter in enumerate(adapters)
    ]


def medians_in_turn(functions, repeats):
    """Return the median seconds of each function; every repeat calls all in turn."""
    times = np.empty((repeats, len(functions)))
    for run in range(-1, repeats):
        for i, function in enumerate(functions):
            start = time.perf_counter()
            function()
            if run >= 0:
                times[run, i] = time.perf_counter() - start
    return np.median(times, axis=0)


def _peak(function):
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
