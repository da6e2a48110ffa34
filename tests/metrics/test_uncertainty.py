import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from selective_query.metrics import accuracy_at_coverage
from selective_query.metrics.inference._influence import AccuracyReadings
from selective_query.metrics.inference._joint import JointEstimate, joint_estimate
from selective_query.metrics.inference._multiplicity import (
    Family,
    critical_value,
    family,
    holm,
)
from selective_query.metrics.inference.paired_scores import PairedScores
from tests.metrics.reranking import bootstrap_accuracy, interval

COVERAGES = np.array([0.9, 0.8, 0.5, 0.2])


def sample(seed, n):
    """Draw the hardness of each row, and whether base and global are right."""
    rng = np.random.default_rng(seed)
    hardness = rng.random(n)
    base = (rng.random(n) > hardness).astype(float)
    return hardness, base, (rng.random(n) < 0.9).astype(float)


def noisy(hardness, seed, spread=0.3):
    return hardness + spread * np.random.default_rng(seed).normal(size=len(hardness))


def paired(scores, base, query, **kwargs):
    return PairedScores(scores, base, query, **{"random_state": 0, **kwargs})


def flat(rows):
    return [[v for v in row.values() if isinstance(v, float)] for row in rows]


# Influence values and standard errors


def test_influence_is_the_derivative_in_the_weight_of_a_row():
    # Inside large tie groups the accuracy is smooth in the weights, so that its
    # derivative can be taken.
    rng = np.random.default_rng(0)
    n, step, coverages = 400, 1e-6, np.array([0.12, 0.6, 0.87])
    score = np.repeat([0.0, 1.0, 2.0, 3.0], n // 4)
    base, query, weight = rng.random(n), rng.random(n), np.ones(n)
    readings = AccuracyReadings(score, base, query, weight, coverages)
    values = readings.influence(slice(None))
    for row in (0, 120, 210, 399):
        more = weight + step * (np.arange(n) == row)
        change = [
            accuracy_at_coverage(score, base, query, coverage=c, sample_weight=more)
            - accuracy_at_coverage(score, base, query, coverage=c)
            for c in coverages
        ]
        np.testing.assert_allclose(values[row], n * np.array(change) / step, atol=1e-5)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("levels", [None, 6], ids=["distinct", "tied"])
def test_standard_errors_are_those_of_ranking_resamples_anew(levels):
    hardness, base, query = sample(1, 1500)
    if levels:
        hardness = np.round(levels * hardness)
    other, k = noisy(hardness, 2), len(COVERAGES)
    resampled = bootstrap_accuracy(
        [hardness] * k + [other] * k,
        base,
        query,
        [*COVERAGES, *COVERAGES],
        n_bootstrap=800,
        random_state=0,
    )
    weight = np.ones(1500)
    readings = [
        AccuracyReadings(score, base, query, weight, COVERAGES)
        for score in (hardness, other)
    ]
    joint = joint_estimate(readings, weight)
    # A standard deviation of 800 draws is known to 2.5 %.
    np.testing.assert_allclose(joint.standard_error, resampled.std(axis=1), rtol=0.1)
    np.testing.assert_allclose(joint.correlation, np.corrcoef(resampled), atol=0.12)
    contrasts = np.concatenate([np.eye(k), -np.eye(k)])
    joint = joint_estimate(readings, weight, contrasts)
    apart = (resampled[:k] - resampled[k:]).std(axis=1)
    np.testing.assert_allclose(joint.standard_error, apart, rtol=0.12)


def test_standard_error_of_the_base_alone_is_that_of_a_mean():
    hardness, base, query = sample(3, 900)
    reading = AccuracyReadings(hardness, base, query, np.ones(900), np.array([1.0]))
    joint = joint_estimate([reading], np.ones(900))
    # The extra row that is counted adds one to a sum of squares of 225.
    assert joint.standard_error[0] == pytest.approx(stats.sem(base), rel=0.003)


@pytest.mark.parametrize("coverage", [0.0, 0.4, 1.0])
def test_an_accuracy_is_the_contrast_that_counts_it_alone(coverage):
    hardness, base, query = sample(30, 200)
    weight = np.ones(200)
    reading = AccuracyReadings(hardness, base, query, weight, np.array([coverage]))
    plain = joint_estimate([reading], weight)
    alone = joint_estimate([reading], weight, np.eye(1))
    for name in ("estimate", "standard_error", "freedom", "skewness", "moves"):
        assert getattr(plain, name) == getattr(alone, name)
    assert alone.moves.all() and alone.standard_error > 0


def test_the_threshold_is_counted_as_learned():
    n = 2000
    score = np.random.default_rng(0).random(n)
    reading = AccuracyReadings(score, np.zeros(n), np.ones(n), np.ones(n), COVERAGES)
    joint = joint_estimate([reading], np.ones(n))
    # The accuracy is exactly 1 - coverage in every sample; a fixed threshold's would
    # have a standard error of sqrt(c (1 - c) / n), about 0.01.
    np.testing.assert_allclose(joint.standard_error, 1 / n, rtol=1e-3)


def test_whole_weights_are_frequencies():
    hardness, base, query = sample(4, 300)
    weight = np.random.default_rng(5).integers(0, 4, size=300).astype(float)
    columns = hardness, noisy(hardness, 6), base, query
    again = [np.repeat(column, weight.astype(int)) for column in columns]
    one = paired({"a": columns[0], "b": columns[1]}, *columns[2:], sample_weight=weight)
    two = paired({"a": again[0], "b": again[1]}, *again[2:])
    for ask in (
        lambda p: flat(p.differences("b", COVERAGES)),
        lambda p: flat(p.differences_over("b", (0.4, 0.9))),
        lambda p: p.accuracies([("a", 0.7), ("b", 0.3)]),
        lambda p: p.band("a", COVERAGES[::-1]).high,
    ):
        np.testing.assert_allclose(ask(one), ask(two), atol=1e-9)


def test_other_weights_count_each_row_once():
    hardness, base, query = sample(7, 400)
    scores = {"a": hardness, "b": noisy(hardness, 8)}
    weight = np.random.default_rng(9).uniform(0.5, 2, size=400)
    plain = flat(paired(scores, base, query).differences("b", [0.7]))
    for weights, expected in ((np.full(400, 0.3), plain), (weight, None)):
        rows = [
            flat(
                paired(scores, base, query, sample_weight=scale * weights).differences(
                    "b", [0.7]
                )
            )
            for scale in (1, 0.01)
        ]
        np.testing.assert_allclose(rows[0], rows[1], atol=1e-9)
        if expected is not None:
            np.testing.assert_allclose(rows[0], expected, atol=1e-9)


def test_few_deciding_rows_show_little():
    # n of a thousand rows differ, all in favour: a sign test has p = 2^(1-n).
    for n_deciding, shown in ((1, False), (4, False), (20, True)):
        query, base = np.ones((2, 1000))
        base[:n_deciding] = 0
        # Both query a hundred rows, "b" none of those that differ.
        scores = {"a": np.linspace(1, 0, 1000)}
        scores["b"] = np.roll(scores["a"], 300)
        row = paired(scores, base, query).differences("b", [0.9])[0]
        assert row["difference"] == pytest.approx(n_deciding / 1000)
        assert (row["p_value"] < 0.05) == shown
        assert row["p_value"] > 2.0 ** (1 - n_deciding) / 4
    # Two scores without a difference on these rows are not the same score.
    row = paired(scores, np.ones(1000), np.ones(1000)).differences("b", [0.5])[0]
    assert row["difference"] == 0
    assert row["low"] < 0 < row["high"]


def test_few_errors_leave_few_degrees_of_freedom():
    base = np.ones(1000)
    base[:5] = 0
    score, weight = np.arange(1000.0), np.ones(1000)
    reading = AccuracyReadings(score, base, weight, weight, np.array([1.0]))
    joint = joint_estimate([reading], weight)
    # Five errors and the extra row that is counted: twice six.
    assert joint.freedom[0] == pytest.approx(12, rel=0.02)
    (_, high), t = np.ravel(joint.interval(1.96)), stats.t.isf(0.025, 12)
    assert high - joint.estimate[0] == pytest.approx(t * joint.standard_error[0], 0.02)
    assert joint.p_value()[0] == pytest.approx(0, abs=1e-9)


def test_intervals_are_longer_on_the_side_of_rare_rows():
    def joint(skewness):
        one = np.ones(1)
        return JointEstimate(one, one, 1e9 * one, np.eye(1), skewness * one)

    (low,), (high,) = joint(0.0).interval(2.0)
    assert (low, high) == pytest.approx((-1, 3))
    (low,), (high,) = joint(0.3).interval(2.0)
    # Hall's statistic of the upper end is minus the critical value.
    t = (1 - high) / 1
    assert t + 0.1 * t**2 + 0.09 * t**3 / 27 + 0.05 == pytest.approx(-2)
    assert low == pytest.approx(-1) and high > 3.2
    assert joint(0.3).p_value() == joint(0.0).p_value()
    assert joint(-0.3).p_value() > joint(0.0).p_value()
    assert joint(-0.3).interval(2.0)[0] == pytest.approx(2 - high)


# Several at once


def test_draws_of_the_largest_score_have_its_distribution():
    def joint(correlation):
        k = len(correlation)
        return JointEstimate(np.zeros(k), np.ones(k), np.full(k, 1e9), correlation)

    apart = critical_value(np.sort(joint(np.eye(10)).largest_scores(40_000, 0)), 0.95)
    assert apart == pytest.approx(stats.norm.ppf((1 + 0.95**0.1) / 2), abs=0.03)
    alike = joint(np.ones((10, 10))).largest_scores(40_000, 0)
    assert critical_value(np.sort(alike), 0.95) == pytest.approx(1.96, abs=0.03)


def test_max_t_uses_that_routers_are_alike():
    hardness, base, query = sample(10, 800)
    scores = {"reference": np.random.default_rng(0).random(800)}
    scores |= {str(i): 1.0 * hardness for i in range(8)}
    found = paired(scores, base, query)
    row = found.differences("reference", [0.8])[1]
    assert row["p_adjusted"] <= row["p_value"] + 0.01
    width = row["high"] - row["low"]
    assert row["high_simultaneous"] - row["low_simultaneous"] < 1.1 * width
    bonferroni = found.differences("reference", [0.8], adjust="holm")[1]
    assert (
        bonferroni["high_simultaneous"] - bonferroni["low_simultaneous"] > 1.3 * width
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_adjusted_values_and_simultaneous_intervals_agree(seed, n_bootstrap):
    rng = np.random.default_rng(seed)
    k = 6
    joint = JointEstimate(
        2.5 * rng.normal(size=k),
        np.ones(k),
        rng.uniform(2, 90, size=k),
        np.eye(k),
        rng.normal(size=k) * rng.choice([0, 1e-5, 0.5]),
    )
    for adjust in ("max_t", None):
        found = family(
            joint,
            adjust=adjust,
            confidence=0.9,
            n_bootstrap=n_bootstrap,
            random_state=seed,
        )
        outside = (found.low_simultaneous > 0) | (found.high_simultaneous < 0)
        np.testing.assert_array_equal(outside, found.p_adjusted <= 0.1)
    assert (found.p_adjusted >= found.p_value).all()


def test_too_few_draws_show_nothing():
    hardness, base, query = sample(11, 500)
    scores = {"a": hardness, "b": -hardness}
    row = paired(scores, base, query, n_bootstrap=10).differences("b", [0.7])[0]
    assert row["p_value"] < 1e-6
    assert row["p_adjusted"] == pytest.approx(1 / 11)
    assert row["verdict"] == "no difference shown"


def test_holm_by_hand():
    p = np.array([0.04, 0.01, 0.9, 0.011, 0.03])
    counted = np.array([True, True, False, True, True])
    np.testing.assert_allclose(holm(p, counted), [0.06, 0.04, 0.9, 0.04, 0.06])


def test_a_score_against_itself_does_not_count():
    hardness, base, query = sample(12, 600)
    scores = {"a": hardness, "b": noisy(hardness, 13)}
    with_itself = paired(scores, base, query).differences("b", [0.0, 0.8, 1.0])
    alone = paired(scores, base, query).differences("b", [0.8])
    by_key = {(r["router"], r["coverage"]): r for r in with_itself}
    for key in (("b", 0.8), ("a", 0.0), ("a", 1.0)):
        row = by_key[key]
        assert row["difference"] == row["low"] == row["high_simultaneous"] == 0
        assert row["p_value"] == row["p_adjusted"] == 1
        assert row["verdict"] == "no difference shown"
    assert by_key["a", 0.8] == alone[0]
    # Of three tests only one counts, so Holm multiplies by one.
    held = paired(scores, base, query).differences("b", [0.0, 0.8, 1.0], adjust="holm")
    assert held[1]["p_adjusted"] == held[1]["p_value"]


def test_verdicts():
    hardness, base, query = sample(14, 4000)
    scores = {
        "reference": noisy(hardness, 15, spread=0.2),
        "good": hardness,
        "bad": -hardness,
        "like": noisy(hardness, 16, spread=0.2),
    }
    found = paired(scores, base, query)

    def verdicts(**kwargs):
        rows = found.differences("reference", [0.7], **kwargs)
        return {row["router"]: row["verdict"] for row in rows}

    assert verdicts() == {
        "reference": "no difference shown",
        "good": "better",
        "bad": "worse",
        "like": "no difference shown",
    }
    rows = found.differences("reference", [0.7], margin=0.03)
    assert [row["verdict"] for row in rows] == [
        "not inferior", "better", "worse", "not inferior"]  # fmt: skip
    assert [row["not_inferior"] for row in rows] == [True, True, False, True]
    for row in rows:
        assert row["not_inferior"] == (row["low_simultaneous"] > -0.03)
    # Between the ends of the pointwise and of the simultaneous interval.
    between = -(rows[3]["low"] + rows[3]["low_simultaneous"]) / 2
    assert verdicts(margin=between)["like"] == "no difference shown"
    assert verdicts(margin=0.001)["like"] == "no difference shown"


def test_not_inferior_is_above_the_margin_and_not_at_it():
    ends = np.array([-0.25, -0.2, 0.1])
    found = Family(*[ends] * 4, np.ones(3), ends, ends, 0.95)
    assert found.not_inferior(0.25).tolist() == [False, True, True]
    assert found.not_inferior(0).tolist() == [False, False, True]


# Over a range


def test_mean_difference_is_that_of_the_curves():
    hardness, base, query = sample(17, 700)
    scores = {"a": hardness, "b": noisy(hardness, 18)}
    row = paired(scores, base, query).differences_over("b", (0.4, 0.8))[0]
    grid = np.linspace(0.4, 0.8, 4001)
    at = [
        accuracy_at_coverage(score, base, query, coverage=grid)
        for score in scores.values()
    ]
    assert row["difference"] == pytest.approx((at[0] - at[1]).mean(), abs=5e-4)
    assert (row["coverage_low"], row["coverage_high"]) == (0.4, 0.8)
    assert row["low"] < row["difference"] < row["high"]


def test_curves_that_cross_differ_by_the_largest_difference_only():
    # "a" knows some useful rows and is better if few are queried; "b" knows as many
    # useless rows and is better, by as much, if most are queried.
    rng = np.random.default_rng(19)
    n = 4000
    useful, known, noise = rng.random(n) < 0.5, rng.random(n) < 0.3, rng.random(n)
    base, query = (~useful).astype(float), np.ones(n)
    scores = {
        "a": noise + np.where(known & useful, 2, 0),
        "b": noise - np.where(known & ~useful, 2, 0),
    }
    found = paired(scores, base, query)
    band = found.band("a", reference="b")
    assert band.above_zero().min() > 0.45 > 0.4 > band.below_zero().max()
    assert band.p_value < 0.001
    rows = found.differences_over("b", (0, 1))
    assert rows[0]["p_value"] > 0.05 > rows[0]["p_sup"]
    assert rows[0]["p_sup_adjusted"] == rows[0]["p_sup"]
    assert rows[1]["p_sup"] == 1
    rows = found.differences_over("b", (0.6, 1))
    assert rows[0]["verdict"] == "better" and rows[0]["sup_coverage"] > 0.6


def test_largest_difference_is_adjusted_for_the_number_of_routers():
    hardness, base, query = sample(20, 500)
    scores = {"r": hardness} | {str(i): noisy(hardness, i) for i in range(3)}
    found = paired(scores, base, query)
    rows = found.differences_over("r", (0.5, 0.9))
    expected = holm(np.array([row["p_sup"] for row in rows[1:]]), np.ones(3, bool))
    np.testing.assert_allclose([r["p_sup_adjusted"] for r in rows[1:]], expected)
    plain = found.differences_over("r", (0.5, 0.9), adjust=None)
    assert all(row["p_sup"] == row["p_sup_adjusted"] for row in plain)


# Bands


def test_band_holds_more_the_more_it_promises():
    hardness, base, query = sample(21, 500)
    found = paired({"a": hardness}, base, query)
    band = found.band("a")
    assert len(band.coverage) == 101
    for c, value in ((0, query.mean()), (1, base.mean())):
        assert band.estimate[band.coverage == c] == pytest.approx(value)
    assert (band.low < band.low_pointwise).all()
    assert (band.high >= band.high_pointwise).all()
    assert (band.low >= 0).all() and (band.high <= 1).all()
    assert band.p_value is None
    narrow = found.band("a", [0.7, 0.75, 0.8])
    inside = np.isin(np.round(band.coverage, 2), [0.7, 0.75, 0.8])
    assert (narrow.high < band.high[inside]).all()
    np.testing.assert_allclose(narrow.high_pointwise, band.high_pointwise[inside])


def test_band_of_a_difference():
    hardness, base, query = sample(22, 2000)
    found = paired({"a": hardness, "b": noisy(hardness, 23, spread=2)}, base, query)
    band = found.band("a", reference="b")
    assert len(band.above_zero()) > 30 and not len(band.below_zero())
    np.testing.assert_array_equal(
        found.band("b", reference="a").below_zero(), band.above_zero()
    )
    itself = found.band("a", reference="a")
    assert not itself.low.any() and not itself.high.any() and itself.p_value == 1
    assert not len(itself.above_zero()) and not len(itself.below_zero())


def test_a_bound_stays_where_it_stops():
    _, base, query = sample(24, 600)
    oracle = np.where(query > base, 1.0, -np.inf)
    found = paired({"oracle": oracle, "base": np.full(600, -np.inf)}, base, query)
    (accuracy,), (low,), (high,) = found.accuracies([("oracle", 0.1)])
    best = np.maximum(base, query)
    assert accuracy == pytest.approx(best.mean())
    assert high - accuracy == pytest.approx(1.97 * stats.sem(best), rel=0.03)
    # Errors are rare, so their true number is more likely larger than smaller.
    assert accuracy - low > 1.05 * (high - accuracy)
    (accuracy,), _, _ = found.accuracies([("base", 0.1)])
    assert accuracy == pytest.approx(base.mean())


# Parameters


def test_a_seed_makes_it_repeatable():
    hardness, base, query = sample(25, 300)
    scores = {"a": hardness, "b": noisy(hardness, 26)}

    def values(state):
        found = paired(scores, base, query, random_state=state, n_bootstrap=200)
        first = flat(found.differences("b", COVERAGES))
        assert first == flat(found.differences("b", COVERAGES))
        return first

    assert values(0) == values(0) == values(np.random.RandomState(0))
    assert values(0) != values(1)


def test_a_score_trained_for_each_coverage():
    hardness, base, query = sample(27, 400)
    by_coverage = {0.9: hardness, 0.5: -hardness}
    scores = {"trained": by_coverage, "up": hardness, "down": -hardness}
    found = paired(scores, base, query)
    accuracy, _, _ = found.accuracies(
        [("trained", 0.9), ("up", 0.9), ("trained", 0.5), ("down", 0.5)]
    )
    assert accuracy[0] == accuracy[1] and accuracy[2] == accuracy[3]
    np.testing.assert_array_equal(
        found.band("trained").estimate, found.band("up").estimate
    )


def test_without_a_global_a_query_counts_as_right():
    hardness, base, _ = sample(28, 400)
    scores = {"a": hardness, "b": noisy(hardness, 29)}
    rows = [
        flat(paired(scores, base, query).differences("b", [0.6]))
        for query in (None, np.ones(400))
    ]
    np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_bootstrap": 0}, "n_bootstrap must be a whole number .* Got 0"),
        ({"n_bootstrap": 10.5}, "n_bootstrap must be .* Got 10.5"),
        ({"confidence": 1}, "confidence must be .* Got 1"),
        ({"confidence": 95}, "confidence must be .* Got 95"),
        ({"confidence": float("nan")}, "confidence must be .* Got nan"),
        ({"sample_weight": [-1, 1, 1]}, "sample_weight must be"),
    ],
)
def test_bad_settings(wrong, message):
    with pytest.raises(ValueError, match=message):
        PairedScores({"a": [1, 2, 3]}, [0, 1, 0], [1, 1, 1], **wrong)
    if "n_bootstrap" in wrong:
        with pytest.raises(ValueError, match=message):
            bootstrap_accuracy([[1, 2]], [0, 1], [1, 1], [0.5], **wrong)
    if "confidence" in wrong:
        with pytest.raises(ValueError, match=message):
            interval(np.zeros(5), **wrong)


