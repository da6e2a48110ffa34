"""Is it better to route before the base at large budgets, and after it at small ones?

A router of the input alone saves running the base on queried rows, so the same budget
pays for more queries. Per row, in units of a query, routing after the base costs rho +
q at a query rate q, and routing before it rho (1 - q) + q, where rho is the cost of the
base. At each budget the placement with the higher accuracy on the n calibration rows is
taken, scored by routers that did not learn from them; all other rows compare it with
always routing after the base. Intervals are over draws, which overlap.
"""

import numpy as np
from _harness import Benchmark, print_table
from _ranking_gains import as_table
from _recipes import make_outcomes
from class_doubt import MOST_TEST_ROWS, POINTS, _mean

from selective_query.metrics import accuracy_at_coverage
from selective_query.routers import AutoRouter, BoostedBenefitRouter, PreRouter
from selective_query.routers.supervision import concatenate_outcomes

DATA = ("letter", "covertype")
SIZES = (1000, 5000)
BASE_COSTS = (0.05, 0.2, 0.5)
BUDGETS = (0.3, 0.5, 0.7, 0.9)
# The post-router is chosen for a coverage in the middle.
TARGET = 0.7


def coverages_at(budget, base_cost):
    """Return the coverage of each placement that spends the budget, or None."""
    after = 1 - (budget - base_cost)
    before = (1 - budget) / (1 - base_cost)
    return [c if 0 <= c <= 1 else None for c in (after, before)]


def accuracies(score, outcomes, coverage):
    return POINTS * float(
        accuracy_at_coverage(
            score, outcomes.base_utility, outcomes.query_utility, coverage=coverage
        )
    )


def judge(outcomes, n, n_draws):
    """Return points over routing after the base, by cost of the base, budget, draw."""
    found = {}
    for draw in range(n_draws):
        order = np.random.default_rng(draw).permutation(outcomes.n_rows)
        train = outcomes.take(order[:n])
        test = outcomes.take(order[n : n + MOST_TEST_ROWS])
        placed = []
        for router in (
            AutoRouter(target_coverage=TARGET),
            PreRouter(BoostedBenefitRouter()),
        ):
            held_out = router.fit_score(train)
            placed.append((held_out, router.query_score(test.evidence)))
        for base_cost in BASE_COSTS:
            for budget in BUDGETS:
                coverages = coverages_at(budget, base_cost)
                if None in coverages:
                    continue
                seen, judged = (
                    [
                        accuracies(scores[part], rows, coverage)
                        for scores, coverage in zip(placed, coverages, strict=True)
                    ]
                    for part, rows in enumerate((train, test))
                )
                before = int(np.argmax(seen))
                gain = round(judged[before] - judged[0], 4)
                found.setdefault((base_cost, budget), []).append((gain, before))
    return {
        "results": [
            {"base cost": base_cost, "budget": budget,
             "gains": [gain for gain, _ in values],
             "before": float(np.mean([before for _, before in values]))}
            for (base_cost, budget), values in found.items()
        ]
    }  # fmt: skip


def main():
    benchmark = Benchmark("placement", __doc__)
    quick = benchmark.parse().quick
    for data in DATA[:1] if quick else DATA:
        outcomes = concatenate_outcomes(make_outcomes(data))
        for n in SIZES[:1] if quick else SIZES:
            benchmark.row(
                {"data": data, "n": n}, lambda o=outcomes, n=n: judge(o, n, 5)
            )
    found = [
        {"data": row["data"], "n": row["n"], "base cost": result["base cost"],
         "budget": result["budget"], "before": result["before"],
         **_mean(result["gains"])}
        for row in benchmark.rows
        for result in row["results"]
    ]  # fmt: skip
    print("Points over routing after the base, at equal cost, and 95 % intervals")
    plain = dict.fromkeys(("data", "n", "base cost", "budget", "before"), "")
    signed = dict.fromkeys(("gain", "low", "high", "worst"), "+.3f")
    print_table(found, {**plain, **signed, "n_values": ""})
    table = as_table(found, ("data", "n", "base cost"), by="budget")
    benchmark.summarise({"all": found, "table": table})


if __name__ == "__main__":
    main()
