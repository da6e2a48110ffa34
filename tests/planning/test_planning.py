from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB

from selective_query import HybridClassifier, Outcomes
from selective_query.budgets import (
    All,
    BatteryLife,
    GroupCoverage,
    MaxLatency,
    MinAccuracy,
    StayLocal,
)
from selective_query.costs import (
    CLOUD,
    LTE_M,
    SERVER,
    STM32F746,
    WIRED,
    ConstantCosts,
    Deployment,
    Gateway,
    Source,
)
from selective_query.datasets import make_selective_query
from selective_query.exceptions import BudgetInfeasibleError, OverloadError
from selective_query.metrics import accuracy_at_coverage
from selective_query.planning import plan, plans
from selective_query.planning._tornado import readable

matplotlib.use("Agg")
COSTS = Deployment(
    device=STM32F746, base_ms=100, link=LTE_M, cloud=CLOUD, payload_bytes=3072,
    inputs_per_day=500,
)  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    outcomes = make_selective_query(3000, regime="uniform", random_state=0).outcomes
    return outcomes, 1 - outcomes.base_proba.max(axis=1)


def accuracy(rows, coverage):
    outcomes, score = rows
    return accuracy_at_coverage(
        score, outcomes.base_utility, outcomes.global_utility, coverage=coverage
    )


def latency(costs):
    return MaxLatency(150, costs)


def test_all_queries_that_a_limit_allows_are_spent(rows):
    found = plan(*rows, COSTS, latency)
    least = MaxLatency(150, COSTS).least_coverage()
    assert found.coverage == pytest.approx(least, abs=1e-3)
    answered, lost = accuracy(rows, least), COSTS.chance_lost
    expected = (1 - lost) * answered + lost * found.base_accuracy
    assert found.accuracy == pytest.approx(expected)
    assert found.costs["latency_ms"] == pytest.approx(150, abs=0.5)
    assert found.base_accuracy < found.accuracy < found.global_accuracy


def test_queries_without_gain_are_not_spent(rows):
    outcomes, _ = rows
    # The score is the benefit itself, so beyond its positive rows queries do harm.
    found = plan(outcomes, outcomes.benefit, COSTS, lambda c: MaxLatency(1e6, c))
    assert found.coverage == pytest.approx((outcomes.benefit <= 0).mean(), abs=1e-3)
    everywhere = [
        accuracy((outcomes, outcomes.benefit), c) for c in np.linspace(0, 1, 51)
    ]
    assert found.accuracy >= max(everywhere) - COSTS.chance_lost


def test_a_floor_is_reached_with_the_fewest_queries(rows):
    target = accuracy(rows, 0.6)
    found = plan(*rows, COSTS, MinAccuracy(target))
    assert found.coverage == pytest.approx(0.6, abs=0.02)
    assert found.accuracy >= target - 1e-9
    both = plan(*rows, COSTS, MinAccuracy(target), lambda c: BatteryLife(20, c))
    assert both.coverage == found.coverage


def test_budgets_that_contradict_each_other_are_named(rows):
    with pytest.raises(BudgetInfeasibleError, match="No coverage meets"):
        plan(
            *rows, COSTS, MinAccuracy(accuracy(rows, 0.5)), lambda c: MaxLatency(101, c)
        )
    with pytest.raises(ValueError, match="at least one budget"):
        plan(*rows, COSTS)


def test_lost_queries_are_answered_by_the_base(rows):
    shaky = replace(COSTS, link=LTE_M.with_(availability=0.5))
    found = plan(*rows, shaky, 0.6)
    expected = 0.75 * accuracy(rows, 0.6) + 0.25 * found.base_accuracy
    assert found.accuracy == pytest.approx(expected, abs=2e-3)
    sure = plan(*rows, COSTS, MinAccuracy(found.accuracy))
    assert sure.coverage > found.coverage