def test_bad_questions():
    found = PairedScores({"a": [1, 2, 3], "b": [2, 1, 3]}, [0, 1, 0], [1, 1, 1])
    for ask in (found.differences, found.differences_over):
        with pytest.raises(ValueError, match="reference='c' is not .*: a, b"):
            ask("c", (0.5, 0.8))
        with pytest.raises(ValueError, match="margin must be .* Got -0.01"):
            ask("a", (0.5, 0.8), margin=-0.01)
        with pytest.raises(ValueError, match="adjust must be .* Got 'fdr'"):
            ask("a", (0.5, 0.8), adjust="fdr")
    with pytest.raises(ValueError, match="name='c' is not"):
        found.band("c")
    with pytest.raises(ValueError, match="coverages must be"):
        found.differences("a", [1.5])
    for wrong in (
        (0.5, 1.2),
        (0.8, 0.5),
        (0.5, 0.5),
        (-0.1, 0.5),
        0.5,
        (0.5, float("nan")),
        (0.1, 0.5, 0.9),
    ):
        with pytest.raises(ValueError, match="coverage_range must be two shares"):
            found.differences_over("a", wrong)
    with pytest.raises(ValueError, match="^coverage_range must"):
        found.differences_over("a", ("low", "high"))
    for wrong in (
        [0.5, 0.4],
        [0.5, 1.5],
        [-0.5, 0.5],
        [0.5, 0.5],
        [1.5],
        [-0.5],
        [],
        [[0.5]],
        [float("nan")],
    ):
        with pytest.raises(ValueError, match="coverages must be one or more shares"):
            found.band("a", wrong)


