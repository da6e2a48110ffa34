"""Does training for the hybrid pay off, compared with equally tuned plain training?

Each arm trains the same base for the same number of epochs, at the learning rate that
was best for that arm on one seed (by accuracy at coverage 0.8 on the routers' rows),
and is evaluated on the test rows by hybrid accuracy at coverage, with the same global.
As in the paper the global was trained on the base's rows, and is the teacher on the
same rows. `--report` prints the comparisons with intervals over the base's seeds and
test rows.
"""

import re
import warnings

import numpy as np
import torch
from _harness import CACHE, Benchmark, print_table
from _seeds import mean_and_interval
from _training_tasks import LARGE_TASKS, TASKS, find_task, global_answers, trained
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning

from selective_query import BaseRouter, Outcomes
from selective_query._models.answers import ask
from selective_query.metrics import accuracy_at_coverage
from selective_query.metrics.inference._influence import AccuracyReadings
from selective_query.nets.training._routed_net import EVIDENCE
from selective_query.nets.training.losses import (
    CrossEntropy,
    DeepGamblers,
    DeepSupervision,
    DeferralCrossEntropy,
    DeferralOneVsAll,
    DeferralRealizable,
    Distillation,
    Gatekeeper,
    OneSidedPrediction,
    SelectiveNet,
    SelectiveQuery,
    SelfAdaptive,
)
from selective_query.routers import AutoRouter, EntropyRouter, MaxProbabilityRouter

COVERAGES = (0.9, 0.8, 0.7, 0.5)
TUNED_AT = 0.8
# Trained for one coverage in the middle of those that are evaluated.
TARGET = 0.8
CORE = {
    "plain": CrossEntropy(),
    "distillation": Distillation(temperature=2.0, share=0.7),
    "weights": SelectiveQuery(TARGET),
    "distillation and weights": SelectiveQuery(
        TARGET, distillation=0.7, temperature=2.0
    ),
}
EXTENDED = {
    "router head alone": SelectiveQuery(TARGET, weighted=False),
    "scaffolded distillation": SelectiveQuery(
        TARGET, weighted=False, distillation=0.7, temperature=2.0, scaffolded=True
    ),
    "gatekeeper": Gatekeeper(),
    "one_sided": OneSidedPrediction(),
    "deferral_lce": DeferralCrossEntropy(),
    "deferral_ova": DeferralOneVsAll(),
    "deferral_realizable": DeferralRealizable(),
}
# Evaluated by abstention.py.
ABSTAINING = {
    "selective_net": SelectiveNet(0.7),
    "deep_gamblers": DeepGamblers(),
    "deep_gamblers, payoff 6": DeepGamblers(payoff=6.0),
    "self_adaptive": SelfAdaptive(),
}
# For nets with exits; evaluated by paper_tables.py.
EXITS = {"exits": DeepSupervision()}
ARMS = {**CORE, **EXTENDED, **ABSTAINING, **EXITS}


