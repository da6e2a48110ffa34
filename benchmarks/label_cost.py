"""The value of labels to a router: 1,000 of them and unlabelled rows, or 10,000.

On unlabelled rows the global's probabilities, with a temperature fitted on the labelled
rows, replace its correctness. All arms are evaluated on the same untouched test rows;
differences are relative to the arm with all labels, with a 95 % interval over those
rows.
"""

import numpy as np
from _harness import Benchmark, print_table
from _recipes import make_outcomes

from selective_query.metrics import PairedScores
from selective_query.routers import BoostedBenefitRouter, MaxProbabilityRouter
from selective_query.routers.supervision import (
    concatenate_outcomes,
    fit_temperature,
    mixed_outcomes,
    soft_outcomes,
)

DATASETS = ("letter", "covertype", "fashion_mnist", "cifar10")
N_LABELLED, N_ALL = 1000, 10_000
COVERAGES = (0.9, 0.8, 0.7, 0.5)
ALL_LABELS = "all labels"


def arms(train, rng):
    """Return the training outcomes of each arm by name, all in one random row order."""
    order = rng.permutation(train.n_rows)[:N_ALL]
    everything, labelled = train.take(order), train.take(order[:N_LABELLED])
    temperature = fit_temperature(labelled)
    unlabelled = train.take(order[N_LABELLED:])
    taught = soft_outcomes(
        unlabelled.evidence, unlabelled.global_proba, temperature=temperature
    )
    return {
        ALL_LABELS: everything,
        "all labels, softened": mixed_outcomes(everything),
        "1,000 labels": labelled,
        "1,000 labels, softened": mixed_outcomes(labelled),
        "no labels but for the temperature": taught,
        "1,000 labels and unlabelled": concatenate_outcomes([labelled, taught]),
    }


def judge(dataset, seed):
    train, test = make_outcomes(dataset)
    scores = {
        name: BoostedBenefitRouter().fit(outcomes).query_score(test.evidence)
        for name, outcomes in arms(train, np.random.default_rng(seed)).items()
    }
    scores["max_probability"] = MaxProbabilityRouter().query_score(test.evidence)
    paired = PairedScores(
        scores, test.base_utility, test.global_utility, random_state=0
    )
    asked = [(name, c) for name in scores for c in COVERAGES]
    found = paired.differences(ALL_LABELS, COVERAGES, adjust=None)
    return {
        "n_all": min(train.n_rows, N_ALL),
        "results": [
            {
                "arm": name,
                "coverage": coverage,
                "accuracy": accuracy,
                **{k: row[k] for k in ("difference", "low", "high")},
            }
            for (name, coverage), accuracy, row in zip(
                asked, paired.accuracies(asked)[0], found, strict=True
            )
        ],
    }


def table(rows, coverage=0.8):
    """Return the difference from all labels at one coverage, in points, over draws."""
    cells = {}
    for row in rows:
        for result in row["results"]:
            if result["coverage"] == coverage:
                key = row["dataset"], row["n_all"], result["arm"]
                cells.setdefault(key, []).append(result)
    return [
        {
            "dataset": dataset,
            "all": n_all,
            "arm": arm,
            **{
                name: 100 * float(np.mean([result[name] for result in results]))
                for name in ("accuracy", "difference", "low", "high")
            },
        }
        for (dataset, n_all, arm), results in cells.items()
    ]


def main():
    benchmark = Benchmark("label_cost", __doc__)
    args = benchmark.parse()
    for dataset in ("letter",) if args.quick else DATASETS:
        for seed in range(1 if args.quick else 5):
            key = {"dataset": dataset, "seed": seed}
            benchmark.row(key, lambda d=dataset, s=seed: judge(d, s))
    points = dict.fromkeys(("difference", "low", "high"), "+.2f")
    print("At coverage 0.8; difference to all labels in points, means over the draws")
    print_table(
        benchmark.summarise(table(benchmark.rows)),
        {"dataset": "", "all": "", "arm": "", "accuracy": ".2f", **points},
    )


if __name__ == "__main__":
    main()
