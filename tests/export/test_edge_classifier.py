import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from selective_query import HybridClassifier
from selective_query.export import EdgeClassifier, export_onnx
from selective_query.export._onnx import runtime
from tests.test_without_torch import run_without

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

X, y = load_digits(return_X_y=True)
NAMES = np.array([f"d{label}" for label in y])
FIT, TEST = slice(300, 900), slice(900, None)


@pytest.fixture(scope="module")
def hybrid():
    base, global_ = (
        FrozenEstimator(model.fit(X[:300], NAMES[:300]))
        for model in (LogisticRegression(max_iter=50), ExtraTreesClassifier(30))
    )
    return HybridClassifier(base, global_, coverage=0.8).fit(X[FIT], NAMES[FIT])


@pytest.fixture(scope="module")
def path(hybrid, tmp_path_factory):
    made = tmp_path_factory.mktemp("edge") / "edge.onnx"
    export_onnx(hybrid, made, example=X[TEST])
    return made


def test_it_runs_with_numpy_and_onnxruntime_alone(path):
    np.save(path.with_name("X.npy"), X[TEST])
    found = run_without(
        {"sklearn", "scipy", "torch", "pandas", "joblib", "skl2onnx", "onnx"},
        f"""
import numpy as np
from selective_query.export import EdgeClassifier
edge = EdgeClassifier({str(path)!r})
X = np.load({str(path.with_name("X.npy"))!r})
print(edge.decide(X).sum(), edge.predict(X)[0], edge.predict_proba(X).shape)
print(edge.facts_["router"], edge.n_features_in_, sorted(edge.answer(X)))
print(any(name.startswith("selective_query.routers") for name in sys.modules))
""",
    )
    edge = EdgeClassifier(path)
    kept, label = edge.decide(X[TEST]).sum(), edge.predict(X[TEST])[0]
    assert found[0] == f"{kept} {label} (897, 10)"
    assert found[1].endswith("64 ['label', 'probabilities', 'queried', 'score']")
    assert found[2] == "False"


def test_without_onnxruntime_it_says_what_to_install(path):
    (found,) = run_without(
        {"onnxruntime"},
        f"""
from selective_query.export import EdgeClassifier
try:
    EdgeClassifier({str(path)!r}).classes_
except ImportError as error:
    print(error)
""",
    )
    assert found.startswith("Running an ONNX file needs onnxruntime: pip install")


def test_it_is_a_base(hybrid, path):
    edge = EdgeClassifier(path)
    moved = hybrid.with_base(edge, X[FIT], NAMES[FIT])
    assert moved.base_estimator_ is edge
    rows = X[TEST]
    assert (moved.predict_coverage(rows) == hybrid.predict_coverage(rows)).mean() > 0.95
    fresh = HybridClassifier(
        FrozenEstimator(edge), hybrid.global_estimator, coverage=0.8, confidence=0.9,
        router="margin",
    ).fit(X[FIT], NAMES[FIT])  # fmt: skip
    assert fresh.operating_point_.certificate.exact
    np.testing.assert_array_equal(fresh.edge_.ask(rows).proba, edge.predict_proba(rows))
    assert clone(fresh).base_estimator.estimator is edge
    assert get_tags(edge).estimator_type == "classifier"


def test_parameters_clones_and_pickles(path):
    edge = EdgeClassifier(str(path), n_threads=2)
    assert edge.get_params() == {"path": str(path), "n_threads": 2}
    assert clone(edge).get_params() == edge.get_params()
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(edge)).predict(X[:5]), edge.predict(X[:5])
    )
    assert edge.set_params(n_threads=1).n_threads == 1
    with pytest.raises(ValueError, match=r"has path and n_threads. Got \['folder'\]"):
        edge.set_params(folder=1)
    with pytest.raises(ValueError, match="n_threads must be a whole number >= 1"):
        edge.set_params(n_threads=0).predict(X[:5])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (X[:2, :10], r"X must be of shape \('n_samples', 64\). Got \(2, 10\)"),
        (np.full((2, 64), np.nan), "X must be finite in single precision.*row 0"),
        (np.full((2, 64), 1e200), "X must be finite in single precision"),
        ([["a"] * 64], "X must hold numbers"),
        (np.full((2, 64), 1j), "X must hold real numbers"),
    ],
    ids=["shape", "nan", "large", "text", "complex"],
)
def test_rows_that_it_cannot_read_are_refused(rows, message, path):
    with pytest.raises(ValueError, match=message):
        EdgeClassifier(path).predict(rows)


def test_sparse_rows_and_no_rows(path):
    sparse = pytest.importorskip("scipy.sparse")
    edge = EdgeClassifier(path)
    np.testing.assert_array_equal(
        edge.predict(sparse.csr_array(X[:9])), edge.predict(X[:9])
    )
    assert edge.predict(X[:0]).shape == (0,)
    assert edge.decide(X[:0]).dtype == bool


def test_many_rows_are_answered_in_parts(path, monkeypatch):
    whole = EdgeClassifier(path).answer(X)
    monkeypatch.setattr(runtime, "ROWS_AT_ONCE", 100)
    for name, values in EdgeClassifier(path).answer(X).items():
        assert values.dtype == whole[name].dtype
        if values.dtype.kind == "f":  # whose products depend on the batch
            np.testing.assert_allclose(values, whole[name], rtol=1e-4, atol=1e-6)
        else:
            np.testing.assert_array_equal(values, whole[name])


def test_an_invalid_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*absent.onnx"):
        EdgeClassifier(tmp_path / "absent.onnx").predict(X)
    with pytest.raises(ValueError, match="must be a folder that export_c wrote"):
        EdgeClassifier(tmp_path).predict(X)


def test_rows_that_single_precision_cannot_hold_are_refused(hybrid, tmp_path):
    scaled = HybridClassifier(
        hybrid.base_estimator_, hybrid.global_estimator_, router="benefit",
        base_features=StandardScaler().fit(X[:300]), coverage=0.8,
    ).fit(X[FIT], NAMES[FIT])  # fmt: skip
    export_onnx(scaled, tmp_path / "scaled.onnx")
    rows = X[TEST][:3].copy()
    rows[1] = 3e38
    assert np.isfinite(scaled.query_score(rows)).all()
    edge = EdgeClassifier(tmp_path / "scaled.onnx")
    for ask in (edge.predict, edge.predict_proba, edge.decide, edge.query_score):
        with pytest.raises(ValueError, match="Row 1 is refused: an intermediate value"):
            ask(rows)
    answers = edge._runner.run(rows)
    assert np.isnan(answers["score"]).tolist() == [False, True, False]
    assert answers["queried"][1]
