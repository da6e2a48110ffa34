"""Frames with odd names, texts in odd containers, groups too close in float32."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB, GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from selective_query import HybridClassifier
from selective_query.budgets import GroupCoverage
from selective_query.exceptions import ExportError
from selective_query.export import EdgeClassifier, export_c, export_onnx

pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

X, y = load_digits(return_X_y=True)
TRAIN, FIT, TEST = slice(0, 600), slice(600, 1200), slice(1200, None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "edge.onnx"


def hybrid_of(base, other, rows, **options):
    models = (FrozenEstimator(m.fit(rows[TRAIN], y[TRAIN])) for m in (base, other))
    options = {"router": "margin", "coverage": 0.8} | options
    return HybridClassifier(*models, **options).fit(rows[FIT], y[FIT])


def transformer(numbers, texts):
    return ColumnTransformer(
        [
            ("numbers", StandardScaler(), numbers),
            ("texts", OneHotEncoder(handle_unknown="ignore"), texts),
        ]
    )


@pytest.mark.parametrize("names", [["num", "num 2", "c/ité", "num_2"], [7, 3, 0, 1]])
def test_columns_may_have_any_names(names, path):
    pd = pytest.importorskip("pandas")
    values = [X[:, 20], X[:, 30], np.where(X[:, 40] > 5, "é", "b"), X[:, 43]]
    frame = pd.DataFrame(dict(zip(names, values, strict=True)))
    by = [0, 1, 3], [2]
    if isinstance(names[0], str):
        by = [[names[i] for i in places] for places in by]
    hybrid = hybrid_of(
        make_pipeline(transformer(*by), LogisticRegression()),
        make_pipeline(transformer(*by), ExtraTreesClassifier(9, random_state=0)),
        frame,
    )
    report = export_onnx(hybrid, path, example=frame[TEST])
    assert report.labels_equal == report.rows
    edge, kept = EdgeClassifier(path), hybrid.predict_coverage(frame[TEST])
    moved = frame[TEST][names[::-1]].assign(extra=1)
    np.testing.assert_array_equal(edge.decide(moved), kept)
    assert edge.decide(frame[TEST][:1]).shape == (1,)
    with pytest.raises(ValueError, match="lacks columns"):
        edge.decide(frame[TEST][names[:2]])


@pytest.mark.parametrize("container", ["list", "array", "series"])
def test_texts_in_any_container(container, path):
    texts = np.array(
        [" ".join(f"w{k}" for k in np.flatnonzero(row > 8)) for row in X], dtype=object
    )
    hybrid = hybrid_of(
        make_pipeline(TfidfVectorizer(), LogisticRegression()),
        make_pipeline(CountVectorizer(), ComplementNB()),
        texts,
    )
    given = texts[TEST]
    if container == "series":
        pd = pytest.importorskip("pandas")
        given = pd.Series(given, index=np.arange(len(given)) + 5)
    given = given.tolist() if container == "list" else given
    report = export_onnx(hybrid, path, example=given)
    assert report.labels_equal == report.decisions_equal == report.rows == 597


def test_an_example_without_rows_is_refused(tmp_path):
    hybrid = hybrid_of(GaussianNB(var_smoothing=0.1), LogisticRegression(), X)
    for export in (export_onnx, export_c):
        with pytest.raises(ValueError, match="example must hold some rows"):
            export(hybrid, tmp_path / "edge", example=X[:0])
    assert not any(tmp_path.iterdir())


def close(X):
    return np.where(X[:, 20] > 5, 2.0**24, 2.0**24 + 1)


def test_groups_that_single_precision_mixes_are_refused(path):
    hybrid = hybrid_of(
        GaussianNB(var_smoothing=0.1), LogisticRegression(), X,
        coverage=GroupCoverage(0.7, by=close),
    )  # fmt: skip
    with pytest.raises(ExportError, match="equal after rounding to single precision"):
        export_onnx(hybrid, path)


def test_a_converter_that_is_not_exact_is_refused(path):
    base = CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=2)
    hybrid = hybrid_of(base, LogisticRegression(), X)
    with pytest.raises(ExportError, match="no exact form in ONNX. Use"):
        export_onnx(hybrid, path)
