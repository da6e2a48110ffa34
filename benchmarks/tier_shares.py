"""Shares kept by three tiers on new rows, compared with a nested hybrid.

The first tier is asked to keep 70 % of all inputs, the second 60 % of the rest; each
seed draws new rows for fitting. Models are refitted; thresholds come from out-of-fold
scores.
"""

import warnings

import numpy as np
from _harness import Benchmark, print_table
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from selective_query import CascadeClassifier, HybridClassifier
from selective_query.datasets import load_dataset

ASKED = 0.7, 0.6
N_FIT = 800
N_SEEDS = 60
CASES = (
    ("simulated", "logistic regression", "max_probability"),
    ("simulated", "logistic regression", "benefit"),
    ("simulated", "forest", "max_probability"),
    ("digits", "logistic regression", "max_probability"),
    ("letter", "logistic regression", "max_probability"),
    ("simulated", "boosted trees", "max_probability"),
    ("digits", "forest", "max_probability"),
    ("letter", "forest", "max_probability"),
    ("digits", "boosted trees", "max_probability"),
)


def linear():
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))


def forest():
    return RandomForestClassifier(30, min_samples_leaf=3, random_state=0)


def boosted():
    return HistGradientBoostingClassifier(max_iter=15, random_state=0)


# The first tier and the second.
BASES = {
    "logistic regression": (linear, forest),
    "forest": (forest, linear),
    "boosted trees": (boosted, forest),
}


def draw(name, seed):
    rng = np.random.default_rng(seed)
    if name == "simulated":
        X, y = make_classification(
            N_FIT + 4000, n_informative=8, n_classes=4, flip_y=0.05, random_state=seed
        )
        return X[:N_FIT], y[:N_FIT], X[N_FIT:]
    data = load_dataset(name)
    rows = rng.permutation(len(data.y))[: N_FIT + 4000]
    X, y = data.X[rows], data.y[rows]
    return X[:N_FIT], y[:N_FIT], X[N_FIT:]


def realised(name, base, router, seed):
    """Return the share that each tier keeps, and a nested hybrid's second tier."""
    first, second = (make() for make in BASES[base])
    last = ExtraTreesClassifier(50, random_state=0)
    X, y, X_new = draw(name, seed)
    options = {"router": router, "cv": 4, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chain = [("first", first), ("second", second), ("last", last)]
        cascade = CascadeClassifier(chain, coverage=ASKED, **options).fit(X, y)
        inner = HybridClassifier(second, last, coverage=ASKED[1], **options)
        inner.fit(X, y)
    tier = cascade.predict_tier(X_new)
    passed_on = X_new[tier > 0]
    nested = inner.predict_coverage(passed_on).mean()
    return (tier == 0).mean(), (tier[tier > 0] == 1).mean(), nested


def measure(name, base, router, n_seeds):
    shares = np.array([realised(name, base, router, seed) for seed in range(n_seeds)])
    mean, spread = shares.mean(axis=0), shares.std(axis=0, ddof=1)
    columns = "first", "second", "nested_second"
    return {
        **{c: float(m) for c, m in zip(columns, mean, strict=True)},
        **{f"{c}_sd": float(s) for c, s in zip(columns, spread, strict=True)},
    }


def main():
    benchmark = Benchmark("tier_shares", __doc__)
    args = benchmark.parse()
    for name, base, router in CASES:
        n_seeds = 4 if args.quick else N_SEEDS
        key = {"data": name, "base": base, "router": router, "seeds": n_seeds}
        key |= {"asked_first": ASKED[0], "asked_second": ASKED[1]}
        benchmark.row(
            key,
            lambda n=name, b=base, r=router, s=n_seeds: measure(n, b, r, s),
        )
    numbers = dict.fromkeys(
        ("first", "first_sd", "second", "second_sd", "nested_second"), ".4f"
    )
    print_table(benchmark.rows, {"data": "", "base": "", "router": "", **numbers})


if __name__ == "__main__":
    main()
