import numpy as np
import pytest

from selective_query import ChainOutcomes, Evidence, RoutingPolicy
from selective_query.budgets import MaxTierCost, MinAccuracy
from selective_query.datasets import make_selective_query
from selective_query.exceptions import BudgetInfeasibleError, MissingEvidenceError
from selective_query.tiers import ModelChoicePolicy


def models(n, seed, costs=(1, 4, 20)):
    """Draw three models; the second is good on one side, the third everywhere."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(n, 2))
    chances = np.column_stack(
        [0.5 + 0 * x[:, 0], 0.5 + 0.4 * x[:, 0], 0.75 + 0.2 * x[:, 1]]
    )
    right = rng.uniform(size=chances.shape) < chances
    return ChainOutcomes.from_utilities(right, costs, X=x), chances


@pytest.mark.parametrize("maximum", [1.5, 4.0, 8.0])
def test_a_budget_is_kept_on_new_rows_and_brings_nearly_what_the_best_rule_does(
    maximum,
):
    rows, _ = models(4000, 0)
    fresh, chances = models(20_000, 1)
    policy = ModelChoicePolicy(budget=MaxTierCost(maximum)).fit(rows)
    chosen, each = policy.decide(fresh), np.arange(fresh.n_rows)
    assert policy.cost_ <= maximum + 1e-9
    cost = fresh.costs[chosen].mean()
    assert cost == pytest.approx(maximum, rel=0.08)
    best = -np.inf
    for price in np.geomspace(1e-4, 1, 400):
        pick = np.argmax(chances - price * fresh.costs, axis=1)
        if fresh.costs[pick].mean() <= cost:
            best = max(best, chances[each, pick].mean())
    assert chances[each, chosen].mean() > best - 0.01
    assert sum(policy.shares_) == pytest.approx(1)


def test_two_models_are_chosen_as_a_routing_policy_queries():
    outcomes = make_selective_query(3000, regime="specialist", random_state=0).outcomes
    utilities = np.column_stack([outcomes.base_utility, outcomes.global_utility])
    rows = ChainOutcomes.from_utilities(utilities, [0, 1], X=outcomes.X)
    choice = ModelChoicePolicy(budget=0.8).fit(rows)
    pair = rows.step(0)
    policy = RoutingPolicy("benefit", 0.8).fit(pair)
    differ = choice.decide(rows) != ~policy.decide(Evidence(X=outcomes.X))
    assert differ.sum() <= 2
    assert choice.price_ == pytest.approx(policy.operating_point_.threshold, abs=1e-3)


def test_a_floor_is_reached_at_least_cost_and_moves_without_a_fit():
    rows, _ = models(4000, 0)
    policy = ModelChoicePolicy(budget=MinAccuracy(0.65)).fit(rows)
    assert policy.utility_ >= 0.65
    dearer = policy.at(MinAccuracy(0.7))
    assert dearer.cost_ > policy.cost_ and dearer.price_ < policy.price_
    assert dearer.routers_ is policy.routers_
    free = policy.at(MaxTierCost(50))
    assert free.price_ == 0


def test_costs_of_rows_count_as_they_are():
    rows, _ = models(2000, 0)
    by_row = rows.costs * np.random.default_rng(0).uniform(0.5, 1.5, size=(2000, 3))
    rows = ChainOutcomes(rows.tiers, by_row)
    policy = ModelChoicePolicy(budget=MaxTierCost(5)).fit(rows)
    chosen = policy.decide(rows)
    assert by_row[np.arange(2000), chosen].mean() == pytest.approx(5, rel=0.1)


def test_invalid_choices_are_named():
    rows, _ = models(300, 0)
    with pytest.raises(BudgetInfeasibleError, match="by a choice of these models"):
        ModelChoicePolicy(budget=MaxTierCost(0.5)).fit(rows)
    with pytest.raises(BudgetInfeasibleError, match="by a choice of these models"):
        ModelChoicePolicy(budget=MinAccuracy(0.99)).fit(rows)
    with pytest.raises(ValueError, match="in units of benefit"):
        ModelChoicePolicy("knn_distance").fit(rows)
    graded = ChainOutcomes.from_utilities([[0, 1], [1, 0]])
    with pytest.raises(MissingEvidenceError, match="needs X"):
        ModelChoicePolicy().fit(graded)
