"""Costs of fitting routers and of scoring with them, relative to references.

Fitting the default is compared with 30 epochs of the paper's net on the same rows,
fitting a logistic router on many features with as many fits of scikit-learn's logistic
regression to the same precision, and scoring with one pass of softmax and maximum over
the same logits. All are ratios, measured side by side.
"""

import time
from dataclasses import replace

import numpy as np
from _harness import Benchmark, print_table
from _recipes import make_outcomes
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from selective_query import Evidence, Outcomes, TopKProba
from selective_query.routers import (
    AutoRouter,
    BenefitRouter,
    BoostedBenefitRouter,
    ConstrainedRouter,
    EntropyRouter,
    MaxProbabilityRouter,
    ProxyLogisticRouter,
    TwoStageRouter,
)
from selective_query.routers._evidence_columns import evidence_columns
from selective_query.routers._logistic import ALPHAS
from selective_query.routers._ridge import standardised
from selective_query.routers.base import iter_folds

COVERAGE = 0.8
N_EPOCHS = 30


def clock(work, n_times):
    """Return the time of the fastest of several runs, in seconds."""
    seconds = []
    for _ in range(n_times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def drawn(n, n_classes, n_features=0, top=None):
    """Return outcomes on which trees beat linear models, so all trees are grown."""
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(n, n_classes))
    proba = softmax(logits, axis=1)
    confidence = proba.max(axis=1)
    features = rng.normal(size=(n, n_features)) if n_features else None
    told = features if n_features else logits
    lift = 0.3 * (told[:, 0] * told[:, 1] > 0)
    parts = {"base_proba": proba, "base_logits": logits, "base_features": features}
    if top:
        largest = np.argsort(-proba, axis=1)[:, :top]
        kept = np.take_along_axis(proba, largest, axis=1)
        parts = {"base_proba": TopKProba(largest, kept, n_classes)}
    return Outcomes(
        **parts,
        base_utility=(rng.random(n) < confidence).astype(float),
        global_utility=(rng.random(n) < 0.7 + lift).astype(float),
    )


def fitting(outcomes, quick):
    net = ConstrainedRouter(
        n_epochs=2 if quick else N_EPOCHS, weight_decay=0.0, dropout=0.0,
        early_stopping=False, target_coverage=COVERAGE, random_state=0,
    )  # fmt: skip
    auto = AutoRouter(target_coverage=COVERAGE)
    ours = clock(lambda: auto.fit(outcomes), 3)
    theirs = clock(lambda: net.fit(outcomes), 1)
    return {
        "ratio": theirs / ours,
        "seconds_auto": ours,
        "seconds_net": theirs,
        "n_candidates": len(auto.selection_["candidates"]),
    }


def embedded(n, n_features):
    """Return outcomes whose features have a decaying spectrum, like those of nets."""
    outcomes, rng = drawn(n, 10, n_features), np.random.default_rng(2)
    turned, _ = np.linalg.qr(rng.normal(size=(n_features, n_features)))
    falling = outcomes.base_features / np.arange(1, n_features + 1)
    return replace(outcomes, base_features=falling @ turned)


def wide_fitting(router, outcomes):
    ours = clock(lambda: router.fit(outcomes), 1)
    theirs = clock(lambda: fit_by_scikit_learn(outcomes), 1)
    return {
        "ratio": theirs / ours,
        "seconds_router": ours,
        "seconds_scikit_learn": theirs,
    }


def fit_by_scikit_learn(outcomes):
    """Fit the paper's label, for each finite penalty in each fold, and on all rows."""
    columns, _ = evidence_columns(outcomes)
    design, _, _ = standardised(columns, outcomes.weight)
    parts = [train for train, _ in iter_folds(outcomes)]
    for alpha in filter(np.isfinite, ALPHAS):
        for rows in parts:
            LogisticRegression(C=1 / alpha, tol=1e-8, max_iter=5000).fit(
                design[rows, 1:], outcomes.proxy_label[rows]
            )
    known = LogisticRegression(tol=1e-8, max_iter=5000)
    known.fit(design[:, 1:], outcomes.proxy_label)


def scoring(router, n_rows, n_classes):
    router.fit(drawn(20_000, n_classes))
    rng = np.random.default_rng(1)
    logits = 2 * rng.normal(size=(n_rows, n_classes))
    evidence = Evidence(base_proba=softmax(logits, axis=1), base_logits=logits)
    ours = clock(lambda: router.query_score(evidence), 3)
    yardstick = clock(lambda: softmax(logits, axis=1).max(axis=1), 3)
    return {
        "ratio": ours / yardstick,
        "seconds_router": ours,
        "seconds_softmax": yardstick,
        "n_trees": getattr(router, "n_trees_", None),
    }


def main():
    benchmark = Benchmark("router_cost", __doc__)
    args = benchmark.parse()
    shrink = 50 if args.quick else 1
    sizes = {
        "50,000 rows, top 5 of 1,000 classes": (50_000 // shrink, 1000, 0, 5),
        "15,000 rows, 10 logits and 64 features": (15_000 // shrink, 10, 64, None),
    }
    for size, shape in sizes.items():
        benchmark.row(
            {"what": "fit of auto", "size": size},
            lambda shape=shape: fitting(drawn(*shape), args.quick),
        )
    if not args.quick:
        benchmark.row(
            {
                "what": "fit of auto",
                "size": "as many of CIFAR-10, no tree helps",
            },
            lambda: fitting(make_outcomes("cifar10")[0], args.quick),
        )
    n_fitted = 2000 // shrink
    for n_features in (256, 768, 2048):
        for router in (ProxyLogisticRouter(), TwoStageRouter(target_coverage=COVERAGE)):
            benchmark.row(
                {
                    "what": f"fit of {type(router).__name__}",
                    "size": f"{n_fitted:,} rows, 10 logits and {n_features:,} features",
                },
                lambda r=router, w=n_features: wide_fitting(r, embedded(n_fitted, w)),
            )
    n_rows = 1_000_000 // shrink
    for router in (
        MaxProbabilityRouter(), EntropyRouter(), BenefitRouter(), BoostedBenefitRouter()
    ):  # fmt: skip
        benchmark.row(
            {"what": type(router).__name__, "size": f"{n_rows:,} rows, 10 logits"},
            lambda r=router: scoring(r, n_rows, 10),
        )
    print(
        "fit: 30 epochs of the net over auto, scikit-learn over a logistic router; "
        "scores: router over softmax and maximum"
    )
    print_table(benchmark.rows, {"what": "", "size": "", "ratio": ".2f"})


if __name__ == "__main__":
    main()
