import copy
import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from selective_query import CascadePolicy, CascadeRule, Rule, load, save
from selective_query.budgets import MaxTierCost
from selective_query.routers import EntropyRouter
from tests.tiers.simulated import chain


@pytest.fixture(scope="module", params=[None, 0.1], ids=["answers", "abstains"])
def policy(request):
    policy = CascadePolicy("benefit", (0.6, 0.5), abstain=request.param, random_state=0)
    return policy.fit(chain(1500, 3, 0))


def test_a_rule_decides_as_its_policy_does(policy):
    fresh = chain(500, 3, 1)
    rule = policy.rule_
    assert rule.n_tiers == 3 and len(rule.rules) == 2
    np.testing.assert_array_equal(rule.decide(fresh), policy.decide(fresh))
    evidence = [tier.evidence for tier in fresh.tiers]
    np.testing.assert_array_equal(rule.last_asked(fresh), rule.last_asked(evidence))
    np.testing.assert_array_equal(rule.decide(evidence), policy.decide(fresh))
    assert [p.rule_ for p in policy.policies_] == list(rule.rules)


def test_rules_and_policies_come_back_from_files_and_copies(policy, tmp_path):
    fresh, rule = chain(500, 3, 1), policy.rule_
    expected = policy.decide(fresh)
    save(rule, tmp_path / "rule.skops")
    save(policy, tmp_path / "policy.skops")
    loaded = load(tmp_path / "policy.skops")
    for one in (
        CascadeRule.from_dict(rule.to_dict()),
        load(tmp_path / "rule.skops"),
        loaded,
        *(copied(one) for one in (rule, policy) for copied in COPIES),
    ):
        np.testing.assert_array_equal(one.decide(fresh), expected)
    budget = MaxTierCost(4.0)
    moved = policy.at(budget)
    np.testing.assert_array_equal(loaded.at(budget).decide(fresh), moved.decide(fresh))
    assert loaded.at(budget).operating_point_ == moved.operating_point_


COPIES = copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))


def test_invalid_chain_rules_are_refused():
    rule = Rule(EntropyRouter())
    with pytest.raises(TypeError, match="rules must hold a Rule for each tier"):
        CascadeRule([EntropyRouter()])
    for rules, doubts in (([], []), ([rule], [rule]), ([rule] * 2, [rule] * 2)):
        with pytest.raises(ValueError, match=f"Got {len(rules)} rules and"):
            CascadeRule(rules, doubts)
    with pytest.raises(NotFittedError, match="no threshold yet"):
        CascadeRule([rule, rule]).decide(chain(10, 3, 0))


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        ({"format": 99}, "dict of format"),
        ({"rules": 3}, "rules must be a list"),
        ({"rules": []}, "one at least"),
        ({"doubts": [1]}, "must be a dict"),
        ({"more": 1}, "must have the parts"),
    ],
)
def test_damaged_plain_data_are_refused(damage, match):
    data = CascadePolicy("margin", (0.6, 0.5)).fit(chain(300, 3, 0)).rule_.to_dict()
    with pytest.raises(ValueError, match=match):
        CascadeRule.from_dict({**data, **damage})
