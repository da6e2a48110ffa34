import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

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
)
from selective_query.budgets._solving.calibration import hold_out
from selective_query.exceptions import (
    BudgetInfeasibleError,
    CalibrationWarning,
    CertificateError,
)
from tests.budgets.population import Population

ERROR = 0.1


def calibration(rows, ordering=None, exact=True, seed=0):
    scores = CalibrationScores(rows.score, rows.weight, exact=exact)
    return Calibration(scores, rows, ordering, seed)


def keeps(budget, population, threshold):
    """Return whether a threshold truly meets a budget."""
    coverage = population.coverage(threshold)
    verdicts = {
        Coverage: lambda b: coverage >= b.minimum,
        QueryRate: lambda b: 1 - coverage <= b.maximum + 1e-12,
        MinAccuracy: lambda b: population.accuracy(threshold) >= b.accuracy,
        MaxExcessError: lambda b: population.excess(threshold) <= b.excess,
        MinSelectiveAccuracy: lambda b: (
            population.selective_accuracy(threshold) >= b.accuracy
        ),
    }
    return all(verdicts[type(part)](part) for part in budget.parts)


@pytest.mark.slow
@pytest.mark.parametrize("n_levels", [None, 12], ids=["continuous", "tied"])
@pytest.mark.parametrize("n", [50, 500])
@pytest.mark.parametrize(
    "budget",
    [
        Coverage(0.8),
        QueryRate(0.3),
        MinAccuracy(0.87),
        MaxExcessError(0.03),
        MinSelectiveAccuracy(0.85),
        All(Coverage(0.3), MaxExcessError(0.06)),
    ],
    ids=repr,
)
def test_certificates_fail_as_seldom_as_they_say(budget, n, n_levels):
    population = Population(n_levels)
    rng = np.random.default_rng(n)
    draws, failed, given = 250, 0, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        for seed in range(draws):
            rows = population.draw(n, rng)
            try:
                point = calibration(rows, seed=seed).solve(budget, 1 - ERROR)
            except BudgetInfeasibleError:
                continue
            given += 1
            if not point.certificate.vacuous:
                failed += not keeps(budget, population, point.threshold)
    assert failed / draws <= ERROR + 3 * np.sqrt(ERROR * (1 - ERROR) / draws)
    if n == 500:
        assert given > draws / 3


@pytest.mark.parametrize(
    "budget",
    [MinAccuracy(0.87), MaxExcessError(0.03), MinSelectiveAccuracy(0.85)],
    ids=repr,
)
def test_with_many_rows_a_certificate_costs_little(budget):
    population = Population()
    grid = np.linspace(0, 1, 1001)
    furthest = max(t for t in grid if keeps(budget, population, t))
    rng = np.random.default_rng(3)
    reached = [
        calibration(population.draw(20_000, rng), seed=seed)
        .solve(budget, 1 - ERROR)
        .threshold
        for seed in range(5)
    ]
    assert furthest - 0.06 < np.mean(reached) < furthest + 0.01


def test_an_estimate_is_the_furthest_threshold_that_meets_it():
    rows = Population().draw(400, np.random.default_rng(0))
    point = calibration(rows).solve(MinAccuracy(0.87))
    by_hand = [
        np.where(rows.score <= t, rows.base_utility, rows.query_utility).mean()
        for t in np.sort(rows.score)
    ]
    furthest = np.flatnonzero(np.array(by_hand) >= 0.87)[-1]
    assert point.threshold == pytest.approx(np.sort(rows.score)[furthest], abs=1e-10)
    assert point.accuracy == pytest.approx(by_hand[furthest])
    assert point.coverage == pytest.approx((furthest + 1) / 400)


def test_floors_within_limits():
    rows = Population().draw(5000, np.random.default_rng(1))
    rule = calibration(rows)
    alone = rule.solve(MaxExcessError(0.05))
    both = rule.solve(All(Coverage(0.2), MaxExcessError(0.05)))
    assert both.threshold == alone.threshold
    with pytest.raises(BudgetInfeasibleError, match="within Coverage") as caught:
        rule.solve(All(Coverage(0.9), MaxExcessError(0.05)))
    assert caught.value.budget == MaxExcessError(0.05)
    assert caught.value.nearest == pytest.approx(Population().excess(0.9), abs=0.02)


