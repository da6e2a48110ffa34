"""What ranks a base's answers better at hardly any cost on the device?

Each training runs once for a seed and a learning rate; its last weights and running
means of them, one look at an input or two, and routers, are read from the same run.
The rate, of the last weights with max-probability, and then the horizon of the mean are
those of highest accuracy at coverage 0.8 on the routers' rows, of one seed; test rows
judge. Gains are over plain training with an
entropy threshold, with intervals over seeds and test rows.
"""

import warnings
from itertools import product

import numpy as np
from _harness import Benchmark, print_table
from _ranking_runs import HORIZONS, RAW, TRAININGS, Run
from _seeds import mean_and_interval
from _training_tasks import TASKS, find_task, global_answers
from sklearn.exceptions import ConvergenceWarning
from training import TUNED_AT, Head, accuracy_of

from selective_query import Outcomes
from selective_query.metrics.inference._influence import AccuracyReadings
from selective_query.routers import (
    AutoRouter,
    BaseRouter,
    EntropyRouter,
    MaxProbabilityRouter,
)

COVERAGES = (0.9, 0.8, 0.7)
POINTS = 100
WEIGHTS = {"last": (RAW,), "mean": HORIZONS}
ONE, TWO = LOOKS = "one", "two"
BASELINE = ("plain", "last", ONE, "entropy")
# Of the default router: what it reads beside the net's features. They score the rows
# that they learned from, and so are given the settings of max-probability.
AUTOS = {
    ONE: {"auto": (), "auto, norms": ("norms",)},
    TWO: {"auto": (), "auto, agreement": ("agreement",)},
}
TUNED_BY = "max_probability"
COLUMNS = (
    "dataset", "training", "weights", "look", "router", "coverage", "rate", "setting",
    "n_seeds", "gain", "low", "high",
)  # fmt: skip


class NormedLogit(BaseRouter):
    """The largest logit over the p-norm of all, centred (Cattelan and Silva, 2024)."""

    learns = True
    norms = (1, 2, 3, 4, 5, 6, 8, 10)

    def fit(self, outcomes):
        gains = [
            accuracy_of(_normed(outcomes.base_proba, p), outcomes, TUNED_AT)
            for p in self.norms
        ]
        self.norm_ = self.norms[int(np.argmax(gains))]
        return self

    def query_score(self, evidence):
        return _normed(evidence.base_proba, self.norm_)


def _normed(proba, p):
    logits = np.log(np.maximum(proba, 1e-12))
    logits = logits - logits.mean(axis=1, keepdims=True)
    return -logits.max(axis=1) / np.linalg.norm(logits, ord=p, axis=1)


# Plain confidences, of which the last has a number to choose.
ROUTERS = {
    "entropy": EntropyRouter(),
    "max_probability": MaxProbabilityRouter(),
    "head": Head(),
    "normed_logit": NormedLogit(),
}


def outcomes_of(run, weights, look, columns=()):
    """Outcomes of the routers' rows and of the test rows."""
    stored = run.outputs(TRAININGS)
    parts = find_task(run.dataset).load()[1:]
    answers = global_answers(run.dataset)[1:]
    found = []
    for part, (_, y), answer in zip(("router", "test"), parts, answers, strict=True):
        proba = first = stored[f"{part} {weights} proba"].astype(float)
        features = stored[f"{part} {weights} evidence"].astype(float)
        second = stored[f"{part} {weights} second"].astype(float)
        if look == TWO:
            proba = (first + second) / 2
        further = {
            "agreement": np.abs(first - second).sum(axis=1, keepdims=True) / 2,
            "norms": np.stack(
                [np.linalg.norm(features[:, 1:], axis=1), _normed(proba, 2)], axis=1
            ),
        }
        features = np.hstack([features, *(further[name] for name in columns)])
        found.append(
            Outcomes(base_proba=proba, base_features=features, global_proba=answer, y=y)
        )
    return found


def judge(run, weights, look):
    """Accuracies on both parts, and by test row for intervals, of plain confidences."""
    train, test = outcomes_of(run, weights, look)
    found = {"base": float(test.base_utility.mean()), "tuning": {}}
    by_row = {}
    for name, router in ROUTERS.items():
        found["tuning"][name] = accuracy_of(router.fit_score(train), train, TUNED_AT)
        score = router.query_score(test.evidence)
        for coverage in COVERAGES:
            by_row[f"{name} {coverage}"] = contributions(score, test, coverage)
    np.savez_compressed(rows_path(run, weights, look), **by_row)
    return found


def judge_auto(run, weights, look, name):
    """A default router, which is chosen and fitted for each coverage."""
    train, test = outcomes_of(run, weights, look, AUTOS[look][name])
    path, chosen = rows_path(run, weights, look), []
    with np.load(path) as stored:
        by_row = dict(stored)
    for coverage in COVERAGES:
        router = AutoRouter(target_coverage=coverage).fit(train)
        chosen.append(router.selection_["chosen"])
        score = router.query_score(test.evidence)
        by_row[f"{name} {coverage}"] = contributions(score, test, coverage)
    np.savez_compressed(path, **by_row)
    return {"chosen": chosen}


def contributions(score, test, coverage):
    """What each row adds to the accuracy, the threshold's being learned included."""
    reading = AccuracyReadings(
        score, test.base_utility, test.global_utility, test.weight, [coverage]
    )
    return reading.accuracy[0] + reading.influence(slice(None))[:, 0]


