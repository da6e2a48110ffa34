import numpy as np
import pytest

from selective_query.metrics import pareto_front


def by_definition(cost, accuracy):
    points = list(zip(cost, accuracy, strict=True))
    return [
        not any(c <= a and q >= b and (c, q) != (a, b) for c, q in points)
        for a, b in points
    ]


@pytest.mark.parametrize("seed", range(30))
def test_the_front_is_what_no_point_dominates(seed):
    rng = np.random.default_rng(seed)
    # Few levels, so that there are ties in one coordinate and in both.
    cost, accuracy = rng.integers(0, 6, (2, int(rng.integers(1, 25))))
    found = pareto_front(cost, accuracy)
    assert found.dtype == bool
    assert found.tolist() == by_definition(cost, accuracy)


def test_equal_points_stand_together():
    assert pareto_front([1, 1, 2], [0.5, 0.5, 0.5]).tolist() == [True, True, False]
    assert pareto_front([], []).tolist() == []


@pytest.mark.parametrize(
    ("cost", "accuracy", "message"),
    [
        ([1, np.nan], [0, 1], "cost must be a finite number.*nan at point 1"),
        ([1, 2], [np.nan, 1], "accuracy must be a finite number.*nan at point 0"),
        ([1, np.inf], [0, 1], "inf at point 1. Leave out points"),
        ([1, 2], [1], r"same shape \(n_points,\). Got shapes \(2,\) and \(1,\)"),
        (1, 2, "one number for each point"),
    ],
)
def test_invalid_points_are_refused(cost, accuracy, message):
    with pytest.raises(ValueError, match=message):
        pareto_front(cost, accuracy)
