import shutil

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

from selective_query import CascadeClassifier
from selective_query.exceptions import ExportError
from selective_query.export import (
    EdgeClassifier,
    export_c,
    export_onnx,
    set_operating_point,
)


@pytest.fixture(scope="module")
def rows():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


@pytest.fixture(scope="module")
def cascade(rows):
    X, y = rows
    tiers = [
        ("mcu", GaussianNB(var_smoothing=0.1)),
        ("gateway", LogisticRegression(max_iter=200)),
        ("cloud", SVC()),
    ]
    cascade = CascadeClassifier(
        tiers, router="margin", coverage=(0.6, 0.7), abstain=0.1, cv=3, random_state=0
    )
    return cascade.fit(X[:900], y[:900])


def test_the_first_tier_of_a_chain_is_exported_and_put_back(rows, cascade, tmp_path):
    pytest.importorskip("skl2onnx")
    X, y = rows
    path = tmp_path / "mcu.onnx"
    answering = cascade.at((0.6, 0.7), abstain=None)
    report = export_onnx(answering, path, example=X[900:])
    assert report.labels_equal == report.rows == 897
    assert report.decisions_equal >= 895  # rounding decides where scores are saturated
    edge = EdgeClassifier(path)
    kept = answering.predict_tier(X[900:]) == 0
    assert (edge.decide(X[900:]) == kept).sum() == report.decisions_equal
    moved = answering.with_base(edge, X[900:1400], y[900:1400])
    assert moved.estimators_[0] is edge and answering.estimators_[0] is not edge
    assert (moved.predict_tier(X[1400:]) == 0).mean() == pytest.approx(0.6, abs=0.1)
    set_operating_point(path, answering.at((0.9, 0.7)))
    assert EdgeClassifier(path).decide(X[900:]).mean() > kept.mean() + 0.1
    known = answering.outcomes(X[900:], y[900:]).tiers[0]
    for part in (answering.policy_, answering.rule_):
        of_rule = export_onnx(part, tmp_path / "rule.onnx", example=known.evidence)
        assert of_rule.coverage_before == kept.mean()


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_the_first_tier_of_a_chain_is_exported_as_c(rows, cascade, tmp_path):
    X, _ = rows
    answering = cascade.at((0.6, 0.7), abstain=None)
    report = export_c(answering, tmp_path / "mcu", example=X[900:])
    assert report.labels_equal == report.rows == 897
    assert report.decisions_equal >= 895


def test_a_chain_that_abstains_is_told_what_to_export(cascade, tmp_path):
    for subject in (cascade, cascade.policy_, cascade.rule_):
        with pytest.raises(ExportError, match="abstain=None"):
            export_onnx(subject, tmp_path / "edge.onnx")
