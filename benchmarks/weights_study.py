"""Do the paper's weights help a net, by length of training and difficulty of classes?

Only the base is weighted, by its own router while it learns, and compared with plain
training. Both use the default router, learned on the routers' rows, and the rate that
was best for them on these rows, with the first seed, in the same setting. The epochs
are a quarter of the usual number, the usual number and three times as many. In a
further setting all vehicles form one class, which is easy, next to six kinds of
animals, which are not.
"""

import numpy as np
from _harness import Benchmark, print_table
from _seeds import mean_and_interval
from _training_tasks import find_task, global_answers
from training import COVERAGES, Run, judge, train_all

# Dataset, and multiple of the usual epochs.
SETTINGS = {
    "a quarter of the epochs": ("cifar10", 0.25),
    "the usual epochs": ("cifar10", 1),
    "three times the epochs": ("cifar10", 3),
    "one easy class": ("cifar10_vehicles", 1),
}
QUICK = {"recordings": ("spoken_digits", 0.25)}
ARMS = ("plain", "weights")


def best_runs(dataset, factor, n_seeds, n_jobs):
    """Return, by arm, a run for each seed at the rate that is best for the first."""
    tried = {
        arm: [Run(dataset, arm, 0, rate, factor) for rate in find_task(dataset).rates]
        for arm in ARMS
    }
    train_all([run for runs in tried.values() for run in runs], n_jobs)
    best = {
        arm: max(runs, key=lambda run: judge(run)["tuning"]["auto"]).rate
        for arm, runs in tried.items()
    }
    found = {
        arm: [Run(dataset, arm, seed, rate, factor) for seed in range(n_seeds)]
        for arm, rate in best.items()
    }
    train_all([run for runs in found.values() for run in runs], n_jobs)
    return found


def by_row(run, coverage):
    """Return each test row's contribution to the accuracy of the hybrid."""
    if not run.rows_path.exists():
        judge(run)
    with np.load(run.rows_path) as stored:
        return stored[f"auto {coverage}"]


def gains(dataset, factor, n_seeds, n_jobs):
    """Return weighted minus plain, in points by coverage, over seeds and test rows."""
    global_answers(dataset)
    runs = best_runs(dataset, factor, n_seeds, n_jobs)
    lines = []
    for coverage in COVERAGES:
        gain = [
            by_row(weights, coverage) - by_row(plain, coverage)
            for plain, weights in zip(runs["plain"], runs["weights"], strict=True)
        ]
        found = mean_and_interval(np.mean(gain, axis=1), np.mean(gain, axis=0))
        points = (100 * value for value in found)
        names = ("gain", "low", "high")
        lines.append({"coverage": coverage, **dict(zip(names, points, strict=True))})
    return {"rates": {arm: of_arm[0].rate for arm, of_arm in runs.items()},
            "lines": lines}  # fmt: skip


def main():
    benchmark = Benchmark("weights_study", __doc__)
    benchmark.parser.add_argument("--seeds", type=int, default=3)
    benchmark.parser.add_argument("--jobs", type=int, default=2)
    args = benchmark.parse()
    if args.quick:
        args.seeds = 2
    for setting, run_on in (QUICK if args.quick else SETTINGS).items():
        key = {"setting": setting, "n_seeds": args.seeds}
        benchmark.row(key, lambda run_on=run_on: gains(*run_on, args.seeds, args.jobs))
    table = [
        {"setting": row["setting"], "n_seeds": row["n_seeds"], **line}
        for row in benchmark.rows
        for line in row["lines"]
    ]
    points = dict.fromkeys(("gain", "low", "high"), "+.2f")
    print_table(
        benchmark.summarise(table),
        {"setting": "", "n_seeds": "", "coverage": ".2f", **points},
    )


if __name__ == "__main__":
    main()