def test_invalid_arguments_of_plan_are_named(rows):
    outcomes, score = rows
    alone = Outcomes(base_proba=outcomes.base_proba, base_utility=outcomes.base_utility)
    with pytest.raises(ValueError, match="needs outcomes with a global"):
        plan(alone, score, COSTS, latency)
    for wrong in ("entropy", score[:5], outcomes.base_proba):
        with pytest.raises(ValueError, match="score must be (one|real) number"):
            plan(outcomes, wrong, COSTS, latency)
    with pytest.raises(ValueError, match="must return a budget.* Got None"):
        plan(outcomes, score, COSTS, lambda costs: None)


def test_assumed_constants_are_asked_again_and_known_ones_are_not(rows):
    found = plan(*rows, COSTS, lambda c: BatteryLife(100, c))
    names = [s.constant for s in found.sensitivities]
    assert "link.energy_mj_per_wake_up" in names
    assert "device.clock_mhz" not in names, "published"
    first = found.sensitivities[0]
    profile, constant = first.constant.split(".")
    assert first.ends == (first.value / 2, first.value * 2)
    half = getattr(COSTS, profile).with_(**{constant: first.ends[0]})
    again = plan(
        *rows,
        replace(COSTS, **{profile: half}),
        lambda c: BatteryLife(100, c),
    )
    assert again.coverage == pytest.approx(first.coverages[0])
    swings = [s.swing for s in found.sensitivities]
    assert swings == sorted(swings, reverse=True)
    own = replace(COSTS, link=LTE_M.with_(energy_mj_per_wake_up=150.0))
    names = [s.constant for s in plan(*rows, own, latency).sensitivities]
    assert "link.energy_mj_per_wake_up" not in names, "given by the user"


def test_a_constant_that_breaks_the_plan_is_infeasible_not_an_error(rows):
    found = plan(*rows, COSTS, lambda c: BatteryLife(115, c))
    broken = [s for s in found.sensitivities if np.isnan(s.coverages).any()]
    assert broken
    assert all(s.swing == np.inf for s in broken)
    assert "infeasible" in str(found)
    assert len(found.plot().patches) > 0


def test_a_plan_reads_as_words(rows):
    text = str(plan(*rows, COSTS, latency))
    assert "Let the base answer" in text
    assert "An answer takes 150 ms on average" in text
    assert "mean latency <= 150 ms" in text
    assert "The battery lasts" in text


def test_without_assumptions_there_is_nothing_to_vary(rows):
    sure = Source("measured")
    parts = {
        name: replace(
            getattr(COSTS, name),
            sources=dict.fromkeys(getattr(COSTS, name).constants(), sure),
        )
        for name in ("device", "link", "cloud")
    }
    model = replace(COSTS, **parts)
    varied = {s.constant for s in plan(*rows, model, latency).sensitivities}
    assert varied <= {"timeout_ms", "retries"}


def test_plain_budgets_are_varied_too(rows):
    bare = plan(*rows, COSTS, MaxLatency(150, COSTS))
    made = plan(*rows, COSTS, latency)
    assert bare.sensitivities == made.sensitivities
    assert bare.sensitivities[0].swing > 0
    other = replace(COSTS, base_ms=50)
    fixed = plan(*rows, COSTS, All(MaxLatency(150, other), MinAccuracy(0.5)))
    # A limit of another deployment does not change with the latency of this one.
    assert "link.jitter_ms" not in {s.constant for s in fixed.sensitivities}


def test_a_range_of_speed_is_shown_and_varied(rows):
    rough = replace(COSTS, base_ms=None, base_macs=12_800_000)
    found = plan(*rows, rough, lambda costs: MaxLatency(160, costs))
    first = found.sensitivities[0]
    assert first.constant == "device.cycles_per_mac"
    assert first.ends == STM32F746.cycles_per_mac
    slow = replace(rough, device=STM32F746.with_(cycles_per_mac=(3.2, 3.2)))
    with pytest.raises(BudgetInfeasibleError):
        plan(*rows, slow, lambda costs: MaxLatency(160, costs))
    assert np.isnan(first.accuracies[1]) and first.accuracies[0] > found.accuracy
    low, high = rough.latency_range_ms(found.coverage)
    assert f"({low:.0f} to {high:.0f} by the device's speed)" in str(found)
    assert "device.cycles_per_mac = 1.1 to 3.2; 1.1: " in str(found)


