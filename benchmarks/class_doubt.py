"""The gain of class_doubt over max-probability, and its effect on `auto`.

Each draw takes n rows for fitting and choosing; all others, at most 20,000, evaluate
accuracy at exactly the same coverages. The ImageNet pairs played no part in the design
of the router, which was based on four others. Their intervals are for the mean over
pairs; elsewhere intervals are over draws, which overlap, so these are somewhat too
narrow.
"""

import time
import warnings

import numpy as np
from _harness import Benchmark, print_table
from _recipes import make_outcomes
from scipy.stats import t as student

from selective_query import Outcomes
from selective_query.datasets import load_dataset
from selective_query.exceptions import CalibrationWarning
from selective_query.metrics import accuracy_at_coverage
from selective_query.routers import (
    AutoRouter,
    BenefitRouter,
    ClassDoubtRouter,
    MaxProbabilityRouter,
)
from selective_query.routers.auto import _default_portfolio
from selective_query.routers.supervision import concatenate_outcomes

COVERAGES = (0.9, 0.8, 0.7)
PAIRS = (
    ("pytorch/alexnet", "pytorch/resnet50"),
    ("pytorch/squeezenet1_1", "pytorch/densenet121"),
    ("keras/vgg16", "keras/densenet201"),
    ("keras/vgg19", "pytorch/densenet169"),
    ("pytorch/vgg11_bn", "pytorch/resnet152"),
    ("pytorch/vgg13", "keras/inceptionv3"),
    ("pytorch/vgg13_bn", "keras/inceptionresnetv2"),
    ("pytorch/vgg19", "pytorch/densenet201"),
    ("pytorch/vgg16_bn", "pytorch/resnet152"),
    ("keras/densenet169", "keras/inceptionresnetv2"),
    ("pytorch/densenet121", "keras/nasnetlarge"),
    ("keras/densenet201", "keras/nasnetlarge"),
    ("pytorch/resnet50", "keras/inceptionresnetv2"),
    ("pytorch/resnet101", "keras/nasnetlarge"),
)
IMAGENET = "ImageNet pairs"
OTHERS = ("digits", "letter", "covertype", "fashion_mnist")
SIZES = (200, 500, 2000, 5000)
MOST_TEST_ROWS = 20_000
POINTS = 100


def outcomes_of(data, has_global):
    """All rows that neither model has seen."""
    if data in OTHERS:
        outcomes = concatenate_outcomes(make_outcomes(data))
    else:
        outcomes = load_dataset("imagenet_val_top5").outcomes(*data.split(" -> "))
    if has_global:
        return outcomes
    names = ("base_proba", "base_logits", "base_features", "y", "classes")
    return Outcomes(**{name: getattr(outcomes, name) for name in names})


def arms(train, target):
    """Return routers by name; those trained for a coverage are trained for this one."""
    before = list(_default_portfolio(train).items())
    return {
        "benefit": BenefitRouter(),
        "class_doubt": ClassDoubtRouter(),
        "class_doubt, taught the benefit": ClassDoubtRouter(supervision="benefit"),
        "class_doubt without classes": ClassDoubtRouter(class_penalty=np.inf),
        "auto without class_doubt": AutoRouter(before, target_coverage=target),
        "auto": AutoRouter(target_coverage=target),
    }


