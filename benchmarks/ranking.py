"""What ranks a base's answers better at hardly any cost on the device?

Each training runs once for a seed and a learning rate; its last weights and running
means of them, one look at an input or two, and routers, are read from the same run.
The rate, of the last weights with max-probability, and then the horizon of the mean,
or the band and weight of a second look, are those of highest accuracy at coverage 0.8
on the routers' rows, of one seed; rates are doubled or halved until the best one is not
at an end. Test rows judge. Gains are over plain training with an entropy threshold for
as many epochs, with intervals over seeds and test rows.
"""

import warnings
from functools import cache
from itertools import product

import numpy as np
from _harness import Benchmark, print_table
from _ranking_gains import (
    BOTH,
    CHOSEN,
    COVERAGES,
    DOUBT,
    LOOKS,
    ONE,
    TUNED_BY,
    TWO,
    WEIGHTS,
    Arm,
    as_table,
    best_rate,
    gains,
    passes,
    recipe,
    rows_path,
    steps,
    verdicts,
)
from _ranking_routers import ROUTERS, WITH_AUTO, autos_of, columns
from _ranking_runs import NEW_PARTS, RAW, Run, weights_of
from _ranking_trainings import TRAININGS
from _training_tasks import TASKS, find_task, global_answers
from _views import global_second_looks, second_looks_path
from sklearn.exceptions import ConvergenceWarning
from training import TUNED_AT, accuracy_of

from selective_query import Outcomes
from selective_query.metrics.inference._influence import AccuracyReadings
from selective_query.routers import AutoRouter

ARM = "dataset", "epochs_factor", "training", "look", "router", "n_seeds"
ADDED = "dataset", "epochs", "with", "n_seeds"
STEP = "step", "dataset", "n_seeds"
# Weight of the second look, and below which largest probability there is one: twice at
# every row, and 0.8 where in doubt, which was chosen on CIFAR-10.
SECOND_LOOKS = {ONE: (0.5, 0), TWO: (0.5, 2), DOUBT: (0.5, 0.8), BOTH: (0.5, 2)}
SECOND_WEIGHTS = (0.2, 0.3, 0.4, 0.5, 0.6)
BANDS = (0.5, 0.6, 0.7, 0.8, 0.9, 2)
SEEDS = {"spoken_digits": 10}
N_EXIT_SEEDS = 3  # each is trained once more for them
# Trained for three times the epochs too, each at its own rate.
LONG = "plain", "distillation"
LONG_RATES = (0.1, 0.2, 0.4)


@cache
def known_of(dataset, look):
    """Name, labels and the global's answers of both parts that are new to the base."""
    labels = [y for _, y in find_task(dataset).load()[1:]]
    answers = global_answers(dataset)[1:]
    if look == BOTH:
        second = global_second_looks(dataset)
        answers = [
            (first + second[part]) / 2
            for first, part in zip(answers, NEW_PARTS, strict=True)
        ]
    return list(zip(NEW_PARTS, labels, answers, strict=True))


def outcomes_of(run, weights, look, further=None, second_look=None):
    """Outcomes of the routers' rows and of the test rows."""
    stored, found = run.outputs(), []
    weight, below = second_look or SECOND_LOOKS[look]
    for part, y, answer in known_of(run.dataset, look):
        first, features, second = (
            stored[f"{part} {weights} {name}"].astype(float)
            for name in ("proba", "evidence", "second")
        )
        again = first.max(axis=1, keepdims=True) < below
        proba = np.where(again, (1 - weight) * first + weight * second, first)
        if further is not None:
            more = columns(further, run, part, first, second, proba, features)
            features = np.hstack([features, more])
        found.append(
            Outcomes(base_proba=proba, base_features=features, global_proba=answer, y=y)
        )
    return found


def chosen_second_look(run, weights):
    """Weight and band of highest accuracy on the routers' rows."""
    accuracy = {}
    for pair in product(SECOND_WEIGHTS, BANDS):
        train, _ = outcomes_of(run, weights, CHOSEN, second_look=pair)
        score = ROUTERS[TUNED_BY].fit_score(train)
        accuracy[pair] = accuracy_of(score, train, TUNED_AT)
    return max(accuracy, key=accuracy.get)