def test_nothing_is_sent_over_a_dead_link(rows):
    dead = replace(COSTS, link=LTE_M.with_(availability=0))
    found = plan(*rows, dead, lambda costs: BatteryLife(1, costs))
    assert found.coverage == 1.0
    assert found.accuracy == pytest.approx(found.base_accuracy)


def test_a_plan_is_one_that_a_day_can_hold(rows):
    busy = replace(COSTS, inputs_per_day=500_000, base_ms=1)
    busy = replace(busy, link=LTE_M.with_(duty_cycle=0.05))
    with pytest.raises(OverloadError):
        busy.check_load(0.0)
    found = plan(*rows, busy, lambda costs: MaxLatency(1e6, costs))
    busy.check_load(found.coverage)
    assert "The battery lasts" in str(found)


def test_an_outage_and_a_clouds_times_are_varied_sensibly(rows):
    found = plan(*rows, COSTS, latency)
    ends = {s.constant: s.ends for s in found.sensitivities}
    assert ends["link.availability"] == pytest.approx((0.98, 0.995))
    assert ends["cloud.median_ms, with p95_ms"] == (25, 100)
    assert "cloud.p95_ms" not in ends
    tiers = Gateway(
        deployment=Deployment(
            device=SERVER, base_ms=20, link=WIRED, cloud=CLOUD, payload_bytes=3072
        ),
        coverage=0.5,
    )
    found = plan(*rows, replace(COSTS, cloud=tiers), lambda c: MaxLatency(160, c))
    by_name = {s.constant: s for s in found.sensitivities}
    assert by_name["gateway.cloud.median_ms, with p95_ms"].swing > 0


def test_invalid_deployments_are_named(rows):
    with pytest.raises(TypeError, match="must be a Deployment. Got ConstantCosts"):
        plan(*rows, ConstantCosts(), 0.8)


@pytest.fixture(scope="module")
def hybrid(digits):
    X, y = digits
    trees = FrozenEstimator(
        ExtraTreesClassifier(20, random_state=0).fit(X[:600], y[:600])
    )
    base = GaussianNB(var_smoothing=0.1)
    return HybridClassifier(base, trees, router="benefit").fit(X[600:1200], y[600:1200])


def test_a_hybrid_plans_for_itself(hybrid, digits):
    X, y = (part[1200:] for part in digits)
    found = hybrid.plan(X, y, COSTS, MaxLatency(150, COSTS))
    by_hand = hybrid.policy_.router_.decision_cost(hybrid.outcomes(X, y)).macs
    assert found.deployment == replace(COSTS, router_macs=by_hand)
    assert found.budget.costs == found.deployment
    moved = hybrid.at(found.coverage)
    assert moved.operating_point_.coverage == pytest.approx(found.coverage, abs=0.02)
    with pytest.raises(ValueError, match="BenefitRouter reads what the base says"):
        hybrid.plan(X, y, replace(COSTS, order="parallel"), 0.8)
    own = replace(COSTS, router_macs=7)
    assert hybrid.plan(X, y, own, 0.8).deployment is own


def test_budgets_that_look_at_rows_are_refused(rows):
    for budget in (GroupCoverage(0.9), lambda costs: All(0.5, StayLocal())):
        with pytest.raises(ValueError, match="plan takes limits and floors, not"):
            plan(*rows, COSTS, budget)


@pytest.mark.parametrize(
    "value, budget, verdict, excluded",
    [
        (1.0, latency, "pair", {"global alone"}),
        (1e-6, latency, "base alone", {"global alone"}),
        (1e-6, 0.5, "base alone", {"global alone"}),
        (1e-6, 0.0, "base alone", set()),
    ],
)
def test_a_plan_says_whether_to_route(rows, value, budget, verdict, excluded):
    dear = replace(COSTS, cloud=CLOUD.with_(price_per_query=1e-4))
    found = plan(*rows, dear, budget, value=value)
    assert found.verdict.verdict == verdict
    assert set(found.verdict.excluded) == excluded
    low, high = found.verdict.break_even_interval
    assert low < found.verdict.break_even_price < high
    assert f"Verdict: {verdict}" in str(found)
    assert plan(*rows, dear, budget).verdict is None


