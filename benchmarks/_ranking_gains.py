"""What each arm of the ranking benchmark gains, and what each step on the way does."""

import re

import numpy as np
from _ranking_runs import HORIZONS, RAW, Run
from _seeds import mean_and_interval

COVERAGES = (0.9, 0.8, 0.7)
POINTS = 100
WEIGHTS = {"last": (RAW,), "mean": HORIZONS}
ONE, TWO = "one", "two"
# With the last weights only: two where the first leaves doubt, and two of each side.
DOUBT, BOTH = "two in doubt", "two of both sides"
LOOKS = {"last": (ONE, TWO, DOUBT, BOTH), "mean": (ONE, TWO)}
BASELINE = ("plain", "last", ONE, "entropy")
# Whose accuracy on the routers' rows chooses the rate, and all else of the routers that
# score the rows they learned from.
TUNED_BY = "max_probability"
PLAIN = ("plain", "last", ONE, TUNED_BY)
DISTILLED = ("distillation", "last", ONE, TUNED_BY)
# Each step: what it is, the arm and router with it, and those without.
STEPS = (
    ("max-probability for entropy", PLAIN, BASELINE),
    ("auto for max-probability", (*PLAIN[:3], "auto"), PLAIN),
    ("auto for max-probability, distilled", (*DISTILLED[:3], "auto"), DISTILLED),
    ("normed logits for max-probability", (*PLAIN[:3], "normed_logit"), PLAIN),
    ("norms beside auto's columns", (*PLAIN[:3], "auto, norms"), (*PLAIN[:3], "auto")),
    ("distillation", DISTILLED, PLAIN),
    ("distillation, warmer", ("warmer distillation", *PLAIN[1:]), DISTILLED),
    ("mean of the weights", ("plain", "mean", ONE, TUNED_BY), PLAIN),
    (
        "mean of the weights, distilled",
        ("distillation", "mean", ONE, TUNED_BY),
        DISTILLED,
    ),
    ("second look", ("plain", "last", TWO, TUNED_BY), PLAIN),
    ("second look, distilled", ("distillation", "last", TWO, TUNED_BY), DISTILLED),
    (
        "second look where in doubt, distilled",
        ("distillation", "last", DOUBT, TUNED_BY),
        DISTILLED,
    ),
    (
        "second look where in doubt",
        ("plain", "last", DOUBT, TUNED_BY),
        PLAIN,
    ),
    (
        "second look of the global too, distilled",
        ("distillation", "last", BOTH, TUNED_BY),
        ("distillation", "last", TWO, TUNED_BY),
    ),
    (
        "agreement of the looks beside auto's columns",
        ("distillation", "last", TWO, "auto, agreement"),
        ("distillation", "last", TWO, "auto"),
    ),
    (
        "a net twice as large for a second look",
        ("plain, a net twice as large", *PLAIN[1:]),
        ("plain", "last", TWO, TUNED_BY),
    ),
    ("label smoothing", ("label smoothing", *PLAIN[1:]), PLAIN),
    ("logit normalisation", ("logit normalisation", *PLAIN[1:]), PLAIN),
    (
        "logit normalisation by its own score",
        ("logit normalisation", "last", ONE, "head"),
        PLAIN,
    ),
    ("flat minima", ("flat minima", *PLAIN[1:]), PLAIN),
)


def rows_path(run, weights, look):
    """Where it is kept what each test row contributes."""
    name = f"{run.path.stem}_{weights}_{re.sub('[^a-z]+', '-', look)}.rows.npz"
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
    tuned = TUNED_BY if router.startswith("auto") else router
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


def gains(benchmark, routers_of):
    """Each arm and router minus the baseline, over the seeds that both have."""
    found = []
    for dataset, training in dict.fromkeys(
        (row["dataset"], row["training"]) for row in benchmark.rows
    ):
        theirs, _, _ = by_seed(benchmark, (dataset, *BASELINE[:-1]), BASELINE[-1])
        for weights, look in [(w, look) for w in WEIGHTS for look in LOOKS[w]]:
            arm = dataset, training, weights, look
            names = "dataset", "training", "weights", "look"
            for router in routers_of(*arm[1:]):
                ours, rate, chosen = by_seed(benchmark, arm, router)
                key = {
                    **dict(zip(names, arm, strict=True)),
                    "router": router,
                    "rate": rate,
                    "setting": chosen,
                }
                found += [{**key, **gain} for gain in differences(ours, theirs)]
    return found


def steps(benchmark):
    """What each step gains beside the same without it."""
    found = []
    for dataset in dict.fromkeys(row["dataset"] for row in benchmark.rows):
        for name, *arms in STEPS:
            ours, theirs = (
                by_seed(benchmark, (dataset, *arm[:-1]), arm[-1])[0] for arm in arms
            )
            for gain in differences(ours, theirs):
                found.append({"step": name, "dataset": dataset, **gain})
    return found


def passes(benchmark):
    """Share of test rows that get a second look where the first is in doubt."""
    shares = {}
    for row in benchmark.rows:
        if row["look"] == DOUBT:
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
