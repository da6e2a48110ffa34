"""Simulations of the coverage of intervals and bands, and of the level of tests."""

import numpy as np
import pytest

from selective_query.datasets import make_selective_query
from selective_query.metrics.inference.paired_scores import PairedScores

DRAWS, ROWS = 300, 300
COVERAGES = [0.9, 0.8, 0.5]
GRID = np.linspace(0, 1, 41)
RANGE = 0.6, 0.9
# Three standard errors of a share of 0.95 among as many draws.
TOLERANCE = 3 * np.sqrt(0.05 * 0.95 / DRAWS)


def scores_of(sample, rng):
    """Return two scores of equal quality, and others."""
    unsure = 1 - sample.outcomes.base_proba.max(axis=1)
    noise = rng.normal(size=(2, len(unsure)))
    return {
        "sure": unsure,
        "noisy": unsure + 0.1 * noise[0],
        "as noisy": unsure + 0.1 * noise[1],
        "random": rng.random(len(unsure)),
    }


@pytest.fixture(scope="module", params=["uniform", "specialist"])
def simulated(request):
    """Return, by kind of interval, whether it contained the truth, for each draw."""
    regime = request.param
    rng = np.random.default_rng(0)
    population = make_selective_query(500_000, regime=regime, random_state=10**6)
    truth = {
        name: {
            "at": population.expected_accuracy(score, COVERAGES),
            "grid": population.expected_accuracy(score, GRID),
            "mean": population.expected_accuracy(score, np.linspace(*RANGE, 33)).mean(),
        }
        for name, score in scores_of(population, rng).items()
    }
    # Equal by definition.
    truth["as noisy"] = truth["noisy"]
    hits = {}
    for seed in range(DRAWS):
        sample = make_selective_query(ROWS, regime=regime, random_state=seed)
        scores = scores_of(sample, rng)
        paired = PairedScores(
            scores,
            sample.outcomes.base_utility,
            sample.outcomes.global_utility,
            n_bootstrap=400,
            random_state=seed,
        )
        for name, inside in holds(paired, truth).items():
            hits.setdefault(name, []).append(inside)
    return {name: np.array(inside) for name, inside in hits.items()}


def holds(paired, truth):
    found = {}
    asked = [(name, c) for name in truth for c in COVERAGES]
    _, low, high = paired.accuracies(asked)
    at = np.concatenate([truth[name]["at"] for name in truth])
    found["accuracy"] = (low <= at) & (at <= high)
    rows = paired.differences("noisy", COVERAGES)
    low, high, low_all, high_all = (
        np.array([row[name] for row in rows])
        for name in ("low", "high", "low_simultaneous", "high_simultaneous")
    )
    apart = at - np.tile(truth["noisy"]["at"], len(truth))
    found["difference"] = (low <= apart) & (apart <= high)
    found["family"] = ((low_all <= apart) & (apart <= high_all)).all()
    rows = paired.differences_over("noisy", RANGE)
    found["range"] = [
        row["low"]
        <= truth[row["router"]]["mean"] - truth["noisy"]["mean"]
        <= row["high"]
        for row in rows
    ]
    for name in ("sure", "noisy", "random"):
        band = paired.band(name, GRID)
        inside = (band.low <= truth[name]["grid"]) & (truth[name]["grid"] <= band.high)
        found["band of " + name] = inside.all()
    for name in ("as noisy", "random"):
        band = paired.band(name, GRID, reference="noisy")
        apart = truth[name]["grid"] - truth["noisy"]["grid"]
        # Both are the same at the ends, up to rounding.
        inside = (band.low - 1e-9 <= apart) & (apart <= band.high + 1e-9)
        found["band of noisy against " + name] = inside.all()
    return found


@pytest.mark.slow
def test_intervals_and_bands_hold_the_truth(simulated):
    for name, inside in simulated.items():
        share = inside.mean(axis=0)
        assert (share >= 0.95 - TOLERANCE).all(), (name, share)
    # With many deciding rows they are not wider than necessary either.
    for name in ("accuracy", "band of sure", "band of noisy"):
        share = simulated[name].mean(axis=0)
        assert (share <= 0.95 + TOLERANCE).all(), (name, share)


@pytest.mark.slow
def test_wrong_findings_among_many_are_as_rare_as_promised():
    """All routers rank at random, so there is no true difference."""
    found = {"max_t": [], "holm": [], None: [], "sup": []}
    names = [str(i) for i in range(8)]
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        sample = make_selective_query(ROWS, random_state=seed).outcomes
        paired = PairedScores(
            {name: rng.random(ROWS) for name in names},
            sample.base_utility,
            sample.global_utility,
            n_bootstrap=400,
            random_state=seed,
        )
        for adjust in ("max_t", "holm", None):
            rows = paired.differences("0", COVERAGES, adjust=adjust)
            found[adjust].append(any(row["p_adjusted"] <= 0.05 for row in rows))
        rows = paired.differences_over("0", RANGE)
        found["sup"].append(any(row["p_sup_adjusted"] <= 0.05 for row in rows))
    share = {name: np.mean(wrong) for name, wrong in found.items()}
    for name in ("max_t", "holm", "sup"):
        assert share[name] <= 0.05 + TOLERANCE, share
    # Without an adjustment there would be many; max-t is not trivially conservative.
    assert share[None] > 0.15
    assert share["max_t"] > 0


@pytest.mark.slow
def test_a_router_that_is_worse_by_the_margin_is_rarely_called_not_inferior():
    # A fifth of the rows are useful; "a" finds all, "b" three quarters. Of the queried
    # 0.3, "b" spends 0.15 on the other 0.85 rows, which include 0.05 useful ones.
    margin = 0.05 * (1 - 0.15 / 0.85)
    wrong = []
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        useful = rng.random(ROWS) < 0.2
        hidden = rng.random(ROWS) < 0.25
        scores = {
            "a": useful + 0.5 * rng.random(ROWS),
            "b": (useful & ~hidden) + 0.5 * rng.random(ROWS),
        }
        paired = PairedScores(scores, ~useful, np.ones(ROWS), random_state=seed)
        row = paired.differences("a", [0.7], margin=margin)[1]
        wrong.append(row["not_inferior"])
    assert np.mean(wrong) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / DRAWS)