def test_a_plan_says_where_the_base_is_in_the_way():
    right = np.ones(3000)
    outcomes = Outcomes(base_utility=0 * right, global_utility=right)
    found = plan(
        outcomes,
        right,
        replace(COSTS, link=WIRED),
        0.0,
        value=1.0,
        cost=lambda d, c: 1e-3 * d.energy_mj(c),
    )
    assert found.verdict.verdict == "global alone"


def test_a_verdict_is_on_other_rows_than_its_cut(monkeypatch):
    seen = []
    monkeypatch.setattr(plans, "judged", lambda *given: seen.append(given))
    score = np.random.default_rng(0).permutation(1000) / 1000
    outcomes = Outcomes(base_utility=1 - score, global_utility=np.ones(1000))
    plan(outcomes, score, COSTS, 0.6, value=1.0)
    ((reported, kept, coverage, *_),) = seen
    judged = 1 - reported.base_utility  # the scores again
    chosen = np.setdiff1d(score.round(3), judged.round(3))
    assert len(judged) == len(chosen) == 500 and coverage == 0.6
    assert (kept == (judged <= np.sort(chosen)[300 - 1] + 1e-9)).all()


def test_a_verdict_takes_no_floor(rows):
    with pytest.raises(ValueError, match="limits on queries"):
        plan(*rows, COSTS, MinAccuracy(0.5), value=1.0)


def test_timeout_and_retries_are_varied_and_what_changes_nothing_is_left_out(rows):
    flaky = replace(COSTS, link=LTE_M.with_(availability=0.9))
    found = plan(*rows, flaky, latency)
    by_name = {s.constant: s for s in found.sensitivities}
    assert by_name["timeout_ms"].ends == (5_000, 20_000)
    assert by_name["retries"].ends == (0, 2)
    once = plan(*rows, replace(flaky, retries=0), latency)
    assert by_name["retries"].accuracies[0] == pytest.approx(once.accuracy)
    for moved in found.sensitivities:
        same = np.isclose(moved.accuracies, found.accuracy)
        assert not (same & np.isclose(moved.coverages, found.coverage)).all()
    assert "device.battery_v" not in by_name


@pytest.mark.parametrize(
    "budgets",
    [(MaxLatency(150),), (MinAccuracy(0.5), MaxLatency(150)), (BatteryLife(60),)],
)
def test_costs_need_not_be_repeated(rows, budgets):
    full = [
        replace(part, costs=COSTS) if hasattr(part, "costs") else part
        for part in budgets
    ]
    assert plan(*rows, COSTS, *budgets) == plan(*rows, COSTS, *full)
    assert plan(*rows, COSTS, All(*budgets, 0.1)).coverage > 0


def test_without_a_plan_costs_must_be_there():
    with pytest.raises(TypeError, match="MaxLatency: costs is missing. Only plan"):
        MaxLatency(150).least_coverage()


@pytest.mark.parametrize(("coverage", "told"), [(0.97, True), (0.9, False), (1, False)])
def test_a_percentile_that_says_nothing_of_queries_is_named(rows, coverage, told):
    found = plan(*rows, COSTS, coverage)
    said = "Fewer than 5 % are queried" in str(found)
    assert said == (told and found.coverage < 1)


def test_constants_have_readable_names():
    assert readable("link.energy_mj_per_wake_up") == "link: energy per wake up (mJ)"
    assert readable("cloud.median_ms, with p95_ms") == "cloud: median (ms)"
    assert (
        readable("gateway.cloud.price_per_query") == "gateway, cloud: price per query"
    )
    assert readable("retries") == "retries"


def test_no_label_of_the_tornado_is_cut_off(rows):
    axes = plan(*rows, COSTS, BatteryLife(115)).plot()
    axes.figure.draw_without_rendering()
    whole = axes.figure.bbox
    texts = [*axes.get_yticklabels(), *axes.texts, axes.xaxis.label, axes._left_title]
    for text in texts:
        box = text.get_window_extent()
        assert whole.x0 <= box.x0 <= box.x1 <= whole.x1 + 1, text
    assert not any("_" in text.get_text() for text in texts)
