import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from selective_query.metrics import accuracy_at_coverage
from selective_query.metrics.attribution import gap_attribution
from tests.metrics.drawn import ANY, EIGHTHS, FINITE, repeated, rows

SHARES = st.sampled_from([0.0, 0.2, 0.5, 0.75, 1.0])
CUTS = st.sampled_from([-np.inf, -1.0, 0.2, 0.5, np.inf])


def losses(gap):
    return {step.name: step.loss for step in gap.steps}


def attributed(columns, coverage, threshold=None, **kwargs):
    score, base, query, weight = columns
    return gap_attribution(
        score,
        base,
        query,
        coverage=coverage,
        threshold=threshold,
        sample_weight=weight,
        **{"n_bootstrap": 0, **kwargs},
    )


def best_of(base, query, weight, coverage):
    """Brute force: the best mean utility with at most a share of queries."""
    order = np.argsort(base - query)
    left, total = (1 - coverage) * weight.sum(), weight @ base
    for i in order:
        taken = min(weight[i], left)
        total += max(query[i] - base[i], 0) * taken
        left -= taken
    return total / weight.sum()


@given(rows(ANY), rows(ANY), SHARES, CUTS)
@settings(deadline=None)
def test_losses_add_up_to_the_whole_gap(test, learned, coverage, cut):
    calibration = dict(
        zip(
            ("score", "base_utility", "global_utility", "sample_weight"),
            learned,
            strict=True,
        )
    )
    score, base, query, weight = test
    hybrid = np.average(np.where(score <= cut, base, query), weights=weight)
    for given_rows in (None, calibration):
        gap = attributed(test, coverage, cut, calibration=given_rows)
        assert gap.accuracy == pytest.approx(hybrid)
        assert sum(losses(gap).values()) == pytest.approx(1 - hybrid)
        left = 1.0
        for step in gap.steps:
            left -= step.loss
            assert step.accuracy == pytest.approx(left)
    assert sum(gap.parts_of_shift.values()) == pytest.approx(gap["shift"].loss)


@given(rows(FINITE), SHARES, CUTS)
@settings(deadline=None)
def test_each_step_is_what_its_formula_says(columns, coverage, cut):
    score, base, query, weight = columns
    found = losses(attributed(columns, coverage, cut))
    perfect = best_of(base, np.ones_like(base), weight, coverage)
    oracle = best_of(base, query, weight, coverage)
    router = accuracy_at_coverage(
        score, base, query, coverage=coverage, sample_weight=weight
    )
    hybrid = np.average(np.where(score <= cut, base, query), weights=weight)
    assert found["base"] == pytest.approx(1 - perfect)
    assert found["global"] == pytest.approx(perfect - oracle)
    assert found["ranking"] == pytest.approx(oracle - router)
    assert found["threshold"] == pytest.approx(router - hybrid)
    assert min(found["base"], found["global"], found["ranking"]) >= -1e-12


@given(rows(FINITE), SHARES, CUTS)
@settings(deadline=None)
def test_a_row_of_weight_two_is_two_rows(columns, coverage, cut):
    score, base, query = repeated(*columns)
    again = gap_attribution(
        score, base, query, coverage=coverage, threshold=cut, n_bootstrap=0
    )
    gap = attributed(columns, coverage, cut)
    assert losses(gap) == pytest.approx(losses(again))
    assert gap.would_gain == pytest.approx(again.would_gain)
    assert gap.realised_coverage == pytest.approx(again.realised_coverage)


@given(rows(FINITE, EIGHTHS), SHARES)
@settings(deadline=None)
def test_without_a_global_a_query_is_right(columns, coverage):
    score, base, _, weight = columns
    found = losses(attributed((score, base, None, weight), coverage))
    assert list(found) == ["base", "ranking"]
    asked = score, base, np.ones_like(base), weight
    always_right = losses(attributed(asked, coverage))
    assert always_right.pop("global") == pytest.approx(0)
    assert found == pytest.approx(always_right)


