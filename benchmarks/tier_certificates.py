"""How often the certificates of three tiers hold jointly, over draws of the rows."""

import numpy as np
from _harness import Benchmark, print_table

from selective_query import CascadePolicy, ChainOutcomes, Evidence
from selective_query.budgets import MinSelectiveAccuracy

N_POPULATION = 60_000
N_DRAWS = 2000
ASKED = {
    "shares": ((0.7, 0.6), 500),
    "share and accuracy": ((0.5, MinSelectiveAccuracy(0.65)), 3000),
}


def population():
    """Return three models whose probability of being right depends on one hardness."""
    rng = np.random.default_rng(0)
    hardness = rng.normal(size=N_POPULATION)
    utilities, evidence = [], []
    for tier in range(3):
        right = 1 / (1 + np.exp(-(0.6 + 0.8 * tier - 1.5 * hardness)))
        utilities.append(rng.uniform(size=N_POPULATION) < right)
        sure = np.clip(right + 0.1 * rng.normal(size=N_POPULATION), 0.01, 0.99)
        proba = 0.5 + sure / 2
        evidence.append(Evidence(base_proba=np.column_stack([proba, 1 - proba])))
    return ChainOutcomes.from_utilities(
        np.column_stack(utilities).astype(float), evidence=evidence
    )


def holds(asked, everyone, policy):
    """Return whether each tier meets its budget on the whole population."""
    tier = policy.decide(everyone)
    for j, budget in enumerate(asked):
        reached, kept = tier >= j, tier == j
        if isinstance(budget, MinSelectiveAccuracy):
            answers = everyone.utilities[kept, j]
            if len(answers) and answers.mean() < budget.accuracy:
                return False
        elif kept.sum() < budget * reached.sum():
            return False
    return True


def measure(asked, confidence, n, n_draws):
    everyone, rng = population(), np.random.default_rng(1)
    kept = refused = 0
    for _ in range(n_draws):
        rows = everyone.take(rng.integers(everyone.n_rows, size=n))
        policy = CascadePolicy("margin", asked, confidence=confidence, random_state=0)
        try:
            policy.fit(rows)
        except ValueError:
            refused += 1
            continue
        kept += holds(asked, everyone, policy)
    held = (kept + refused) / n_draws  # a refusal makes no guarantee
    return {"held": held, "refused": refused, "draws": n_draws}


def main():
    benchmark = Benchmark("tier_certificates", __doc__)
    args = benchmark.parse()
    n_draws = 100 if args.quick else N_DRAWS
    for name, (asked, n) in ASKED.items():
        for confidence in (0.8, 0.95):
            key = {"asked": name, "confidence": confidence, "n": n}
            benchmark.row(
                key, lambda a=asked, c=confidence, m=n: measure(a, c, m, n_draws)
            )
    columns = {"asked": "", "confidence": "g", "n": "d", "held": ".4f", "refused": "d"}
    print_table(benchmark.rows, columns)


if __name__ == "__main__":
    main()
