"""One threshold per group, and mixtures, satisfy every constraint."""

from dataclasses import replace

import numpy as np
import pytest

from selective_query.budgets._solving.group_program import GroupPlan, group_levels
from selective_query.budgets._solving.group_rounding import (
    Constraints,
    one_threshold_each,
    repaired,
)

ASKED = Constraints(
    size=np.array([10.0, 30.0]),
    least=np.array([0.5, 0.2]),
    overall=0.4,
    max_gap=0.3,
    max_cost=2.0,
)
KEPT, COST = np.array([6.0, 15.0]), np.array([30.0, 50.0])


def levels_of(*groups):
    return [group_levels(score, score, np.ones(len(score))) for score in groups]


def planned(*coverage):
    apart = np.zeros(len(coverage), dtype=bool)
    return GroupPlan(np.array(coverage), apart, mixture=[], value=0.0)


def test_every_part_can_be_missed_by_itself():
    assert ASKED.met(KEPT, COST)
    for part, kept, cost in (
        ("least", [4.9, 15], COST),
        ("least of the other", [6, 5.9], COST),
        ("overall", [9, 6.9], COST),
        ("max_gap", [5, 24.1], COST),
        ("max_cost", KEPT, [30, 50.1]),
    ):
        asked = replace(ASKED, max_gap=None) if part == "overall" else ASKED
        assert not asked.met(np.array(kept), np.array(cost)), part
    assert replace(ASKED, max_cost=None).met(KEPT, COST + 1)
    assert replace(ASKED, max_gap=None).met(np.array([5, 24.1]), COST)
    np.testing.assert_array_equal(
        ASKED.met(np.array([KEPT, [0, 0]]), np.array([COST, [0, 0]])), [True, False]
    )


def test_a_group_that_falls_short_leaves_the_others_together():
    low, high = np.arange(10.0), np.arange(10.0, 20)
    asked = Constraints(np.full(3, 10.0), np.array([0, 0, 0.5]), 0.0, None, None)
    found = one_threshold_each(planned(0.3, 0.7, 0.5), levels_of(low, low, high), asked)
    # Together the first two keep the ten rows required.
    assert found.tolist() == [4, 4, 14]


def test_groups_share_a_threshold_where_none_is_apart():
    low, high = np.arange(10.0), np.arange(10.0, 20)
    asked = Constraints(np.full(2, 10.0), np.zeros(2), 0.6, None, None)
    found = one_threshold_each(planned(0.9, 0.3), levels_of(low, high), asked)
    assert found.tolist() == [11, 11]
    plan = replace(planned(0.9, 0.3), apart=np.array([False, True]))
    found = one_threshold_each(plan, levels_of(low, high), asked)
    assert found.tolist() == [8, 12]


@pytest.mark.parametrize("miss", [1e-8, 1e-4, 0.1])
def test_a_mixture_that_falls_short_keeps_just_enough_more(miss):
    (levels,) = levels_of(np.arange(100.0))
    asked = Constraints(np.array([100.0]), np.array([0.5]), 0.0, None, None)
    mixture = [[(-np.inf, 0.5 + miss), (np.inf, 0.5 - miss)]]
    (found,) = repaired(mixture, [levels], asked)
    *_, (threshold, more) = found
    needed = miss / (0.5 + miss)
    assert threshold == np.inf
    assert needed * 0.85 - 2e-9 <= more <= needed * 1.05
    assert sum(share for _, share in found) == pytest.approx(1)
    enough = [[(-np.inf, 0.4), (np.inf, 0.6)]]
    assert repaired(enough, [levels], asked) is enough
