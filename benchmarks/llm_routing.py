"""Routing MMLU questions between two LLMs by the text alone: APGR with intervals.

Trained on one half of the questions and evaluated on the other. A random order gives
0.5; the length of the question is included as the simplest possible rule.
"""

import numpy as np
from _harness import Benchmark, print_table
from _recipes import make_outcomes, split

from selective_query.datasets import load_dataset
from selective_query.metrics import RankedOutcomes
from selective_query.routers import (
    AutoRouter,
    BenefitRouter,
    KernelBenefitRouter,
    KNNBenefitRouter,
    RandomRouter,
)

N_RESAMPLES = 2000


def scores_of(train, test):
    """Return query scores of the test rows by name; higher means query first."""
    texts = load_dataset("routellm").texts
    _, rows = split(len(texts), len(texts) // 2)
    routers = {
        "auto": AutoRouter(target_coverage=0.5),
        "benefit": BenefitRouter(),
        "kernel_benefit": KernelBenefitRouter(),
        "knn_benefit": KNNBenefitRouter(50),
        "random": RandomRouter(),
    }
    found = {
        name: router.fit(train).query_score(test.evidence)
        for name, router in routers.items()
    }
    found["length of the question"] = np.array([len(texts[i]) for i in rows])
    found["oracle"] = test.benefit
    return found


def judge(score, test, n_resamples):
    """Return APGR, and its 95 % interval over resampled test rows."""

    def apgr(weight):
        return RankedOutcomes(
            score, test.base_utility, test.global_utility, sample_weight=weight
        ).curve.apgr()

    rng = np.random.default_rng(0)
    resampled = [
        apgr(np.bincount(rng.integers(test.n_rows, size=test.n_rows),
                         minlength=test.n_rows))
        for _ in range(n_resamples)
    ]  # fmt: skip
    low, high = np.quantile(resampled, [0.025, 0.975])
    return {"apgr": apgr(None), "low": float(low), "high": float(high)}


def main():
    benchmark = Benchmark("llm_routing", __doc__)
    args = benchmark.parse()
    train, test = make_outcomes("routellm")
    for name, score in scores_of(train, test).items():
        key = {"router": name, "n_train": train.n_rows, "n_test": test.n_rows}
        n_resamples = 100 if args.quick else N_RESAMPLES
        benchmark.row(key, lambda s=score, n=n_resamples: judge(s, test, n))
    print(
        f"weak model {test.base_utility.mean():.4f}, strong "
        f"{test.global_utility.mean():.4f} right"
    )
    numbers = dict.fromkeys(("apgr", "low", "high"), ".4f")
    print_table(benchmark.rows, {"router": "", **numbers})


if __name__ == "__main__":
    main()
