"""Joint budgets of a chain hold at its final thresholds, with and without ties."""

import itertools

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from selective_query import CascadeClassifier, CascadePolicy, ChainOutcomes, Evidence
from selective_query.budgets import (
    All,
    Coverage,
    MaxExcessError,
    MaxTierCost,
    MinAccuracy,
)
from selective_query.exceptions import BudgetInfeasibleError
from selective_query.tiers._sweeps import shares_kept, whole

# These tests need few rows, large ties and few rounds of fitting.
pytestmark = pytest.mark.filterwarnings("ignore")

FIRST = {
    "tree": DecisionTreeClassifier(max_depth=6, random_state=0),
    "bayes": GaussianNB(),
    "logistic": LogisticRegression(C=1e-4),
}


def digits(first, coverage):
    X, y = load_digits(return_X_y=True)
    rows = np.random.RandomState(0).permutation(len(y))[:500]
    models = [
        ("first", FIRST[first]),
        ("middle", LogisticRegression()),
        ("last", SVC()),
    ]
    return CascadeClassifier(models, coverage=coverage, cv=3).fit(X[rows], y[rows])


@pytest.mark.parametrize("first", FIRST)
def test_a_floor_holds_where_the_first_tier_is_sure_of_many(first):
    fitted = digits(first, MinAccuracy(0.95))
    assert fitted.operating_point_.accuracy >= 0.95 - 1e-9
    for least in (0.9, 0.93, 0.95, 0.96, 0.97):
        try:
            point = fitted.at(MinAccuracy(least)).operating_point_
        except BudgetInfeasibleError as error:
            assert error.nearest < least
            assert fitted.at((0.0, 0.0)).operating_point_.accuracy < least
        else:
            assert point.accuracy >= least - 1e-9


def tied(seed, n=24, levels=4):
    """Draw rows of three tiers whose scores have few distinct values."""
    rng = np.random.default_rng(seed)
    sure = rng.integers(levels, size=(n, 2)) / levels
    chances = np.column_stack([0.3 + 0.5 * sure, np.full(n, 0.85)])
    right = (rng.uniform(size=(n, 3)) < chances).astype(float)
    known = [Evidence(base_proba=np.c_[1 + p, 1 - p] / 2) for p in sure.T]
    chain = ChainOutcomes.from_utilities(right, [1, 3, 9], evidence=[*known, None])
    return chain, sure, right


def best_of_all(sure, right):
    """Return the accuracy of the best of all pairs of thresholds."""
    levels = [np.append(np.unique(s), np.inf) for s in sure.T]
    found = []
    for first, second in itertools.product(*levels):
        stop = np.where(sure[:, 0] >= first, 0, np.where(sure[:, 1] >= second, 1, 2))
        found.append(right[np.arange(len(right)), stop].mean())
    return max(found)


@pytest.mark.parametrize("moved", [False, True], ids=["fit", "at"])
def test_a_floor_that_some_cuts_reach_is_met_and_no_other(moved):
    for seed in range(25):
        chain, sure, right = tied(seed)
        best = best_of_all(sure, right)
        start = CascadePolicy("max_probability", 0.5).fit(chain) if moved else None

        def solved(least, chain=chain, start=start):
            budget = MinAccuracy(least)
            if start is not None:
                return start.at(budget)
            return CascadePolicy("max_probability", budget).fit(chain)

        for least in (best - 0.2, best - 0.05, best):
            policy = solved(least)
            assert policy.operating_point_.accuracy >= least - 1e-9
            stop = policy.decide(chain)
            assert chain.utility(stop).mean() >= least - 1e-9
        with pytest.raises(BudgetInfeasibleError, match="accuracy") as caught:
            solved(best + 0.01)
        assert caught.value.nearest == pytest.approx(best)
        assert caught.value.budget == MinAccuracy(best + 0.01)


@pytest.mark.parametrize("coverage", [0.3, 0.6, 0.9])
def test_a_limit_holds_among_ties(coverage):
    for seed in range(25):
        chain, _, _ = tied(seed)
        policy = CascadePolicy("max_probability", coverage).fit(chain)
        assert (policy.decide(chain) == 2).mean() <= 1 - coverage + 1e-9


@pytest.mark.parametrize("budget", [0.6, MaxTierCost(4), MaxTierCost(6)], ids=str)
def test_a_limit_is_spent_on_whole_groups_as_planned(budget):
    chain, _, _ = tied(0, 1000)
    policy = CascadePolicy("max_probability", budget).fit(chain)
    _, _, passed = policy._solved(budget, policy._tiers)
    planned = np.logical_and.accumulate(passed).sum(axis=0)
    np.testing.assert_array_equal(policy.decide(chain), planned)
    if budget != 0.6:
        assert policy.operating_point_.cost <= budget.maximum


def test_held_out_rows_meet_the_floor_or_say_what_they_reach():
    outcomes = [0, 0]
    for seed in range(25):
        chain, _, _ = tied(seed, 60)
        fresh, _, right = tied(100 + seed, 40)
        policy = CascadePolicy("benefit", 0.5, random_state=0)
        policy.coverage = MinAccuracy(right[:, 2].mean() - 0.02)
        try:
            point = policy.fit(chain, fresh).operating_point_
        except BudgetInfeasibleError as error:
            assert error.budget == policy.coverage
            outcomes[0] += 1
        else:
            assert point.accuracy >= policy.coverage.accuracy - 1e-9
            outcomes[1] += 1
    assert outcomes[1] >= 15


def test_the_part_that_is_missed_is_named():
    chain, _, right = tied(0)
    last = right[:, 2].mean()
    policy = CascadePolicy("max_probability", (0.5, 0.5)).fit(chain)
    with pytest.raises(BudgetInfeasibleError, match="coverage >= 1 ") as caught:
        policy.at(All(Coverage(1), MinAccuracy(last)))
    assert caught.value.budget == Coverage(1)
    exact = policy.at(MaxExcessError(0.0)).operating_point_
    assert exact.accuracy >= last - 1e-9


def test_a_share_that_rounds_to_zero_is_zero():
    assert [whole(s) for s in (7.66e-15, -1e-16, 1 - 1e-12, 0.4)] == [0, 0, 1, 0.4]
    weight = np.full(10, 0.1)
    passed = np.ones((2, 10), dtype=bool)
    assert shares_kept(passed, weight, passed, as_ranked=True) == [0, 0]
