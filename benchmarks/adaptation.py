"""Where do the paper's weights help, and is it safe to leave the adaptation on?

Bases of several capacities are paired with a weak and a strong global, at coverages
from 0.5 to 0.95. "Always" takes the weights of two rounds in any case, "safe" only if
they are better out of fold by more than two standard errors. Differences from plain
training are on unseen test rows, with 95 % intervals over those rows.
"""

import warnings
from functools import partial

import numpy as np
from _harness import Benchmark, print_table
from _recipes import split
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from selective_query import AlternatingAdaptation, HybridClassifier
from selective_query.datasets import load_dataset
from selective_query.exceptions import CalibrationWarning
from selective_query.outcomes._sorted_rows import query_share

COVERAGES = (0.5, 0.7, 0.8, 0.9, 0.95)
DATASETS = (
    "digits", "letter", "covertype", "fashion_mnist", "spoken_digits", "cifar10",
)  # fmt: skip
N_FIT, N_TEST = 6000, 10_000
BASES = {
    "tree of depth 4": DecisionTreeClassifier(max_depth=4, random_state=0),
    "tree of depth 8": DecisionTreeClassifier(max_depth=8, random_state=0),
    "logistic regression": LogisticRegression(max_iter=150, C=0.1),
}
GLOBALS = {
    "strong": ExtraTreesClassifier(100, random_state=0),
    "weak": DecisionTreeClassifier(max_depth=12, random_state=0),
}
ADAPTATIONS = {
    "plain": None,
    "always": AlternatingAdaptation(n_rounds=2, keep="last"),
    "safe": AlternatingAdaptation(n_rounds=2),
}


# Size of the blocks that are averaged (pixels, or frequencies x times), by row shape.
BLOCKS = {(28, 28): (4, 4), (32, 32, 3): (8, 8), (64, 32): (8, 4)}


def in_blocks(X):
    """Return block means of images and spectrograms, in a few dozen columns."""
    block = BLOCKS.get(X.shape[1:])
    if block is None:
        return X
    n, height, width, *channels = X.shape
    rows, columns = height // block[0], width // block[1]
    X = X.reshape(n, rows, block[0], columns, block[1], *channels)
    return X.mean(axis=(2, 4)).reshape(n, -1)


def rows_of(dataset):
    """Return (X, y) for fitting and for testing."""
    data = load_dataset(dataset)
    X, y = in_blocks(data.X), data.y
    fit, test, _ = split(len(y), min(N_FIT, len(y) * 2 // 3), N_TEST)
    if not len(test):
        fit, test = split(len(y), len(y) * 2 // 3)
    return (X[fit], y[fit]), (X[test], y[test])


def right_rows(base, global_, coverage, adaptation, fit, test):
    """Return each test row's contribution to the accuracy, at exactly the coverage."""
    hybrid = HybridClassifier(
        base, global_, coverage=coverage, cv=3, calibration="out_of_fold",
        adaptation=adaptation, random_state=0,
    ).fit(*fit)  # fmt: skip
    outcomes = hybrid.outcomes(*test)
    queried = query_share(hybrid.query_score(test[0]), [coverage], outcomes.weight)
    return outcomes.base_utility + queried * outcomes.benefit, hybrid


def judge(dataset, base, global_, coverage):
    fit, test = rows_of(dataset)
    scaler = StandardScaler().fit(fit[0])
    fit, test = ((scaler.transform(X), y) for X, y in (fit, test))
    models = BASES[base], GLOBALS[global_]
    found, right = {}, {}
    for name, adaptation in ADAPTATIONS.items():
        right[name], hybrid = right_rows(*models, coverage, adaptation, fit, test)
        found[f"accuracy {name}"] = float(right[name].mean())
    found["kept step"] = hybrid.adaptation_.chosen_
    for name in ("always", "safe"):
        gain = right[name] - right["plain"]
        half = 1.96 * gain.std() / np.sqrt(len(gain))
        found[f"gain {name}"] = 100 * float(gain.mean())
        found[f"low {name}"] = 100 * float(gain.mean() - half)
        found[f"high {name}"] = 100 * float(gain.mean() + half)
    return found


def main():
    benchmark = Benchmark("adaptation", __doc__)
    args = benchmark.parse()
    warnings.simplefilter("ignore", CalibrationWarning)
    for dataset in ("digits",) if args.quick else DATASETS:
        for base in list(BASES)[:1] if args.quick else BASES:
            for global_ in GLOBALS:
                for coverage in COVERAGES[1:2] if args.quick else COVERAGES:
                    key = {"dataset": dataset, "base": base, "global": global_,
                           "coverage": coverage}  # fmt: skip
                    benchmark.row(key, partial(judge, *key.values()))
    print("Adapted minus plain, points of accuracy on test rows; five coverages each")
    points = dict.fromkeys(
        ("worst always", "best always", "worst safe", "best safe", "lowest end safe"),
        "+.2f",
    )
    print_table(
        benchmark.summarise(summary(benchmark.rows)),
        {"dataset": "", "base": "", "global": "", "better": "", "worse": "",
         "changed": "", **points},
    )  # fmt: skip


def summary(rows):
    """Return a row for each pair of models: the gain of the weights over coverages."""
    pairs = {}
    for row in rows:
        key = row["dataset"], row["base"], row["global"]
        pairs.setdefault(key, []).append(row)
    return [
        {
            "dataset": dataset,
            "base": base,
            "global": global_,
            "better": sum(row["low always"] > 0 for row in found),
            "worse": sum(row["high always"] < 0 for row in found),
            "worst always": min(row["gain always"] for row in found),
            "best always": max(row["gain always"] for row in found),
            "changed": sum(row["kept step"] > 0 for row in found),
            "worst safe": min(row["gain safe"] for row in found),
            "best safe": max(row["gain safe"] for row in found),
            "lowest end safe": min(row["low safe"] for row in found),
        }
        for (dataset, base, global_), found in pairs.items()
    ]


if __name__ == "__main__":
    main()
