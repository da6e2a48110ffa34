import itertools
import time

import numpy as np
import pytest

from selective_query.tiers._priced import PricedChain
from tests.tiers.simulated import chain


def priced(n, n_tiers, seed):
    outcomes = chain(n, n_tiers, seed)
    scores = [-tier.base_proba[:, 0] for tier in outcomes.tiers[:-1]]
    return PricedChain(scores, outcomes.utilities, outcomes.costs, outcomes.weight)


def worth(rows, passed, price):
    return rows.utility(passed) - price * rows.cost(passed)


def best_by_trying_all(rows, price):
    cuts = [range(group.max() + 2) for group in rows._group]
    return max(
        worth(rows, np.array([g >= c for g, c in zip(rows._group, cut, strict=True)]),
              price)
        for cut in itertools.product(*cuts)
    )  # fmt: skip


@pytest.mark.parametrize("price", [0.0, 0.003, 0.02, 0.1])
def test_thresholds_are_nearly_always_the_best(price):
    gaps = []
    for seed in range(12):
        rows = priced(40, 3, seed)
        found = worth(rows, rows.at_price(price), price)
        gaps.append(best_by_trying_all(rows, price) - found)
    assert min(gaps) > -1e-9
    assert np.mean(np.array(gaps) > 1e-9) < 0.2
    assert np.mean(gaps) < 0.003


def test_thresholds_of_two_tiers_maximise_the_gain():
    for seed in range(5):
        rows = priced(200, 2, seed)
        for price in (0.0, 0.01, 0.05):
            found = worth(rows, rows.at_price(price), price)
            assert found == pytest.approx(best_by_trying_all(rows, price))


@pytest.mark.parametrize("maximum", [1.0, 1.5, 4.0, 10.0, 200.0])
def test_a_budget_is_spent_and_not_exceeded(maximum):
    rows = priced(2000, 4, 0)
    passed, price = rows.best_within(lambda p: rows.cost(p) <= maximum + 1e-9)
    cost = rows.cost(passed)
    assert cost <= maximum + 1e-9
    free = rows.cost(rows.at_price(0.0))
    assert cost == pytest.approx(min(maximum, free), rel=0.02)
    assert (price == 0) == (maximum >= free)


def test_larger_budgets_are_never_worse_and_floors_cost_least():
    rows = priced(3000, 4, 1)
    costs = [1.2, 2, 4, 8, 16]
    best = [rows.best_within(lambda p, c=c: rows.cost(p) <= c)[0] for c in costs]
    utility = [rows.utility(passed) for passed in best]
    assert (np.diff(utility) > 0).all()
    for cost, reached in zip(costs, utility, strict=True):
        passed, _ = rows.cheapest(lambda p, u=reached: rows.utility(p) >= u)
        assert rows.utility(passed) >= reached
        assert rows.cost(passed) <= cost * 1.05


def test_joint_thresholds_beat_tier_by_tier_ones():
    rows = priced(4000, 3, 2)
    for maximum in (2.0, 4.0, 8.0):
        joint, _ = rows.best_within(lambda p, m=maximum: rows.cost(p) <= m)
        greedy = max(
            rows.utility(rows.with_flows([flow, flow * share]))
            for flow in np.linspace(0, 1, 21)
            for share in (0.2, 0.5, 0.8)
            if rows.cost(rows.with_flows([flow, flow * share])) <= maximum
        )
        assert rows.utility(joint) > greedy - 0.002


def test_rows_that_must_stay_and_groups_of_ties_are_kept_whole():
    score = np.array([-np.inf, -np.inf, 1, 1, 1, 2.0])
    utilities = np.tile([0.0, 1.0], (6, 1))
    rows = PricedChain([score], utilities, np.array([0.0, 1.0]), np.ones(6))
    assert rows.at_price(0.0).tolist() == [[False, False, True, True, True, True]]
    for flow in (0.1, 0.3, 0.7, 1.0):
        (passed,) = rows.with_flows([flow])
        assert len(set(passed[2:5])) == 1 and not passed[:2].any()


def test_ten_thousand_rows_of_five_tiers_take_less_than_a_second():
    rows = priced(10_000, 5, 0)
    start = time.process_time()
    rows.best_within(lambda p: rows.cost(p) <= 20)
    assert time.process_time() - start < 1
