"""How often do certified operating points miss their budget, and what do they cost?

Calibration rows are drawn with replacement from a large simulated table, which serves
as the population: the true value at a threshold is known without error.
"""

import time
import warnings

import numpy as np
from _harness import Benchmark, print_table
from joblib import Parallel, delayed
from scipy.stats import norm

from selective_query.budgets import (
    All,
    Calibration,
    CalibrationScores,
    Coverage,
    JudgedRows,
    MaxExcessError,
    MinAccuracy,
    MinSelectiveAccuracy,
    QueryRate,
    selective_guaranteed_risk,
)
from selective_query.datasets import make_selective_query
from selective_query.exceptions import BudgetInfeasibleError, CalibrationWarning
from selective_query.routers import MaxProbabilityRouter

N_POPULATION = 200_000
CONFIDENCE = 0.9
SGR = "SGR(risk=0.15)"
BUDGETS = {
    repr(budget): budget
    for budget in (
        Coverage(0.8),
        QueryRate(0.3),
        MinAccuracy(0.8),
        MaxExcessError(0.01),
        MaxExcessError(0.03),
        MinSelectiveAccuracy(0.85),
        All(Coverage(0.2), MaxExcessError(0.03)),
    )
}
SIZES = (50, 500, 5000)
# Rows that determine the sequence of thresholds, as a router's training rows do.
N_ORDERING = 1000


def population(regime, tied):
    """Return the population, and the true value at each threshold."""
    outcomes = make_selective_query(
        N_POPULATION, regime=regime, random_state=0
    ).outcomes
    score = MaxProbabilityRouter().query_score(outcomes)
    if tied:
        score = np.floor(20 * score)
    rows = JudgedRows(
        score, outcomes.base_utility, outcomes.query_utility, outcomes.weight
    )
    return rows, rows.sweep()


def meets(budget, sweep):
    """Return whether each threshold truly meets a budget."""
    met = np.ones(len(sweep.thresholds), dtype=bool)
    for part in budget.parts:
        if hasattr(part, "least_coverage"):
            met &= sweep.coverage >= part.least_coverage() - 1e-12
        else:
            met &= part.met(sweep)
    return met


def certify(name, rows, ordering):
    """Return a threshold from these calibration rows, or None if none is certified."""
    if name == SGR:
        return selective_guaranteed_risk(
            rows.score, rows.base_utility, risk=0.15, confidence=CONFIDENCE
        )[0]
    scores = CalibrationScores(rows.score, exact=True)
    try:
        point = Calibration(scores, rows, ordering).solve(BUDGETS[name], CONFIDENCE)
    except BudgetInfeasibleError:
        return None
    return point.threshold


def judge(name, regime, tied, n, draws):
    """Return the failure rate over many draws of the calibration rows."""
    start = time.perf_counter()
    warnings.simplefilter("ignore", CalibrationWarning)
    rows, truth = population(regime, tied)
    budget = MinSelectiveAccuracy(0.85) if name == SGR else BUDGETS[name]
    met = meets(budget, truth)
    rng = np.random.default_rng(0)
    missed, reached, nothing = 0, [], 0
    for _ in range(draws):
        sample = rows.take(rng.integers(N_POPULATION, size=n))
        ordering = rows.take(rng.integers(N_POPULATION, size=N_ORDERING))
        threshold = certify(name, sample, ordering)
        if threshold is None:
            nothing += 1
            continue
        i = int(np.searchsorted(truth.thresholds, threshold, side="right")) - 1
        reached.append(truth.coverage[i])
        # Without kept rows, a requirement on the kept rows cannot be violated.
        missed += bool(truth.kept[i]) and not met[i]
    spread = np.sqrt(0.1 * 0.9 / draws)
    return {
        "failure_rate": missed / draws,
        "allowed": 1 - CONFIDENCE,
        "within_noise": bool(missed / draws <= 1 - CONFIDENCE + 2 * spread),
        "nothing_shown": nothing / draws,
        "mean_coverage": round(float(np.mean(reached)), 4) if reached else None,
        "best_coverage": best_coverage(name, truth, met),
        "ideal_coverage": ideal(name, truth, n),
        "seconds": round(time.perf_counter() - start, 1),
    }


def best_coverage(name, truth, met):
    """Return the smallest or largest coverage of the rule that knows the population."""
    spends = name in (repr(Coverage(0.8)), repr(QueryRate(0.3)))
    pick = np.min if spends else np.max
    return round(float(pick(truth.coverage[met])), 4)


def ideal(name, truth, n):
    """Return where a one-sided z test of known variance would stop, on average.

    Only for excess errors. No valid test of the mean of these rows gets much further.
    """
    budget = BUDGETS.get(name)
    if not isinstance(budget, MaxExcessError):
        return None
    apart = (truth.kept_worse + truth.kept_better) / truth.n
    margin = norm.ppf(CONFIDENCE) * np.sqrt((apart - truth.excess**2) / n)
    stops = np.flatnonzero(truth.excess + margin > budget.excess)
    return round(float(truth.coverage[stops[0] - 1]), 4) if len(stops) else 1.0


def main():
    benchmark = Benchmark("certificates", __doc__)
    benchmark.parser.add_argument("--draws", type=int, default=2000)
    benchmark.parser.add_argument("--n-jobs", type=int, default=2)
    args = benchmark.parse()
    draws = 100 if args.quick else args.draws
    cells = [
        {"budget": name, "regime": regime, "tied": tied, "n": n, "draws": draws}
        for regime in ("uniform", "specialist")
        for tied in (False, True)
        for n in SIZES
        for name in (*BUDGETS, SGR)
        if regime == "uniform" or name == repr(MaxExcessError(0.01))
    ]
    missing = [cell for cell in cells if benchmark.stored(cell) is None]
    found = Parallel(n_jobs=args.n_jobs, return_as="generator")(
        delayed(judge)(c["budget"], c["regime"], c["tied"], c["n"], draws)
        for c in missing
    )
    for cell, result in zip(missing, found, strict=True):
        benchmark.row(cell, lambda r=result: r)
    print(f"Certificates at confidence {CONFIDENCE:g}: at most 10 % may fail")
    print_table(
        benchmark.rows,
        {
            "budget": "",
            "regime": "",
            "tied": "",
            "n": "",
            "failure_rate": ".3f",
            "nothing_shown": ".3f",
            "mean_coverage": ".3f",
            "best_coverage": ".3f",
            "ideal_coverage": ".3f",
        },
    )


if __name__ == "__main__":
    main()