def rows_path(run, weights, look):
    name = f"{run.path.stem}_{weights}_{look.replace(', ', '-')}.rows.npz"
    return run.path.with_name(name)


def rows_of(benchmark, dataset, training, weights, look):
    """Stored rows of an arm, of all rates, horizons and seeds."""
    return [
        row
        for row in benchmark.rows
        if (row["dataset"], row["training"], row["look"]) == (dataset, training, look)
        and row["weights"] in WEIGHTS[weights]
        and "tuning" in row
    ]


def best(rows, name, router):
    """The value of highest accuracy on the routers' rows, of the first seed."""
    found = {r[name]: r["tuning"][router] for r in rows if r["seed"] == 0}
    return max(found, key=found.get, default=None)


def best_settings(benchmark, arm, router):
    """Rate with the last weights and one look, and at that rate the horizon."""
    tuned = "max_probability" if router.startswith("auto") else router
    rate = best(rows_of(benchmark, *arm[:2], "last", ONE), "rate", TUNED_BY)
    rows = [row for row in rows_of(benchmark, *arm) if row["rate"] == rate]
    return rate, best(rows, "weights", tuned)


def by_seed(benchmark, arm, router):
    """For each seed what each test row contributes, by coverage; and the settings."""
    rate, chosen = best_settings(benchmark, arm, router)
    found = {}
    for row in rows_of(benchmark, *arm):
        if (row["rate"], row["weights"]) == (rate, chosen):
            run = Run(arm[0], arm[1], row["seed"], rate)
            with np.load(rows_path(run, chosen, arm[-1])) as stored:
                if f"{router} {COVERAGES[0]}" in stored:
                    found[row["seed"]] = {c: stored[f"{router} {c}"] for c in COVERAGES}
    return found, rate, chosen


def differences(ours, theirs):
    """Coverage, number of seeds, mean gain in points, and its interval."""
    seeds = sorted(ours.keys() & theirs.keys())
    for coverage in COVERAGES if len(seeds) > 1 else ():
        gain = np.stack([ours[s][coverage] - theirs[s][coverage] for s in seeds])
        interval = mean_and_interval(gain.mean(axis=1), gain.mean(axis=0))
        yield coverage, len(seeds), *(POINTS * value for value in interval)


def gains(benchmark):
    """Each arm and router minus the baseline, of all seeds that both have."""
    found = []
    for dataset, training in dict.fromkeys(
        (row["dataset"], row["training"]) for row in benchmark.rows
    ):
        theirs, _, _ = by_seed(benchmark, (dataset, *BASELINE[:-1]), BASELINE[-1])
        for weights, look in product(WEIGHTS, LOOKS):
            arm = dataset, training, weights, look
            for router in (*ROUTERS, *AUTOS[look]):
                ours, *settings = by_seed(benchmark, arm, router)
                for coverage, *values in differences(ours, theirs):
                    key = *arm, router, coverage, *settings
                    found.append(dict(zip(COLUMNS, (*key, *values), strict=True)))
    return found


def main():
    benchmark = Benchmark("ranking", __doc__)
    parser = benchmark.parser
    parser.add_argument("--datasets", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument(
        "--trainings", nargs="*", choices=TRAININGS, default=list(TRAININGS)
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--stored", action="store_true", help="judge only runs that are at hand"
    )
    args = benchmark.parse()
    if args.quick:
        args.datasets, args.trainings, args.seeds = ["spoken_digits"], ["plain"], 2
    warnings.simplefilter("ignore", ConvergenceWarning)
    for dataset in args.datasets:
        for training in args.trainings:
            store(benchmark, args, dataset, training)
    columns = dict.fromkeys(COLUMNS[:-3], "") | dict.fromkeys(COLUMNS[-3:], "+.2f")
    print("Accuracy minus that of plain training with entropy, in points, 95 %")
    print_table(benchmark.summarise(gains(benchmark)), columns)


def store(benchmark, args, dataset, training):
    """All rates with one seed, the best one with all."""
    rates = find_task(dataset).rates
    judge_runs(benchmark, args, [Run(dataset, training, 0, rate) for rate in rates])
    rate = best(rows_of(benchmark, dataset, training, "last", ONE), "rate", TUNED_BY)
    if rate is None:
        return
    seeds = range(args.seeds)
    judge_runs(benchmark, args, [Run(dataset, training, s, rate) for s in seeds])
    for arm in product([dataset], [training], WEIGHTS, LOOKS):
        _, weights = best_settings(benchmark, arm, "auto")
        for seed, name in product(range(args.seeds), AUTOS[arm[-1]]):
            run, look = Run(dataset, training, seed, rate), arm[-1]
            if run.path.exists():
                key = {**vars(run), "weights": weights, "look": look, "router": name}
                asked = run, weights, look, name
                benchmark.row(key, lambda asked=asked: judge_auto(*asked))


def judge_runs(benchmark, args, runs):
    """Of all weights and looks; trained first where that is still to be done."""
    for run in runs:
        if args.stored and not run.path.exists():
            continue
        for weights, look in product((RAW, *HORIZONS), LOOKS):
            key = {**vars(run), "weights": weights, "look": look}
            benchmark.row(key, lambda r=run, w=weights, k=look: judge(r, w, k))


if __name__ == "__main__":
    main()
