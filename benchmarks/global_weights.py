"""Is a global better for the hybrid if its training emphasises the queried rows?

The paper's weights 1 + r, for the global alone: r is 1 for the fifth of the training
rows on which a base, trained on the other half of them, is least confident. The same
global is trained without weights from the same seed, and both are paired with the same
base; the weights in a batch have mean one, so that both share a learning rate. Router
and threshold are learned on the routers' rows; accuracies are on the test rows.
"""

import numpy as np
import torch
from _harness import CACHE, Benchmark, print_table
from _seeds import mean_and_interval
from _training_tasks import PARTS, TASKS, find_task, trained
from joblib import Parallel, delayed

from selective_query import Outcomes
from selective_query.metrics.inference._influence import AccuracyReadings
from selective_query.routers import AutoRouter
from selective_query.routers._scores import max_probability

COVERAGES = (0.9, 0.8, 0.7, 0.5)
QUERIED = 0.2


def kept(name, make):
    """Return arrays that are computed once, then read from the cache."""
    path = CACHE / "training" / f"{name}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **make())
        partial.replace(path)
    with np.load(path) as stored:
        return dict(stored)


def base_on(dataset, rows, seed, parts):
    """Return outputs of a plain base, trained on these rows, for parts of the data."""
    task = find_task(dataset)
    X, y = task.load()[0]
    net = trained(
        task, X[rows], y[rows], task.base, seed=seed, rate=task.rates[1],
        n_epochs=task.n_epochs,
    )  # fmt: skip
    return {name: net.predict_proba(part) for name, part in parts.items()}


def base(dataset, seed):
    fit, *others = find_task(dataset).load()
    parts = {name: X for name, (X, _) in zip(PARTS[1:], others, strict=True)}
    return kept(
        f"{dataset}_base_{seed}",
        lambda: base_on(dataset, np.arange(len(fit[1])), seed, parts),
    )


def queried(dataset, seed, share=QUERIED):
    """Return 1 for training rows that are queried by bases that did not see them."""

    def make():
        X, y = find_task(dataset).load()[0]
        r = np.zeros(len(y))
        halves = np.array_split(np.random.default_rng(seed).permutation(len(y)), 2)
        for half, other in (halves, halves[::-1]):
            proba = base_on(dataset, half, seed, {"other": X[other]})["other"]
            doubt = max_probability(proba)
            r[other] = doubt > np.quantile(doubt, 1 - share)
        return {"r": r}

    name = "queried" if share == QUERIED else f"queried_{share:.2g}"
    return kept(f"{dataset}_{name}_{seed}", make)["r"]


def global_(dataset, seed, weighted):
    task = find_task(dataset)
    (X, y), *others = task.load()

    def make():
        net = trained(
            task, X, y, task.global_, seed=seed, rate=0.1,
            n_epochs=task.n_epochs_global, augment=task.augment_global,
            loss=task.loss_global,
            sample_weight=1 + queried(dataset, seed) if weighted else None,
        )  # fmt: skip
        return {
            name: net.predict_proba(part)
            for name, (part, _) in zip(PARTS[1:], others, strict=True)
        }

    kind = "weights" if weighted else "plain"
    return kept(f"{dataset}_global_{kind}_{seed}", make)


def train(dataset, seed, weighted):
    torch.set_num_threads(1)  # one run per core, and runs are reproducible bit for bit
    base(dataset, seed)
    global_(dataset, seed, weighted)


def readings(dataset, seed, weighted):
    """Return, by coverage, the hybrid's accuracy and each test row's contribution."""
    said, answers = base(dataset, seed), global_(dataset, seed, weighted)
    outcomes = [
        Outcomes(base_proba=said[part], global_proba=answers[part], y=y)
        for part, (_, y) in zip(PARTS[1:], find_task(dataset).load()[1:], strict=True)
    ]
    learned, test = outcomes
    found = {"global": (test.global_utility.mean(), test.global_utility)}
    for coverage in COVERAGES:
        router = AutoRouter(target_coverage=coverage).fit(learned)
        reading = AccuracyReadings(
            router.query_score(test.evidence),
            test.base_utility, test.global_utility, test.weight, [coverage],
        )  # fmt: skip
        accuracy = float(reading.accuracy[0])
        found[coverage] = accuracy, accuracy + reading.influence(slice(None))[:, 0]
    return found


def gains(dataset, n_seeds):
    """Return weighted minus plain, in points, for the global alone and the hybrid."""
    pairs = [[readings(dataset, s, w) for w in (True, False)] for s in range(n_seeds)]
    lines = []
    for what in ("global", *COVERAGES):
        by_seed = [ours[what][0] - theirs[what][0] for ours, theirs in pairs]
        by_row = np.mean([ours[what][1] - theirs[what][1] for ours, theirs in pairs], 0)
        gain, low, high = mean_and_interval(by_seed, by_row)
        accuracy = np.mean([theirs[what][0] for _, theirs in pairs])
        lines.append(
            {
                "of": "global" if what == "global" else f"hybrid at {what}",
                "plain": 100 * float(accuracy),
                "gain": 100 * gain,
                "low": 100 * low,
                "high": 100 * high,
            }
        )
    return {"lines": lines}


def main():
    benchmark = Benchmark("global_weights", __doc__)
    parser = benchmark.parser
    parser.add_argument("--datasets", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    args = benchmark.parse()
    if args.quick:
        args.datasets, args.seeds = ["spoken_digits"], 2
    for dataset in args.datasets:
        key = {"dataset": dataset, "n_seeds": args.seeds}
        if benchmark.stored(key):
            continue
        Parallel(n_jobs=args.jobs, verbose=5)(
            delayed(train)(dataset, seed, weighted)
            for weighted in (True, False)
            for seed in range(args.seeds)
        )
        benchmark.row(key, lambda key=key: gains(**key))
    table = [
        {"dataset": row["dataset"], "n_seeds": row["n_seeds"], **line}
        for row in benchmark.rows
        for line in row["lines"]
    ]
    points = dict.fromkeys(("gain", "low", "high"), "+.2f")
    print_table(
        benchmark.summarise(table),
        {"dataset": "", "n_seeds": "", "of": "", "plain": ".2f", **points},
    )


if __name__ == "__main__":
    main()
