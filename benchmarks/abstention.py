"""Nets that may abstain, with and without training for it: accuracy on answered rows.

The base and rows are those of the training benchmark. Every loss gets the same epochs
and may choose its learning rate by accuracy on the routers' rows at coverage 0.7.
Distillation learns from the larger net of the training benchmark, which is not
available afterwards. Differences are relative to plain training with max-probability,
over seeds and test rows.
"""

import numpy as np
import torch
from _harness import Benchmark, print_table
from _seeds import mean_and_interval
from _training_tasks import TASKS, global_answers
from training import ABSTAINING, Run, train_all

from selective_query.outcomes._sorted_rows import query_share

COVERAGES = (0.9, 0.8, 0.7)
TUNED_AT = 0.7
REFERENCE = "plain, max_probability"
# Losses whose own score is max-probability.
PLAINLY_RANKED = ("plain", "distillation")
ARMS = (*PLAINLY_RANKED, *ABSTAINING)


def scores(evidence):
    """Return query scores by name; higher means query first."""
    return {
        "own score": evidence.base_features[:, 0],
        "max_probability": 1 - evidence.base_proba.max(axis=1),
    }


def answered(score, outcomes, coverage):
    """Return each row's part of the accuracy on answered rows, times the coverage."""
    kept = 1 - query_share(score, [coverage], outcomes.weight)
    return kept * outcomes.base_utility / coverage, kept / coverage


def judge(run):
    torch.set_num_threads(1)
    train, test = run.outcomes()
    found = {"base": float(test.base_utility.mean()), "tuning": {}, "accuracy": {}}
    rows = {}
    for name, score in scores(train).items():
        found["tuning"][name] = float(answered(score, train, TUNED_AT)[0].mean())
    for name, score in scores(test).items():
        for coverage in COVERAGES:
            right, kept = answered(score, test, coverage)
            found["accuracy"].setdefault(name, []).append(float(right.mean()))
            # The influence of a row on the accuracy on answered rows.
            rows[f"{name} {coverage}"] = right - right.mean() * kept
    np.savez_compressed(run.path.with_suffix(".answered.npz"), **rows)
    return found


def best_rates(benchmark, dataset, arm):
    """Return the rate with the best accuracy on the routers' rows, for each score."""
    rows = [
        row
        for row in benchmark.rows
        if (row["dataset"], row["arm"], row["seed"]) == (dataset, arm, 0)
    ]
    return {
        name: max(rows, key=lambda row: row["tuning"][name])["rate"]
        for name in ("own score", "max_probability")
    }


def report(benchmark, dataset):
    """Return the accuracy on answered rows, and its difference from the reference."""
    results = {}
    for arm in ARMS:
        for name, rate in best_rates(benchmark, dataset, arm).items():
            if arm in PLAINLY_RANKED and name == "own score":
                continue
            results[f"{arm}, {name}"] = _of_seeds(benchmark, dataset, arm, name, rate)
    return [
        {"dataset": dataset, "arm": label, "coverage": coverage}
        | _compared(found, results[REFERENCE], place, coverage)
        for label, found in results.items()
        for place, coverage in enumerate(COVERAGES)
    ]


def _of_seeds(benchmark, dataset, arm, name, rate):
    found = {}
    for row in benchmark.rows:
        if (row["dataset"], row["arm"], row["rate"]) == (dataset, arm, rate):
            run = Run(dataset, arm, row["seed"], rate)
            with np.load(run.path.with_suffix(".answered.npz")) as stored:
                moved = {c: stored[f"{name} {c}"] for c in COVERAGES}
            found[row["seed"]] = row["accuracy"][name], moved
    return found


def _compared(ours, theirs, place, coverage):
    seeds = sorted(ours.keys() & theirs.keys())
    gains = np.array([ours[s][0][place] - theirs[s][0][place] for s in seeds])
    moved = np.mean([ours[s][1][coverage] - theirs[s][1][coverage] for s in seeds], 0)
    gain, low, high = (100 * value for value in mean_and_interval(gains, moved))
    return {
        "n_seeds": len(seeds),
        "accuracy": 100 * float(np.mean([ours[s][0][place] for s in seeds])),
        "gain": gain,
        "low": low,
        "high": high,
    }


def main():
    benchmark = Benchmark("abstention", __doc__)
    parser = benchmark.parser
    parser.add_argument("--datasets", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    args = benchmark.parse()
    if args.quick:
        args.datasets, args.seeds = ["spoken_digits"], 2
    table = []
    for dataset in TASKS:
        stored = benchmark.summarised(dataset=dataset)
        enough = stored and min(row["n_seeds"] for row in stored) >= args.seeds
        if enough or dataset not in args.datasets:
            table += stored
            continue
        global_answers(dataset)
        rates = TASKS[dataset].rates[-2:] if args.quick else TASKS[dataset].rates
        runs = [Run(dataset, arm, 0, rate) for arm in ARMS for rate in rates]
        _store(benchmark, runs, args.jobs)
        runs = [
            Run(dataset, arm, seed, rate)
            for seed in range(args.seeds)
            for arm in ARMS
            for rate in set(best_rates(benchmark, dataset, arm).values())
        ]
        _store(benchmark, runs, args.jobs)
        table += report(benchmark, dataset)
    print("Accuracy in % on answered rows; gain over plain max-probability, 95 %")
    points = dict.fromkeys(("gain", "low", "high"), "+.2f")
    print_table(
        benchmark.summarise(table),
        {"dataset": "", "arm": "", "coverage": ".2f", "n_seeds": "",
         "accuracy": ".2f", **points},
    )  # fmt: skip


def _store(benchmark, runs, n_jobs):
    train_all(runs, n_jobs)
    for run in runs:
        benchmark.row(run.key, lambda run=run: judge(run))


if __name__ == "__main__":
    main()
