"""Does coverage on new data hold for every router and every base?

Each draw takes n rows, fits a HybridClassifier with default calibration for each
router, and measures coverage on rows that nothing was fitted on; calibration warnings
are counted. The standard deviation over draws is compared with that of n held-out
calibration rows, which follows a beta-binomial distribution. Models are fitted once per
draw and reused for all routers.
"""

import warnings
from collections import defaultdict
from math import sqrt

import joblib
import numpy as np
from _draws import draw_rows
from _harness import Benchmark, print_table
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from selective_query import HybridClassifier, list_routers
from selective_query.exceptions import CalibrationWarning
from selective_query.routers import member_votes

COVERAGES = (0.9, 0.7, 0.5)
MODELS = {
    "logistic regression": LogisticRegression(max_iter=300),
    "naive Bayes": GaussianNB(),
    "forest": RandomForestClassifier(50, random_state=0),
    "boosted trees": HistGradientBoostingClassifier(max_iter=30, random_state=0),
    "10 neighbours": KNeighborsClassifier(10),
    "SGD": SGDClassifier(loss="log_loss", random_state=0),
    "small MLP": MLPClassifier((32,), max_iter=100, random_state=0),
}
# Evidence that a router needs besides probabilities, and the bases that provide it.
FEATURES = {
    "energy": ("logits", ("logistic regression", "boosted trees", "SGD")),
    "agreement": (member_votes, ("forest",)),
    "mahalanobis": ("inputs", tuple(MODELS)),
    "knn_distance": ("inputs", tuple(MODELS)),
    "knn_benefit": ("inputs", tuple(MODELS)),
}
# Other sources of the threshold.
ARMS = {
    "max_probability, folds alone": ("max_probability", "out_of_fold"),
    "max_probability, 20 % held out": ("max_probability", 0.2),
}
# Nets, trained once for each fold: minutes per cell.
SLOW = ("constrained", "appeal")
SLOW_BASES = ("logistic regression", "naive Bayes")
# A cell counts as warned if a warning appears in this share of the draws.
TOLD = 0.9
# A mean that is further off requires a warning.
MOST_ERROR = 0.015
# Draws with lower numbers were used to set when the library warns.
FIRST_SEED = 1000


class Kept(ClassifierMixin, BaseEstimator):
    """A classifier that caches its fits and predictions."""

    memory = {}  # for the current draw

    def __init__(self, model):
        self.model = model

    def _once(self, compute, *key):
        key = joblib.hash(key)
        if key not in Kept.memory:
            Kept.memory[key] = compute()
        return Kept.memory[key]

    def fit(self, X, y):
        self.key_ = joblib.hash((self.model, X, y))
        self.fitted_ = self._once(lambda: clone(self.model).fit(X, y), self.key_)
        self.classes_ = self.fitted_.classes_
        return self

    def predict_proba(self, X):
        return self._once(lambda: self.fitted_.predict_proba(X), self.key_, "p", X)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def decision_function(self, X):
        return self.fitted_.decision_function(X)


def inputs(base, X):
    return X


def votes(base, X):
    return member_votes(base.fitted_, X)


def realised(dataset, base, router, n, seed):
    """Return coverage on new data and whether a warning appeared, by coverage asked."""
    X, X_new, y, _ = draw_rows(dataset, n, seed)
    features = {"inputs": inputs, member_votes: votes}
    asked = FEATURES.get(router, (None,))[0]
    router, calibration = ARMS.get(router, (router, None))
    hybrid = HybridClassifier(
        Kept(MODELS[base]),
        Kept(ExtraTreesClassifier(20, random_state=0)),
        router=router,
        coverage=COVERAGES[0],
        calibration=calibration,
        base_features=features.get(asked, asked),
        random_state=seed,
    )
    coverage, warned = [], []
    for c in COVERAGES:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            moved = hybrid.fit(X, y) if c == COVERAGES[0] else hybrid.at(c)
        warned.append(any(issubclass(w.category, CalibrationWarning) for w in caught))
        coverage.append(moved.predict_coverage(X_new).mean())
    return coverage, warned, len(X_new)


def summarised(draws, n):
    """Return mean error, SD relative to n held-out rows, and share of warnings."""
    coverage, warned, n_new = (np.array(part) for part in zip(*draws, strict=True))
    found = {}
    for i, c in enumerate(COVERAGES):
        error = coverage[:, i] - c
        law = sqrt(c * (1 - c) * (1 / n + 1 / n_new[0]))
        percent = round(100 * c)
        found[f"error {percent}"] = round(100 * float(error.mean()), 2)
        found[f"SD {percent}"] = round(100 * float(error.std(ddof=1)), 2)
        found[f"times law {percent}"] = round(float(error.std(ddof=1) / law), 2)
        found[f"warned {percent}"] = round(float(warned[:, i].mean()), 2)
    return found


