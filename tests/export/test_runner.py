"""Checks of the values that a decision reads besides its inputs."""

import numpy as np
import pytest

from selective_query.export._runner import Runner


@pytest.fixture
def runner():
    facts = {"groups": ["a", "longer"]}
    return Runner("edge", facts, None, [], {"group", "local_only"})


@pytest.mark.parametrize(
    "flags",
    [[True, False], [1, 0], np.array([1.0, 0.0]), np.array([True, False], object)],
)
def test_flags_are_true_or_false(flags, runner):
    asked = runner.asked(2, ["longer", "a"], flags)
    assert asked["local_only"].dtype == bool
    assert asked["local_only"].tolist() == [True, False]
    assert asked["group"].tolist() == ["longer", "a"]


@pytest.mark.parametrize(
    "flags", [["no", "yes"], [np.nan, 1], [2, 0], [None, True], ["", "0"]]
)
def test_flags_that_are_neither_are_refused(flags, runner):
    with pytest.raises(ValueError, match="local_only must hold True or False"):
        runner.asked(2, ["a", "a"], flags)


@pytest.mark.parametrize(
    ("group", "words"),
    [
        (["a", "b"], r"belonged to: \['b'\]"),
        ([0, 1], "belonged to"),
        (["a"], r"\(2,\)"),
    ],
)
def test_groups_that_are_not_known_are_refused(group, words, runner):
    with pytest.raises(ValueError, match=words):
        runner.asked(2, group, None)