BASE = np.array([1, 0, 0, 0, 1, 1, 1, 1, 1, 1])
GLOBAL = np.array([1, 1, 1, 0, 1, 1, 1, 1, 1, 0])


def test_a_part_is_named_by_its_cause():
    falling = np.arange(10)[::-1]
    good = -falling.astype(float)
    good[[1, 2]] = 5
    gap = gap_attribution(good, BASE, GLOBAL, coverage=0.8, n_bootstrap=0)
    assert losses(gap) == pytest.approx({"base": 0.1, "global": 0, "ranking": 0})
    gap = gap_attribution(-good, BASE, GLOBAL, coverage=0.8, n_bootstrap=0)
    assert gap["ranking"].loss == pytest.approx(0.2)
    gap = gap_attribution(good, BASE, GLOBAL, coverage=0.8, threshold=4, n_bootstrap=0)
    assert gap["threshold"].loss == pytest.approx(0)
    gap = gap_attribution(good, BASE, GLOBAL, coverage=0.8, threshold=9, n_bootstrap=0)
    assert gap["threshold"].loss == pytest.approx(0.2)
    assert gap.realised_coverage == 1


def test_shift_is_told_from_threshold_and_taken_apart():
    score = np.arange(10.0)
    then = {"score": score, "base_utility": np.ones(10), "global_utility": np.ones(10)}
    now = score, np.repeat([1, 0], 5), np.ones(10)
    gap = gap_attribution(
        *now, coverage=0.8, threshold=7, calibration=then, n_bootstrap=0
    )
    assert losses(gap) == pytest.approx(
        {"base": 0, "global": 0, "ranking": 0, "shift": 0.3, "threshold": 0}
    )
    assert gap.parts_of_shift == pytest.approx({"base": 0.3, "global": 0, "ranking": 0})
    assert "Most of it is in base (30.0 points)" in gap.advice()


def test_what_one_change_alone_would_gain():
    score = np.array([0, 0, 0, 1, 2, 3, 0, 0, 0, 0])
    gap = gap_attribution(score, BASE, GLOBAL, coverage=0.7, n_bootstrap=0)
    # With this score rows 3 to 5 are queried, and none of these queries gains anything.
    assert gap.would_gain["a perfect order"] == pytest.approx(0.2)
    assert gap.would_gain["a perfect global"] == pytest.approx(0.1)
    assert gap.would_gain["more queries"] == pytest.approx(0.05 * (2 - 1) / 7)
    assert gap.recovered == pytest.approx((0.7 - 0.73) / (0.9 - 0.73))


@given(rows(FINITE), SHARES, st.none() | CUTS)
@settings(deadline=None)
def test_what_stands_beside_the_steps(columns, coverage, cut):
    score, base, query, weight = columns
    gap = attributed(columns, coverage, cut)

    def at(asked, query=query):
        return accuracy_at_coverage(
            score, base, query, coverage=asked, sample_weight=weight
        )

    kept = coverage if cut is None else np.average(score <= cut, weights=weight)
    assert gap.realised_coverage == pytest.approx(kept)
    assert gap.base_accuracy == pytest.approx(np.average(base, weights=weight))
    assert gap.global_accuracy == pytest.approx(np.average(query, weights=weight))
    oracle, router = best_of(base, query, weight, coverage), at(coverage)
    assert gap.would_gain == pytest.approx(
        {
            "a perfect order": oracle - router,
            "more queries": at(max(coverage - 0.05, 0)) - router,
            "a perfect global": at(coverage, np.ones_like(base)) - router,
        },
        abs=1e-12,
    )
    random = coverage * gap.base_accuracy + (1 - coverage) * gap.global_accuracy
    if oracle - random > 1e-9:
        expected = (router - random) / (oracle - random)
        assert gap.recovered == pytest.approx(expected, abs=1e-6)
    assert gap.n == len(score)


