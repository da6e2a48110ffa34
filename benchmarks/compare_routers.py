"""All routers and bounds on all datasets: accuracy at exactly the same coverage."""

import warnings

from _harness import Benchmark, print_table
from _recipes import RECIPES, make_outcomes

from selective_query import compare_routers
from selective_query.comparison import default_routers
from selective_query.exceptions import CalibrationWarning

COVERAGES = (0.9, 0.8, 0.7, 0.5)
QUICK = ("digits",)
SPEC = {
    "dataset": "",
    "base": ".4f",
    "global": ".4f",
    "router": "",
    "coverage": ".2f",
    "realised_coverage": ".4f",
    "accuracy": ".4f",
    "accuracy_at_coverage": ".4f",
    "accuracy_low": ".4f",
    "accuracy_high": ".4f",
}


def judge(dataset, router, n_bootstrap):
    train, test = make_outcomes(dataset)
    comparison = compare_routers(
        train, test, [router], COVERAGES, n_bootstrap=n_bootstrap, random_state=0
    )
    return {
        "base": comparison.base_accuracy,
        "global": comparison.global_accuracy,
        "n_train": train.n_rows,
        "n_test": test.n_rows,
        "results": comparison.rows,
    }


def main():
    benchmark = Benchmark("compare_routers", __doc__)
    benchmark.parser.add_argument("--datasets", nargs="*", choices=RECIPES)
    args = benchmark.parse()
    warnings.simplefilter("ignore", CalibrationWarning)
    for dataset in args.datasets or (QUICK if args.quick else RECIPES):
        evidence = make_outcomes(dataset)[0]
        routers = default_routers(evidence)
        if evidence.base_proba is not None:
            # Not among the defaults: it trains six nets for each coverage.
            routers.append("constrained")
        for router in routers:
            benchmark.row(
                {"dataset": dataset, "router": router},
                lambda d=dataset, r=router: judge(d, r, 200 if args.quick else 1000),
            )
    flat = [
        {**row, **result, "router": row["router"]}
        for row in benchmark.rows
        for result in row["results"]
    ]
    print_table(flat, SPEC)


if __name__ == "__main__":
    main()