def routers_of(base):
    for router in [*list_routers(), *ARMS]:
        if base in FEATURES.get(router, (None, MODELS))[1] and (
            router not in SLOW or base in SLOW_BASES
        ):
            yield router


def main():
    benchmark = Benchmark("coverage_by_router", __doc__)
    benchmark.parser.add_argument("--draws", type=int, default=20)
    benchmark.parser.add_argument("--bases", nargs="*", default=list(MODELS))
    benchmark.parser.add_argument(
        "--routers", nargs="*", default=[*list_routers(), *ARMS]
    )
    benchmark.parser.add_argument("--rows", nargs="*", type=int, default=[300, 1000])
    benchmark.parser.add_argument(
        "--datasets", nargs="*", default=["digits", "simulated"]
    )
    args = benchmark.parse()
    n_draws = 2 if args.quick else args.draws
    for n in args.rows[:1] if args.quick else args.rows:
        for dataset in args.datasets:
            for base in args.bases:
                routers = [
                    router
                    for router in routers_of(base)
                    if router in args.routers and not (args.quick and router in SLOW)
                ]
                measure(benchmark, dataset, base, routers, n, n_draws)
    benchmark.summarise(
        {
            "bases": list(worst_untold(benchmark.rows)),
            "promise": list(promise(benchmark.rows)),
        }
    )
    figures = {
        f"{name} {round(100 * c)}": spec
        for c in COVERAGES
        for name, spec in (("error", "+.1f"), ("times law", ".2f"), ("warned", ".2f"))
    }
    print_table(
        benchmark.rows, {"dataset": "", "base": "", "router": "", "n": "d", **figures}
    )


def worst_untold(rows):
    """Return for each base `auto`, and the router furthest off without a warning."""
    cells = dict.fromkeys((row["n"], row["dataset"], row["base"]) for row in rows)
    for n, dataset, base in cells:
        cell = [
            row
            for row in rows
            if (row["n"], row["dataset"], row["base"]) == (n, dataset, base)
            and row["router"] not in ARMS
        ]
        found = {"n": n, "dataset": dataset, "base": base, "routers": len(cell)}
        for c in (90, 70, 50):
            (auto,) = (row for row in cell if row["router"] == "auto")
            found[f"auto {c}"] = f"{auto[f'error {c}']:+.1f}" + (
                " (told)" if auto[f"warned {c}"] >= TOLD else ""
            )
            untold = [row for row in cell if row[f"warned {c}"] < TOLD]
            worst = max(untold, key=lambda row: abs(row[f"error {c}"]), default=None)
            found[f"worst {c}"] = (
                f"{worst[f'error {c}']:+.1f} {worst['router']}" if worst else "all told"
            )
            spread = [row[f"times law {c}"] for row in untold]
            found[f"spread {c}"] = float(np.median(spread)) if spread else None
        yield found


def promise(rows):
    """Count the cells that are off, and those that are off without a warning."""
    for n in sorted({row["n"] for row in rows}):
        cells = np.array(
            [
                (abs(row[f"error {c}"]) > 100 * MOST_ERROR, row[f"warned {c}"])
                for row in rows
                for c in (90, 70, 50)
                if row["n"] == n and row["router"] not in ARMS
            ]
        )
        off, warned = cells[:, 0] == 1, cells[:, 1]
        yield {
            "n": n,
            "cells": len(cells),
            "off": 100 * float(off.mean()),
            "untold": 100 * float((off & (warned < TOLD)).mean()),
            "needless": 100 * float(warned[~off].mean()),
        }


def measure(benchmark, dataset, base, routers, n, n_draws):
    """Measure all routers of a base, draw by draw, so that they share its fits."""
    seeds = range(FIRST_SEED, FIRST_SEED + n_draws)
    key = {"dataset": dataset, "base": base, "n": n, "n_draws": n_draws}
    key["first_seed"] = FIRST_SEED
    missing = [r for r in routers if not benchmark.stored({**key, "router": r})]
    draws = defaultdict(list)
    for seed in seeds if missing else ():
        Kept.memory.clear()
        for router in missing:
            draws[router].append(realised(dataset, base, router, n, seed))
    for router in missing:
        benchmark.row(
            {**key, "router": router}, lambda r=router: summarised(draws[r], n)
        )


if __name__ == "__main__":
    warnings.filterwarnings("ignore", module="sklearn")
    main()
