"""Risk over coverage, the criterion of selective classification."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from selective_query.metrics import (
    augrc,
    aurc,
    coverage_at_risk,
    e_aurc,
    selective_accuracy_at_coverage,
    selective_risk_at_coverage,
)
from selective_query.metrics._integrals import area_under_ratio
from tests.metrics.drawn import (
    ANY,
    FINITE,
    INF,
    RIGHT_OR_WRONG,
    corners,
    integral,
    kept_loss,
    repeated,
    rows,
)

FEW = settings(max_examples=60, deadline=None)


@given(rows(FINITE))
@FEW
def test_areas_are_integrals_over_coverage(drawn):
    score, base, _, weight = drawn
    ends = corners(score, weight)

    def loss(coverage):
        return kept_loss(score, base, weight, coverage)

    assert aurc(score, base, sample_weight=weight) == pytest.approx(
        integral(lambda c: loss(c) / c, ends), abs=1e-10
    )
    assert augrc(score, base, sample_weight=weight) == pytest.approx(
        integral(loss, ends), abs=1e-12
    )


@given(rows(ANY))
@FEW
def test_weights_are_repeated_rows(drawn):
    score, base, query, weight = drawn
    again = repeated(score, base, query, weight)[:2]
    for metric in (aurc, augrc, e_aurc):
        np.testing.assert_allclose(
            metric(score, base, sample_weight=weight), metric(*again), atol=1e-12
        )
    for risk in (0, 0.2, 1):
        np.testing.assert_allclose(
            coverage_at_risk(score, base, risk=risk, sample_weight=weight),
            coverage_at_risk(*again, risk=risk),
            atol=1e-9,
        )


@given(rows(FINITE), st.sampled_from([0, 0.1, 0.25, 0.5, 0.9, 1]))
@FEW
def test_coverage_at_risk_is_the_largest_that_fits(drawn, risk):
    score, base, _, weight = drawn
    found = coverage_at_risk(score, base, risk=risk, sample_weight=weight)
    assert kept_loss(score, base, weight, found) <= risk * found + 1e-9
    for coverage in np.arange(found + 1e-6, 1, 0.02):
        assert kept_loss(score, base, weight, coverage) > risk * coverage


def test_coverage_at_risk_by_hand():
    score, base = [4, 3, 2, 1, 0], [0, 1, 0, 1, 1]
    assert coverage_at_risk(score, base, risk=0.4) == 1  # 2 / 5, in floating point
    assert coverage_at_risk(score, base, risk=0.25) == pytest.approx(0.8)
    assert coverage_at_risk(score, base, risk=0) == pytest.approx(0.4)
    several = coverage_at_risk(score, base, risk=[[0], [0.25]])
    np.testing.assert_allclose(several, [[0.4], [0.8]])
    # Half of a group of two tied rows, one of them wrong, and the row below it.
    assert coverage_at_risk([1, 1, 0], [0, 1, 1], risk=0.25) == pytest.approx(2 / 3)


def test_no_row_at_this_risk():
    assert coverage_at_risk([1, 0], [1, 0], risk=0.4) == 0
    # Rows that are never queried cannot be left out.
    assert np.isnan(coverage_at_risk([1, -INF], [1, 0], risk=0.4))
    # Rows that are always queried cannot be kept.
    assert coverage_at_risk([INF, 0], [1, 1], risk=0.4) == 0.5
    for risk in (-0.1, 5, np.nan):
        with pytest.raises(ValueError, match="risk must be the largest mean loss"):
            coverage_at_risk([1, 0], [1, 0], risk=risk)


def test_a_risk_in_tenths_is_met_in_floating_point():
    for n_wrong in range(1, 10):
        base = np.arange(10) < 10 - n_wrong
        assert coverage_at_risk(np.zeros(10), base, risk=n_wrong / 10) == 1


@given(rows(FINITE, RIGHT_OR_WRONG))
@FEW
def test_excess_is_zero_for_a_perfect_ranking_of_right_and_wrong(drawn):
    score, base, _, weight = drawn
    assert e_aurc(-base, base, sample_weight=weight) == pytest.approx(0, abs=1e-14)
    assert e_aurc(score, base, sample_weight=weight) >= -1e-14
    # Ties among right or among wrong answers make no difference.
    strict = -base + np.linspace(0, 0.5, len(base))
    assert e_aurc(strict, base, sample_weight=weight) == pytest.approx(0, abs=1e-14)
    assert e_aurc(
        score, base, sample_weight=weight, optimum="closed_form"
    ) == pytest.approx(e_aurc(score, base, sample_weight=weight), abs=1e-14)


@given(rows(FINITE))
@FEW
def test_excess_is_zero_for_a_perfect_ranking_of_grades(drawn):
    score, base, _, weight = drawn
    assert e_aurc(-base, base, sample_weight=weight) == pytest.approx(0, abs=1e-14)
    ordered = e_aurc(score, base, sample_weight=weight)
    assert ordered >= -1e-14
    assert (
        e_aurc(score, base, sample_weight=weight, optimum="closed_form")
        >= ordered - 1e-14
    )


def test_excess_of_what_is_never_or_always_right():
    for optimum in ("order", "closed_form"):
        assert e_aurc([1, 0], [1, 1], optimum=optimum) == pytest.approx(0)
        assert e_aurc([1, 0], [0, 0], optimum=optimum) == pytest.approx(0)
    with pytest.raises(ValueError, match="optimum must be one of order"):
        e_aurc([1, 0], [1, 1], optimum="geifman")


@given(rows(FINITE, RIGHT_OR_WRONG))
@FEW
def test_generalised_risk_follows_from_accuracy_and_auroc(drawn):
    score, base, _, weight = drawn
    a = np.average(base, weights=weight)
    if 0 < a < 1:
        area = roc_auc_score(1 - base, score, sample_weight=weight)
        expected = (1 - area) * a * (1 - a) + (1 - a) ** 2 / 2
        assert augrc(score, base, sample_weight=weight) == pytest.approx(
            expected, abs=1e-12
        )


def test_out_of_reach_the_nearest_end_counts():
    # One row is always kept, one always queried, so half of the coverages are
    # reachable.
    score, base = [-INF, 0, 0, INF], [0, 1, 1, 1]
    ends = 0.25 * 1 + 0.25 * (1 / 3)
    middle = 0.25 * np.log(3)  # of 0.25 / c from 1/4 to 3/4
    assert aurc(score, base) == pytest.approx(ends + middle)
    assert augrc(score, base) == pytest.approx(0.25)
    assert aurc([-INF, -INF], [0, 1]) == pytest.approx(0.5)


@given(rows(ANY))
@FEW
def test_areas_of_rules_that_keep_or_query_some_rows_whatever_is_asked(drawn):
    score, base, _, weight = drawn
    first, last = (
        weight[some].sum() / weight.sum() for some in (score == -INF, score < INF)
    )
    if last == 0:
        return
    ends = [c for c in corners(score, weight) if first < c < last]

    def loss(coverage):
        return kept_loss(score, base, weight, coverage)

    def area(of):
        return (
            integral(of, [first, *ends, last])
            + (first * of(first) if first else 0)
            + (1 - last) * of(last)
        )

    found = aurc(score, base, sample_weight=weight)
    assert found == pytest.approx(area(lambda c: loss(c) / c), abs=1e-10)
    assert augrc(score, base, sample_weight=weight) == pytest.approx(
        area(loss), abs=1e-12
    )


def test_the_area_over_a_single_point_is_zero():
    for x in (0.0, 0.5):
        assert area_under_ratio(np.array([x]), np.array([x / 2])) == 0


def test_where_nothing_is_kept():
    assert np.isnan(aurc([INF, INF], [0, 1]))
    assert np.isnan(e_aurc([INF, INF], [0, 1]))
    assert augrc([INF, INF], [0, 1]) == 0
    assert np.isnan(selective_risk_at_coverage([1, 0], [0, 1], coverage=0))


def test_risk_is_one_minus_accuracy():
    score, base, grid = [3, 2, 2, 0], [0, 1, 0, 1], [0.1, 0.5, 1]
    np.testing.assert_allclose(
        selective_risk_at_coverage(score, base, coverage=grid),
        1 - selective_accuracy_at_coverage(score, base, coverage=grid),
    )
    with pytest.raises(ValueError, match="coverage must be the share"):
        selective_risk_at_coverage(score, base, coverage=2)
