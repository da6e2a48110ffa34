"""The joint distribution of estimates, compared with its formulas row by row."""

import numpy as np
import pytest
from scipy import stats

from selective_query.metrics import paired_difference
from selective_query.metrics.inference._influence import AccuracyReadings
from selective_query.metrics.inference._joint import RUN, JointEstimate, joint_estimate

N = RUN + 300  # more than are processed at a time


class Given:
    """Accuracies with given influence values."""

    def __init__(self, values, span=0.75, everywhere=np.nan):
        self._values, self.span = values, span
        self.accuracy = np.linspace(0.5, 0.9, values.shape[1])
        self.everywhere = np.full(values.shape[1], everywhere)

    def influence(self, rows):
        return self._values[rows]


def by_formula(values, size, span):
    """Return standard error, degrees of freedom, correlation and skewness.

    There is one row per observation; `size` is its weight.
    """
    n, total = len(values), size.sum()
    psi = values * size[:, None]
    further = span * total / n
    square = (psi**2).sum(axis=0) + further**2
    variation = ((psi**4).sum(axis=0) + further**4) / square**2 - 1 / n
    correlation = psi.T @ psi / np.sqrt(np.outer(square, square))
    np.fill_diagonal(correlation, 1)
    return (
        np.sqrt(square * n / (n - 1)) / total,
        2 / np.maximum(variation, 2 / n**2),
        correlation,
        (psi**3).sum(axis=0) / square**1.5,
    )


@pytest.fixture(scope="module")
def values():
    drawn = np.random.default_rng(0).normal(size=(N, 3)) ** 3
    # Rare and large values, correlated values, and two equally frequent values.
    drawn[:, 1] += drawn[:, 0]
    drawn[:, 2] = np.where(np.arange(N) % 2, 5, -5)
    return drawn


def assert_is(joint, expected):
    found = joint.standard_error, joint.freedom, joint.correlation, joint.skewness
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_each_row_is_an_observation(values):
    joint = joint_estimate([Given(values)], np.ones(N))
    assert_is(joint, by_formula(values, np.ones(N), 0.75))
    np.testing.assert_array_equal(joint.estimate, [0.5, 0.7, 0.9])
    # Two equally frequent values vary least.
    assert joint.freedom[2] == pytest.approx(N**2, rel=1e-3)


def test_whole_weights_are_as_many_observations(values):
    weight = np.random.default_rng(1).integers(0, 4, N)
    joint = joint_estimate([Given(values)], weight.astype(float))
    rows = np.repeat(values, weight, axis=0)
    assert_is(joint, by_formula(rows, np.ones(len(rows)), 0.75))


def test_other_weights_are_sizes_and_rows_without_weight_do_not_count(values):
    size = np.random.default_rng(2).lognormal(size=N)
    size[::5] = 0
    joint = joint_estimate([Given(values)], size)
    assert_is(joint, by_formula(values[size > 0], size[size > 0], 0.75))


def test_contrasts_are_sums_of_influence_values(values):
    contrasts = np.array([[1.0, 0.5], [-1, 0.5], [0, 1], [0, 0]])
    readings = [Given(values[:, :2]), Given(values[:, 1:])]
    joint = joint_estimate(readings, np.ones(N), contrasts)
    together = np.hstack([values[:, :2], values[:, 1:]]) @ contrasts
    assert_is(joint, by_formula(together, np.ones(N), 0.75))
    np.testing.assert_allclose(joint.estimate, [0.5 - 0.9, 0.7 + 0.5])


def test_what_is_zero_by_its_definition_does_not_move(values):
    few = values[:50, :1]
    readings = [Given(few), Given(few, everywhere=0), Given(few, everywhere=0)]
    readings += [Given(few, everywhere=1), Given(few, everywhere=1)]
    contrasts = np.array(
        [
            [1.0, 0, 0, 0, 0, 0],
            [0.0, 1, 1, 0, 1, 0],
            [0.0, 0, -1, 0, 0, 0],
            [0.0, 0, 0, 1, -1, 1],
            [0.0, 0, 0, -1, 0, 0],
        ]
    )
    joint = joint_estimate(readings, np.ones(50), contrasts)
    # One score; one side alone; a side minus itself, twice; one side minus the other.
    assert joint.moves.tolist() == [True, True, False, False, True, True]
    assert (joint.standard_error[~joint.moves] == 0).all()
    assert (joint.estimate[~joint.moves] == 0).all()
    assert (joint.p_value()[~joint.moves] == 1).all()
    low, high = joint.interval(1.96)
    assert (low[~joint.moves] == 0).all() and (high[~joint.moves] == 0).all()