def test_the_tightest_of_several_limits_counts():
    rows = Population().draw(999, np.random.default_rng(2))
    rule = calibration(rows)
    both = rule.solve(All(QueryRate(0.4), Coverage(0.8)))
    assert both.threshold == rule.solve(Coverage(0.8)).threshold
    hopeless = All(QueryRate(0.4), Coverage(0.8), MinAccuracy(0.999))
    with pytest.raises(BudgetInfeasibleError, match=r"within Coverage\(minimum=0.8"):
        rule.solve(hopeless)


def test_an_infeasible_floor_is_named_with_the_best_value():
    rows = Population().draw(2000, np.random.default_rng(4))
    with pytest.raises(
        BudgetInfeasibleError, match="best on the calibration"
    ) as caught:
        calibration(rows).solve(MinAccuracy(0.99))
    sweep = rows.sweep()
    assert caught.value.nearest == pytest.approx(sweep.accuracy.max())


@pytest.mark.parametrize(
    ("budget", "another"),
    [
        (MinAccuracy(0.99), False),
        (All(Coverage(0.9), MaxExcessError(0.01)), True),
        (All(MinAccuracy(0.99), MinSelectiveAccuracy(0.5)), True),
    ],
    ids=repr,
)
def test_an_infeasible_error_suggests_relaxing_the_other_budget(budget, another):
    rows = Population().draw(2000, np.random.default_rng(4))
    with pytest.raises(BudgetInfeasibleError) as caught:
        calibration(rows).solve(budget)
    assert ("relax another budget" in str(caught.value)) == another


def test_too_few_rows_for_a_floor_say_how_many_would_do():
    rows = Population().draw(60, np.random.default_rng(5))
    with pytest.raises(BudgetInfeasibleError, match=r"about \d+ rows would do") as e:
        calibration(rows).solve(MinAccuracy(0.85), 0.95)
    assert 0.5 < e.value.nearest < 0.85


def twenty_rows(base, query):
    score = np.arange(20.0)
    return JudgedRows(score, np.full(20, base), query, np.ones(20))


def test_rows_needed_are_estimated_at_the_first_tested_threshold():
    """At first everything is queried, 18 of 20 rightly; keeping a row costs a point."""
    rows = twenty_rows(0.0, np.append(np.ones(18), np.zeros(2)))
    rule = calibration(rows, ordering=rows)
    with pytest.raises(BudgetInfeasibleError) as caught:
        rule.solve(MinAccuracy(0.88), 0.9)
    times = next(
        times
        for times in 2 ** np.arange(1, 20)
        if binom.sf(18 * times - 1, 20 * times, 0.88) <= 0.1
    )
    assert f"about {20 * times} rows would do" in str(caught.value)
    # The level that 18 of 20 can certify.
    assert binom.sf(17, 20, caught.value.nearest) == pytest.approx(0.1, abs=1e-4)
    # Two wrong of 20 are compatible with a rate of 9 %.
    with pytest.raises(BudgetInfeasibleError, match="miss it by 0.01.*more rows would"):
        rule.solve(MinAccuracy(0.91), 0.9)


@pytest.mark.parametrize(("level", "helps"), [(0.92, True), (0.98, False)])
def test_more_rows_are_advised_if_chance_may_explain_the_gap(level, helps):
    right = np.append(np.ones(450), np.zeros(50))
    rows = JudgedRows(np.arange(500.0), np.zeros(500), right, np.ones(500))
    with pytest.raises(BudgetInfeasibleError) as caught:
        calibration(rows, ordering=rows).solve(MinAccuracy(level), 0.9)
    assert ("more rows would show" in str(caught.value)) == helps
    assert ("More rows would not help" in str(caught.value)) != helps


