"""All routers and bounds on all datasets: accuracy at exactly the same coverage."""

import warnings

from _harness import Benchmark, print_table
from _recipes import RECIPES, make_outcomes

from selective_query import compare_routers
from selective_query.evaluation import default_routers
from selective_query.exceptions import CalibrationWarning

COVERAGES = (0.9, 0.8, 0.7, 0.5)
QUICK = ("digits",)
SPEC = {
    "dataset": "",
    "router": "",
    "coverage": ".2f",
    "realised_coverage": ".4f",
    "accuracy": ".4f",
    "accuracy_at_coverage": ".4f",
    "accuracy_low": ".4f",
    "accuracy_high": ".4f",
    "difference": "+.4f",
    "verdict": "",
}


def judge(dataset, with_constrained):
    train, test = make_outcomes(dataset)
    routers = default_routers(train)
    if with_constrained and train.base_proba is not None:
        # Not included by default: it trains six nets for each coverage.
        routers.append("constrained")
    reference = "max_probability" if "max_probability" in routers else "random"
    comparison = compare_routers(
        train, test, routers, COVERAGES, reference=reference, random_state=0
    )
    differences = comparison.differences(reference)
    return {
        "base": comparison.base_accuracy,
        "global": comparison.global_accuracy,
        "n_train": train.n_rows,
        "n_test": test.n_rows,
        "reference": reference,
        "results": [
            {**row, **_paired(difference)}
            for row, difference in zip(comparison.rows, differences, strict=True)
        ],
    }


def _paired(difference):
    names = ("difference", "low_simultaneous", "high_simultaneous", "p_adjusted")
    return {name: difference[name] for name in (*names, "verdict")}


def main():
    benchmark = Benchmark("compare_routers", __doc__)
    benchmark.parser.add_argument("--datasets", nargs="*", choices=RECIPES)
    args = benchmark.parse()
    warnings.simplefilter("ignore", CalibrationWarning)
    for dataset in args.datasets or (QUICK if args.quick else RECIPES):
        benchmark.row({"dataset": dataset}, lambda d=dataset: judge(d, not args.quick))
    flat = [
        {"dataset": row["dataset"], **result}
        for row in benchmark.rows
        for result in row["results"]
    ]
    print_table(flat, SPEC)


if __name__ == "__main__":
    main()