class Run:
    """One arm, seed and rate on one dataset: trained once, its outputs stored."""

    def __init__(self, dataset, arm, seed, rate, epochs_factor=1):
        self.dataset, self.arm, self.seed = dataset, arm, seed
        self.rate, self.epochs_factor = rate, epochs_factor

    @property
    def key(self):
        return vars(self)

    def has_key(self, row):
        return all(row.get(name) == value for name, value in self.key.items())

    @property
    def path(self):
        name = "_".join(re.sub("[ ,]+", "-", str(value)) for value in self.key.values())
        return CACHE / "training" / f"{name}.npz"

    @property
    def rows_path(self):
        """Return the path of each test row's contributions to the accuracies."""
        return self.path.with_suffix(".rows.npz")

    def outputs(self):
        """Return probabilities and evidence of the base, routers' and test rows."""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial = self.path.with_suffix(".partial.npz")
            np.savez(partial, **self._train())
            partial.replace(self.path)
        with np.load(self.path) as stored:
            return dict(stored)

    def _train(self):
        torch.set_num_threads(1)  # one run per core, bitwise reproducible
        task = find_task(self.dataset)
        fit, *parts = task.load()
        net = trained(
            task, *fit, task.base, seed=self.seed, rate=self.rate,
            n_epochs=round(self.epochs_factor * task.n_epochs), loss=ARMS[self.arm],
            global_proba=global_answers(self.dataset)[0],
        )  # fmt: skip
        found = {}
        for part, (X, _) in zip(("router", "test"), parts, strict=True):
            answers = ask(net, X, net.classes_, EVIDENCE)
            found[f"{part}_proba"] = answers.proba
            found[f"{part}_evidence"] = answers.features
            if net.loss.reads_exits:
                found[f"{part}_exits"] = net.predict_proba_exits(X)
        return found

    def outcomes(self):
        """Return outcomes of the routers' rows and of the test rows."""
        stored, answers = self.outputs(), global_answers(self.dataset)
        parts = find_task(self.dataset).load()
        return tuple(
            Outcomes(
                base_proba=stored[f"{part}_proba"],
                base_features=stored[f"{part}_evidence"],
                global_proba=answer,
                y=y,
            )
            for part, answer, (_, y) in zip(
                ("router", "test"), answers[1:], parts[1:], strict=True
            )
        )


class Head(BaseRouter):
    """The query score of the loss that the base was trained with."""

    def query_score(self, evidence):
        return evidence.base_features[:, 0]


def routers(coverage):
    """Return routers by name; only one of them learns, on the routers' rows."""
    return {
        "entropy": EntropyRouter(),
        "max_probability": MaxProbabilityRouter(),
        "head": Head(),
        "auto": AutoRouter(target_coverage=coverage),
    }


def accuracy_of(score, outcomes, coverage):
    return float(
        accuracy_at_coverage(
            score, outcomes.base_utility, outcomes.global_utility, coverage=coverage
        )
    )


def judge(run):
    """Return accuracies on the test rows, by row for intervals, and tuning results."""
    train, test = run.outcomes()
    found = {
        "base": float(test.base_utility.mean()),
        "global": float(test.global_utility.mean()),
        "tuning": {},
        "accuracy": {},
    }
    for name in routers(None):
        found["tuning"][name] = accuracy_of(
            routers(TUNED_AT)[name].fit_score(train), train, TUNED_AT
        )
    by_row = {}
    for coverage in COVERAGES:
        for name, router in routers(coverage).items():
            score = router.fit(train).query_score(test.evidence)
            reading = AccuracyReadings(
                score, test.base_utility, test.global_utility, test.weight, [coverage]
            )
            accuracy = float(reading.accuracy[0])
            # A row's influence, including its effect on the learned threshold.
            moved = reading.influence(slice(None))[:, 0]
            by_row[f"{name} {coverage}"] = accuracy + moved
            found["accuracy"].setdefault(name, []).append(accuracy)
    np.savez_compressed(run.rows_path, **by_row)
    return found


def train_all(runs, n_jobs):
    """Train all runs that are not stored, several at a time."""
    missing = [run for run in runs if not run.path.exists()]
    Parallel(n_jobs=n_jobs, verbose=5)(delayed(run.outputs)() for run in missing)


def best_rate(benchmark, dataset, arm, router):
    """Return the rate with the highest accuracy on the routers' rows, for seed 0."""
    rows = {
        row["rate"]: row["tuning"][router]
        for row in benchmark.rows
        if (row["dataset"], row["arm"], row["seed"]) == (dataset, arm, 0)
        and row["epochs_factor"] == 1
    }
    return max(rows, key=rows.get)


def store(benchmark, runs, n_jobs):
    train_all(runs, n_jobs)
    for run in runs:
        if not run.rows_path.exists():
            benchmark.rows = [row for row in benchmark.rows if not run.has_key(row)]
        benchmark.row(run.key, lambda run=run: judge(run))


