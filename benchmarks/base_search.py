"""How reliable is the cheap comparison of bases with which a search begins?

Thirty bases are paired with one frozen global, on several draws of the rows. Each is
evaluated out of fold, on 500 or on all training rows, by its own accuracy and by that
of the hybrid routed by an oracle, by a confidence, and by the default router. The truth
is the accuracy on test rows of the hybrid with the default router, fitted on all
training rows. Results are rank correlations with the truth, and regrets: the truth of
the best candidate minus that of the one chosen, in points. The best is found on one
half of the test rows and evaluated on the other. Intervals are at the 95 % level, over
draws of all rows.
"""

import warnings
from functools import partial
from itertools import product
from time import process_time

import numpy as np
from _base_candidates import CANDIDATES
from _harness import Benchmark, print_table
from _recipes import split
from scipy.stats import sem, spearmanr, t
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator

from selective_query import HybridSearchCV, cross_fit_outcomes, outcomes_from_models
from selective_query.datasets import load_dataset
from selective_query.metrics import accuracy_at_coverage
from selective_query.outcomes._sorted_rows import query_share
from selective_query.routers.registry import make_router

COVERAGES = (0.9, 0.7)
# Rows for the global, for training and for the test.
SIZES = {
    "digits": (400, 900, 497),
    "letter": (8000, 3000, 5000),
    "covertype": (20_000, 3000, 5000),
    "fashion_mnist": (12_000, 3000, 5000),
}
N_FEW = 500
N_DRAWS = 3
PROXIES = ("oracle", "max_probability")
CRITERIA = ("base alone", "oracle", "entropy", "max_probability", "auto")
COLUMNS = {
    **dict.fromkeys(("coverage", "criterion", "n_rows", "n_draws"), ""),
    **dict.fromkeys(("correlation", "correlation low", "correlation high"), ".3f"),
    **dict.fromkeys(("gain", "gain low", "gain high"), "+.3f"),
    **dict.fromkeys(("better", "worse"), ""),
    **dict.fromkeys(("regret", "regret low", "regret high"), ".2f"),
    "time": ".2f",
}


def rows_of(dataset, draw):
    """Return a frozen global, (X, y) for training, and (X, y) for testing."""
    data = load_dataset(dataset)
    X, y = data.X, data.y
    if dataset == "fashion_mnist":
        X = X.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49)
    fit, train, test, _ = split(len(y), *SIZES[dataset], seed=draw)
    global_ = ExtraTreesClassifier(60, random_state=0).fit(X[fit], y[fit])
    return FrozenEstimator(global_), (X[train], y[train]), (X[test], y[test])


def judge(criterion, outcomes, coverage):
    """Return a criterion's value for a base on out-of-fold outcomes, and its router."""
    if criterion == "base alone":
        return float(outcomes.base_utility.mean()), None
    router = make_router(criterion, target_coverage=coverage, random_state=0)
    score = router.fit_score(outcomes)
    utilities = outcomes.base_utility, outcomes.global_utility
    return float(accuracy_at_coverage(score, *utilities, coverage=coverage)), router


def true_halves(router, test, coverage):
    """Return the accuracy of a hybrid on both halves of the test rows."""
    score = router.query_score(test.evidence)
    queried = query_share(score, [coverage], test.weight)
    right = test.base_utility + queried * test.benefit
    return [float(half.mean()) for half in np.array_split(right, 2)]


def judge_candidate(base, global_, train, test):
    """Return truth and criteria of a base by coverage, and the router's seconds."""
    few = cross_fit_outcomes(base, global_, *(part[:N_FEW] for part in train))
    start = process_time()
    outcomes = cross_fit_outcomes(base, global_, *train)
    fit_seconds = process_time() - start
    fresh = outcomes_from_models(clone(base).fit(*train), global_, *test)
    found = {}
    for coverage in COVERAGES:
        judged = {(c, N_FEW): judge(c, few, coverage)[0] for c in CRITERIA}
        for criterion in CRITERIA:
            start = process_time()
            judged[criterion, "all"], router = judge(criterion, outcomes, coverage)
            seconds = fit_seconds + process_time() - start
        # The last criterion is the final router.
        found[coverage] = judged, true_halves(router, fresh, coverage), seconds
    return found


def best_of_the_other_half(halves):
    """Return the accuracy on one half of the candidate best on the other, averaged."""
    return float(np.mean([halves[halves[:, 1 - i].argmax(), i] for i in (0, 1)]))


