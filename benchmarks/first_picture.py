"""The curves of the first picture of the README and the documentation."""

import numpy as np
from _harness import Benchmark, print_table
from _recipes import make_outcomes

from selective_query import RoutingPolicy
from selective_query.metrics import accuracy_at_coverage

ROUTERS = ("random", "max_probability", "auto", "oracle")
COVERAGE = np.linspace(0, 1, 41)
OPERATING_POINT = 0.6


def curve(dataset, router):
    """Return the accuracy on new rows at exactly each coverage."""
    train, test = make_outcomes(dataset)
    base, global_ = test.base_utility, test.global_utility
    if router == "oracle":
        score = np.where(test.benefit > 0, test.benefit, -np.inf)
    elif router == "random":
        score = np.zeros(test.n_rows)
    else:
        policy = RoutingPolicy(router, OPERATING_POINT, random_state=0).fit(train)
        score = policy.router_.query_score(test.evidence)
    accuracy = accuracy_at_coverage(score, base, global_, coverage=COVERAGE)
    at_point = np.interp(OPERATING_POINT, COVERAGE, accuracy)
    gain = (at_point - base.mean()) / (global_.mean() - base.mean())
    return {
        "coverage": COVERAGE.tolist(),
        "accuracy": accuracy.tolist(),
        "n_test": test.n_rows,
        "at": OPERATING_POINT,
        "accuracy at": 100 * at_point,
        "gain kept": 100 * gain,
    }


def main():
    benchmark = Benchmark("first_picture", __doc__)
    benchmark.parse()
    for router in ROUTERS:
        key = {"dataset": "letter", "router": router}
        benchmark.row(key, lambda name=router: curve("letter", name))
    print_table(
        benchmark.rows,
        {"router": "", "at": ".2f", "accuracy at": ".2f", "gain kept": ".1f"},
    )


if __name__ == "__main__":
    main()
