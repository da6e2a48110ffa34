from dataclasses import replace

import numpy as np
import pytest

from selective_query import CascadePolicy, ChainOutcomes, Outcomes, RoutingPolicy
from selective_query.budgets import (
    All,
    Coverage,
    GroupCoverage,
    MaxExcessError,
    MaxLatency,
    MaxQueryCost,
    MaxTierCost,
    MinAccuracy,
    MinSelectiveAccuracy,
    Mixed,
    QueryRate,
)
from selective_query.costs import ConstantCosts
from selective_query.datasets import make_selective_query
from selective_query.exceptions import BudgetInfeasibleError, CertificateError
from tests.tiers.simulated import chain


def pair(seed=0):
    """Return the same rows as outcomes of a pair and as a chain of two."""
    outcomes = make_selective_query(
        1500, regime="specialist", random_state=seed
    ).outcomes
    names = "base_proba", "base_features", "X", "y", "classes"
    base = Outcomes(**{name: getattr(outcomes, name) for name in names})
    last = Outcomes(
        base_pred=outcomes.global_pred, y=outcomes.y, classes=outcomes.classes
    )
    return outcomes, ChainOutcomes([base, last], costs=[1, 9])


@pytest.mark.parametrize("router", ["auto", "margin", "benefit", "max_logit"])
@pytest.mark.parametrize("calibration", [None, 0.3])
@pytest.mark.parametrize(
    "coverage",
    [0.8, 0.3, QueryRate(0.1), MinAccuracy(0.62), All(Coverage(0.3), MinAccuracy(0.6))],
    ids=str,
)
def test_a_chain_of_two_is_a_routing_policy(router, coverage, calibration):
    outcomes, two = pair()
    options = {"calibration": calibration, "random_state": 0}
    policy = RoutingPolicy(router, coverage, **options).fit(outcomes)
    cascade = CascadePolicy(router, coverage, **options).fit(two)
    for moved, of_two in ((policy, cascade), (policy.at(0.6), cascade.at(0.6))):
        assert moved.operating_point_ == of_two.operating_point_.points[0]
        kept = of_two.decide(two) == 0
        np.testing.assert_array_equal(moved.decide(outcomes.evidence), kept)


def test_a_chain_of_two_by_the_sign_of_the_benefit():
    outcomes, two = pair()
    policy = RoutingPolicy("benefit", None, random_state=0).fit(outcomes)
    cascade = CascadePolicy("benefit", None, random_state=0).fit(two)
    kept = cascade.decide(two) == 0
    np.testing.assert_array_equal(policy.decide(outcomes.evidence), kept)


@pytest.mark.parametrize("router", ["max_probability", "benefit"])
@pytest.mark.parametrize("calibration", [None, 0.4])
def test_each_tier_keeps_its_share_of_what_reaches_it(router, calibration):
    realised = []
    for seed in range(8):
        policy = CascadePolicy(
            router, (0.7, 0.6, 0.5), calibration=calibration, random_state=0
        ).fit(chain(2000, 4, seed))
        tier = policy.decide(chain(5000, 4, 100 + seed))
        asked = [(tier >= j).sum() for j in range(4)]
        realised.append([(tier == j).sum() / asked[j] for j in range(3)])
    np.testing.assert_allclose(np.mean(realised, axis=0), (0.7, 0.6, 0.5), atol=0.025)


@pytest.mark.parametrize(
    "budget", [MaxTierCost(4.0), MaxTierCost(4.0, costs=(1, 3, 10, 30))]
)
def test_the_cost_of_a_chain_is_what_was_asked(budget):
    spent = []
    for seed in range(6):
        rows, fresh = chain(1500, 4, seed), chain(5000, 4, 100 + seed)
        policy = CascadePolicy("max_probability", budget, random_state=0).fit(rows)
        tier = policy.decide(fresh)
        spent.append(fresh.spent(tier).mean())
        assert policy.operating_point_.cost <= 4.0 + 1e-9
        assert policy.operating_point_.price > 0
    assert np.mean(spent) == pytest.approx(4.0, abs=0.15)


def test_one_number_bounds_what_reaches_the_last_tier():
    fresh = chain(5000, 3, 9)
    policy = CascadePolicy("max_probability", 0.85).fit(chain(2000, 3, 8))
    assert (policy.decide(fresh) == 2).mean() == pytest.approx(0.15, abs=0.03)
    assert sum(policy.operating_point_.shares) == pytest.approx(1)