def judge(outcomes, n, n_draws):
    """Return differences from max-probability in points, by draw and coverage."""
    found, seconds, chosen, costs = {}, [], {}, None
    for draw in range(n_draws):
        order = np.random.default_rng(draw).permutation(outcomes.n_rows)
        train = outcomes.take(order[:n])
        test = outcomes.take(order[n : n + MOST_TEST_ROWS])
        anchor = _accuracy(MaxProbabilityRouter(), test)
        scored = {}
        for place, coverage in enumerate(COVERAGES):
            for name, router in arms(train, coverage).items():
                if "auto" in name or name not in scored:
                    start = time.process_time()
                    scored[name] = _accuracy(router.fit(train), test)
                    if name == "class_doubt":
                        seconds.append(time.process_time() - start)
                        costs = router.decision_cost(test.evidence)
                if name == "auto":
                    taken = router.selection_["chosen"]
                    chosen[taken] = chosen.get(taken, 0) + 1
                gain = scored[name][place] - anchor[place]
                found.setdefault(name, {}).setdefault(coverage, []).append(gain)
    return {
        "results": [
            {"router": name, "coverage": coverage, "gains": np.round(gains, 4).tolist()}
            for name, by_coverage in found.items()
            for coverage, gains in by_coverage.items()
        ],
        "chosen by auto": chosen,
        "seconds of a fit and the scores of class_doubt": float(np.median(seconds)),
        "macs": costs.macs,
        "flash_bytes": costs.flash_bytes,
    }


def _accuracy(router, test):
    return POINTS * accuracy_at_coverage(
        router.query_score(test.evidence),
        test.base_utility,
        test.query_utility,
        coverage=COVERAGES,
    )


def summary(rows):
    """Return mean gains with intervals, over pairs (ImageNet) or draws (others)."""
    groups = {}
    for row in rows:
        over_pairs = row["data"] not in OTHERS
        data = IMAGENET if over_pairs else row["data"]
        gains = {(r["router"], r["coverage"]): r["gains"] for r in row["results"]}
        for coverage in COVERAGES:
            gains["auto less before", coverage] = np.subtract(
                gains["auto", coverage], gains["auto without class_doubt", coverage]
            )
        for (router, coverage), values in gains.items():
            key = data, row["task"], row["n"], router, coverage
            values = [np.mean(values)] if over_pairs else values
            groups.setdefault(key, []).extend(values)
    names = "data", "task", "n", "router", "coverage"
    return [
        {**dict(zip(names, key, strict=True)), **_mean(values)}
        for key, values in groups.items()
        if len(values) > 1
    ]


def pairs_table(rows):
    """Return a line for each size and router, over the pairs with a global."""
    shown = {}
    for row in rows:
        if row["data"] != IMAGENET or row["task"] != "query":
            continue
        text = f"{row['gain']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        line = shown.setdefault((row["n"], row["router"]), {})
        line[f"at {row['coverage']}"] = text
    routers = "class_doubt", "auto without class_doubt", "auto"
    return [
        {"n": n, "router": router, **line}
        for (n, router), line in sorted(shown.items())
        if router in routers
    ]


def _mean(values):
    half = student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1)
    half /= np.sqrt(len(values))
    mean = float(np.mean(values))
    return {
        "gain": round(mean, 4),
        "low": round(mean - float(half), 4),
        "high": round(mean + float(half), 4),
        "worst": round(float(np.min(values)), 4),
        "n_values": len(values),
    }


def main():
    benchmark = Benchmark("class_doubt", __doc__)
    quick = benchmark.parse().quick
    warnings.simplefilter("ignore", CalibrationWarning)
    pairs = [" -> ".join(pair) for pair in PAIRS]
    tasks = [(data, True) for data in (*pairs, *OTHERS)]
    tasks += [(data, False) for data in (*pairs[:4], *OTHERS[:3])]
    for n in SIZES[:2] if quick else SIZES:
        for data, has_global in tasks[:2] if quick else tasks:
            outcomes = outcomes_of(data, has_global)
            if n > outcomes.n_rows / 2:
                continue
            key = {"data": data, "task": "query" if has_global else "abstain", "n": n}
            benchmark.row(key, lambda o=outcomes, n=n: judge(o, n, 5))
    print("Points of accuracy over max-probability, and 95 % intervals")
    found = summary(benchmark.rows)
    benchmark.summarise({"all": found, "pairs": pairs_table(found)})
    columns = dict.fromkeys(("data", "task", "n", "router", "coverage"), "")
    signed = dict.fromkeys(("gain", "low", "high", "worst"), "+.3f")
    print_table(found, {**columns, **signed, "n_values": ""})


if __name__ == "__main__":
    main()
