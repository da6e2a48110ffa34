"""RankedOutcomes: its metrics, with both ways of sorting."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selective_query import metrics
from selective_query.metrics import RankedOutcomes, accuracy_coverage_curve
from selective_query.metrics.ranked import RankedRows
from tests.metrics.drawn import ANY, RIGHT_OR_WRONG, rows

# Scores that sorting by their bits could get wrong.
AWKWARD = st.sampled_from(
    [0.0, -0.0, 5e-324, -5e-324, 1e-308, 1.0, np.nextafter(1, 2), -1.0, 1.5, 3.0]
)
EXTREME = st.sampled_from([0.0, 5e-324, 1e308, -1e308, np.inf, -np.inf, 1.0])


@given(rows(ANY, max_size=20))
@settings(max_examples=40, deadline=None)
def test_summary_is_what_the_functions_say(drawn):
    score, base, query, weight = drawn
    at = {"sample_weight": weight}
    ranked = RankedOutcomes(*drawn[:3], **at)
    found = ranked.summary(coverages=[0.8], risks=[0.1], gaps=[0.5])
    both = {
        name: getattr(metrics, name)(*drawn[:3], **at)
        for name in ("deferral_area", "normalised_deferral_area", "apgr")
    }
    alone = {
        name: getattr(metrics, name)(score, base, **at)
        for name in ("aurc", "e_aurc", "augrc")
    }
    expected = {
        "base_accuracy": np.average(base, weights=weight),
        "global_accuracy": np.average(query, weights=weight),
        "accuracy_at_0.8": metrics.accuracy_at_coverage(*drawn[:3], coverage=0.8, **at),
        **both,
        "cpt_0.5": metrics.cpt(*drawn[:3], recovered=0.5, **at),
        "hull_area": ranked.curve.hull_area(),
        "router_auroc": metrics.router_auroc(*drawn[:3], **at),
        "selective_accuracy_at_0.8": metrics.selective_accuracy_at_coverage(
            score, base, coverage=0.8, **at
        ),
        "coverage_at_risk_0.1": metrics.coverage_at_risk(score, base, risk=0.1, **at),
        **alone,
    }
    assert list(found) == list(expected)
    np.testing.assert_allclose(
        list(found.values()), list(expected.values()), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("scores", [AWKWARD, EXTREME, ANY])
@pytest.mark.parametrize("dtype", [float, np.float32, np.longdouble])
def test_both_ways_of_sorting_agree(scores, dtype):
    @given(rows(scores, RIGHT_OR_WRONG, max_size=12))
    @settings(max_examples=60, deadline=None)
    def check(drawn):
        with np.errstate(over="ignore"):
            score = drawn[0].astype(dtype)
        one = RankedOutcomes(score, *drawn[1:3])
        other = RankedOutcomes(score, *drawn[1:3], sample_weight=np.ones(len(score)))
        np.testing.assert_allclose(
            list(one.summary().values()), list(other.summary().values()), atol=1e-12
        )
        np.testing.assert_array_equal(one.curve.coverage, other.curve.coverage)
        np.testing.assert_allclose(one.curve.accuracy, other.curve.accuracy)

    check()


def test_rows_may_be_of_any_type_that_says_right_or_wrong():
    rng = np.random.default_rng(0)
    score = rng.random(100)
    base, query = rng.random(100) < 0.5, rng.random(100) < 0.8
    one = RankedOutcomes(score, base, query).summary()
    assert RankedOutcomes(score, base.tolist(), query.tolist()).summary() == one
    for kind in (float, int, np.uint8):
        again = RankedOutcomes(score, base.astype(kind), query.astype(kind))
        assert again.summary() == one


def test_asking_later_is_the_same_after_the_inputs_changed():
    score, base, query = np.random.default_rng(1).random((3, 50))
    query = (1 + query) / 2
    ranked = RankedOutcomes(score, base, query)
    before = RankedOutcomes(score, base, query).summary()
    score[:], base[:], query[:] = 0, 0, 1
    assert ranked.summary() == before


def test_many_rows_are_summed_in_runs():
    rng = np.random.default_rng(2)
    n = 50_000
    score, base, query = rng.random((3, n))
    ranked = RankedOutcomes(score, base, query)
    curve = ranked.curve
    assert curve.deferral_area() == pytest.approx(
        np.trapezoid(curve.accuracy, curve.coverage), abs=1e-13
    )
    assert curve.augrc() == pytest.approx(
        np.trapezoid(curve.coverage - curve.base_share, curve.coverage), abs=1e-13
    )
    wrong = np.sort(rng.random(n)) > 0.7
    assert metrics.e_aurc(np.arange(n), ~wrong) == pytest.approx(0, abs=1e-12)


def test_curves_under_weights_after_one_sort():
    rng = np.random.default_rng(3)
    score = rng.integers(0, 9, size=60).astype(float)
    base, query = rng.random((2, 60))
    weight = rng.integers(0, 3, size=60).astype(float)
    one = RankedRows(score, base, query - base).curve(weight)
    other = accuracy_coverage_curve(score, base, query, sample_weight=weight)
    np.testing.assert_array_equal(one.accuracy, other.accuracy)
    assert one.aurc() == other.aurc()


def test_memory_is_at_most_five_columns():
    n = 2_000_000
    rng = np.random.default_rng(4)
    score = rng.random(n)
    base, query = (rng.random((2, n)) < 0.7).astype(float)
    tracemalloc.start()
    RankedOutcomes(score, base, query).summary()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 5 * score.nbytes