def test_nothing_is_recovered_where_a_perfect_order_gains_nothing():
    gap = gap_attribution([0, 1], [1, 1], [1, 1], coverage=0.5, n_bootstrap=0)
    assert np.isnan(gap.recovered)


@pytest.mark.parametrize("confidence", [0.95, 0.5])
@pytest.mark.parametrize(
    ("weight", "n"), [(None, 400), (2, 800), (0.5, 400), (2**53, 400)]
)
def test_intervals_of_a_mean_are_those_of_as_many_rows_as_the_weights_count(
    confidence, weight, n
):
    # With all rows kept the base's step is its error rate: 80 of 200 on the calibration
    # rows, 180 of 400 on the test rows.
    base = np.repeat([0, 1, 0, 1], [80, 120, 100, 100])
    gap = gap_attribution(
        np.zeros(400),
        base,
        np.ones(400),
        coverage=1,
        calibration={
            "score": np.zeros(200),
            "base_utility": base[:200],
            "global_utility": np.ones(200),
            "sample_weight": None if weight is None else np.full(200, weight),
        },
        sample_weight=None if weight is None else np.full(400, weight),
        confidence=confidence,
        random_state=0,
    )
    wide = 2 * stats.norm.isf((1 - confidence) / 2)
    of_learned, of_test = 0.4 * 0.6 / (n / 2), 0.45 * 0.55 / n
    for name, loss, variance in (
        ("base", 0.4, of_learned),
        ("shift", 0.05, of_learned + of_test),
    ):
        step = gap[name]
        assert step.loss == pytest.approx(loss)
        assert step.high - step.low == pytest.approx(wide * variance**0.5, rel=0.15)
        assert step.high + step.low == pytest.approx(2 * loss, abs=0.02)
    assert gap.confidence == confidence


def test_a_seed_makes_intervals_repeatable(drawn):
    few = [column[:50] for column in drawn]

    def ends(state):
        gap = gap_attribution(*few, coverage=0.7, n_bootstrap=20, random_state=state)
        return [(step.low, step.high) for step in gap.steps]

    assert ends(1) == ends(1) != ends(2)


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    n = 4000
    hardness = rng.uniform(size=n)
    base = (rng.uniform(size=n) > hardness).astype(float)
    query = (rng.uniform(size=n) > hardness / 4).astype(float)
    return hardness + rng.normal(size=n) / 4, base, query


def test_intervals_hold_what_other_samples_show(drawn):
    score, base, query = drawn
    parts = np.arange(4000).reshape(20, 200)
    truth = losses(
        gap_attribution(score, base, query, coverage=0.7, threshold=0.7, n_bootstrap=0)
    )
    inside = dict.fromkeys(truth, 0)
    widths = dict.fromkeys(truth, 0.0)
    for part in parts:
        gap = gap_attribution(
            score[part],
            base[part],
            query[part],
            coverage=0.7,
            threshold=0.7,
            n_bootstrap=200,
            random_state=0,
        )
        for step in gap.steps:
            inside[step.name] += step.low <= truth[step.name] <= step.high
            widths[step.name] += step.high - step.low
    assert min(inside.values()) >= 16
    # The global loses next to nothing here: the best queries are all correct.
    for name in ("base", "ranking", "threshold"):
        assert 0.05 < widths[name] / 20 < 0.2


def test_calibration_rows_are_resampled_on_their_own(drawn):
    score, base, query = drawn
    calibration = dict(
        zip(("score", "base_utility", "global_utility"), drawn, strict=True)
    )
    gap = gap_attribution(
        score,
        base,
        query,
        coverage=0.7,
        calibration=calibration,
        n_bootstrap=100,
        random_state=0,
    )
    assert gap["shift"].loss == 0
    assert gap["shift"].low < 0 < gap["shift"].high


