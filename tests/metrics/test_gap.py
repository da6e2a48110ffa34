"""The deferral area, the gap recovered, and the router's ranking."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from selective_query.metrics import (
    apgr,
    cpt,
    deferral_area,
    normalised_deferral_area,
    pgr,
    router_auroc,
)
from tests.metrics.drawn import (
    ANY,
    FINITE,
    INF,
    RIGHT_OR_WRONG,
    accuracy,
    corners,
    integral,
    repeated,
    rows,
)

FEW = settings(max_examples=60, deadline=None)
BASE, GLOBAL = np.array([0, 0, 1, 1, 0, 1]), np.array([1, 1, 1, 1, 0, 0])


@given(rows(FINITE))
@FEW
def test_gap_recovered(drawn):
    score, base, query, weight = drawn
    low, high = (np.average(u, weights=weight) for u in (base, query))
    found = [pgr(*drawn[:3], query_rate=q, sample_weight=weight) for q in (0, 0.3, 1)]
    if high - low < 1e-9:
        rate = cpt(*drawn[:3], recovered=0.5, sample_weight=weight)
        assert np.isnan([*found, apgr(*drawn[:3], sample_weight=drawn[3]), rate]).all()
        return
    at = [accuracy(*drawn, 1 - q) for q in (0, 0.3, 1)]
    np.testing.assert_allclose(found, (at - low) / (high - low), atol=1e-12)
    area = integral(lambda c: accuracy(*drawn, c), corners(score, weight))
    assert apgr(*drawn[:3], sample_weight=drawn[3]) == pytest.approx(
        (area - low) / (high - low), abs=1e-10
    )


@given(rows(FINITE), st.sampled_from([-0.5, 0, 0.2, 0.5, 1, 1.1]))
@FEW
def test_call_performance_threshold_is_the_least_query_rate(drawn, recovered):
    _, base, query, weight = drawn
    low, high = (np.average(u, weights=weight) for u in (base, query))
    if high - low < 1e-9:
        return
    target = low + recovered * (high - low)
    rate = cpt(*drawn[:3], recovered=recovered, sample_weight=weight)
    if not np.isnan(rate):
        assert accuracy(*drawn, 1 - rate) >= target - 1e-9
    for lower in np.arange(0, 1 if np.isnan(rate) else rate - 1e-6, 0.02):
        assert accuracy(*drawn, 1 - lower) < target


def test_call_performance_threshold_by_hand():
    score = [5, 4, 3, 2, 1, 0]
    assert cpt(score, [0] * 6, [1] * 6, recovered=0.8) == pytest.approx(0.8)
    # The first two queries gain all that the last one loses again, and more.
    assert cpt(score, BASE, GLOBAL, recovered=1) == pytest.approx(1 / 6)
    assert cpt(score, BASE, GLOBAL, recovered=2) == pytest.approx(1 / 3)
    assert np.isnan(cpt(score, BASE, GLOBAL, recovered=2.1))
    # A rule that stops early never gets there.
    assert np.isnan(cpt([1, -INF], [0, 0], [1, 1], recovered=0.9))
    several = cpt(score, BASE, GLOBAL, recovered=[[1, 2], [2.1, 1]])
    np.testing.assert_allclose(several, [[1 / 6, 1 / 3], [np.nan, 1 / 6]])
    assert np.isnan(cpt(score, GLOBAL, BASE, recovered=[0.5, 1])).all()
    with pytest.raises(ValueError, match="recovered must be a finite number at every"):
        cpt(score, BASE, GLOBAL, recovered=[0.5, np.inf])
    with pytest.raises(ValueError, match="recovered must be a share"):
        cpt(score, BASE, GLOBAL, recovered=np.nan)
    with pytest.raises(ValueError, match="query_rate must be the share"):
        pgr(score, BASE, GLOBAL, query_rate=20)


@given(rows(FINITE))
@FEW
def test_normalised_area_is_zero_at_random_and_one_at_the_oracle(drawn):
    score, base, query, weight = drawn
    found = normalised_deferral_area(*drawn[:3], sample_weight=drawn[3])
    if np.ptp(query - base) == 0:
        assert np.isnan(found)
        return
    oracle = normalised_deferral_area(query - base, base, query, sample_weight=weight)
    constant = normalised_deferral_area(
        np.zeros(len(score)), base, query, sample_weight=weight
    )
    assert oracle == pytest.approx(1, abs=1e-9)
    assert constant == pytest.approx(0, abs=1e-9)
    assert found <= 1 + 1e-9


@given(rows(st.sampled_from([-INF, -1.0, 0.0, 0.5]), RIGHT_OR_WRONG))
@FEW
def test_an_oracle_that_stops_bounds_every_rule(drawn):
    found = normalised_deferral_area(
        *drawn[:3], sample_weight=drawn[3], oracle_stops=True
    )
    assert np.isnan(found) or found <= 1 + 1e-9


def test_two_oracles_differ_where_queries_do_harm():
    benefit = GLOBAL - BASE
    stopping = np.where(benefit > 0, benefit, -INF)
    args = BASE, GLOBAL
    assert normalised_deferral_area(stopping, *args) > 1
    assert normalised_deferral_area(stopping, *args, oracle_stops=True) == 1
    assert normalised_deferral_area(benefit, *args, oracle_stops=True) < 1


@given(rows(ANY))
@FEW
def test_weights_are_repeated_rows(drawn):
    again = repeated(*drawn)
    for metric in (normalised_deferral_area, apgr, router_auroc, deferral_area):
        np.testing.assert_allclose(
            metric(*drawn[:3], sample_weight=drawn[3]), metric(*again), atol=1e-9
        )
    for metric, at in ((cpt, {"recovered": 0.4}), (pgr, {"query_rate": 0.4})):
        np.testing.assert_allclose(
            metric(*drawn[:3], sample_weight=drawn[3], **at),
            metric(*again, **at),
            atol=1e-9,
        )


@pytest.mark.parametrize("utilities", [RIGHT_OR_WRONG, st.sampled_from([0, 0.5, 1])])
def test_auroc_is_that_of_scikit_learn(utilities):
    @given(rows(ANY, utilities, max_size=20))
    @FEW
    def check(drawn):
        score, base, query, weight = drawn
        useful = query > base
        found = router_auroc(*drawn[:3], sample_weight=drawn[3])
        if useful.all() or not useful.any():
            assert np.isnan(found)
            return
        finite = np.clip(score, -9, 9)
        expected = roc_auc_score(useful, finite, sample_weight=weight)
        assert found == pytest.approx(expected, abs=1e-12)
        assert router_auroc(*drawn[:3]) == pytest.approx(
            roc_auc_score(useful, finite), abs=1e-12
        )

    check()
