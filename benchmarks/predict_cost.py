"""What does routing cost beyond the models themselves?

`predict` is compared with a hand-written numpy hybrid (argmax, compare, gather, slice),
and `predict_coverage` with a score and a comparison, on the same rows with the same
threshold, alternately in one run; and single rows with base.predict_proba.
"""

import time

import numpy as np
from _harness import Benchmark, print_table
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from selective_query import HybridClassifier
from selective_query.routers._scores import entropy, margin, max_probability

N_ROWS = 100_000, 1_000_000
BY_HAND = {"max_probability": max_probability, "margin": margin, "entropy": entropy}


def medians_in_turn(functions, repeats, clock=time.perf_counter):
    """Return the median seconds of each function; every repeat calls all.

    Their order is random, because the function that ran before leaves the caches warm.
    """
    times = np.empty((repeats, len(functions)))
    rng = np.random.default_rng(0)
    for run in range(-2, repeats):
        for i in rng.permutation(len(functions)):
            start = clock()
            functions[i]()
            if run >= 0:
                times[run, i] = clock() - start
    return np.median(times, axis=0)


def by_hand(base, global_, score, threshold, X):
    proba = base.predict_proba(X)
    label = proba.argmax(axis=1)
    queried = np.flatnonzero(score(proba) > threshold)
    label[queried] = global_.predict_proba(X[queried]).argmax(axis=1)
    return base.classes_[label]


def cost(router, X, y, base, global_, repeats):
    hybrid = HybridClassifier(
        FrozenEstimator(base), FrozenEstimator(global_), router=router, coverage=0.8
    ).fit(X[:3000], y[:3000])
    kept = hybrid.predict_coverage(X)
    queried = np.flatnonzero(~kept)
    one = X[np.flatnonzero(kept)[:1]]

    def models_alone():
        base.predict_proba(X)
        global_.predict_proba(X[queried])

    functions = [lambda: hybrid.predict(X), models_alone]
    score = BY_HAND.get(router)
    if score is not None:
        threshold = hybrid.operating_point_.threshold
        functions += [
            lambda: by_hand(base, global_, score, threshold, X),
            lambda: hybrid.predict_coverage(X),
            lambda: score(base.predict_proba(X)) <= threshold,
        ]
    times = medians_in_turn(functions, repeats)
    single = medians_in_turn(
        [lambda: hybrid.predict(one), lambda: base.predict_proba(one)], 50 * repeats
    )
    return {
        "over hand-written": float(times[0] / times[2]) if score else float("nan"),
        "coverage over hand-written": (
            float(times[3] / times[4]) if score else float("nan")
        ),
        "ns per row over the models": float(1e9 * (times[0] - times[1]) / len(X)),
        "one row, over the base": float(single[0] / single[1]),
    }


def main():
    benchmark = Benchmark("predict_cost", __doc__)
    args = benchmark.parse()
    repeats = 7 if args.quick else 31
    sizes = N_ROWS[:1] if args.quick else N_ROWS
    X, y = make_classification(
        max(sizes) + 20_000, 20, n_informative=10, n_classes=10, random_state=0
    )
    # Fitted on rows that are not routed below, the base on far fewer.
    base = LogisticRegression(max_iter=100).fit(X[-300:], y[-300:])
    global_ = LogisticRegression(max_iter=100).fit(X[-20_000:], y[-20_000:])
    for n_rows in sizes:
        few = repeats if n_rows == N_ROWS[0] else repeats // 2
        for router in (*BY_HAND, "benefit"):
            benchmark.row(
                {"router": router, "rows": n_rows, "classes": 10},
                lambda r=router, n=n_rows, few=few: cost(
                    r, X[:n], y[:n], base, global_, few
                ),
            )
    print_table(
        benchmark.rows,
        {
            "router": "",
            "rows": ",",
            "over hand-written": ".2f",
            "coverage over hand-written": ".2f",
            "ns per row over the models": ".0f",
            "one row, over the base": ".2f",
        },
    )


if __name__ == "__main__":
    main()
