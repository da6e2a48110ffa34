"""Whether two sides that differ are told from two that only round otherwise."""

import json
from dataclasses import replace

import numpy as np
import pytest

from selective_query import RoutingPolicy
from selective_query.datasets import make_selective_query
from selective_query.exceptions import ExportError
from selective_query.export._parity import compared, decisions_of
from selective_query.export._subject import subject_of


@pytest.fixture(scope="module")
def sides():
    outcomes = make_selective_query(600, random_state=0).outcomes
    subject = subject_of(RoutingPolicy("margin").fit(outcomes))
    expected, evidence = decisions_of(subject, outcomes)
    proba = np.asarray(outcomes.base_proba)
    return subject, replace(expected, label=proba.argmax(axis=1), proba=proba), evidence


def report_of(sides, **found):
    subject, expected, evidence = sides
    return compared(subject, expected, replace(expected, **found), evidence, "test")


def test_equal_sides_keep_the_certificate(sides):
    report = report_of(sides)
    assert report.labels_equal == report.decisions_equal == report.rows == 600
    assert report.certificate_after == report.certificate_before


@pytest.mark.parametrize("name", ["score", "proba"])
def test_one_row_that_is_not_a_number_hides_no_other(sides, name):
    _, expected, _ = sides
    values = getattr(expected, name).copy()
    values[7] = np.nan
    with pytest.raises(ExportError, match=r"answers NaN on 1 of 600 rows, first on ro"):
        report_of(sides, **{name: values}, kept=~expected.kept)


def test_another_model_is_refused_though_it_decides_alike(sides):
    _, expected, _ = sides
    moved = expected.proba + 0.002
    with pytest.raises(ExportError, match="other probabilities than the base on 600"):
        report_of(sides, proba=moved)
    few = expected.proba.copy()
    few[:5] = moved[:5]  # as a number that falls to the other side of a split
    assert report_of(sides, proba=few).decisions_equal == 600


def test_a_report_is_json_whatever_the_scores(sides):
    _, expected, _ = sides
    score = expected.score.copy()
    score[0] = np.inf if score[0] > sides[0].thresholds[0] else -np.inf
    report = report_of(sides, score=score)

    def strange(name):
        raise AssertionError(name)

    text = json.loads(report.to_json(), parse_constant=strange)
    assert text["score_difference"] == "inf"
