import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, multinomial

from selective_query.budgets._p_values import (
    _excess_tail,
    binomial_p_value,
    excess_p_value,
    mean_p_value,
)


def test_binomial_p_value_is_that_of_the_exact_test():
    for right, n, accuracy in ((47, 50, 0.9), (50, 50, 0.9), (0, 10, 0.2)):
        expected = binomtest(right, n, accuracy, alternative="greater").pvalue
        assert binomial_p_value(right, n, accuracy) == pytest.approx(expected)


def brute_force_tail(statistic, n, rate, excess):
    worse, better = (rate + excess) / 2, (rate - excess) / 2
    return sum(
        multinomial.pmf([i, j, n - i - j], n, [worse, better, 1 - rate])
        for i in range(n + 1)
        for j in range(n + 1 - i)
        if i - j - n * excess <= statistic * np.sqrt(i + j + 1) + 1e-9
    )


@given(
    n=st.integers(1, 25),
    statistic=st.floats(-3, 0),
    rate=st.floats(0.1, 0.9),
    share=st.floats(0, 1),
)
@settings(max_examples=40, deadline=None)
def test_tail_of_the_excess_is_exact(n, statistic, rate, share):
    excess = share * rate
    found = _excess_tail(statistic, n, rate, excess)
    expected = brute_force_tail(statistic, n, rate, excess)
    assert found == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("n", [50, 500])
@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_excess_p_value_is_valid_and_not_trivial(n, rate):
    excess, error = 0.04, 0.1
    rng = np.random.default_rng(0)
    apart = rng.binomial(n, rate, 1500)
    worse = rng.binomial(apart, (1 + excess / rate) / 2)
    p_values = [
        excess_p_value(w, a - w, n, excess, error)
        for w, a in zip(worse, apart, strict=True)
    ]
    rejected = np.mean(np.array(p_values) <= error)
    assert rejected <= error + 3 * np.sqrt(error * (1 - error) / 1500)
    if n == 500:
        assert rejected > 0.04


def test_excess_p_value_at_its_ends():
    assert excess_p_value(10, 0, 100, 0.1, 0.05) == 1.0
    assert excess_p_value(0, 0, 100_000, 0.01, 0.05) <= 0.001 + 1e-5
    assert excess_p_value(3, 5, 8, 0.5, 0.5) < 0.5


@pytest.mark.parametrize("shape", [(0.5, 0.5), (5, 1), (2, 2)])
def test_betting_p_value_is_valid(shape):
    rng = np.random.default_rng(1)
    mean = shape[0] / sum(shape)
    p_values = [mean_p_value(rng.beta(*shape, size=200), mean) for _ in range(1500)]
    assert np.mean(np.array(p_values) <= 0.1) <= 0.1 + 3 * np.sqrt(0.09 / 1500)


def test_betting_finds_a_higher_mean_and_adapts_to_the_variance():
    rng = np.random.default_rng(2)
    narrow = 0.55 + rng.uniform(-0.1, 0.1, size=200)
    wide = (rng.uniform(size=200) < 0.55).astype(float)
    assert mean_p_value(narrow, 0.5) < 1e-3 < mean_p_value(wide, 0.5)
    assert mean_p_value(narrow, 0.56) > 0.1
    assert mean_p_value(np.array([]), 0.5) == 1.0
    assert mean_p_value(narrow, 0.0) == 0.0


def wealth_of_a_player(values, mean):
    """Return the largest wealth of a player who bets before seeing each value."""
    seen, wealth, richest = [], 1.0, 1.0
    squares = 0.25
    for value in values:
        guess = (0.5 + sum(seen)) / (len(seen) + 1)
        lead = guess - mean
        stake = lead / (squares / (len(seen) + 1) + lead**2)
        wealth *= 1 + min(max(stake, 0), 0.75 / mean) * (value - mean)
        richest = max(richest, wealth)
        seen.append(value)
        squares += (value - (0.5 + sum(seen)) / (len(seen) + 1)) ** 2
    return richest


@pytest.mark.parametrize("mean", [0.05, 0.4, 0.7])
def test_a_bet_is_made_before_its_value_is_seen(mean):
    rng = np.random.default_rng(3)
    for n in (1, 2, 30):
        values = rng.beta(4, 2, size=n)
        expected = min(1, 1 / wealth_of_a_player(values, mean))
        assert mean_p_value(values, mean) == pytest.approx(expected)


@pytest.mark.parametrize("mean", [0.1, 0.5, 0.9])
def test_betting_is_valid_over_every_course_of_the_game(mean):
    n = 10
    courses = (np.arange(2**n)[:, None] >> np.arange(n)) % 2
    chance = np.prod(np.where(courses, mean, 1 - mean), axis=1)
    p_values = np.array([mean_p_value(course, mean) for course in courses])
    for level in (0.05, 0.1, 0.2, 0.5):
        assert chance[p_values <= level].sum() <= level
    assert chance[p_values < 1].sum() > 0.1
