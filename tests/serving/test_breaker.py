"""The breaker, with a simulated clock."""

import numpy as np
import pytest

from selective_query.serving._breaker import NORMAL, PROBE, Breaker

FAILED = RuntimeError()


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    """A breaker that has been open since time zero."""
    breaker = Breaker(2, 10, clock)
    for _ in range(2):
        breaker.leave(breaker.enter(), FAILED)
    return breaker


def told(breaker, *failures):
    for failure in failures:
        assert breaker.enter() == NORMAL
        breaker.leave(NORMAL, failure)


def test_it_opens_after_failures_in_a_row_only(clock):
    breaker = Breaker(2, 10, clock)
    told(breaker, FAILED, *[None] * 100, FAILED)
    assert not breaker.is_shut()
    told(breaker, FAILED)
    assert breaker.is_shut() and breaker.enter() is None


@pytest.mark.parametrize("one_in, needed", [(100, 3), (10, 6), (4, 10), (2, 18)])
def test_an_unreliable_global_needs_more_failures_to_open(clock, one_in, needed):
    breaker = Breaker(3, 10, clock)
    for _ in range(400 // one_in):
        told(breaker, FAILED, *[None] * (one_in - 1))
    told(breaker, *[FAILED] * (needed - 1))
    assert not breaker.is_shut()
    told(breaker, FAILED)
    assert breaker.is_shut()


def test_a_flaky_global_stays_in_use(clock):
    """A random fifth of the requests fails; three failures in a row occur 80 times."""
    rng, breaker = np.random.default_rng(0), Breaker(3, 10, clock)
    fails = rng.random(10_000) < 0.2
    told(breaker, *np.where(fails, FAILED, None))
    assert not breaker.is_shut()


def test_an_outage_leaves_no_trace(breaker, clock):
    for _ in range(50):
        clock.now += 10
        assert breaker.enter() == PROBE
        breaker.leave(PROBE, FAILED)
    clock.now += 10
    breaker.leave(breaker.enter(), None)
    told(breaker, FAILED, FAILED)
    assert breaker.is_shut()


def test_one_probe_at_a_time_and_a_period(breaker, clock):
    clock.now = 9.9
    assert breaker.enter() is None
    clock.now = 10
    assert not breaker.is_shut()
    assert breaker.enter() == PROBE
    assert breaker.is_shut() and breaker.enter() is None
    clock.now = 100  # however long it takes
    assert breaker.enter() is None
    breaker.leave(PROBE, FAILED)
    clock.now = 109
    assert breaker.enter() is None
    clock.now = 110
    assert breaker.enter() == PROBE
    breaker.leave(PROBE, None)
    assert [breaker.enter() for _ in range(3)] == [NORMAL] * 3


def test_an_abandoned_probe_allows_the_next_one(breaker, clock):
    clock.now = 10
    breaker.leave(breaker.enter(), False)
    assert breaker.enter() == PROBE


def test_late_results_from_before_the_breaker_opened(breaker, clock):
    clock.now = 9
    breaker.leave(NORMAL, FAILED)  # no new information, and the period is unchanged
    clock.now = 10
    assert breaker.enter() == PROBE
    breaker.leave(NORMAL, FAILED)
    assert breaker.enter() is None  # the probe is still in flight
    breaker.leave(NORMAL, None)  # any answer closes the breaker
    assert breaker.enter() == NORMAL


def test_it_stores_the_failure_but_not_the_rows(clock):
    breaker = Breaker(1, 10, clock)
    breaker.leave(breaker.enter(), RuntimeError("gone"))
    assert breaker.last_failure == "gone"


def test_it_may_never_open(clock):
    breaker = Breaker(None, 10, clock)
    for _ in range(9):
        breaker.leave(breaker.enter(), FAILED)
    assert breaker.enter() == NORMAL