def rank(dataset, draw):
    """Evaluate how each criterion ranks the candidates on one draw of the rows."""
    global_, train, test = rows_of(dataset, draw)
    judged = {
        name: judge_candidate(base, global_, train, test)
        for name, base in CANDIDATES.items()
    }
    names, found = list(CANDIDATES), {}
    for coverage in COVERAGES:
        halves = np.array([judged[name][coverage][1] for name in names])
        truth, best = halves.mean(axis=1), best_of_the_other_half(halves)
        criteria = {}
        for criterion in CRITERIA:
            for n_rows in (N_FEW, "all"):
                values = [judged[n][coverage][0][criterion, n_rows] for n in names]
                pick = int(np.argmax(values))
                criteria[f"{criterion}, {n_rows} rows"] = {
                    "correlation": float(spearmanr(values, truth).statistic),
                    "regret": 100 * (best - float(truth[pick])),
                    "pick": names[pick],
                }
        gains = [
            judged[n][coverage][0]["oracle", N_FEW]
            - judged[n][coverage][0]["base alone", N_FEW]
            for n in names
        ]
        found[str(coverage)] = {
            "best": best,
            "oracle gains all it may": float(np.isclose(gains, 1 - coverage).mean()),
            "truth": dict(zip(names, np.round(truth, 5).tolist(), strict=True)),
            "criteria": criteria,
            "seconds by router": sum(judged[n][coverage][2] for n in names),
        }
    return {"at": found}


def search(dataset, draw, coverage, proxy, ranking):
    """Return the choice of the default search, and its share of the full search's time.

    Both end with a fit of the hybrid.
    """
    global_, train, _ = rows_of(dataset, draw)
    start = process_time()
    found = HybridSearchCV(
        CANDIDATES, global_, coverage=coverage, proxy=proxy, random_state=draw
    ).fit(*train)
    taken = process_time() - start
    start = process_time()
    clone(found.best_hybrid_).fit(*train)
    dear = ranking["seconds by router"] + process_time() - start
    return {
        "pick": found.best_name_,
        "regret": 100 * (ranking["best"] - ranking["truth"][found.best_name_]),
        "time": taken / dear,
    }


def interval(values, name):
    """Return the mean over draws with its interval, by Student's t."""
    mean, half = float(np.mean(values)), 0.0
    if len(values) > 1:
        half = float(t.ppf(0.975, len(values) - 1) * sem(values))
    return {name: mean, f"{name} low": mean - half, f"{name} high": mean + half}


def of_criterion(criterion, n_rows, rankings):
    """Summarise a criterion over data sets, and count those where it beat the oracle.

    `rankings` contains a list of draws for each data set.
    """

    def measured(name, measure):
        key = f"{name}, {n_rows} rows"
        return np.array([[at["criteria"][key][measure] for at in s] for s in rankings])

    ranks = measured(criterion, "correlation")
    gains = ranks - measured("oracle", "correlation")
    of_sets = [interval(gain, "gain") for gain in gains]
    return {
        "criterion": criterion, "n_rows": str(n_rows), "n_draws": ranks.shape[1],
        **interval(ranks.mean(axis=0), "correlation"),
        **interval(gains.mean(axis=0), "gain"),
        "better": sum(gain["gain low"] > 0 for gain in of_sets),
        "worse": sum(gain["gain high"] < 0 for gain in of_sets),
        **interval(measured(criterion, "regret").mean(axis=0), "regret"),
    }  # fmt: skip


def of_search(proxy, searches):
    """Return regret and time saved by the default search; see `of_criterion`."""
    regrets = np.array([[row["regret"] for row in draws] for draws in searches])
    return {
        "criterion": f"search, {proxy}", "n_rows": "halving",
        "n_draws": regrets.shape[1], **interval(regrets.mean(axis=0), "regret"),
        "time": float(np.mean([[row["time"] for row in draws] for draws in searches])),
    }  # fmt: skip


def summary(rows, datasets):
    """Return a row for each coverage and criterion, over data sets and draws."""

    def of_each_set(**wanted):
        return [
            [r for r in rows if {"dataset": name, **wanted}.items() <= r.items()]
            for name in datasets
        ]

    found = []
    for coverage in COVERAGES:
        rankings = [
            [row["at"][str(coverage)] for row in draws]
            for draws in of_each_set(what="ranking")
        ]
        ways = [
            of_criterion(criterion, n_rows, rankings)
            for n_rows in (N_FEW, "all")
            for criterion in CRITERIA
        ]
        ways += [
            of_search(proxy, of_each_set(coverage=coverage, proxy=proxy))
            for proxy in PROXIES
        ]
        found += [{**dict.fromkeys(COLUMNS), "coverage": coverage, **w} for w in ways]
    return found


def main():
    benchmark = Benchmark("base_search", __doc__)
    args = benchmark.parse()
    warnings.simplefilter("ignore")  # for nets stopped early and classes with few rows
    datasets = ("digits",) if args.quick else list(SIZES)[1:]
    n_draws = 2 if args.quick else N_DRAWS
    keys = [
        {"dataset": dataset, "draw": draw}
        for draw, dataset in product(range(n_draws), datasets)
    ]
    rankings = [
        benchmark.row({"what": "ranking", **key}, partial(rank, **key)) for key in keys
    ]
    for key, ranking in zip(keys, rankings, strict=True):
        for coverage, proxy in product(COVERAGES, PROXIES):
            wanted = {**key, "coverage": coverage, "proxy": proxy}
            at = ranking["at"][str(coverage)]
            benchmark.row(
                {"what": "search", **wanted}, partial(search, **wanted, ranking=at)
            )
    kept = [row for row in benchmark.rows if row["draw"] < n_draws]
    print_table(benchmark.summarise(summary(kept, datasets)), COLUMNS)


if __name__ == "__main__":
    main()
