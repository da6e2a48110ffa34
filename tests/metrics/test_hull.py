"""The hull of operating points, and its area."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selective_query.metrics import RankedOutcomes, hull_area
from selective_query.metrics.fronts import upper_hull
from tests.metrics.drawn import ANY, INF, rows

POINTS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(-6, 6)), min_size=1, max_size=12
).map(lambda points: np.array(points, dtype=float).T)


def best_mixture(cost, quality, limit):
    """Return the best mean quality within a mean cost, over mixtures of all pairs."""
    best = quality[cost <= limit].max()
    for low, q_low in zip(cost, quality, strict=True):
        for high, q_high in zip(cost, quality, strict=True):
            if low <= limit < high:
                share = (limit - low) / (high - low)
                best = max(best, q_low + share * (q_high - q_low))
    return best


@given(POINTS)
@settings(max_examples=40, deadline=None)
def test_area_is_the_mean_of_the_best_mixtures(points):
    cost, quality = points
    found = hull_area(cost, quality)
    if np.ptp(cost) == 0:
        assert np.isnan(found)
        return
    # Every corner is at the edge of a cell, so the mean over midpoints is exact.
    cells = 4 * int(np.ptp(cost))
    grid = cost.min() + (np.arange(cells) + 0.5) / 4
    expected = np.mean([best_mixture(cost, quality, limit) for limit in grid])
    assert found == pytest.approx(expected, abs=1e-9)


@given(POINTS, st.integers(0, 40), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_a_range_may_start_and_end_anywhere_from_the_least_cost_on(points, low, width):
    cost, quality = points
    low = cost.min() + low / 4
    grid = low + (np.arange(width) + 0.5) / 4
    expected = np.mean([best_mixture(cost, quality, limit) for limit in grid])
    found = hull_area(cost, quality, cost_range=(low, low + width / 4))
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_range_common_to_several_systems():
    cost, quality = [1, 3], [0.5, 0.9]
    assert hull_area(cost, quality, cost_range=(1, 5)) == pytest.approx(0.8)
    assert hull_area(cost, quality, cost_range=(1, 2)) == pytest.approx(0.6)
    assert np.isnan(hull_area(cost, quality, cost_range=(2, 2)))
    for cost_range in ((0, 3), (3, 1), (1,), (1, 2, 3)):
        with pytest.raises(ValueError, match="cost_range must rise and start at"):
            hull_area(cost, quality, cost_range=cost_range)
    for bad in (([], []), ([1, 2], [1]), ([1, np.inf], [0, 1]), ([[1]], [[1]])):
        with pytest.raises(
            ValueError, match="cost .* each point|cost .* one point|finite"
        ):
            hull_area(*bad)


@given(rows(ANY))
@settings(max_examples=40, deadline=None)
def test_hull_of_a_deferral_curve(drawn):
    curve = RankedOutcomes(*drawn[:3], sample_weight=drawn[3]).curve
    rate = np.append(1 - curve.coverage, [0, 1])
    accuracy = np.append(curve.accuracy, curve.accuracy[[-1, 0]])
    assert curve.hull_area() == pytest.approx(hull_area(rate, accuracy), abs=1e-12)
    assert curve.hull_area() >= curve.deferral_area() - 1e-12


def test_hull_area_where_no_query_is_ever_made():
    assert RankedOutcomes([-INF, -INF], [0, 1], [1, 1]).curve.hull_area() == 0.5


def chain(x, y):
    """Return the upper hull, point by point in exact integers."""
    hull = []
    for point in zip(x, y, strict=True):
        while len(hull) > 1:
            (x0, y0), (x1, y1) = hull[-2:]
            if (y1 - y0) * (point[0] - x0) > (point[1] - y0) * (x1 - x0):
                break
            hull.pop()
        hull.append(point)
    return hull


@pytest.mark.parametrize("shape", ["walk", "concave", "convex", "last point high"])
def test_hull_of_many_points(shape):
    x = np.arange(150_001)
    steps = np.random.default_rng(0).integers(-1, 2, size=len(x))
    y = {
        "walk": np.cumsum(steps),
        "concave": -((x - 70_000) ** 2),
        "convex": (x - 70_000) ** 2,
        "last point high": -(x**2) + 10**12 * (x == x[-1]),
    }[shape]
    found = upper_hull(x.astype(float), y.astype(float))
    expected = chain(x.tolist(), y.tolist())
    np.testing.assert_array_equal(np.array(found).T, expected)