def test_the_floor_that_is_hardest_to_certify_is_named():
    rows = twenty_rows(1.0, np.append(np.ones(18), np.zeros(2)))
    rule = calibration(rows, ordering=rows)
    easy, hard = MinSelectiveAccuracy(0.1), MinAccuracy(0.99)
    for floors in ((easy, hard), (hard, easy)):
        with pytest.raises(BudgetInfeasibleError) as caught:
            rule.solve(All(*floors), 0.9)
        assert caught.value.budget == hard


def test_a_limit_that_cannot_be_certified_with_a_floor_is_named():
    rows = twenty_rows(1.0, np.ones(20))
    three = calibration(rows.take(np.arange(3)), ordering=rows)
    with pytest.raises(BudgetInfeasibleError) as caught:
        three.solve(All(Coverage(0.5), MinSelectiveAccuracy(0.1)), 0.9)
    assert caught.value.budget == Coverage(0.5)
    # If this is the true share of kept rows, three of three are kept with probability
    # 0.1.
    assert caught.value.nearest == pytest.approx(0.1 ** (1 / 3))


def test_too_few_rows_for_an_excess_query_everything_and_warn():
    rows = Population().draw(50, np.random.default_rng(6))
    with pytest.warns(CalibrationWarning, match=r"At least \d{3} are needed"):
        point = calibration(rows).solve(MaxExcessError(0.01), 0.9)
    assert point.threshold == -np.inf
    assert point.certificate.vacuous
    assert "everything is queried" in str(point)


def test_a_failing_first_test_with_enough_rows_is_reported():
    # 40 rows can certify an excess of 0.3, but not at the start set by the ten others.
    rows = Population().draw(50, np.random.default_rng(12))
    with pytest.warns(CalibrationWarning, match="where the tests begin") as caught:
        point = calibration(rows).solve(MaxExcessError(0.3), 0.9)
    assert point.certificate.vacuous
    assert "needed" not in str(caught[0].message)
    assert calibration(rows, seed=1).solve(MaxExcessError(0.3), 0.9).coverage > 0.5


def test_the_certificate_states_the_level_asked_for():
    rows = Population().draw(4000, np.random.default_rng(7))
    for budget in (MinAccuracy(0.87), MinSelectiveAccuracy(0.85), MaxExcessError(0.03)):
        point = calibration(rows).solve(budget, 0.9)
        assert point.certificate.bound == budget.level
    both = calibration(rows).solve(All(Coverage(0.1), MaxExcessError(0.03)), 0.9)
    assert both.certificate.bound == (0.1, 0.03)
    assert "coverage >= 0.1 (coverage bound 0.1), excess error <= 0.03 hold" in str(
        both
    )


def test_ordering_rows_leave_all_others_to_decide():
    population, rng = Population(), np.random.default_rng(8)
    rows, others = population.draw(1000, rng), population.draw(300, rng)
    own = calibration(rows).solve(MaxExcessError(0.05), 0.9)
    given = calibration(rows, ordering=others).solve(MaxExcessError(0.05), 0.9)
    assert own.certificate.n == 800
    assert given.certificate.n == 1000


def test_graded_answers_are_certified_by_betting():
    rng = np.random.default_rng(9)
    n = 4000
    score = rng.uniform(size=n)
    base = np.clip(0.9 - 0.5 * score + rng.normal(0, 0.05, n), 0, 1)
    query = np.clip(rng.normal(0.85, 0.05, n), 0, 1)
    rows = JudgedRows(score, base, query, np.ones(n))
    for budget in (MinAccuracy(0.8), MaxExcessError(0.05), MinSelectiveAccuracy(0.75)):
        certified = calibration(rows).solve(budget, 0.9)
        estimated = calibration(rows).solve(budget)
        assert estimated.coverage - 0.1 < certified.coverage <= estimated.coverage


