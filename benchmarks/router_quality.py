"""Is the default router ever worse than the best single one, and by how much?

On each dataset every registered router that the evidence allows is fitted on the
routers' rows and evaluated on the test rows, at exactly the same coverages. The best
single router is selected on the test rows, which favours it over the default.
"""

import time
import warnings

import numpy as np
from _harness import Benchmark, print_table
from _recipes import RECIPES, make_outcomes

from selective_query import compare_routers, list_routers
from selective_query.evaluation import default_routers
from selective_query.exceptions import CalibrationWarning, MissingEvidenceError
from selective_query.metrics.inference._multiplicity import holm
from selective_query.routers import ConstrainedRouter, make_router

COVERAGES = (0.9, 0.8, 0.7, 0.5)
QUICK = ("digits",)
DEFAULT = "auto"
# Nets are trained for each coverage, which takes an hour on the largest data sets.
WITH_NETS = ("digits", "letter", "fashion_mnist", "cifar10")
AS_PUBLISHED = ConstrainedRouter(
    weight_decay=0.0, dropout=0.0, early_stopping=False, n_epochs=30
)


def candidates(train, with_nets):
    """Return the routers that these rows allow, by trying each on a few rows."""
    few = train.take(np.arange(min(200, train.n_rows)))
    names = []
    for name in list_routers():
        if name == "constrained":
            continue
        try:
            make_router(name, target_coverage=0.8, random_state=0).fit(few).query_score(
                few.evidence
            )
        except (MissingEvidenceError, ValueError):
            continue
        names.append(name)
    nets = ["constrained", AS_PUBLISHED] if with_nets else []
    return names + nets + (["oracle"] if "oracle" in default_routers(train) else [])


def judge(dataset, with_nets):
    start = time.perf_counter()
    train, test = make_outcomes(dataset)
    routers = candidates(train, with_nets and dataset in WITH_NETS)
    comparison = compare_routers(
        train, test, routers, COVERAGES, reference=DEFAULT, random_state=0
    )
    rows = [
        {**row, **{key: found[key] for key in ("difference", "low", "high", "p_value")}}
        for row, found in zip(
            comparison.rows, comparison.differences(adjust=None), strict=True
        )
    ]
    return {
        "n_train": train.n_rows,
        "n_test": test.n_rows,
        "results": rows,
        "seconds": round(time.perf_counter() - start, 1),
    }


def verdicts(rows):
    """Compare the default with the best single router, by dataset and coverage."""
    found = []
    for row in rows:
        for coverage in COVERAGES:
            singles = [
                r
                for r in row["results"]
                if r["coverage"] == coverage and r["router"] not in (DEFAULT, "oracle")
            ]
            best = max(singles, key=lambda r: r["accuracy_at_coverage"])
            default, oracle = (
                next(
                    (
                        100 * r["accuracy_at_coverage"]
                        for r in row["results"]
                        if r["coverage"] == coverage and r["router"] == name
                    ),
                    None,
                )
                for name in (DEFAULT, "oracle")
            )
            found.append(
                {
                    "dataset": row["dataset"],
                    "coverage": coverage,
                    "default": default,
                    "best": _plain_name(best["router"]),
                    "default minus best": -100 * best["difference"],
                    "low": -100 * best["high"],
                    "high": -100 * best["low"],
                    "p": best["p_value"],
                    "oracle": oracle,
                }
            )
    for coverage in COVERAGES:
        same = [row for row in found if row["coverage"] == coverage]
        adjusted = holm(np.array([r["p"] for r in same]), np.ones(len(same), bool))
        for row, p in zip(same, adjusted, strict=True):
            row["p over datasets"] = float(p)
    return found


def _plain_name(label):
    if label.startswith("ConstrainedRouter("):
        return "constrained, as published"
    return label.strip("'")


def main():
    benchmark = Benchmark("router_quality", __doc__)
    benchmark.parser.add_argument("--datasets", nargs="*", choices=RECIPES)
    args = benchmark.parse()
    warnings.simplefilter("ignore", CalibrationWarning)
    for dataset in args.datasets or (QUICK if args.quick else RECIPES):
        benchmark.row({"dataset": dataset}, lambda d=dataset: judge(d, not args.quick))
    points = dict.fromkeys(("default minus best", "low", "high"), "+.2f")
    print_table(
        benchmark.summarise(verdicts(benchmark.rows)),
        {
            "dataset": "",
            "coverage": ".2f",
            "default": ".2f",
            "best": "",
            **points,
            "p over datasets": ".3f",
            "oracle": ".2f",
        },
    )


if __name__ == "__main__":
    main()