def differences(benchmark, dataset, arm, router, epochs_factor=1):
    """Return an arm with a router minus plain training with entropy, by coverage."""
    ours, theirs = (
        _by_row(benchmark, dataset, a, r, epochs_factor)
        for a, r in ((arm, router), ("plain", "entropy"))
    )
    rows = []
    for coverage in COVERAGES:
        seeds = sorted(ours.keys() & theirs.keys())
        if len(seeds) < 2:
            return rows
        gain = np.stack([ours[s][coverage] - theirs[s][coverage] for s in seeds])
        found = mean_and_interval(gain.mean(axis=1), gain.mean(axis=0))
        gain, low, high = (100 * value for value in found)
        rows.append(
            {
                "dataset": dataset,
                "arm": arm,
                "router": router,
                "epochs": epochs_factor,
                "coverage": coverage,
                "n_seeds": len(seeds),
                "gain": gain,
                "low": low,
                "high": high,
            }
        )
    return rows


def _by_row(benchmark, dataset, arm, router, epochs_factor):
    rate = best_rate(benchmark, dataset, arm, router)
    found = {}
    for row in benchmark.rows:
        same = (row["dataset"], row["arm"], row["rate"], row["epochs_factor"])
        if same == (dataset, arm, rate, epochs_factor):
            run = Run(dataset, arm, row["seed"], rate, epochs_factor)
            with np.load(run.rows_path) as stored:
                found[row["seed"]] = {c: stored[f"{router} {c}"] for c in COVERAGES}
    return found


def report(benchmark):
    rows = []
    for dataset in dict.fromkeys(row["dataset"] for row in benchmark.rows):
        for factor in (1, 3):
            for arm in ARMS:
                for router in routers(None):
                    key = {"dataset": dataset, "arm": arm, "router": router}
                    try:
                        rows += differences(benchmark, **key, epochs_factor=factor)
                    except ValueError:  # this arm has not been run yet
                        continue
                    except FileNotFoundError:  # its rows are on another machine
                        rows += benchmark.summarised(**key, epochs=factor)
    print("Accuracy minus that of plain training with entropy, in points, 95 %")
    points = dict.fromkeys(("gain", "low", "high"), "+.2f")
    print_table(
        benchmark.summarise(rows),
        {"dataset": "", "arm": "", "router": "", "epochs": "", "coverage": ".2f",
         "n_seeds": "", **points},
    )  # fmt: skip


def main():
    benchmark = Benchmark("training", __doc__)
    parser = benchmark.parser
    choices = {**TASKS, **LARGE_TASKS}
    parser.add_argument("--datasets", nargs="*", choices=choices, default=list(TASKS))
    parser.add_argument(
        "--large", action="store_true", help="MobileNets on CIFAR-10; needs CUDA"
    )
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=list(CORE))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--long", action="store_true", help="three times the epochs")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--report", action="store_true", help="use stored results only")
    args = benchmark.parse()
    if args.large:
        if not torch.cuda.is_available():
            parser.error("--large takes days without CUDA, which is not available here")
        args.datasets, args.jobs = list(LARGE_TASKS), 1
    if args.quick:
        args.datasets, args.arms, args.seeds = ["spoken_digits"], ["plain"], 2
    warnings.simplefilter("ignore", ConvergenceWarning)
    factor = 3 if args.long else 1
    for dataset in () if args.report else args.datasets:
        arms = [
            arm
            for arm in args.arms
            if not any(
                row["n_seeds"] >= args.seeds
                for row in benchmark.summarised(dataset=dataset, arm=arm, epochs=factor)
            )
        ]
        if not arms:
            continue
        arms = list(dict.fromkeys(["plain", *arms]))  # the reference of all comparisons
        global_answers(dataset)
        rates = find_task(dataset).rates
        tuning = [Run(dataset, arm, 0, rate) for arm in arms for rate in rates]
        store(benchmark, tuning, args.jobs)
        runs = [
            Run(dataset, arm, seed, rate, factor)
            for seed in range(args.seeds)
            for arm in arms
            for rate in {
                best_rate(benchmark, dataset, arm, router)
                for router in ("entropy", "auto")
            }
        ]
        store(benchmark, runs, args.jobs)
    report(benchmark)


if __name__ == "__main__":
    main()
