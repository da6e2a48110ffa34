from dataclasses import replace

import numpy as np
import pytest

from selective_query import ChainOutcomes, Evidence, Outcomes, load, save
from selective_query.budgets import MaxTierCost, MinAccuracy
from selective_query.exceptions import BudgetInfeasibleError, MissingEvidenceError
from selective_query.tiers import (
    CascadePolicy,
    CascadeRoutingPolicy,
    ModelChoicePolicy,
)
from tests.tiers.simulated import chain


def with_inputs(n, seed):
    """Add inputs that show which rows are hard, but less well than the answers do."""
    rows = chain(n, 4, seed)
    first = rows.tiers[0]
    X = first.base_features[:, :1] + np.random.default_rng(seed).normal(size=(n, 1))
    tiers = [
        Outcomes(
            base_proba=t.base_proba, base_features=t.base_features, X=X,
            base_utility=t.base_utility,
        )
        for t in rows.tiers
    ]  # fmt: skip
    return ChainOutcomes(tiers, rows.costs)


@pytest.fixture(scope="module")
def rows():
    return with_inputs(4000, 0)


@pytest.fixture(scope="module")
def fresh():
    return with_inputs(20_000, 1)


@pytest.mark.parametrize("entry", [None, "benefit"])
def test_a_budget_is_kept_and_costs_are_those_of_who_is_asked(rows, fresh, entry):
    policy = CascadeRoutingPolicy(budget=MaxTierCost(8.0), entry=entry).fit(rows)
    assert policy.cost_ <= 8 + 1e-9 and policy.price_ > 0
    assert sum(policy.shares_) == pytest.approx(1)
    asked, tier = policy.asked(fresh), policy.decide(fresh)
    assert (asked @ fresh.costs).mean() == pytest.approx(8.0, rel=0.06)
    assert asked[np.arange(fresh.n_rows), tier].all()
    assert not np.triu(np.ones((4, 4), bool), 1)[tier][asked].any()
    assert asked[:, 0].all() == (entry is None)
    evidence = [t.evidence for t in fresh.tiers[:-1]]
    np.testing.assert_array_equal(policy.decide(evidence), tier)


@pytest.mark.parametrize("maximum", [5.0, 12.0])
def test_mixing_is_at_least_as_good_as_either_alone(rows, fresh, maximum):
    budget = MaxTierCost(maximum)
    mixed = CascadeRoutingPolicy(budget=budget, entry="benefit").fit(rows)
    cascade = CascadePolicy("benefit", budget, random_state=0).fit(rows)
    choice = ModelChoicePolicy(budget=budget).fit(rows)
    asked = mixed.asked(fresh)

    def worth(tier, cost):
        return fresh.utility(tier).mean() - mixed.price_ * cost.mean()

    ours = worth(mixed.decide(fresh), asked @ fresh.costs)
    tier = cascade.decide(fresh)
    assert ours > worth(tier, fresh.spent(tier)) - 0.004
    tier = choice.decide(fresh)
    assert ours > worth(tier, fresh.costs[tier]) - 0.004
    assert ours > worth(np.zeros(fresh.n_rows, int), fresh.costs[:1])


def test_a_model_that_only_costs_is_skipped():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, size=4000)
    first = rng.uniform(size=4000) < sure
    known = Evidence(base_proba=np.column_stack([sure, 1 - sure]))
    outcomes = ChainOutcomes.from_utilities(
        np.column_stack([first, first, np.ones(4000)]),
        [1, 5, 10],
        evidence=[known, known, None],
    )
    policy = CascadeRoutingPolicy(budget=MaxTierCost(4)).fit(outcomes)
    asked = policy.asked(outcomes)
    assert asked[:, 1].mean() < 0.01 and asked[:, 2].mean() > 0.28


