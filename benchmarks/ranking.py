"""What ranks a base's answers better at hardly any cost on the device?

Each training runs once for a seed and a learning rate; its last weights and running
means of them, one look at an input or two, and routers, are read from the same run.
The rate, of the last weights with max-probability, and then the horizon of the mean are
those of highest accuracy at coverage 0.8 on the routers' rows, of one seed; test rows
judge. Gains are over plain training with an entropy threshold, with intervals over
seeds and test rows.
"""

import warnings
from functools import cache
from itertools import product

import numpy as np
from _harness import Benchmark, print_table
from _ranking_gains import (
    BOTH,
    COVERAGES,
    DOUBT,
    LOOKS,
    ONE,
    TUNED_BY,
    TWO,
    WEIGHTS,
    as_table,
    best,
    gains,
    passes,
    rows_of,
    rows_path,
    steps,
)
from _ranking_runs import RAW, Run, global_second_looks, second_looks_path
from _ranking_trainings import TRAININGS
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

ARM = "dataset", "training", "weights", "look", "router", "n_seeds"
STEP = "step", "dataset", "n_seeds"
# Of the routers, in the table of arms.
SHOWN = "entropy", "max_probability", "auto"
# Below which largest probability there is a second look; chosen on CIFAR-10 for DOUBT.
LOOKED_AGAIN = {ONE: 0, TWO: 2, DOUBT: 0.8, BOTH: 2}
# Of the default router with the last weights, which takes longest: what it reads beside
# the net's features. It scores rows that it learned from, and so has the settings of
# max-probability.
AUTOS = {
    ("plain", ONE): {"auto": (), "auto, norms": ("norms",)},
    ("distillation", ONE): {"auto": ()},
    ("distillation", TWO): {"auto": (), "auto, agreement": ("agreement",)},
    ("distillation", BOTH): {"auto": ()},
}


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


def routers_of(training, weights, look):
    """Names of the routers that an arm is judged with."""
    autos = AUTOS.get((training, look), ()) if weights == "last" else ()
    return *ROUTERS, *autos


@cache
def known_of(dataset, look):
    """Name, labels and the global's answers of both parts that are new to the base."""
    parts = "router", "test"
    labels = [y for _, y in find_task(dataset).load()[1:]]
    answers = global_answers(dataset)[1:]
    if look == BOTH:
        second = global_second_looks(dataset)
        answers = [
            (first + second[part]) / 2
            for first, part in zip(answers, parts, strict=True)
        ]
    return list(zip(parts, labels, answers, strict=True))


def outcomes_of(run, weights, look, columns=()):
    """Outcomes of the routers' rows and of the test rows."""
    stored, found = run.outputs(), []
    for part, y, answer in known_of(run.dataset, look):
        first = stored[f"{part} {weights} proba"].astype(float)
        features = stored[f"{part} {weights} evidence"].astype(float)
        second = stored[f"{part} {weights} second"].astype(float)
        again = first.max(axis=1, keepdims=True) < LOOKED_AGAIN[look]
        proba = np.where(again, (first + second) / 2, first)
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
    first = run.outputs()[f"test {weights} proba"]
    found["second_looks"] = float((first.max(axis=1) < LOOKED_AGAIN[look]).mean())
    by_row = {}
    for name, router in ROUTERS.items():
        accuracy = accuracy_of(router.fit_score(train), train, TUNED_AT)
        found["tuning"][name] = round(accuracy, 5)
        score = router.query_score(test.evidence)
        for coverage in COVERAGES:
            by_row[f"{name} {coverage}"] = contributions(score, test, coverage)
    np.savez_compressed(rows_path(run, weights, look), **by_row)
    return found


def judge_auto(run, weights, look, name):
    """A default router, which is chosen and fitted for each coverage."""
    columns = AUTOS[run.training, look][name]
    train, test = outcomes_of(run, weights, look, columns)
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
    found = gains(benchmark, routers_of)
    each = steps(benchmark)
    arms = [row for row in found if row["router"] in SHOWN]
    tables = {"arms": as_table(arms, ARM), "steps": as_table(each, STEP)}
    tables["passes"] = passes(benchmark)
    benchmark.summarise({"gains": found, "each": each, **tables})
    for title, keys, name in (
        ("Accuracy minus that of plain training with entropy", ARM, "arms"),
        ("Accuracy minus that without the step", STEP, "steps"),
    ):
        print(f"{title}, in points, 95 %")
        coverages = tuple(f"at {coverage}" for coverage in COVERAGES)
        print_table(tables[name], dict.fromkeys((*keys, *coverages), ""))


def store(benchmark, args, dataset, training):
    """All rates with one seed, the best one with all."""
    rates = find_task(dataset).rates
    judge_runs(benchmark, args, [Run(dataset, training, 0, rate) for rate in rates])
    rate = best(rows_of(benchmark, dataset, training, "last", ONE), "rate", TUNED_BY)
    if rate is None:
        return
    seeds = range(args.seeds)
    judge_runs(benchmark, args, [Run(dataset, training, s, rate) for s in seeds])
    for (autos_training, look), names in AUTOS.items():
        if autos_training != training:
            continue
        for name, seed in product(names, seeds):
            run = Run(dataset, training, seed, rate)
            if rows_path(run, RAW, look).exists():
                key = {**vars(run), "weights": RAW, "look": look, "router": name}
                asked = run, RAW, look, name
                benchmark.row(key, lambda asked=asked: judge_auto(*asked))


def judge_runs(benchmark, args, runs):
    """Of all weights and looks; trained first where that is still to be done."""
    for run, kind in product(runs, WEIGHTS):
        for weights, look in product(WEIGHTS[kind], LOOKS[kind]):
            if not args.stored or is_at_hand(run, look):
                key = {**vars(run), "weights": weights, "look": look}
                asked = run, weights, look
                benchmark.row(key, lambda asked=asked: judge(*asked))


def is_at_hand(run, look):
    """Whether nothing has to be trained for it."""
    needed = [run.path] + [second_looks_path(run.dataset)] * (look == BOTH)
    return all(path.exists() for path in needed)


if __name__ == "__main__":
    main()
