"""The furthest threshold that passes, tested starting from the most promising one."""

import numpy as np
import pytest

from selective_query.budgets import MaxExcessError, MinAccuracy, MinSelectiveAccuracy
from selective_query.budgets._p_values import binomial_p_value
from selective_query.budgets._solving.sequence import fixed_sequence, largest_p_value
from tests.budgets.population import Population


@pytest.mark.parametrize("n_levels", [None, 12])
@pytest.mark.parametrize("least", [0.0, 0.2])
@pytest.mark.parametrize(
    "floor", [MinAccuracy(0.82), MaxExcessError(0.08), MinSelectiveAccuracy(0.78)]
)
def test_every_test_up_to_the_threshold_passes_and_the_next_does_not(
    floor, least, n_levels
):
    population, rng = Population(n_levels), np.random.default_rng(0)
    ordering, rows = population.draw(80, rng), population.draw(600, rng)
    found = fixed_sequence(ordering, rows, [floor], least, 0.9)
    thresholds = np.append(ordering.levels, np.inf)
    sweep, promise = rows.sweep(thresholds), ordering.sweep(thresholds)

    def p_value(of, i):
        return largest_p_value(of, i, [floor], least, 1 - 0.9)

    start = int(np.argmin([p_value(promise, i) for i in range(len(thresholds))]))
    last = int(np.flatnonzero(thresholds == found.threshold)[0])
    assert last >= start
    assert all(p_value(sweep, i) <= 1 - 0.9 for i in range(start, last + 1))
    assert last + 1 == len(thresholds) or p_value(sweep, last + 1) > 1 - 0.9
    assert found.sweep.thresholds[found.position] == found.threshold
    np.testing.assert_array_equal(found.sweep.thresholds, thresholds[start:])


def test_if_the_first_test_fails_nothing_is_certified():
    rng = np.random.default_rng(1)
    ordering, rows = Population().draw(80, rng), Population().draw(80, rng)
    found = fixed_sequence(ordering, rows, [MinAccuracy(0.99)], 0.0, 0.9)
    assert (found.threshold, found.position) == (None, 0)


def test_a_least_coverage_is_tested_as_a_share_of_kept_rows():
    rows = Population().draw(50, np.random.default_rng(2))
    sweep = rows.sweep()
    floor = MinSelectiveAccuracy(0.0001)
    for i in (10, 25, 49, 50):
        alone = floor.p_value(sweep, i, 0.1)
        coverage = binomial_p_value(sweep.kept[i], sweep.n, 0.6)
        found = largest_p_value(sweep, i, [floor], 0.6, 0.1)
        assert found == pytest.approx(max(alone, coverage))
        assert largest_p_value(sweep, i, [floor], 0.0, 0.1) == alone


def test_of_many_levels_a_thousand_are_tested_and_a_hundred_may_start():
    rng = np.random.default_rng(3)
    ordering, rows = Population().draw(5000, rng), Population().draw(5000, rng)
    found = fixed_sequence(ordering, rows, [MaxExcessError(0.05)], 0.0, 0.9)
    tested = found.sweep.thresholds
    assert tested[-1] == np.inf
    steps = np.diff(np.searchsorted(ordering.levels, tested[:-1]))
    assert set(steps) <= {5, 6}, "evenly spread over 5,001 levels"
    before = np.searchsorted(ordering.levels, tested[0]) / 5
    assert round(before) % 11 == 0, "1,001 thresholds, of which every 11th may start"
