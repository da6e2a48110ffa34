"""Real differences between two sides are distinguished from rounding."""

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
def test_one_nan_row_hides_no_other_difference(sides, name):
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
    few[:5] = moved[:5]  # like a number that falls on the other side of a split
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


def test_scores_are_compared_on_rows_of_the_same_label(sides):
    subject, expected, evidence = sides
    label, score = expected.label.copy(), expected.score.copy()
    label[3] = (label[3] + 1) % expected.proba.shape[1]
    score[3], score[5] = score[3] + 0.5, score[5] + 1e-6
    found = replace(expected, label=label, score=score)
    report = compared(subject, expected, found, evidence, "test", must_agree=False)
    assert report.labels_equal == 599
    np.testing.assert_allclose(report.score_difference, 1e-6, rtol=1e-3)


def test_equal_probabilities_are_distinguished_from_tree_splits(sides):
    _, expected, _ = sides
    row = int(np.argmax(expected.proba.max(axis=1)))
    label, proba = expected.label.copy(), expected.proba.copy()
    label[row] = (label[row] + 1) % proba.shape[1]
    with pytest.raises(ExportError, match="across a split of trees"):
        report_of(sides, label=label)
    proba[row] = 1 / proba.shape[1]
    with pytest.raises(ExportError, match="probabilities are equal there: .* Scale"):
        report_of(sides, label=label, proba=proba)