def test_weights_are_repeated_rows():
    rng = np.random.default_rng(10)
    rows = Population().draw(800, rng)
    weight = rng.integers(0, 3, size=800).astype(float)
    weighted = JudgedRows(rows.score, rows.base_utility, rows.query_utility, weight)
    repeated = rows.take(np.repeat(np.arange(800), weight.astype(int)))
    others = Population().draw(300, rng)
    for budget in (MinAccuracy(0.84), MaxExcessError(0.05), Coverage(0.7)):
        a = calibration(weighted, others).solve(budget)
        # They differ only in that counts cannot be distinguished from importance
        # weights.
        assert a.certificate.weighted
        a = replace(a, certificate=replace(a.certificate, weighted=False))
        assert a == calibration(repeated, others).solve(budget)
        with pytest.raises(CertificateError, match="repeat the rows"):
            calibration(weighted, others).solve(budget, 0.9)


def test_rows_used_in_a_fit_get_no_certificate():
    rows = Population().draw(500, np.random.default_rng(11))
    with pytest.raises(CertificateError):
        calibration(rows, exact=False).solve(MinAccuracy(0.8), 0.9)
    point = calibration(rows, exact=False).solve(MinAccuracy(0.85))
    assert not point.certificate.exact


def test_floors_need_outcomes():
    scores = CalibrationScores([0.1, 0.2, 0.3], exact=True)
    with pytest.raises(ValueError, match="Pass Outcomes as held_out="):
        Calibration(scores).solve(MinAccuracy(0.8))


@pytest.mark.parametrize(
    ("n", "share", "n_held_out"), [(10, 0.2, 2), (10, 0.25, 2), (11, 0.5, 6)]
)
def test_held_out_rows_are_a_random_share_and_the_others_the_rest(n, share, n_held_out):
    rest, held_out = hold_out(n, share, 0)
    assert len(held_out) == n_held_out
    np.testing.assert_array_equal(np.sort(np.append(rest, held_out)), np.arange(n))
    assert (np.diff(rest) > 0).all() and (np.diff(held_out) > 0).all()
    np.testing.assert_array_equal(held_out, hold_out(n, share, 0)[1])
    drawn = [hold_out(n, share, seed)[1] for seed in range(200)]
    often = np.bincount(np.concatenate(drawn), minlength=n) / 200
    assert np.abs(often - n_held_out / n).max() < 0.15, "each row alike"


@pytest.mark.parametrize(("n", "n_decide"), [(200, 160), (2500, 2000), (6000, 5500)])
def test_a_fifth_of_the_rows_and_no_more_than_five_hundred_order_thresholds(
    n, n_decide
):
    rows = Population().draw(n, np.random.default_rng(12))
    point = calibration(rows).solve(MaxExcessError(0.3), 0.9)
    assert point.certificate.n == n_decide


def test_rows_are_set_aside_by_the_seed_and_the_rest_decide():
    rows = Population().draw(300, np.random.default_rng(13))
    for seed in (0, 7):
        order = np.random.RandomState(seed).permutation(300)
        first, others = np.sort(order[:60]), np.sort(order[60:])
        by_hand = calibration(rows.take(others), ordering=rows.take(first))
        point = calibration(rows, seed=seed).solve(MinSelectiveAccuracy(0.8), 0.9)
        expected = by_hand.solve(MinSelectiveAccuracy(0.8), 0.9)
        assert point.threshold == pytest.approx(expected.threshold)
        assert point.coverage == pytest.approx(np.mean(rows.score <= point.threshold))


def test_after_a_refit_a_coverage_is_carried_over():
    rows = Population().draw(1000, np.random.default_rng(14))
    doubled = CalibrationScores(2 * rows.score, exact=False)
    for budget in (MinAccuracy(0.85), All(Coverage(0.1), MaxExcessError(0.05))):
        there = calibration(rows).solve(budget)
        here = Calibration(doubled, rows).solve(budget)
        assert here.threshold == pytest.approx(2 * there.threshold, rel=0.01)
        assert here.coverage == pytest.approx(there.coverage, abs=0.002)
        assert here.accuracy == pytest.approx(there.accuracy, abs=0.002)
    # If keeping everything meets the floor, everything is kept.
    for exact in (True, False):
        point = calibration(rows, exact=exact).solve(MinAccuracy(0.1))
        assert (point.threshold, point.coverage) == (np.inf, 1)
