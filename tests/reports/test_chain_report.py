"""The report of a chain prints its figures."""

import pickle

import numpy as np
import pytest

from selective_query.reports import ChainReport

FIGURES = {
    "accuracy": 0.9,
    "n": 1000,
    "abstained": 0.0,
    "cost": 3.25,
    "n_asked": (1000, 200),
    "n_answered": (800, 200),
    "shares": (0.8, 0.2),
    "accuracies": (0.925, 0.8),
}


def report(**changes):
    return ChainReport(["small", "large"], **{**FIGURES, **changes})


def test_it_is_a_mapping_that_prints_itself():
    found = report()
    assert dict(found) == FIGURES
    assert str(found) == repr(found) == str(pickle.loads(pickle.dumps(found)))
    small, large = str(found).splitlines()[-2:]
    assert small.split() == ["small", "1,000", "800", "80.0", "%", "92.5", "%"]
    assert large.split()[0] == "large"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "right on 90 % of 1,000 inputs, at a mean cost of 3.25."),
        ({"cost": np.nan}, "right on 90 % of 1,000 inputs."),
        ({"abstained": 0.1}, "answers 90 % of 1,000 inputs and is right on 90 %"),
        ({"accuracy": np.nan, "abstained": 1.0}, "None of the 1,000 inputs is"),
        ({"n": 0}, "no rows"),
    ],
)
def test_the_verdict_is_one_sentence(changes, said):
    assert said in report(**changes).verdict


def test_a_tier_that_answers_nothing_has_no_accuracy():
    line = str(report(accuracies=(0.9, np.nan))).splitlines()[-1]
    assert line.split()[-1] == "%"
    assert len(line.split()) == 5
