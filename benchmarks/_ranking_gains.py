"""What each arm of the ranking benchmark gains, and what each step on the way does."""

import re
from typing import NamedTuple

import numpy as np
from _ranking_runs import HORIZONS, RAW, Run
from _seeds import mean_and_interval

COVERAGES = (0.9, 0.8, 0.7)
POINTS = 100
WEIGHTS = {"last": (RAW,), "mean": HORIZONS}
ONE, TWO = "one", "two"
# With the last weights only: two where the first leaves doubt, below a chosen
# probability and with a chosen weight, and two of each side.
DOUBT, CHOSEN, BOTH = "two in doubt", "two, band and weight chosen", "two of both sides"
LOOKS = {"last": (ONE, TWO, DOUBT, CHOSEN, BOTH), "mean": (ONE, TWO)}
# Whose accuracy on the routers' rows chooses the rate, and all else of the routers that
# score the rows they learned from.
TUNED_BY = "max_probability"


class Arm(NamedTuple):
    """A way to train a base and to rank its answers."""

    training: str
    weights: str = "last"
    look: str = ONE
    epochs_factor: int = 1
    router: str = TUNED_BY

    def having(self, **changes):
        return self._replace(**changes)


PLAIN, DISTILLED = Arm("plain"), Arm("distillation")
AUTO = PLAIN.having(router="auto")
AUTO_DISTILLED = DISTILLED.having(router="auto")
LOOKS_TWICE = AUTO_DISTILLED.having(look=TWO)
# Each step: what it is, the arm with it, and the one without.
STEPS = (
    ("max-probability for entropy", PLAIN, PLAIN.having(router="entropy")),
    ("auto for max-probability", AUTO, PLAIN),
    ("auto for max-probability, distilled", AUTO_DISTILLED, DISTILLED),
    ("normed logits for max-probability", PLAIN.having(router="normed_logit"), PLAIN),
    (
        "Mahalanobis difference for max-probability",
        PLAIN.having(router="mahalanobis"),
        PLAIN,
    ),
    ("norms beside auto's columns", PLAIN.having(router="auto, norms"), AUTO),
    ("normed logits beside auto's columns", PLAIN.having(router="auto, logits"), AUTO),
    ("exits beside auto's columns", PLAIN.having(router="auto, exits"), AUTO),
    (
        "exits beside auto's columns, distilled",
        DISTILLED.having(router="auto, exits"),
        AUTO_DISTILLED,
    ),
    ("distillation", DISTILLED, PLAIN),
    ("distillation, warmer", Arm("warmer distillation"), DISTILLED),
    (
        "teacher that looks twice",
        Arm("distillation from both looks"),
        DISTILLED,
    ),
    ("teacher of five folds", Arm("distillation from folds"), DISTILLED),
    (
        "teacher that did not see the row",
        Arm("distillation from the unseen fold"),
        DISTILLED,
    ),
    ("mixtures", Arm("mixtures"), PLAIN),
    ("mixtures, distilled", Arm("distillation, mixtures"), DISTILLED),
    ("mean of the weights", PLAIN.having(weights="mean"), PLAIN),
    ("mean of the weights, distilled", DISTILLED.having(weights="mean"), DISTILLED),
    ("second look", PLAIN.having(look=TWO), PLAIN),
    ("second look, distilled", DISTILLED.having(look=TWO), DISTILLED),
    ("second look where in doubt", PLAIN.having(look=DOUBT), PLAIN),
    (
        "second look where in doubt, distilled",
        DISTILLED.having(look=DOUBT),
        DISTILLED,
    ),
    (
        "second look with chosen band and weight, distilled",
        DISTILLED.having(look=CHOSEN),
        DISTILLED.having(look=TWO),
    ),
    (
        "second look of the global too, distilled",
        DISTILLED.having(look=BOTH),
        DISTILLED.having(look=TWO),
    ),
    (
        "agreement of the looks beside auto's columns",
        LOOKS_TWICE.having(router="auto, agreement"),
        LOOKS_TWICE,
    ),
    (
        "a net twice as large for a second look",
        Arm("plain, a net twice as large"),
        PLAIN.having(look=TWO),
    ),
    ("label smoothing", Arm("label smoothing"), PLAIN),
    ("logit normalisation", Arm("logit normalisation"), PLAIN),
    (
        "logit normalisation by its own score",
        Arm("logit normalisation", router="head"),
        PLAIN,
    ),
    ("flat minima", Arm("flat minima"), PLAIN),
)

# What to try, one on top of the other.
RECIPE = (
    ("max-probability", PLAIN),
    ("the default router", AUTO),
    ("a second look of the base", AUTO.having(look=TWO)),
    ("distillation", LOOKS_TWICE),
    ("a second look of the global", LOOKS_TWICE.having(look=BOTH)),
)


def rows_path(run, weights, look):
    """Where it is kept what each test row contributes."""
    name = f"{run.path.stem}_{weights}_{re.sub('[^a-z]+', '-', look)}.rows.npz"
    return run.path.with_name(name)


def rows_of(benchmark, dataset, arm):
    """Stored rows of an arm, of all rates, horizons and seeds."""
    asked = dataset, arm.training, arm.look, arm.epochs_factor
    names = "dataset", "training", "look", "epochs_factor"
    return [
        row
        for row in benchmark.rows
        if "tuning" in row
        and tuple(row[name] for name in names) == asked
        and row["weights"] in WEIGHTS[arm.weights]
    ]