@pytest.mark.parametrize("floor", [MinAccuracy(0.72), MaxExcessError(0.02)])
def test_a_floor_is_reached_below_the_cost_of_all_tiers(floor):
    policy = CascadePolicy("max_probability", floor).fit(chain(6000, 3, 1))
    fresh = chain(20_000, 3, 2)
    tier = policy.decide(fresh)
    asked = 0.72
    if isinstance(floor, MaxExcessError):
        asked = fresh.utilities[:, -1].mean() - 0.02
    assert fresh.utility(tier).mean() == pytest.approx(asked, abs=0.012)
    assert fresh.spent(tier).mean() < 10
    relaxed = policy.at(MinAccuracy(0.65)).operating_point_
    assert relaxed.cost < policy.operating_point_.cost


def test_moving_equals_fitting_there_where_nothing_is_learned():
    rows, fresh = chain(1200, 3, 3), chain(500, 3, 4)
    policy = CascadePolicy("margin", (0.7, 0.7)).fit(rows)
    for coverage in ((0.5, 0.4), MaxTierCost(3.0), 0.8, (1.0, 0.5), (0.0, 0.5)):
        there = CascadePolicy("margin", coverage).fit(rows)
        moved = policy.at(coverage)
        np.testing.assert_array_equal(moved.decide(fresh), there.decide(fresh))
        assert moved.operating_point_.shares == there.operating_point_.shares


def test_certificates_of_all_tiers_hold_together():
    """Over 300 draws at level 0.8; the test may fail in one of a hundred cases."""
    kept = []
    population = chain(40_000, 3, 0)
    rng = np.random.default_rng(0)
    for _ in range(300):
        rows = population.take(rng.integers(population.n_rows, size=400))
        policy = CascadePolicy("margin", (0.7, 0.6), confidence=0.8).fit(rows)
        tier = policy.decide(population)
        first, second = (tier == 0).mean(), (tier == 1).sum() / (tier >= 1).sum()
        kept.append(first >= 0.7 and second >= 0.6)
    assert np.mean(kept) >= 0.8 - 2.33 * np.sqrt(0.16 / 300)
    assert np.mean(kept) < 0.95


def test_a_router_learns_from_the_rows_that_reach_its_tier():
    """On rows kept by the earlier tier, a feature has the opposite meaning."""
    rng = np.random.default_rng(0)
    n = 4000
    easy = rng.uniform(size=n) < 0.7
    feature = rng.normal(size=n)
    sure = np.where(easy, 0.95, 0.55)
    first = Outcomes(
        base_proba=np.column_stack([sure, 1 - sure]), base_utility=1.0 * easy
    )
    helps = np.where(easy, feature < 0, feature > 0)
    middle = Outcomes(base_features=feature[:, None], base_utility=1.0 * ~helps)
    last = Outcomes(base_features=feature[:, None], base_utility=np.ones(n))
    rows = ChainOutcomes([first, middle, last])
    policy = CascadePolicy(["max_probability", "benefit"], (0.7, 0.5)).fit(rows)
    tier = policy.decide(rows)
    assert rows.utility(tier)[~easy].mean() > 0.9


@pytest.mark.parametrize(
    ("coverage", "match"),
    [
        ((0.5,), r"must hold 2 for a chain of 3 tiers.*such as \(0.7, 0.7\).*Got 1"),
        ((0.5, 0.5, 0.5), "must hold 2 for a chain of 3 tiers.*Got 3"),
        ((0.5, 80), "Did you mean 0.8"),
        ((0.5, Mixed(0.5)), "Mixed picks thresholds"),
        (GroupCoverage(0.5), "depends on single rows"),
        (MinSelectiveAccuracy(0.9), "is about one tier"),
        (
            All(0.5, MaxTierCost(3), MaxTierCost(3, costs=(1, 1, 1))),
            "limits of two different costs and one floor",
        ),
        (MaxTierCost(3, costs=(1, 2)), "cost of each of the 3 tiers"),
        (MaxLatency(9, ConstantCosts(query_latency_ms=9)), "is for two tiers"),
    ],
)
def test_budgets_without_meaning_are_refused(coverage, match):
    with pytest.raises(ValueError, match=match):
        CascadePolicy("margin", coverage).fit(chain(100, 3, 0))


@pytest.mark.parametrize("budget", [MaxTierCost(0.5), MinAccuracy(0.999)])
def test_unsupported_requests_of_chains_are_named(budget):
    with pytest.raises(BudgetInfeasibleError, match="cannot be met by this chain"):
        CascadePolicy("margin", budget).fit(chain(400, 3, 0))


