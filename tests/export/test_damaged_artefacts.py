"""Artefacts that are damaged, replaced or missing, and paths that cannot be written."""

import json
import shutil

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

from selective_query import HybridClassifier
from selective_query.exceptions import ExportError
from selective_query.export import (
    EdgeClassifier,
    export_c,
    export_onnx,
    set_operating_point,
)

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

X, y = load_digits(return_X_y=True)
EXPORTS = {"edge.onnx": export_onnx, "edge_c": export_c}
ALL = pytest.mark.parametrize("name", EXPORTS)


@pytest.fixture(scope="module")
def hybrid():
    base = GaussianNB(var_smoothing=0.1).fit(X[:600], y[:600])
    other = SVC().fit(X[:600], y[:600])
    return HybridClassifier(
        FrozenEstimator(base), FrozenEstimator(other), router="margin", coverage=0.8
    ).fit(X[600:1200], y[600:1200])


@pytest.fixture(scope="module")
def artefacts(hybrid, tmp_path_factory):
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("artefacts")
    for name, export in EXPORTS.items():
        export(hybrid, folder / name)
    return folder


@pytest.fixture
def copied(artefacts, tmp_path):
    shutil.copytree(artefacts, tmp_path, dirs_exist_ok=True)
    return tmp_path


def damage(path, key, text):
    """Replace one fact by a text."""
    if path.is_dir():
        manifest = path / "artefact.json"
        facts = json.loads(manifest.read_text()) | {key: "@"}
        manifest.write_text(json.dumps(facts).replace('"@"', text))
        return
    model = onnx.load(path)
    (entry,) = (p for p in model.metadata_props if p.key == f"selective_query.{key}")
    entry.value = text
    onnx.save(model, path)


DAMAGES = [
    ("format", "nope"), ("format", "2"), ("classes", "3"), ("columns", "[1]"),
    ("inputs", "3"), ("inputs", "{}"), ("inputs", '{"names": 3}'), ("rule", "null"),
    ("artefact", "1"), ("groups", '"a"'),
]  # fmt: skip


@ALL
@pytest.mark.parametrize(("key", "text"), DAMAGES)
def test_damaged_facts_are_refused(name, key, text, copied, hybrid):
    damage(copied / name, key, text)
    with pytest.raises(ValueError, match="damaged|of format 1"):
        EdgeClassifier(copied / name).predict(X[:2])
    with pytest.raises(ValueError, match="damaged|of format 1"):
        set_operating_point(copied / name, hybrid.at(0.5))


@ALL
def test_an_artefact_that_names_other_classes_is_refused(name, copied):
    damage(copied / name, "classes", '["a"]')
    with pytest.raises(ValueError, match="names 1 classes and has 10"):
        EdgeClassifier(copied / name).predict(X[:2])


@pytest.mark.parametrize("data", [b"", b"junk" * 50, b"{}"])
def test_invalid_onnx_files_are_refused(data, tmp_path, hybrid):
    path = tmp_path / "edge.onnx"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"edge\.onnx"):
        EdgeClassifier(path).predict(X[:2])
    with pytest.raises(ValueError, match="that export_onnx wrote"):
        set_operating_point(path, hybrid)
    assert path.read_bytes() == data


@pytest.mark.parametrize("text", ["", "[]", "{}", "x", '{"format": 1}'])
def test_invalid_folders_of_c_are_refused(text, copied, hybrid):
    (copied / "edge_c" / "artefact.json").write_text(text)
    with pytest.raises(ValueError, match="that export_c wrote"):
        EdgeClassifier(copied / "edge_c").predict(X[:2])
    with pytest.raises(ValueError, match="that export_c wrote"):
        set_operating_point(copied / "edge_c", hybrid)


def test_a_file_without_its_threshold_is_refused(copied, hybrid):
    model = onnx.load(copied / "edge.onnx")
    for entry in model.graph.initializer:
        entry.name = entry.name.replace("threshold", "other")
    onnx.save(model, copied / "edge.onnx")
    with pytest.raises(ValueError, match="has no threshold"):
        set_operating_point(copied / "edge.onnx", hybrid.at(0.5))


@ALL
def test_an_open_artefact_follows_the_one_that_takes_its_place(name, copied, hybrid):
    edge = EdgeClassifier(copied / name)
    kept = edge.decide(X[1200:])
    moved = hybrid.at(0.3)
    set_operating_point(copied / name, moved)
    np.testing.assert_array_equal(
        edge.decide(X[1200:]), moved.predict_coverage(X[1200:])
    )
    assert edge.decide(X[1200:]).mean() < kept.mean()
    (copied / name).rename(copied / "gone")
    assert edge.decide(X[1200:]).mean() < kept.mean()


@pytest.mark.parametrize("path", ["no/edge.onnx", "."])
def test_a_path_that_cannot_be_written_is_refused_early(path, hybrid, tmp_path):
    with pytest.raises(ValueError, match="must name a file in a folder that exists"):
        export_onnx(hybrid, tmp_path / path, example="never looked at")


@ALL
def test_a_failed_export_keeps_the_previous_artefact(name, copied, hybrid, monkeypatch):
    from selective_query.export.report import ExportReport

    path = copied / name
    before = path.read_bytes() if path.is_file() else (path / "sq_model.c").read_text()

    def fails(self):
        raise OSError("no space")

    monkeypatch.setattr(ExportReport, "to_json", fails)
    with pytest.raises(OSError, match="no space"):
        set_operating_point(path, hybrid.at(0.3))
    monkeypatch.undo()
    after = path.read_bytes() if path.is_file() else (path / "sq_model.c").read_text()
    assert after == before
    assert sorted(p.name for p in copied.iterdir()) == [
        "edge.onnx", "edge.report.json", "edge_c",
    ]  # fmt: skip


@ALL
def test_an_unverified_certificate_is_not_reported(name, copied, hybrid):
    path = copied / name
    assert EdgeClassifier(path).facts_["certificate"] is None
    report = set_operating_point(path, hybrid.at(0.7), example=X[1200:])
    assert report.certificate_after == report.certificate_before
    assert EdgeClassifier(path).facts_["certificate"] == report.certificate_after
    own = hybrid.with_base(EdgeClassifier(path), X[1200:], y[1200:])
    report = set_operating_point(path, own)
    assert report.certificate_after == str(own.rule_.certificate)
    assert EdgeClassifier(path).facts_["certificate"] == report.certificate_after


def test_numbers_beyond_single_precision_are_refused(hybrid, tmp_path):
    base = GaussianNB(var_smoothing=0.1).fit(1e25 * X[:600], y[:600])
    other = SVC().fit(X[:600], y[:600])
    far = HybridClassifier(
        FrozenEstimator(base), FrozenEstimator(other), router="margin"
    ).fit(1e25 * X[600:1200], y[600:1200])
    with pytest.raises(ExportError, match="cannot decide on all rows of the example"):
        export_c(far, tmp_path / "c", example=1e25 * X[1200:])
    assert not any(tmp_path.iterdir())