def test_the_largest_part_is_sure_only_where_the_interval_says_so(drawn):
    gap = gap_attribution(*drawn, coverage=0.8, random_state=0)
    steps, sure = gap.largest()
    assert [s.loss for s in steps] == sorted((s.loss for s in steps), reverse=True)
    assert sure
    assert "the largest part." in gap.advice()
    few = [column[:30] for column in drawn]
    unsure = gap_attribution(*few, coverage=0.6, random_state=0)
    assert not unsure.largest()[1]
    assert "not significantly larger than" in unsure.advice()
    without = gap_attribution(*drawn, coverage=0.8, n_bootstrap=0)
    assert not without.largest()[1]
    assert np.isnan(without["base"].low)


def test_advice_on_ranking_compares_it_with_the_global(drawn):
    _, base, query = drawn
    blind = np.zeros(len(base))
    text = gap_attribution(blind, base, query, coverage=0.5, random_state=0).advice()
    assert "Ranking loses" in text
    assert "helps more than a better global" in text
    assert "gains 0% of what a perfect order gains" in text
    alone = gap_attribution(blind, base, coverage=0.5, random_state=0).advice()
    assert "global" not in alone


def test_a_missed_coverage_is_spoken_of(drawn):
    score = drawn[0]
    high, low = np.quantile(score, [0.95, 0.4])
    kept_more = gap_attribution(*drawn, coverage=0.7, threshold=high, random_state=0)
    assert "queried less than allowed" in kept_more.advice()
    kept_less = gap_attribution(*drawn, coverage=0.7, threshold=low, random_state=0)
    assert kept_less["threshold"].loss < 0
    assert "Threshold gains" in kept_less.advice()
    assert "more queries than requested" in kept_less.advice()


def test_a_perfect_hybrid_gets_no_advice():
    gap = gap_attribution([1.0, 0.0], [1, 1], [1, 1], coverage=0.5, n_bootstrap=0)
    assert gap.accuracy == 1
    assert gap.advice() == "At coverage 50.0% no step loses anything."


def test_the_table(drawn):
    gap = gap_attribution(*drawn, coverage=0.8, threshold=0.9, random_state=0)
    frame = gap.to_frame()
    assert list(frame["step"]) == ["base", "global", "ranking", "threshold"]
    assert frame["loss"].sum() == pytest.approx(1 - gap.accuracy)
    printed = re.findall(r"^(?:base|global|ranking|threshold) +(\S+)", str(gap), re.M)
    np.testing.assert_allclose(
        np.array(printed, float), 100 * frame["loss"], atol=0.0051
    )
    assert "threshold" in gap
    assert "shift" not in gap
    with pytest.raises(KeyError, match="no step 'shift'"):
        gap["shift"]


LEARNED = {"score": [0], "base_utility": [1], "global_utility": [1]}


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"coverage": 80}, "coverage must be the share"),
        ({"coverage": 0.5, "threshold": np.nan}, "threshold must be"),
        ({"coverage": 0.5, "confidence": 1}, "confidence must be a number between"),
        (
            {"coverage": 0.5, "calibration": {"score": [0], "base_utility": [1]}},
            "both have a global_utility",
        ),
        (
            {"coverage": 0.5, "calibration": LEARNED | {"coverage": 0.1}},
            "calibration must hold .* Got base_utility, coverage,",
        ),
        (
            {"coverage": 0.5, "calibration": {"base_utility": [1]}},
            "calibration must hold score and base_utility, .* Got base_utility.",
        ),
        ({"coverage": 0.5, "sample_weight": [0, 0]}, "sample_weight"),
        ({"coverage": 0.5, "n_bootstrap": 2.5}, "n_bootstrap must be a whole number"),
    ],
)
def test_what_cannot_be_attributed_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        gap_attribution([0, 1], [0, 1], [1, 1], **kwargs)


def test_calibration_rows_come_by_name():
    with pytest.raises(TypeError, match="calibration must be a Mapping"):
        gap_attribution([0, 1], [0, 1], coverage=0.5, calibration=[[0, 1], [0, 1]])