def test_intervals_stay_where_accuracies_and_their_differences_are():
    # Each is right on one row of two, and wrong on the other's.
    scores = {"a": [1.0, 2.0], "b": [2.0, 1.0]}
    found = PairedScores(scores, [0, 1], [1, 0], confidence=0.999, random_state=0)
    (low, high) = found.accuracies([("a", 0.5), ("b", 0.5)])[1:]
    assert low.tolist() == [0, 0] and high.tolist() == [1, 1]
    row = found.differences("a", [0.5])[1]
    over = found.differences_over("a", (0.4, 0.6))[1]
    for values in (row, over):
        for kind in ("", "_simultaneous"):
            assert values["low" + kind] == -1 and values["high" + kind] == 1
    for reference, least in ((None, 0), ("b", -1)):
        band = found.band("a", [0.5], reference=reference)
        assert band.low == band.low_pointwise == least
        assert band.high == band.high_pointwise == 1
        assert band.confidence == 0.999


def test_what_helps_is_said_with_what_is_wrong():
    rows = {"a": [1, 2]}, [0, 1], [1, 1]
    for wrong, hint in (
        ({"confidence": 95}, "For 95 % intervals, give 0.95."),
        ({"n_bootstrap": 0}, "A thousand gives adjusted p-values to about 0.01"),
    ):
        with pytest.raises(ValueError, match=hint):
            PairedScores(*rows, **wrong)
    for wrong, hint in (
        ({"margin": 5}, "For half a point, give 0.005."),
        ({"adjust": "bh"}, "Take 'max_t' unless there is a reason not to."),
    ):
        with pytest.raises(ValueError, match=hint):
            PairedScores(*rows).differences("a", [0.5], **wrong)


def test_a_single_row_says_nothing():
    found = PairedScores({"a": [1.0], "b": [2.0]}, [0], [1], random_state=0)
    row = found.differences("a", [0.5])[1]
    assert row["verdict"] == "no difference shown"
    assert found.band("a").low.min() == 0
