"""What ranks a base's answers better at hardly any cost on the device?

Each training runs once for a seed and a learning rate; its last weights and running
means of them, one look at an input or two, and routers, are read from the same run.
Rate and horizon of the mean are those of highest accuracy at coverage 0.8 on the
routers' rows, of one seed; test rows judge. Gains are over plain training with an
entropy threshold, with intervals over seeds and test rows.
"""

import warnings

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
ONE, TWO, AGREEMENT = "one", "two", "two, agreement"
LOOKS = (ONE, TWO, AGREEMENT)
BASELINE = ("plain", "last", ONE, "entropy")
# What scores the rows it learned from is given the settings of another.
TUNED_AS = {"auto": "max_probability"}
# Rates that one of these is best at are trained with all seeds.
TUNED_BY = ("entropy", "max_probability")
COLUMNS = (
    "dataset", "training", "weights", "look", "router", "coverage", "n_seeds", "rate",
    "setting", "gain", "low", "high",
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


def routers(coverage):
    """Routers by name, one fitted for each coverage where that is trained for."""
    return {
        "entropy": EntropyRouter(),
        "max_probability": MaxProbabilityRouter(),
        "head": Head(),
        "normed_logit": NormedLogit(),
        "auto": AutoRouter(target_coverage=coverage),
    }


def outcomes_of(run, weights, look):
    """Outcomes of the routers' rows and of the test rows."""
    stored = run.outputs(TRAININGS)
    parts = find_task(run.dataset).load()[1:]
    answers = global_answers(run.dataset)[1:]
    found = []
    for part, (_, y), answer in zip(("router", "test"), parts, answers, strict=True):
        proba = stored[f"{part} {weights} proba"].astype(float)
        features = stored[f"{part} {weights} evidence"].astype(float)
        if look != ONE:
            second = stored[f"{part} {weights} second"].astype(float)
            apart = np.abs(proba - second).sum(axis=1, keepdims=True) / 2
            proba = (proba + second) / 2
            if look == AGREEMENT:
                features = np.hstack([features, apart])
        found.append(
            Outcomes(base_proba=proba, base_features=features, global_proba=answer, y=y)
        )
    return found


def judge(run, weights, look):
    """Test accuracies, by row too for intervals; tuning on the routers' rows."""
    train, test = outcomes_of(run, weights, look)
    found = {"base": float(test.base_utility.mean()), "tuning": {}, "accuracy": {}}
    by_row = {}
    for name, router in routers(TUNED_AT).items():
        if name not in TUNED_AS:
            score = router.fit_score(train)
            found["tuning"][name] = accuracy_of(score, train, TUNED_AT)
    for coverage in COVERAGES:
        for name, router in routers(coverage).items():
            score = router.fit(train).query_score(test.evidence)
            reading = AccuracyReadings(
                score, test.base_utility, test.global_utility, test.weight, [coverage]
            )
            accuracy = float(reading.accuracy[0])
            # What a row contributes, the threshold's being learned included.
            moved = reading.influence(slice(None))[:, 0]
            by_row[f"{name} {coverage}"] = accuracy + moved
            found["accuracy"].setdefault(name, []).append(accuracy)
    np.savez_compressed(rows_path(run, weights, look), **by_row)
    return found


def rows_path(run, weights, look):
    name = f"{run.path.stem}_{weights}_{look.replace(', ', '-')}.rows.npz"
    return run.path.with_name(name)


def best_setting(rows, router):
    """Rate and weights of highest accuracy on the routers' rows, of the first seed."""
    tuned = TUNED_AS.get(router, router)
    found = {
        (row["rate"], row["weights"]): row["tuning"][tuned]
        for row in rows
        if row["seed"] == 0
    }
    return max(found, key=found.get)


def by_seed(benchmark, dataset, training, weights, look, router):
    """For each seed what each test row contributes, by coverage."""
    rows = [
        row
        for row in benchmark.rows
        if (row["dataset"], row["training"], row["look"]) == (dataset, training, look)
        and row["weights"] in WEIGHTS[weights]
    ]
    rate, chosen = best_setting(rows, router)
    found = {}
    for row in rows:
        if (row["rate"], row["weights"]) == (rate, chosen):
            run = Run(dataset, training, row["seed"], rate)
            with np.load(rows_path(run, chosen, look)) as stored:
                found[row["seed"]] = {c: stored[f"{router} {c}"] for c in COVERAGES}
    return found, rate, chosen


def gains(benchmark):
    """Each arm and router minus the baseline, of all seeds that both have."""
    found = []
    for dataset in dict.fromkeys(row["dataset"] for row in benchmark.rows):
        theirs, _, _ = by_seed(benchmark, dataset, *BASELINE)
        trainings = dict.fromkeys(
            row["training"] for row in benchmark.rows if row["dataset"] == dataset
        )
        arms = [(t, w, k) for t in trainings for w in WEIGHTS for k in LOOKS]
        for arm in arms:
            for router in routers(None):
                ours, rate, chosen = by_seed(benchmark, dataset, *arm, router)
                seeds = sorted(ours.keys() & theirs.keys())
                if len(seeds) < 2:
                    continue
                for coverage in COVERAGES:
                    gain = np.stack(
                        [ours[s][coverage] - theirs[s][coverage] for s in seeds]
                    )
                    interval = mean_and_interval(gain.mean(axis=1), gain.mean(axis=0))
                    key = dataset, *arm, router, coverage, len(seeds), rate, chosen
                    values = (*key, *(POINTS * value for value in interval))
                    found.append(dict(zip(COLUMNS, values, strict=True)))
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
    """All rates with one seed, and with the others those that some arm is best at."""
    rates = find_task(dataset).rates
    tuned = [Run(dataset, training, 0, rate) for rate in rates]
    _judge_all(benchmark, args, tuned)
    rows = [
        row
        for row in benchmark.rows
        if (row["dataset"], row["training"]) == (dataset, training)
    ]
    if not rows:
        return
    chosen = {
        best_setting(
            [r for r in rows if r["look"] == look and r["weights"] in weights], router
        )[0]
        for look in LOOKS
        for weights in WEIGHTS.values()
        for router in TUNED_BY
    }
    seeds = range(1, args.seeds)
    others = [Run(dataset, training, s, rate) for s in seeds for rate in sorted(chosen)]
    _judge_all(benchmark, args, others)


def _judge_all(benchmark, args, runs):
    for run in runs:
        if args.stored and not run.path.exists():
            continue
        for weights in (RAW, *HORIZONS):
            for look in LOOKS:
                key = {**vars(run), "weights": weights, "look": look}
                benchmark.row(key, lambda r=run, w=weights, k=look: judge(r, w, k))


if __name__ == "__main__":
    main()