@pytest.mark.parametrize(
    ("coverage", "calibration", "match"),
    [
        (0.8, None, "not used to divide it"),
        ((MinAccuracy(0.7), 0.5), None, "later tiers come from the same rows"),
        (MinAccuracy(0.7), 0.5, "later tiers come from the same rows"),
    ],
)
def test_certificates_that_would_not_hold_are_refused(coverage, calibration, match):
    policy = CascadePolicy("margin", coverage, confidence=0.9, calibration=calibration)
    with pytest.raises(CertificateError, match=match):
        policy.fit(chain(400, 3, 0))


def test_a_tier_that_hardly_anything_reaches_still_decides():
    policy = CascadePolicy("benefit", (0.99, 0.5), random_state=0)
    policy.fit(chain(200, 3, 0))
    assert set(policy.decide(chain(3000, 3, 1))) == {0, 1, 2}


def test_routers_and_evidence_must_match_the_tiers():
    with pytest.raises(ValueError, match="hold 2 for a chain of 3 tiers"):
        CascadePolicy(["margin"], (0.5, 0.5)).fit(chain(100, 3, 0))
    policy = CascadePolicy(["margin", "entropy"], (0.5, 0.5)).fit(chain(100, 3, 0))
    with pytest.raises(ValueError, match="one for each of the 3 tiers"):
        policy.decide(chain(100, 2, 0))
    text = str(policy.operating_point_)
    assert text.startswith("answered by tier: 0.5")
    assert "mean cost" in text


@pytest.mark.parametrize(("n_tiers", "coverage"), [(2, 0.7), (3, (0.6, 0.5)), (3, 0.8)])
def test_some_inputs_get_no_answer_and_those_that_do_get_better_ones(n_tiers, coverage):
    rates, gains, shares = [], [], []
    for seed in range(4):
        fresh = chain(8000, n_tiers, 100 + seed)
        policy = CascadePolicy("benefit", coverage, abstain=0.1, random_state=0)
        policy.fit(chain(2000, n_tiers, seed))
        tier = policy.decide(fresh)
        answering = policy.at(coverage, abstain=None).decide(fresh)
        answered = tier >= 0
        np.testing.assert_array_equal(tier[answered], answering[answered])
        rates.append(1 - answered.mean())
        # Compared with dropping the least confident answers of a chain that only
        # routes.
        plain = CascadePolicy("benefit", coverage, random_state=0)
        stop = plain.fit(chain(2000, n_tiers, seed)).decide(fresh)
        sure = np.array([known.base_proba[:, 0] for known in fresh.tiers])
        sure = sure[stop, np.arange(len(stop))]
        kept = sure > np.quantile(sure, rates[-1])
        gains.append(
            fresh.utility(tier)[answered].mean() - fresh.utility(stop)[kept].mean()
        )
        shares.append([(tier == j).mean() for j in range(n_tiers)])
        point = policy.operating_point_
        assert sum(point.shares) + point.abstained == pytest.approx(1)
    assert np.mean(rates) == pytest.approx(0.1, abs=0.015)
    assert np.mean(gains) > -0.001
    np.testing.assert_allclose(np.mean(shares, axis=0), point.shares, atol=0.03)


def test_abstention_moves_without_a_fit_where_it_was_learned():
    rows, fresh = chain(2000, 3, 0), chain(8000, 3, 1)
    policy = CascadePolicy("benefit", (0.6, 0.5), abstain=0.1, calibration=0.4)
    policy.set_params(random_state=0).fit(rows)
    for share in (0.05, 0.3, 0.0):
        moved = policy.at((0.6, 0.5), abstain=share)
        assert (moved.decide(fresh) < 0).mean() == pytest.approx(share, abs=0.04)
    assert policy.at(0.8, abstain=None).rule_.doubts == ()
    plain = CascadePolicy("margin", (0.6, 0.5)).fit(rows)
    with pytest.raises(ValueError, match="fitted without abstention"):
        plain.at(0.8, abstain=0.1)
    with pytest.raises(ValueError, match="abstain= with MinAccuracy"):
        policy.at((0.6, MinAccuracy(0.5)))
    with pytest.raises(CertificateError, match="with abstain="):
        policy.set_params(confidence=0.9).fit(rows)


