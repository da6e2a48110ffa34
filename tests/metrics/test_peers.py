"""Values of other implementations, computed with them on the same rows.

fd-shifts (IML-DKFZ, commit c4467ae, ``RiskCoverageStats``) interpolates the selective
risk linearly, and assigns coverage 0 the risk at the smallest positive coverage; its
"non-linear" interpolation is the integral that we use. torch-uncertainty
(ENSTA-U2IS-AI, commit 0d0df2b, torch's default dtype set to float64) interpolates the
risks at 1/n, 2/n, ..., 1 and divides by 1 - 1/n. RouterBench (withmartian,
``evaluation/AIQ.py``) returns the area under the hull before division.
"""

import numpy as np
import pytest

from selective_query.metrics import (
    RankedOutcomes,
    augrc,
    aurc,
    coverage_at_risk,
    e_aurc,
    hull_area,
    selective_risk_at_coverage,
)

RIGHT = np.array([0, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 0])
DISTINCT = np.array(
    [0.91, 0.12, 0.55, 0.38, 0.77, 0.05, 0.63, 0.29, 0.84, 0.46, 0.18, 0.97]
)
TIED = np.array([3, 1, 2, 2, 0, 1, 3, 0, 2, 1, 1, 3])
RIGHT_OF_TIED = np.array([0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 1, 0])
GRADED_SCORE = np.array([0.9, 0.1, 0.5, 0.4, 0.7, 0.05, 0.6, 0.3])
GRADES = np.array([0.2, 1, 0.6, 0.7, 0.1, 0.9, 0.8, 0.3])
CASES = {
    "distinct": (DISTINCT, RIGHT),
    "tied": (TIED, RIGHT_OF_TIED),
    "graded": (GRADED_SCORE, GRADES),
}


def close(value):
    return pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("case", "integral", "by_lines", "generalised"),
    [
        ("distinct", 0.14493113893597878, 0.14405964405964405, 0.1076388888888889),
        ("tied", 0.19760435949884247, 0.1840277777777778, 0.1388888888888889),
        ("graded", 0.24025989747195667, 0.2386160714285716, 0.15000000000000008),
    ],
)
def test_areas_of_fd_shifts(case, integral, by_lines, generalised):
    score, base = CASES[case]
    assert aurc(score, base) == close(integral)
    assert augrc(score, base) == close(generalised)
    curve = RankedOutcomes(score, base).curve
    risk = curve.selective_risk_at(curve.coverage)
    risk[0] = risk[1]
    assert np.trapezoid(risk, curve.coverage) == close(by_lines)


def test_optimum_of_fd_shifts():
    optimum = 0.10225204123926612
    for score, base in (CASES["distinct"], CASES["tied"]):
        assert aurc(score, base) - e_aurc(score, base) == close(optimum)


def test_working_points_of_fd_shifts():
    # Theirs stop at thresholds; ours adds a part of the next row or tie group.
    for case, risk, expected in (
        ("distinct", 0.1, 4 / 12),
        ("distinct", 0.25, 9 / 12),
        ("distinct", 0.3, 10 / 12),
        ("tied", 0.1, 2 / 12),
        ("tied", 0.25, 6 / 12),
        ("tied", 0.3, 6 / 12),
    ):
        score, base = CASES[case]
        curve = RankedOutcomes(score, base).curve
        found = curve.coverage_at_risk(risk)
        assert curve.coverage[curve.coverage <= found + 1e-12][-1] == close(expected)


def test_values_of_torch_uncertainty():
    n = len(RIGHT)
    share = np.arange(1, n + 1) / n
    risk = selective_risk_at_coverage(DISTINCT, RIGHT, coverage=share)
    scale = 1 - 1 / n
    assert np.trapezoid(risk, share) / scale == close(0.15715597533779352)
    assert np.trapezoid(risk * share, share) / scale == close(0.11742424242424242)
    assert risk[8] == close(0.2222222222222222)  # RiskAtxCov(0.75)
    assert risk[5] == close(0.16666666666666666)  # RiskAtxCov(0.5)
    found = coverage_at_risk(DISTINCT, RIGHT, risk=0.25)
    assert np.floor(found * n) / n == close(0.75)  # CovAtxRisk(0.25)


def test_hull_of_routerbench():
    cost = [1, 2, 3, 5, 6, 8]
    quality = [0.5, 0.62, 0.6, 0.8, 0.7, 0.78]
    assert hull_area(cost, quality) * (8 - 1) == close(5.09)
