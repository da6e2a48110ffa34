"""The effect of int8 and pruning on a hybrid, with the old threshold and a new one.

A base is trained, made smaller, and replaces the original in the hybrid. Smaller bases
learn from the original by distillation, all at one learning rate that was not tuned.
Each seed trains its own bases and draws new rows for the threshold and for the report.
Thresholds are on max-probability. Intervals are at the 95 % level, over seeds.
"""

import copy
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from _harness import Benchmark, print_table
from _recipes import split
from _training_tasks import TASKS, Scaled, global_answers, trained
from scipy.stats import t as student
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier

from selective_query import Outcomes, RoutingPolicy
from selective_query.footprint.net_profile import profile_net
from selective_query.nets import ConvNet, SignalNet
from selective_query.nets.compression import prune, quantise, rule_drift
from selective_query.nets.training.losses import Distillation

COVERAGES = (0.9, 0.7)
KEEP = 0.5
RATE = 0.1
OBSERVED = 300  # rows for the ranges of the activations
WIDTH = 16
DATASETS = {
    "digits": replace(
        TASKS["spoken_digits"],
        base=partial(ConvNet, 10, (8, WIDTH), n_channels=1),
        augment=None,
        n_epochs=20,
    ),
    "spoken_digits": replace(
        TASKS["spoken_digits"],
        base=partial(
            Scaled, partial(SignalNet, 10, 64, width=WIDTH, depth=2), -10.0, 5.0
        ),
    ),
}


def digits(seed):
    """Return rows for base, threshold and report, with the global's outputs.

    Each part is (X, y, global_proba).
    """
    X, y = load_digits(return_X_y=True)
    parts = split(len(y), 600, 600, seed=seed)
    trees = ExtraTreesClassifier(200, random_state=seed).fit(X[parts[0]], y[parts[0]])
    images = X.reshape(-1, 1, 8, 8).astype(np.float32) / 16
    return [(images[rows], y[rows], trees.predict_proba(X[rows])) for rows in parts]


def spoken_digits(seed):
    fit, *rest = TASKS["spoken_digits"].load()
    answers = global_answers("spoken_digits")
    X, y = (np.concatenate(parts) for parts in zip(*rest, strict=True))
    proba = np.concatenate(answers[1:])
    halves = split(len(y), len(y) // 2, seed=seed)
    return [
        (*fit, answers[0]),
        *((X[rows], y[rows], proba[rows]) for rows in halves),
    ]


def smaller_bases(task, base, X, y, seed):
    """Return the smaller bases, by method."""
    train = partial(trained, task, X, y, seed=seed, rate=RATE, loss=Distillation(),
                    global_proba=base.predict_proba(X))  # fmt: skip
    n_tuning = task.n_epochs // 2
    pruned = prune(base, KEEP)
    tuned = train(pruned.module, n_epochs=n_tuning)
    anew = copy.deepcopy(pruned.module)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for module in anew.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
    return {
        "int8": quantise(base, X[:OBSERVED]),
        "half the channels": tuned,
        "half the channels, int8": quantise(tuned, X[:OBSERVED]),
        "half as wide, trained anew": train(anew, n_epochs=task.n_epochs + n_tuning),
    }


def judge(name, seed):
    torch.set_num_threads(1)
    task = DATASETS[name]
    fit, *rest = {"digits": digits, "spoken_digits": spoken_digits}[name](seed)
    base = trained(
        task, *fit[:2], task.base, seed=seed, rate=RATE, n_epochs=task.n_epochs
    )

    def outcomes(net):
        return [
            Outcomes(base_proba=net.predict_proba(X), y=y, global_proba=proba)
            for X, y, proba in rest
        ]

    calibration, test = outcomes(base)
    policies = [
        RoutingPolicy("max_probability", coverage).fit(calibration)
        for coverage in COVERAGES
    ]
    shape, found = fit[0].shape[1:], {}
    for arm, net in smaller_bases(task, base, *fit[:2], seed).items():
        ours, theirs = outcomes(net)
        found[arm] = {
            "macs": profile_net(net.module_.net, shape).macs,
            "drift": [
                vars(rule_drift(policy.rule_, again.rule_, test, theirs))
                for policy, again in ((p, p.recalibrated(ours)) for p in policies)
            ],
        }
    return {"macs": profile_net(base.module_.net, shape).macs, "arms": found}


def report(rows):
    """Return the changes by dataset, arm and coverage, in points."""
    table = []
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        runs = [row for row in rows if row["dataset"] == dataset]
        for arm in runs[0]["arms"]:
            for place, coverage in enumerate(COVERAGES):
                found = [run["arms"][arm]["drift"][place] for run in runs]
                table.append(
                    {"dataset": dataset, "arm": arm, "coverage": coverage,
                     "n_seeds": len(runs),
                     "macs": runs[0]["arms"][arm]["macs"] / runs[0]["macs"]}
                    | _summary(found)
                )  # fmt: skip
    return table


def _summary(found):
    def each(name):
        return 100 * np.array([report[name] for report in found])

    return {
        "base": _interval(each("base_accuracy_after") - each("base_accuracy_before")),
        "coverage_before": float(each("coverage_before").mean()),
        "coverage_old": _interval(each("coverage_old") - each("coverage_before")),
        "coverage_new": _interval(each("coverage_new") - each("coverage_before")),
        "accuracy_old": _interval(each("accuracy_old") - each("accuracy_before")),
        "accuracy_new": _interval(each("accuracy_new") - each("accuracy_before")),
        "same_queries_old": float(each("same_queries_old").mean()),
        "same_queries_new": float(each("same_queries_new").mean()),
    }


def _interval(differences):
    mean, n = differences.mean(), len(differences)
    half = student.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n)
    return f"{mean:+.2f} ({mean - half:+.2f} to {mean + half:+.2f})"


def main():
    benchmark = Benchmark("compression", __doc__)
    benchmark.parser.add_argument(
        "--datasets", nargs="*", choices=DATASETS, default=list(DATASETS)
    )
    benchmark.parser.add_argument("--seeds", type=int, default=10)
    args = benchmark.parse()
    if args.quick:
        args.datasets, args.seeds = ["digits"], 3
    for dataset in args.datasets:
        for seed in range(args.seeds):
            key = {"dataset": dataset, "seed": seed}
            benchmark.row(key, lambda key=key: judge(key["dataset"], key["seed"]))
    print("Changes in points, mean over seeds and 95 % interval")
    print_table(
        benchmark.summarise(report(benchmark.rows)),
        {"dataset": "", "arm": "", "coverage": ".2f", "n_seeds": "", "macs": ".2f",
         "base": "", "coverage_old": "", "coverage_new": "", "accuracy_old": "",
         "accuracy_new": "", "same_queries_old": ".1f", "same_queries_new": ".1f"},
    )  # fmt: skip


if __name__ == "__main__":
    main()