def grouped(n, seed):
    """Return the chain with groups, one of which has lower confidence."""
    rows, rng = chain(n, 3, seed), np.random.default_rng(seed)
    group = np.where(rng.uniform(size=n) < 0.3, "few", "many")
    dull = np.where(group == "few", 0.3, 1.0)[:, None]
    tiers = [
        replace(tier, base_proba=0.5 + dull * (tier.base_proba - 0.5), group=group)
        for tier in rows.tiers
    ]
    return replace(rows, tiers=tuple(tiers))


@pytest.mark.parametrize("calibration", [None, 0.5])
def test_tiers_keep_their_share_of_every_group(calibration):
    each = GroupCoverage(0.6)
    fresh = grouped(20_000, 1)
    group, shares = fresh.tiers[0].group, []
    for seed in range(4):
        policy = CascadePolicy(
            "max_probability", (each, GroupCoverage(0.5)), calibration=calibration,
            random_state=0,
        ).fit(grouped(4000, 10 + seed))  # fmt: skip
        tier = policy.decide(fresh)
        shares.append(
            [
                [(tier[of] == 0).mean(), (tier[of & (tier > 0)] == 1).mean()]
                for of in (group == "few", group == "many")
            ]
        )
    np.testing.assert_allclose(np.mean(shares, axis=0), [[0.6, 0.5]] * 2, atol=0.03)
    assert sum(policy.operating_point_.shares) == pytest.approx(1)
    plain = CascadePolicy("max_probability", (0.6, 0.5)).fit(grouped(4000, 10))
    assert (plain.decide(fresh)[group == "few"] == 0).mean() < 0.3


def test_of_limits_of_the_same_cost_the_strictest_counts():
    rows = chain(2000, 3, 0)
    policy = CascadePolicy("margin", 0.8).fit(rows)
    for both, strict in (
        (All(0.5, QueryRate(0.3)), Coverage(0.7)),
        (All(QueryRate(0.1), Coverage(0.6)), QueryRate(0.1)),
        (All(MaxTierCost(3), MaxTierCost(4)), MaxTierCost(3)),
    ):
        moved, expected = policy.at(both), policy.at(strict)
        np.testing.assert_array_equal(moved.decide(rows), expected.decide(rows))


def test_two_limits_are_kept_and_spent_as_far_as_both_allow():
    rows = chain(3000, 3, 0)
    policy = CascadePolicy("max_probability", 0.5).fit(rows)
    for share, maximum in ((0.75, 4.0), (0.9, 2.5), (0.6, 3.0), (0.95, 9.0)):
        both = policy.at(All(Coverage(share), MaxTierCost(maximum)))
        tier = both.decide(rows)
        assert (tier == 2).mean() <= 1 - share + 1e-9
        assert rows.spent(tier).mean() <= maximum + 1e-9
        best = both.operating_point_.accuracy
        each = policy.at(Coverage(share)), policy.at(MaxTierCost(maximum))
        for one in each:
            stop = one.decide(rows)
            kept = (stop == 2).mean() <= 1 - share
            if kept and rows.spent(stop).mean() <= maximum:
                assert best >= one.operating_point_.accuracy - 1e-9
        # Compared with all pairs of thresholds on a grid.
        sure = [t.base_proba[:, 0] for t in rows.tiers[:2]]
        cuts = [np.quantile(s, np.linspace(0, 1, 21)) for s in sure]
        for first in cuts[0]:
            for second in cuts[1]:
                stop = np.where(sure[0] >= first, 0, np.where(sure[1] >= second, 1, 2))
                if (stop == 2).mean() <= 1 - share and (
                    rows.spent(stop).mean() <= maximum
                ):
                    assert rows.utility(stop).mean() <= best + 0.004
    with pytest.raises(BudgetInfeasibleError, match="a cost of 1 on") as caught:
        policy.at(All(Coverage(0.9), MaxTierCost(0.5)))
    assert caught.value.budget == MaxTierCost(0.5)


def test_a_limit_by_the_cost_of_each_row_holds_for_what_reaches_a_tier():
    rows = chain(4000, 3, 0)
    cost = np.random.default_rng(0).uniform(1, 3, size=4000)
    tiers = tuple(replace(tier, query_cost=cost) for tier in rows.tiers)
    rows = replace(rows, tiers=tiers)
    policy = CascadePolicy("benefit", (0.6, MaxQueryCost(0.5)), random_state=0)
    tier = policy.fit(rows).decide(rows)
    reached = tier > 0
    assert (cost * (tier == 2))[reached].mean() == pytest.approx(0.5, abs=0.05)
