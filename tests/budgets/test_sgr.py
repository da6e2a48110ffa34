import numpy as np
import pytest
from scipy.stats import binom

from selective_query.budgets import selective_guaranteed_risk
from tests.budgets.population import Population


def test_bound_is_the_inverse_binomial_tail_of_a_step():
    rows = Population().draw(1000, np.random.default_rng(0))
    threshold, bound = selective_guaranteed_risk(
        rows.score, rows.base_utility, risk=0.15, confidence=0.9
    )
    kept = rows.score <= threshold
    n_wrong = int((1 - rows.base_utility[kept]).sum())
    # Ten halvings of a thousand rows share the error probability.
    assert binom.cdf(n_wrong, kept.sum(), bound) == pytest.approx(0.1 / 10)
    assert bound <= 0.15


def test_keeps_nothing_where_nothing_can_be_shown():
    found = selective_guaranteed_risk(
        np.arange(10), np.zeros(10), risk=0.1, confidence=0.9
    )
    assert found == (-np.inf, 1.0)


def test_keeps_everything_where_all_is_right():
    threshold, _ = selective_guaranteed_risk(
        np.arange(500), np.ones(500), risk=0.1, confidence=0.9
    )
    assert threshold == 499


def test_a_risk_that_is_just_certified_is_kept():
    right = np.ones(2)
    # One step is taken; for one right answer out of one, the bound is 1 - error.
    given = selective_guaranteed_risk(np.arange(2), right, risk=0.9, confidence=0.5)
    assert given == (0.0, pytest.approx(0.5))
    again = selective_guaranteed_risk(
        np.arange(2), right, risk=given[1], confidence=0.5
    )
    assert again == given


def test_tie_groups_stay_whole():
    score = np.repeat([0.0, 1.0], 200)
    right = np.repeat([1.0, 0.0], 200)
    threshold, _ = selective_guaranteed_risk(score, right, risk=0.1, confidence=0.9)
    assert threshold == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"risk": 0}, "risk must be"),
        ({"confidence": 1}, "confidence must be"),
        ({"score": []}, "one row at least"),
        ({"base_utility": [0.5, 1]}, "MinSelectiveAccuracy"),
    ],
)
def test_bad_input(change, message):
    given = {"score": [0, 1], "base_utility": [1, 0], "risk": 0.1, "confidence": 0.9}
    given |= change
    with pytest.raises(ValueError, match=message):
        selective_guaranteed_risk(
            given["score"],
            given["base_utility"],
            risk=given["risk"],
            confidence=given["confidence"],
        )
