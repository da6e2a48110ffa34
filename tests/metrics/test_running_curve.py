"""A curve from chunks equals that of all rows, up to its stated error bound."""

import numpy as np
import pytest

from selective_query.metrics import RunningCurve, accuracy_coverage_curve

PARTS = ("coverage", "accuracy", "base_share", "base_accuracy", "global_accuracy")


def draw(n, digits=None, seed=0):
    rng = np.random.default_rng(seed)
    score = rng.random(n)
    base, global_ = rng.random(n) < 1 - score, rng.random(n) < 0.9
    return score if digits is None else score.round(digits), base, global_


def run(columns, chunk, weight=None, **options):
    running = RunningCurve(**options)
    for start in range(0, len(columns[0]), chunk):
        rows = slice(start, start + chunk)
        running.add(
            *(c[rows] for c in columns),
            sample_weight=None if weight is None else weight[rows],
        )
    return running


def assert_same(found, expected, **tolerance):
    for part in PARTS:
        a, b = getattr(found, part), getattr(expected, part)
        if tolerance:
            np.testing.assert_allclose(a, b, **tolerance)
        else:
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("chunk", [1, 7, 300])
@pytest.mark.parametrize("digits", [None, 1, 3])
def test_it_is_exact_while_there_is_room(chunk, digits):
    columns = draw(300, digits)
    running = run(columns, chunk)
    assert running.error_bound == 0
    assert_same(running.curve, accuracy_coverage_curve(*columns))


def test_weights_grades_and_abstention():
    score, base, _ = draw(500, 2)
    rng = np.random.default_rng(1)
    grades, weight = rng.random(500), rng.random(500)
    weight[100:200] = 0  # two empty chunks
    columns = score, base, grades
    full = accuracy_coverage_curve(*columns, sample_weight=weight)
    assert_same(run(columns, 50, weight).curve, full, rtol=0, atol=1e-12)
    assert_same(run((score, base), 50).curve, accuracy_coverage_curve(score, base))


def test_scores_of_infinity_are_never_pooled():
    score, base, global_ = draw(2000)
    score[:300], score[300:700] = -np.inf, np.inf
    full = accuracy_coverage_curve(score, base, global_)
    found = run((score, base, global_), 100, max_points=64).curve
    for end in (0, -1):
        assert found.coverage[end] == full.coverage[end]
        assert found.accuracy[end] == full.accuracy[end]


@pytest.mark.parametrize("digits", [None, 3])
@pytest.mark.parametrize("order", ["random", "rising", "falling"])
def test_pooled_it_keeps_points_of_the_curve_and_its_bound(order, digits):
    columns = draw(20_000, digits, seed=2)
    if order != "random":
        rows = np.argsort(columns[0])[:: 1 if order == "rising" else -1]
        columns = tuple(c[rows] for c in columns)
    full = accuracy_coverage_curve(*columns)
    running = run(columns, 333, max_points=200)
    curve = running.curve
    assert len(curve.coverage) <= 201
    kept = np.searchsorted(full.coverage, curve.coverage)
    np.testing.assert_array_equal(curve.coverage, full.coverage[kept])
    np.testing.assert_array_equal(curve.accuracy, full.accuracy[kept])
    grid = np.linspace(0, 1, 5001)
    error = np.abs(curve.accuracy_at(grid) - full.accuracy_at(grid)).max()
    assert 0 < error <= running.error_bound
    assert running.error_bound <= 4 / 200


def test_a_pooled_group_holds_four_times_its_share_of_the_rows():
    n, most = 20_000, 200
    running = run(draw(n, seed=3), n, max_points=most)
    assert len(running.curve.coverage) - 1 <= 0.75 * most
    assert 1 / most < running.error_bound <= 2 / most + 1 / n


def test_groups_are_pooled_when_there_are_more_than_points():
    columns = draw(17, seed=5)
    assert run([c[:16] for c in columns], 4, max_points=16).error_bound == 0
    assert run(columns, 4, max_points=16).error_bound > 0


def test_the_bound_on_the_error_is_reached():
    # In each group of 400 rows, queries harm in the first half and help in the second.
    n = 1600
    base = np.arange(n) % 400 < 200
    columns = np.arange(n), base, ~base
    running = run(columns, n, max_points=16)
    assert running.error_bound == 200 / n
    grid = np.arange(n + 1) / n
    full = accuracy_coverage_curve(*columns).accuracy_at(grid)
    error = np.abs(running.curve.accuracy_at(grid) - full)
    assert error.max() == pytest.approx(running.error_bound)


def test_large_tie_groups_and_weights_stand_alone():
    rng = np.random.default_rng(4)
    score = rng.random(6000)
    score[::3] = rng.choice([0.2, 0.4, 0.6], 2000)
    base, global_, weight = rng.random((3, 6000))
    weight[100] = 300  # one row with the weight of a group
    columns = score, base, global_
    running = run(columns, 500, weight, max_points=100)
    full, found = (
        accuracy_coverage_curve(*columns, sample_weight=weight),
        running.curve,
    )
    for level in (0.2, 0.4, 0.6, score[100]):
        for below in (score < level, score <= level):
            end = weight[below].sum() / weight.sum()
            assert np.abs(found.coverage - end).min() < 1e-12
            assert found.accuracy_at(end) == pytest.approx(full.accuracy_at(end))
    assert running.error_bound < 0.05


def test_chunks_without_rows_or_weight_count_nothing():
    running = RunningCurve()
    assert running.add([0.5], [1], [1], sample_weight=[0]) is running
    assert running.error_bound == 0
    assert running.add([0.5, 0.1], [1, 0], [0, 1]) is running
    running.add([0.5], [0], [1], sample_weight=[0])
    assert_same(running.curve, accuracy_coverage_curve([0.5, 0.1], [1, 0], [0, 1]))


def test_the_least_number_of_points():
    assert RunningCurve(16).max_points == 16
    with pytest.raises(ValueError, match="Got 15. It is how many groups are kept"):
        RunningCurve(15)


def test_refusals():
    for wrong in ("a", 20.5):
        with pytest.raises(ValueError, match="max_points must be a whole number"):
            RunningCurve(wrong)
    with pytest.raises(ValueError, match="max_points must be .* >= 16. Got 3"):
        RunningCurve(3)
    with pytest.raises(ValueError, match="There are no rows"):
        RunningCurve().curve  # noqa: B018
    with pytest.raises(ValueError, match="score holds NaN"):
        RunningCurve().add([np.nan], [1])
