"""Does it pay to tune a trained global for the inputs that its base will not answer?

The base is fixed; the global, trained plainly before, goes through its rows once more:
all alike, or those that would be queried with the paper's weight 1 + r, or those alone,
as in learning to help. r is 1 for the 30 % of the training rows about which a base is
least sure that was trained on the other half of them. Each arm has the learning rate
that was best for it with the first base, by accuracy at coverage 0.7 on the routers'
rows; test rows judge, against the global as it was. Intervals are over bases and test
rows, for one global.
"""

import numpy as np
import torch
from _harness import CACHE, Benchmark, print_table
from _ranking_gains import as_table
from _seeds import mean_and_interval
from _training_tasks import PARTS, TASKS, find_task, train_global, trained
from global_weights import base, kept, queried

from selective_query import Outcomes
from selective_query.metrics.inference._influence import AccuracyReadings
from selective_query.routers import MaxProbabilityRouter

COVERAGES = (0.9, 0.8, 0.7)
TUNED_AT = 0.7
POINTS = 100
RATES = (0.003, 0.01, 0.03, 0.1)
N_EPOCHS = 1
WEIGHTS = {
    "all rows alike": lambda r: np.ones(len(r)),
    "weights 1 + r": lambda r: 1 + r,
    "queried rows alone": lambda r: r,
}


def trained_global(dataset):
    """The task's global, with its weights."""
    path = CACHE / "training" / f"{dataset}_global.pt"
    if not path.exists():
        net = train_global(find_task(dataset), find_task(dataset).load())
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(net, path)
    return torch.load(path, weights_only=False)


def answers(dataset, arm, seed, rate):
    """What the tuned global says of both parts that are new to it."""
    task = find_task(dataset)
    (X, y), *others = task.load()

    def make():
        torch.set_num_threads(1)
        net = trained_global(dataset)
        if arm is not None:
            start = net.module_.net
            weights = WEIGHTS[arm](queried(dataset, seed, 1 - TUNED_AT))
            net = trained(
                task, X, y, start, seed=seed, rate=rate, n_epochs=N_EPOCHS,
                augment=task.augment_global, loss=task.loss_global,
                sample_weight=weights,
            )  # fmt: skip
        return {
            name: net.predict_proba(part)
            for name, (part, _) in zip(PARTS[1:], others, strict=True)
        }

    name = "as it was" if arm is None else f"{arm}_{seed}_{rate}"
    return kept(f"{dataset}_global_tuned_{name.replace(' ', '-')}", make)


def readings(dataset, arm, seed, rate=None):
    """By coverage what each row adds to the accuracy, on the routers' and test rows."""
    said, global_ = base(dataset, seed), answers(dataset, arm, seed, rate)
    found = []
    for part, (_, y) in zip(PARTS[1:], find_task(dataset).load()[1:], strict=True):
        rows = Outcomes(base_proba=said[part], global_proba=global_[part], y=y)
        score = MaxProbabilityRouter().query_score(rows.evidence)
        reading = AccuracyReadings(
            score, rows.base_utility, rows.global_utility, rows.weight, COVERAGES
        )
        by_row = reading.accuracy + reading.influence(slice(None))
        found.append(dict(zip(COVERAGES, by_row.T, strict=True)))
        found[-1]["global alone"] = rows.global_utility
    return found


def gains(dataset, arm, n_seeds):
    """Points over the global as it was, of the hybrid and of the global alone."""
    tried = {
        rate: float(readings(dataset, arm, 0, rate)[0][TUNED_AT].mean())
        for rate in RATES
    }
    rate = max(tried, key=tried.get)
    ours = [readings(dataset, arm, seed, rate)[1] for seed in range(n_seeds)]
    theirs = [readings(dataset, None, seed)[1] for seed in range(n_seeds)]
    lines = []
    for of in (*COVERAGES, "global alone"):
        gain = np.stack([a[of] - b[of] for a, b in zip(ours, theirs, strict=True)])
        interval = mean_and_interval(gain.mean(axis=1), gain.mean(axis=0))
        mean, low, high = (POINTS * value for value in interval)
        of = of if of == "global alone" else f"hybrid at {of}"
        lines.append({"of": of, "gain": mean, "low": low, "high": high})
    return {"tuning": list(tried.items()), "rate": rate, "lines": lines}


def main():
    benchmark = Benchmark("global_finetuning", __doc__)
    parser = benchmark.parser
    parser.add_argument("--datasets", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=3)
    args = benchmark.parse()
    if args.quick:
        args.datasets, args.seeds = ["spoken_digits"], 2
    for dataset in args.datasets:
        for arm in WEIGHTS:
            key = {"dataset": dataset, "arm": arm, "n_seeds": args.seeds}
            benchmark.row(key, lambda key=key: gains(**key))
    names = "dataset", "arm", "n_seeds"
    lines = [
        {**{name: row[name] for name in names}, **line}
        for row in benchmark.rows
        for line in row["lines"]
    ]
    table = as_table(lines, names, by="of")
    benchmark.summarise({"gains": lines, "table": table})
    print_table(table, dict.fromkeys(table[0], ""))


if __name__ == "__main__":
    main()