def judge(run, weights, look):
    """Accuracies on both parts, and by test row for intervals, of plain confidences."""
    second_look = chosen_second_look(run, weights) if look == CHOSEN else None
    train, test = outcomes_of(run, weights, look, second_look=second_look)
    weight, below = second_look or SECOND_LOOKS[look]
    found = {"base": float(test.base_utility.mean()), "tuning": {}}
    first = run.outputs()[f"test {weights} proba"]
    found["second_looks"] = float((first.max(axis=1) < below).mean())
    if look == CHOSEN:
        found |= {"second_weight": weight, "below": below}
    by_row = {}
    for name, router in ROUTERS.items():
        accuracy = accuracy_of(router.fit_score(train), train, TUNED_AT)
        found["tuning"][name] = round(accuracy, 5)
        score = router.query_score(test.evidence)
        for coverage in COVERAGES:
            by_row[f"{name} {coverage}"] = contributions(score, test, coverage)
    keep(rows_path(run, weights, look), by_row)
    return found


def keep(path, by_row):
    """Store what rows contribute with some routers beside what is stored of others."""
    if path.exists():
        with np.load(path) as stored:
            by_row = dict(stored) | by_row
    np.savez_compressed(path, **by_row)


def judge_auto(run, weights, look, name):
    """A default router, which is chosen and fitted for each coverage."""
    further = autos_of(run.training, look, run.epochs_factor)[name]
    train, test = outcomes_of(run, weights, look, further)
    by_row, chosen = {}, []
    for coverage in COVERAGES:
        router = AutoRouter(target_coverage=coverage).fit(train)
        chosen.append(router.selection_["chosen"])
        score = router.query_score(test.evidence)
        by_row[f"{name} {coverage}"] = contributions(score, test, coverage)
    keep(rows_path(run, weights, look), by_row)
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
    parser.add_argument("--seeds", type=int, help="5, and 10 of the smallest dataset")
    parser.add_argument(
        "--long", action="store_true", help="three times the epochs as well"
    )
    parser.add_argument(
        "--stored", action="store_true", help="judge only runs that are at hand"
    )
    args = benchmark.parse()
    if args.quick:
        args.datasets, args.trainings, args.seeds = ["spoken_digits"], ["plain"], 2
    warnings.simplefilter("ignore", ConvergenceWarning)
    for dataset, training in product(args.datasets, args.trainings):
        store(benchmark, args, dataset, Arm(training))
        if args.long and training in LONG:
            store(benchmark, args, dataset, Arm(training, epochs_factor=3))
    report(benchmark)


def store(benchmark, args, dataset, arm):
    """All rates with one seed and plain confidences; all of the best rate's seeds."""

    def run(seed, rate):
        return Run(dataset, arm.training, seed, rate, arm.epochs_factor)

    rates = list(find_task(dataset).rates if arm.epochs_factor == 1 else LONG_RATES)
    n_tried = 0
    while n_tried < len(rates):
        for rate in rates[n_tried:]:
            judged(benchmark, args, run(0, rate), RAW, ONE)
        n_tried = len(rates)
        rate = best_rate(benchmark, dataset, arm)
        if rate == max(rates):
            rates.append(2 * rate)
        elif rate == min(rates):
            rates.append(rate / 2)
    if rate is None:
        return
    runs = [run(seed, rate) for seed in range(args.seeds or SEEDS.get(dataset, 5))]
    for kind, weights in WEIGHTS.items():
        kept = [w for w in weights if w in weights_of(arm.training, arm.epochs_factor)]
        for asked in product(runs, kept, LOOKS[kind]):
            judged(benchmark, args, *asked)
    for one, look in product(runs, LOOKS["last"]):
        for name in autos_of(arm.training, look, arm.epochs_factor):
            if name == "auto, exits" and one.seed >= N_EXIT_SEEDS:
                continue
            if rows_path(one, RAW, look).exists():
                key = {**vars(one), "weights": RAW, "look": look, "router": name}
                asked = one, RAW, look, name
                benchmark.row(key, lambda asked=asked: judge_auto(*asked))


def judged(benchmark, args, run, weights, look):
    """A stored row; the run is trained first where that is still to be done."""
    if not args.stored or is_at_hand(run, look):
        key = {**vars(run), "weights": weights, "look": look, "router": None}
        benchmark.row(key, lambda: judge(run, weights, look))


def is_at_hand(run, look):
    """Whether nothing has to be trained for it."""
    needed = [run.path] + [second_looks_path(run.dataset)] * (look == BOTH)
    return all(path.exists() for path in needed)


def report(benchmark):
    each, added = steps(benchmark), recipe(benchmark)
    tables = {
        "arms": as_table(gains(benchmark, WITH_AUTO), ARM),
        "recipe": as_table(added, ADDED),
        "steps": as_table(each, STEP),
        "verdicts": verdicts(each),
    }
    benchmark.summarise(
        {"each": each, "added": added, "passes": passes(benchmark)} | tables
    )
    for name, table in tables.items():
        if table:
            print(f"\n{name}, in points, 95 %")
            print_table(table, dict.fromkeys(table[0], ""))


if __name__ == "__main__":
    main()
