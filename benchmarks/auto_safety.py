"""Is the default router ever worse than max-probability on few calibration rows?

Draws n rows of ImageNet outputs to fit and choose routers, and evaluates accuracy at
coverage 0.8 on 12,500 rows that are in no draw.
"""

import numpy as np
from _harness import Benchmark, print_table
from _recipes import make_outcomes

from selective_query.metrics import accuracy_at_coverage
from selective_query.routers import AutoRouter, MaxProbabilityRouter

COVERAGE = 0.8


def judge(router, train, test):
    router.fit(train)
    score = router.query_score(test.evidence)
    return 100 * accuracy_at_coverage(
        score, test.base_utility, test.global_utility, coverage=COVERAGE
    )


def loss_of_auto(train, test, n, n_draws):
    rng = np.random.default_rng(0)
    anchor = judge(MaxProbabilityRouter(), train, test)
    differences, chosen = [], {}
    for _ in range(n_draws):
        rows = rng.choice(train.n_rows, size=n, replace=False)
        auto = AutoRouter(target_coverage=COVERAGE)
        differences.append(judge(auto, train.take(rows), test) - anchor)
        name = auto.selection_["chosen"]
        chosen[name] = chosen.get(name, 0) + 1
    differences = np.array(differences)
    return {
        "mean difference": round(float(differences.mean()), 4),
        "share worse": round(float((differences < 0).mean()), 3),
        "worst": round(float(differences.min()), 3),
        "best": round(float(differences.max()), 3),
        "chosen": chosen,
    }


def main():
    benchmark = Benchmark("auto_safety", __doc__)
    args = benchmark.parse()
    n_draws = 10 if args.quick else 60
    for base in ("mobilenetv2", "resnet18", "resnet50"):
        train, test = make_outcomes(f"imagenet_{base}")
        for n in (200, 1000, 10000):
            key = {"base": base, "n": n, "n_draws": n_draws}
            benchmark.row(
                key, lambda n=n, a=train, b=test: loss_of_auto(a, b, n, n_draws)
            )
    print(f"auto minus max_probability, points of accuracy at coverage {COVERAGE}")
    numbers = dict.fromkeys(("mean difference", "worst", "best"), "+.3f")
    print_table(
        [{**r, "chosen": str(r["chosen"])} for r in benchmark.rows],
        {"base": "", "n": "", **numbers, "share worse": ".2f", "chosen": ""},
    )


if __name__ == "__main__":
    main()
