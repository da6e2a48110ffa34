"""On queried rows, does a pool of both models' probabilities beat the global alone?

The pool is log-linear: the class with the highest log g_k + w log b_k, among the five
most probable classes of each model. On the n calibration rows w is the weight that gets
most of their queried rows right, and 0 unless its gain there exceeds one standard
error. Rows are queried by max-probability; all other rows, at most 20,000, are used for
evaluation.
"""

import numpy as np
import ranking
from _harness import Benchmark, print_table
from _ranking_gains import as_table
from _ranking_runs import RAW, Run
from _recipes import make_outcomes
from class_doubt import COVERAGES, IMAGENET, MOST_TEST_ROWS, PAIRS, POINTS, _mean

from selective_query.datasets import load_dataset
from selective_query.outcomes.probabilities import TopKProba, top_class
from selective_query.routers import MaxProbabilityRouter
from selective_query.routers.supervision import concatenate_outcomes

FORESTS = ("digits", "letter", "covertype", "fashion_mnist")
# Small nets of the ranking benchmark, and their global.
NETS = {"cifar10 nets": 0.2, "fashion_mnist nets": 0.4, "spoken_digits nets": 0.8}
OTHERS = (*FORESTS, *NETS)
SIZES = (1000, 5000)
WEIGHTS = np.array([0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.4, 2.0])
N_NAMED = 5
SMALLEST = 1e-6


def outcomes_of(data):
    """Return all rows that neither model has seen."""
    if data in FORESTS:
        return concatenate_outcomes(make_outcomes(data))
    if data in NETS:
        run = Run(data.removesuffix(" nets"), "plain", 0, NETS[data])
        return concatenate_outcomes(ranking.outcomes_of(run, RAW, ranking.ONE))
    return load_dataset("imagenet_val_top5").outcomes(*data.split(" -> "))


def top_classes(proba):
    """Return the top classes, their probabilities, and that of each other class."""
    if isinstance(proba, TopKProba):
        classes, largest = proba.classes.astype(int), np.asarray(proba.proba, float)
    else:
        classes = np.argsort(-proba, axis=1)[:, :N_NAMED]
        largest = np.take_along_axis(proba, classes, axis=1)
    n_others = max(1, proba.shape[1] - classes.shape[1])
    return classes, largest, (1 - largest.sum(1)).clip(SMALLEST) / n_others


def pooled_utility(outcomes):
    """Return whether the pool with each weight is right, shape (n_rows, n_weights)."""
    sides = [top_classes(p) for p in (outcomes.global_proba, outcomes.base_proba)]
    named = np.concatenate([classes for classes, _, _ in sides], axis=1)
    logs = []
    for classes, proba, rest in sides:
        same = named[:, :, None] == classes[:, None, :]
        found = (same * proba[:, None, :]).sum(2).clip(SMALLEST)
        logs.append(np.log(np.where(same.any(2), found, rest[:, None])))
    label = np.searchsorted(outcomes.classes, outcomes.y)
    right = [
        np.take_along_axis(named, (logs[0] + w * logs[1]).argmax(1)[:, None], 1)[:, 0]
        == label
        for w in WEIGHTS
    ]
    # Weight 0 is the global alone, with its own rule for ties as elsewhere.
    right[0] = top_class(outcomes.global_proba) == label
    return np.stack(right, axis=1).astype(float)


def queried(score, rows, coverage):
    """Return the rows that are queried first."""
    n_queried = round((1 - coverage) * len(rows))
    return rows[np.argsort(-score[rows], kind="stable")[:n_queried]]


def judge(outcomes, n, n_draws):
    """Return gains over the global's own answers in points, by coverage and draw."""
    right = pooled_utility(outcomes)
    gain = right - right[:, :1]
    score = MaxProbabilityRouter().fit(outcomes).query_score(outcomes.evidence)
    found = {}
    for draw in range(n_draws):
        order = np.random.default_rng(draw).permutation(outcomes.n_rows)
        calibration, test = order[:n], order[n : n + MOST_TEST_ROWS]
        for coverage in COVERAGES:
            seen = gain[queried(score, calibration, coverage)]
            best = int(seen.mean(0).argmax())
            error = seen[:, best].std(ddof=1) / np.sqrt(len(seen))
            weight = best if seen[:, best].mean() > error else 0
            total = POINTS * gain[queried(score, test, coverage)].sum(0) / len(test)
            for arm, place in (("always", best), ("where shown", weight)):
                found.setdefault((arm, coverage), []).append(
                    (round(float(total[place]), 4), float(WEIGHTS[place]))
                )
    return {
        "base": float(outcomes.base_utility.mean()),
        "global": float(outcomes.global_utility.mean()),
        "results": [
            {"arm": arm, "coverage": coverage, "gains": [gain for gain, _ in values],
             "weights": [weight for _, weight in values]}
            for (arm, coverage), values in found.items()
        ],
    }  # fmt: skip


def summary(rows):
    """Return mean gains with intervals, over pairs (ImageNet) or draws (others)."""
    groups = {}
    for row in rows:
        over_pairs = row["data"] not in OTHERS
        data = IMAGENET if over_pairs else row["data"]
        for result in row["results"]:
            key = data, row["n"], result["arm"], result["coverage"]
            gains = result["gains"]
            groups.setdefault(key, []).extend([np.mean(gains)] if over_pairs else gains)
    names = "data", "n", "arm", "coverage"
    return [
        {**dict(zip(names, key, strict=True)), **_mean(values)}
        for key, values in groups.items()
        if len(values) > 1
    ]


def main():
    benchmark = Benchmark("fused_answers", __doc__)
    quick = benchmark.parse().quick
    pairs = [" -> ".join(pair) for pair in PAIRS]
    for data in pairs[:2] if quick else (*pairs, *OTHERS):
        outcomes = outcomes_of(data)
        for n in SIZES[:1] if quick else SIZES:
            if n <= outcomes.n_rows / 2:
                key = {"data": data, "n": n}
                benchmark.row(key, lambda o=outcomes, n=n: judge(o, n, 5))
    print("Points of accuracy over the global's own answers, and 95 % intervals")
    columns = dict.fromkeys(("data", "n", "arm", "coverage"), "")
    signed = dict.fromkeys(("gain", "low", "high", "worst"), "+.3f")
    found = summary(benchmark.rows)
    print_table(found, {**columns, **signed, "n_values": ""})
    table = as_table(found, ("data", "n", "arm"))
    benchmark.summarise({"all": found, "table": table})


if __name__ == "__main__":
    main()
