"""Inputs of all metrics: what is accepted, how it is read, and what is refused."""

import numpy as np
import pytest

from selective_query.metrics import RankedOutcomes, pareto_front
from selective_query.metrics._inputs import (
    check_rows,
    check_scores,
    check_share,
    check_utility,
)


def test_rows_come_out_as_gains_and_in_few_bytes():
    score, base, gain, weight = check_rows(
        [3, 1, 2], [0, 1, 1], [1.0, 1.0, 0.0], [1, 0, 2]
    )
    assert score.dtype == weight.dtype == float
    assert base.dtype == gain.dtype == np.int8
    assert gain.tolist() == [1, 0, -1]
    assert weight.tolist() == [1, 0, 2]
    # Without a global a query is right; graded answers stay unchanged.
    _, base, gain, weight = check_rows([3, 1], [0.25, 1])
    assert base.tolist() == [0.25, 1] and gain.tolist() == [0.75, 0]
    assert weight is None


def test_single_precision_scores_stay_as_they_are():
    score = np.array([0.1, 0.2], dtype=np.float32)
    assert check_rows(score, [0, 1])[0].dtype == np.float32
    assert check_scores(score, "scores", 2).dtype == float


def test_all_weights_may_be_zero_only_where_it_is_said():
    with pytest.raises(ValueError, match="sample_weight .* zero everywhere"):
        check_rows([1, 2], [0, 1], sample_weight=[0, 0])
    weight = check_rows([1, 2], [0, 1], sample_weight=[0, 0], may_vanish=True)[3]
    assert weight.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([1, np.nan, np.nan], [0] * 3), "^held-out score holds NaN, first in row 1"),
        (([1, 2], [0]), r"^held-out score, base_ut.* Got \(2,\), \(1,\) and \(1,\)"),
        (([1, 2], [0, 0], [1]), r"Got \(2,\), \(2,\) and \(1,\)"),
        (([1], [0, 0], [1, 1]), r"Got \(1,\), \(2,\) and \(2,\)"),
        (([[1]], [[0]]), r"Got \(1, 1\), \(1, 1\) and \(1, 1\)"),
        ((["a"], [0]), "^held-out score must"),
        (([1], ["a"]), "^base_utility must"),
        (([1], [0], ["a"]), "^global_utility must"),
        (([1], [2]), r"^base_utility must lie in \[0, 1\].* Got 2 to 2"),
        (([1], [0], [-0.5]), "^global_utility must lie in .* Got -0.5 to -0.5"),
        (([], []), "^There are no rows"),
    ],
)
def test_rows_are_refused_by_name(columns, message):
    with pytest.raises(ValueError, match=message):
        check_rows(*columns, name="held-out score")


@pytest.mark.parametrize("value", [-1e-6, 1 + 1e-6, np.nan, np.inf])
def test_a_utility_lies_between_nothing_and_right(value):
    with pytest.raises(ValueError, match="^grade must lie in"):
        check_utility([0.5, value], "grade")


def test_a_utility_may_leave_its_bounds_by_rounding():
    assert check_utility([0.5, 1 + 1e-12], "grade")[0] == 0.5
    assert check_utility([0, 0.5, 1], "grade").tolist() == [0, 0.5, 1]


def test_scores_of_a_router_are_one_for_each_row():
    assert check_scores([1, -np.inf], "found", 2).tolist() == [1, -np.inf]
    for wrong in ([1.0], [[1.0], [2.0]], 3.0):
        with pytest.raises(ValueError, match="^found must be .* each of the 2 rows"):
            check_scores(wrong, "found", 2)
    with pytest.raises(ValueError, match="^found holds NaN, first in row 0"):
        check_scores([np.nan, 1], "found", 2)
    with pytest.raises(ValueError, match="^found must"):
        check_scores(["a", "b"], "found", 2)


def test_shares():
    for share in (0, 1, 0.25, [0, 0.5, 1], [[0.5]]):
        found = check_share(share, "coverage", "the share")
        assert found.dtype == float and found.tolist() == share
    for wrong in (-0.01, 1.01, np.nan, [0.5, 1.01], [-0.01, 0.5]):
        with pytest.raises(ValueError, match=r"^coverage must be the share, in \[0, 1"):
            check_share(wrong, "coverage", "the share")
    with pytest.raises(ValueError, match="^coverage must"):
        check_share("a", "coverage", "the share")


@pytest.mark.parametrize("name", ["coverages", "risks", "gaps"])
def test_what_a_summary_reads_is_refused_by_name(name):
    ranked = RankedOutcomes([2, 1], [0, 1], [1, 1])
    for wrong in ([[0.5]], [np.nan], ["a"], 0.5):
        with pytest.raises(ValueError, match=f"^{name} must|^{name} holds"):
            ranked.summary(**{name: wrong})


def test_a_summary_says_what_is_a_share():
    ranked = RankedOutcomes([2, 1], [0, 1], [1, 1])
    with pytest.raises(ValueError, match="risks must be mean losses, in"):
        ranked.summary(risks=[5])
    with pytest.raises(ValueError, match="coverages must be the share of inputs that"):
        ranked.summary(coverages=[80])


def test_points_are_refused_by_name():
    for columns, message in (
        (([1, np.inf], [1, 2]), "^cost must be .* every point"),
        (([1, 2], [1, np.nan]), "^accuracy must be .* every point"),
        (([1], [1, 2]), r"^cost and accuracy .* Got shapes \(1,\) and \(2,\)"),
        (([[1]], [1]), "^cost must be one number for each point"),
    ):
        with pytest.raises(ValueError, match=message):
            pareto_front(*columns)