def test_a_floor_is_reached_and_a_price_moves_without_a_fit(rows):
    policy = CascadeRoutingPolicy(budget=MinAccuracy(0.7)).fit(rows)
    assert policy.utility_ >= 0.7 - 1e-9
    dearer = policy.at(MinAccuracy(0.74))
    assert dearer.cost_ > policy.cost_ and dearer.routers_ is policy.routers_
    few = policy.at(0.9)
    assert few.asked(rows)[:, -1].mean() <= 0.1 + 1e-3


@pytest.mark.parametrize("kind", [CascadeRoutingPolicy, ModelChoicePolicy])
def test_policies_come_back_from_files(rows, fresh, kind, tmp_path):
    given = {"entry": "benefit"} if kind is CascadeRoutingPolicy else {}
    policy = kind(budget=MaxTierCost(8.0), **given).fit(rows)
    save(policy, tmp_path / "policy.skops")
    loaded = load(tmp_path / "policy.skops")
    np.testing.assert_array_equal(loaded.decide(fresh), policy.decide(fresh))
    assert loaded.at(MaxTierCost(4.0)).price_ == policy.at(MaxTierCost(4.0)).price_


def test_impossible_requests_are_named(rows):
    with pytest.raises(BudgetInfeasibleError, match="by a choice of these models"):
        CascadeRoutingPolicy(budget=MaxTierCost(0.5)).fit(rows)
    with pytest.raises(ValueError, match="in units of benefit"):
        CascadeRoutingPolicy("margin").fit(rows)
    with pytest.raises(MissingEvidenceError, match="needs X"):
        CascadeRoutingPolicy(entry="benefit").fit(chain(300, 3, 0))
    policy = CascadeRoutingPolicy(budget=MaxTierCost(8.0)).fit(chain(600, 3, 0))
    with pytest.raises(ValueError, match="for each of the 2 models"):
        policy.decide(chain(10, 4, 0))


@pytest.mark.parametrize("entry", [None, "benefit"])
@pytest.mark.parametrize("tier", [0, 1])
def test_rows_that_must_stay_reach_no_later_model(rows, entry, tier):
    stays = rows.tiers[0].X[:, 0] > 0
    tiers = list(rows.tiers)
    tiers[tier] = replace(tiers[tier], local_only=stays)
    marked = ChainOutcomes(tiers, rows.costs)
    policy = CascadeRoutingPolicy(budget=MaxTierCost(8.0), entry=entry).fit(marked)
    for one in (policy, policy.at(MaxTierCost(9.0))):
        asked = one.asked(marked)
        assert not asked[stays, tier + 1 :].any()
        assert asked[~stays, tier + 1 :].any()
        assert (asked @ rows.costs).mean() < 9.5


def test_rows_that_must_stay_are_left_to_the_first_model(rows):
    stays = rows.tiers[0].X[:, 0] > 0
    first = replace(rows.tiers[0], local_only=stays)
    marked = ChainOutcomes([first, *rows.tiers[1:]], rows.costs)
    policy = ModelChoicePolicy(budget=MaxTierCost(8.0)).fit(marked)
    assert (policy.decide(marked)[stays] == 0).all()
    assert policy.decide(first)[~stays].any()
    assert policy.shares_[0] >= stays.mean()


@pytest.mark.parametrize("policy", [CascadeRoutingPolicy, ModelChoicePolicy])
def test_nothing_is_learned_from_rows_that_must_stay(rows, fresh, policy):
    stays = rows.tiers[0].X[:, 0] > 0
    found = []
    for stand_in in (0.0, 1.0):
        tiers = [replace(rows.tiers[0], local_only=stays)] + [
            replace(t, base_utility=np.where(stays, stand_in, t.base_utility))
            for t in rows.tiers[1:]
        ]
        marked = ChainOutcomes(tiers, rows.costs)
        found.append(policy(budget=MaxTierCost(4.0)).fit(marked))
    prices = [one.price_ for one in found]
    assert prices[0] == prices[1]
    decided = [one.decide(fresh) for one in found]
    assert (decided[0] == decided[1]).all()