def best(rows, name, router):
    """The value of highest accuracy on the routers' rows, of the first seed."""
    found = {r[name]: r["tuning"][router] for r in rows if r["seed"] == 0}
    return max(found, key=found.get, default=None)


def best_rate(benchmark, dataset, arm):
    """With the last weights and one look, whatever the arm has."""
    plainly = arm.having(weights="last", look=ONE)
    return best(rows_of(benchmark, dataset, plainly), "rate", TUNED_BY)


def by_seed(benchmark, dataset, arm):
    """For each seed what each test row contributes, by coverage; and the settings."""
    rate = best_rate(benchmark, dataset, arm)
    rows = [r for r in rows_of(benchmark, dataset, arm) if r["rate"] == rate]
    tuned_by = TUNED_BY if arm.router.startswith("auto") else arm.router
    weights = best(rows, "weights", tuned_by)
    found = {}
    for row in rows:
        if row["weights"] == weights:
            run = Run(dataset, arm.training, row["seed"], rate, arm.epochs_factor)
            with np.load(rows_path(run, weights, arm.look)) as stored:
                if f"{arm.router} {COVERAGES[0]}" in stored:
                    found[row["seed"]] = {
                        c: stored[f"{arm.router} {c}"] for c in COVERAGES
                    }
    return found, {"rate": rate, "setting": weights}


def differences(ours, theirs):
    """For each coverage the mean gain in points, and its interval."""
    seeds = sorted(ours.keys() & theirs.keys())
    for coverage in COVERAGES if len(seeds) > 1 else ():
        gain = np.stack([ours[s][coverage] - theirs[s][coverage] for s in seeds])
        interval = mean_and_interval(gain.mean(axis=1), gain.mean(axis=0))
        mean, low, high = (POINTS * value for value in interval)
        yield {
            "coverage": coverage,
            "n_seeds": len(seeds),
            "gain": mean,
            "low": low,
            "high": high,
        }


def reference(benchmark, dataset, epochs_factor):
    """Plain training with entropy, by seed."""
    arm = PLAIN.having(router="entropy", epochs_factor=epochs_factor)
    return by_seed(benchmark, dataset, arm)[0]


def gains(benchmark, auto_looks):
    """Each training minus the plain one with entropy, for as many epochs.

    `auto_looks` are the looks of each training that have a default router.
    """
    found, names = [], ("dataset", "training", "epochs_factor")
    for dataset, training, factor in dict.fromkeys(
        tuple(row[name] for name in names) for row in benchmark.rows
    ):
        theirs = reference(benchmark, dataset, factor)
        plainly = Arm(training, epochs_factor=factor)
        looks = auto_looks.get(training, ())
        for arm in plainly, *(plainly.having(look=x, router="auto") for x in looks):
            ours, settings = by_seed(benchmark, dataset, arm)
            key = {"dataset": dataset, **arm._asdict(), **settings}
            found += [{**key, **gain} for gain in differences(ours, theirs)]
    return found


def steps(benchmark):
    """What each step gains beside the same without it."""
    found = []
    for dataset in dict.fromkeys(row["dataset"] for row in benchmark.rows):
        for name, *arms in STEPS:
            ours, theirs = (by_seed(benchmark, dataset, arm)[0] for arm in arms)
            for gain in differences(ours, theirs):
                found.append({"step": name, "dataset": dataset, **gain})
    return found


def recipe(benchmark):
    """The recommended steps, added one by one, minus plain training with entropy."""
    found, names = [], ("dataset", "epochs_factor")
    for dataset, factor in dict.fromkeys(
        tuple(row[name] for name in names) for row in benchmark.rows
    ):
        theirs = reference(benchmark, dataset, factor)
        for name, arm in RECIPE:
            ours, _ = by_seed(benchmark, dataset, arm.having(epochs_factor=factor))
            key = {"with": name, "dataset": dataset, "epochs": factor}
            found += [{**key, **gain} for gain in differences(ours, theirs)]
    return found


def verdicts(each, coverage=0.8):
    """Each step's gain on each dataset at one coverage, and on how many it is shown."""
    at = [row for row in each if row["coverage"] == coverage]
    lines = []
    for line in as_table(at, ("step",), by="dataset"):
        rows = [row for row in at if row["step"] == line["step"]]
        better = sum(row["low"] > 0 for row in rows)
        worse = sum(row["high"] < 0 for row in rows)
        lines.append({**line, "better on": better, "worse on": worse})
    return lines


def passes(benchmark):
    """Share of test rows that get a second look where the first is in doubt."""
    shares = {}
    for row in benchmark.rows:
        if row["look"] == DOUBT and row["epochs_factor"] == 1:
            key = row["dataset"], row["training"]
            shares.setdefault(key, []).append(row["second_looks"])
    return [
        {"dataset": dataset, "training": training, "share": float(np.mean(values))}
        for (dataset, training), values in shares.items()
    ]


def as_table(rows, keys, by="coverage"):
    """A line for each key, with gains and intervals at each coverage as text."""
    lines, places = {}, sorted({row[by] for row in rows}, reverse=True)
    for row in rows:
        key = {name: row[name] for name in keys}
        empty = key | {f"at {place}": "" for place in places}
        line = lines.setdefault(tuple(key.values()), empty)
        interval = f"[{row['low']:+.2f}, {row['high']:+.2f}]"
        line[f"at {row[by]}"] = _minus(f"{row['gain']:+.2f} {interval}")
    return list(lines.values())


def _minus(text):
    return re.sub(r"-(?=\d)", "\N{MINUS SIGN}", text)