def test_one_row_has_a_standard_error():
    joint = joint_estimate([Given(np.zeros((1, 1)), span=0.5)], np.ones(1))
    assert joint.standard_error[0] == 0.5


def test_draws_do_not_depend_on_what_does_not_move():
    def largest(moves, n_draws=RUN + 10):
        error = np.array(moves, dtype=float)
        k = len(error)
        joint = JointEstimate(np.zeros(k), error, np.full(k, 9.0), np.eye(k))
        return joint.largest_scores(n_draws, 0)

    draws = largest([1, 0, 1])
    np.testing.assert_array_equal(draws, largest([1, 1]))
    assert len(draws) == RUN + 10 and len(np.unique(draws)) == RUN + 10
    assert largest([0, 0], 7).tolist() == [0] * 7


def test_a_correlation_may_be_indefinite_by_rounding():
    correlation = np.full((3, 3), 1 + 1e-12)
    np.fill_diagonal(correlation, 1)
    joint = JointEstimate(np.zeros(3), np.ones(3), np.full(3, 9.0), correlation)
    assert np.isfinite(joint.largest_scores(20, 0)).all()


@pytest.mark.parametrize("freedom", [4.0, 60.0])
@pytest.mark.parametrize("skewness", [-0.4, 0.0, 0.4])
def test_intervals_and_scores_are_those_of_hall_and_student(freedom, skewness):
    def hall(t):
        g = skewness
        return ((1 + g * t / 3) ** 3 - 1) / g + g / 6 if g else t

    error, critical = 0.5, 1.7
    one = np.ones(1)
    joint = JointEstimate(2 * one, error * one, freedom * one, np.eye(1), skewness)
    half = stats.t.isf(stats.norm.sf(critical), freedom)
    (low,), (high,) = joint.interval(critical)
    below, above = (2 - low) / error, (high - 2) / error
    # Student's interval, or longer if Hall's statistic reaches the critical value
    # later.
    assert below == pytest.approx(half) or hall(below) == pytest.approx(half)
    assert above == pytest.approx(half) or hall(-above) == pytest.approx(-half)
    assert min(below, above) >= half - 1e-9
    assert (max(below, above) > half + 1e-3) == (skewness != 0)
    t = min(2 / error, hall(2 / error))
    assert joint.p_value()[0] == pytest.approx(2 * stats.t.sf(t, freedom))
    # If an end of the interval is zero, the normal score is the critical value.
    at_end = JointEstimate(
        below * error * one, error * one, freedom * one, np.eye(1), skewness
    )
    assert at_end.interval(critical)[0][0] == pytest.approx(0, abs=1e-9)
    assert at_end.normal_score()[0] == pytest.approx(critical)


def test_a_skewness_next_to_none_is_none():
    one = np.ones(1)
    ends = [
        JointEstimate(one, one, 9 * one, np.eye(1), skewness * one).interval(2.0)
        for skewness in (0.0, 1e-9, -1e-9, 1e-5)
    ]
    np.testing.assert_allclose(ends, ends[:1] * 4, rtol=1e-4)


@pytest.mark.parametrize("grade", [0.25, 1.0])
def test_the_further_row_is_as_large_as_the_grades_differ(grade):
    n = 40
    first, second = np.zeros((2, n))
    first[::2], second[1::2] = grade, grade
    # Differences of one size: Satterthwaite's degrees of freedom are the largest.
    error = np.sqrt((n + 1) * grade**2 * n / (n - 1)) / n
    half = stats.t.isf(0.025, n**2) * error
    found = paired_difference(first, second)
    assert (found.low, found.high) == pytest.approx((-half, half))
    reading = AccuracyReadings(np.arange(n), first, second, np.ones(n), np.array([0.5]))
    assert reading.span == grade


def test_where_all_answers_are_alike_the_further_row_is_a_right_or_wrong_one():
    same = np.full(5, 0.5)
    assert AccuracyReadings(same, same, same, np.ones(5), same[:1]).span == 1
    found = paired_difference(same, same)
    error = np.sqrt(5 / 4) / 5
    assert found.high == pytest.approx(stats.t.isf(0.025, 2 / (1 - 1 / 5)) * error)
