"""Predictions in chunks equal those on all rows at once."""

import joblib
import numpy as np
import pytest
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from selective_query import (
    AbstainingClassifier,
    Evidence,
    HybridClassifier,
    RoutingPolicy,
)
from selective_query.routers import PreRouter
from selective_query.routers.auto import AutoRouter
from selective_query.scale import predict_in_chunks

METHODS = ("predict", "predict_coverage", "query_score")


def whole(model, X):
    return tuple(getattr(model, method)(X) for method in METHODS)


def joined(parts):
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def assert_same(found, expected):
    for a, b in zip(found, expected, strict=True):
        if a.dtype.kind == "f":
            np.testing.assert_allclose(a, b, rtol=1e-12)
        else:
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype


@pytest.mark.parametrize("chunk_rows", [1, 2, 97, 196, 197, 10_000])
def test_any_size_of_chunk(hybrid, rows, chunk_rows):
    X, _ = rows
    parts = list(predict_in_chunks(hybrid, X, METHODS, chunk_rows=chunk_rows))
    assert all(len(part[0]) <= chunk_rows for part in parts)
    assert_same(joined(parts), whole(hybrid, X))
    for method, expected in zip(METHODS, whole(hybrid, X), strict=True):
        parts = predict_in_chunks(hybrid, X, method, chunk_rows=chunk_rows)
        assert_same([np.concatenate(list(parts))], [expected])


@pytest.mark.parametrize(
    "backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)]
)
def test_jobs_and_their_backend(hybrid, rows, backend):
    X, _ = rows
    model = hybrid
    if backend == "loky":  # the models of other tests are not importable elsewhere
        base = GaussianNB(var_smoothing=0.1)
        global_ = LogisticRegression(max_iter=50)
        model = HybridClassifier(base, global_, router="margin").fit(
            X[:99], rows[1][:99]
        )
    with joblib.parallel_config(backend=backend):
        parts = predict_in_chunks(model, X, METHODS, chunk_rows=50, n_jobs=2)
    assert_same(joined(parts), whole(model, X))


def test_chunks_wait_for_a_slow_reader(hybrid, rows):
    taken = []

    def chunks():
        for start in range(0, 190, 10):
            taken.append(start)
            yield rows[0][start : start + 10]

    with joblib.parallel_config(backend="threading"):
        parts = predict_in_chunks(hybrid, chunks(), n_jobs=2)
    assert not taken
    next(parts)
    assert len(taken) == 4
    parts = predict_in_chunks(hybrid, chunks())
    next(parts)
    assert len(taken) == 5


def test_chunks_from_an_iterator(hybrid, rows):
    X, y = rows
    chunks = [X[:0], X[:3], (X[3:100], y[3:100]), X[100:100], X[100:]]
    assert_same(
        joined(predict_in_chunks(hybrid, iter(chunks), METHODS)), whole(hybrid, X)
    )
    assert list(predict_in_chunks(hybrid, iter([]))) == []
    assert list(predict_in_chunks(hybrid, X[:0])) == []


def test_memory_maps_in_and_out(hybrid, rows, tmp_path):
    X, _ = rows
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    expected = whole(hybrid, X)
    out = tuple(
        np.lib.format.open_memmap(
            tmp_path / f"{i}.npy", "w+", dtype=column.dtype, shape=column.shape
        )
        for i, column in enumerate(expected)
    )
    assert predict_in_chunks(hybrid, mapped, METHODS, chunk_rows=33, out=out) is out
    for array in out:
        array.flush()
    assert_same([np.load(tmp_path / f"{i}.npy") for i in range(3)], expected)


@pytest.mark.filterwarnings("ignore:Many rows share the score")
def test_frames_sparse_rows_and_lists(rows):
    pandas = pytest.importorskip("pandas")
    X, y = rows
    pair = DecisionTreeClassifier(max_depth=4), DecisionTreeClassifier()
    for kind in (
        lambda X: pandas.DataFrame(X, columns=[f"pixel {i}" for i in range(64)]),
        csr_matrix,
        coo_matrix,
        np.ndarray.tolist,
    ):
        model = HybridClassifier(*pair, router="margin").fit(kind(X[:100]), y[:100])
        X_new = kind(X[100:])
        parts = predict_in_chunks(model, X_new, METHODS, chunk_rows=41)
        assert_same(joined(parts), whole(model, X_new))


def test_abstention_and_text_labels(digits, rows):
    X, y = digits
    names = np.array(["zero", "one", "two", "three", "four"])[y // 2]
    model = AbstainingClassifier(
        GaussianNB(var_smoothing=0.1), router="margin", abstain_label="not known"
    ).fit(X[:600], names[:600])
    methods = (*METHODS, "predict_proba")
    parts = joined(predict_in_chunks(model, rows[0], methods, chunk_rows=60))
    expected = (*whole(model, rows[0]), model.predict_proba(rows[0]))
    assert_same(parts, expected)
    assert "not known" in parts[0]


@pytest.mark.parametrize("router", [PreRouter(), AutoRouter()])
def test_learned_routers_and_those_that_spare_the_base(digits, rows, router):
    X, y = digits
    model = HybridClassifier(
        GaussianNB(var_smoothing=0.1), DecisionTreeClassifier(), router=router, cv=2
    ).fit(X[:600], y[:600])
    parts = joined(predict_in_chunks(model, rows[0], METHODS, chunk_rows=100))
    assert_same(parts[:2], whole(model, rows[0])[:2])


def test_one_pass_asks_each_side_once(digits, rows):
    asked = {"base": 0, "global": 0}

    class Counting(GaussianNB):
        def predict_proba(self, X):
            asked[self.name] += len(X)
            return super().predict_proba(X)

    X, y = digits
    sides = []
    for name in asked:
        sides.append(Counting(var_smoothing=0.1).fit(X[:300], y[:300]))
        sides[-1].name = name
    model = HybridClassifier(*map(FrozenEstimator, sides), router="margin").fit(
        X[300:600], y[300:600]
    )
    n_queried = int((~model.predict_coverage(rows[0])).sum())
    asked.update({"base": 0, "global": 0})
    list(predict_in_chunks(model, rows[0], ("predict", "predict_coverage")))
    assert asked == {"base": len(rows[0]), "global": n_queried}


def test_a_policy_on_saved_outputs(hybrid, rows):
    proba = hybrid.base_estimator_.predict_proba(rows[0])
    evidence = Evidence(base_proba=proba)
    policy = hybrid.policy_
    assert isinstance(policy, RoutingPolicy)
    expected = policy.decide(evidence)
    parts = predict_in_chunks(policy, evidence, "decide", chunk_rows=30)
    np.testing.assert_array_equal(np.concatenate(list(parts)), expected)
    stream = (Evidence(base_proba=proba[i : i + 30]) for i in range(0, 197, 30))
    parts = predict_in_chunks(policy, stream, "decide")
    np.testing.assert_array_equal(np.concatenate(list(parts)), expected)


def test_refusals(hybrid, rows):
    X, _ = rows
    with pytest.raises(
        AttributeError, match="method='decide' is none of HybridClassif"
    ):
        predict_in_chunks(hybrid, X, "decide")
    with pytest.raises(ValueError, match="chunk_rows must be .* >= 1. Got 0"):
        predict_in_chunks(hybrid, X, chunk_rows=0)
    with pytest.raises(TypeError, match="X must be rows .* Got int"):
        predict_in_chunks(hybrid, 3)
    with pytest.raises(ValueError, match="as many rows as X, 197. Got 198"):
        predict_in_chunks(hybrid, X, out=np.zeros(198))
    with pytest.raises(ValueError, match="as many rows as X, 197 or more. Got 100"):
        predict_in_chunks(hybrid, X, out=np.zeros(100))
    with pytest.raises(ValueError, match="one array for each method, 2. Got 1"):
        out = (np.zeros(197),)
        predict_in_chunks(hybrid, X, ("predict", "query_score"), out=out)
    with pytest.raises(ValueError, match="hold float64. Got bool"):
        predict_in_chunks(hybrid, X, "query_score", out=np.zeros(197, dtype=bool))


def test_an_array_that_would_wrap_labels_is_refused(digits):
    X, y = digits
    model = GaussianNB().fit(X[:600], 100 * y[:600])
    with pytest.raises(ValueError, match="out must be able to hold 0 to 900. Got int8"):
        predict_in_chunks(model, X[600:], out=np.zeros(len(X) - 600, np.int8))
    narrow = np.zeros(len(X) - 600, np.int16)
    assert predict_in_chunks(model, X[600:], out=narrow).max() == 900


@pytest.mark.parametrize("chunk_rows", ["a", -1, 2.5, None, True])
def test_invalid_numbers_of_rows_are_refused(hybrid, rows, chunk_rows):
    with pytest.raises(ValueError, match="chunk_rows must be a whole number"):
        predict_in_chunks(hybrid, rows[0], chunk_rows=chunk_rows)


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_of_x_and_y_is_a_chunk(hybrid, rows, kind):
    X, y = rows
    expected = hybrid.predict(X)
    found = predict_in_chunks(hybrid, iter([kind([X, y])]))
    np.testing.assert_array_equal(np.concatenate(list(found)), expected)
    with pytest.raises(ValueError, match="such as X and y. Give them apart"):
        predict_in_chunks(hybrid, kind([X, y]))
    with pytest.raises(ValueError, match="iter.chunks."):
        predict_in_chunks(hybrid, kind([(X[:99], y[:99]), (X[99:], y[99:])]))


def test_a_list_of_rows_is_a_chunk(rows):
    X, y = rows
    model = GaussianNB(var_smoothing=0.1).fit(X, y)
    for n in (2, 3):
        (found,) = predict_in_chunks(model, iter([list(X[:n])]))
        np.testing.assert_array_equal(found, model.predict(X[:n]))


def test_rows_of_two_parts_are_rows(rows):
    class OnPairs:
        def predict(self, pairs):
            return np.array([image.sum() + size for image, size in pairs])

    pairs = [(np.ones((8, 8)), np.array([i])) for i in range(5)]
    found = predict_in_chunks(OnPairs(), pairs, chunk_rows=2)
    assert [len(part) for part in found] == [2, 2, 1]


@pytest.mark.parametrize(
    ("chunk", "error", "says"),
    [
        ({"X": 1}, TypeError, "A chunk must be rows X, or a tuple .* Got dict"),
        ("text", TypeError, "Got str"),
        ((), ValueError, "must be .X, y. or .* Got 0 entries"),
        ((1, 2, 3, 4), ValueError, "Got 4 entries"),
    ],
)
def test_invalid_chunks(hybrid, chunk, error, says):
    with pytest.raises(error, match=says):
        list(predict_in_chunks(hybrid, iter([chunk])))
    if error is TypeError:
        with pytest.raises(TypeError, match="X must be rows"):
            predict_in_chunks(hybrid, chunk)


@pytest.mark.parametrize("method", [3, (), None])
def test_methods_are_names(hybrid, rows, method):
    with pytest.raises(ValueError, match="method must be a name"):
        predict_in_chunks(hybrid, rows[0], method)
    with pytest.raises(AttributeError, match="method='classes_' is none"):
        predict_in_chunks(hybrid, rows[0], "classes_")


def test_files_are_no_arrays_to_fill(hybrid, rows):
    with pytest.raises(TypeError, match="out must be an array .* Got str. For files"):
        predict_in_chunks(hybrid, rows[0], out="labels.npy")


def test_unfitted(rows):
    made = HybridClassifier(GaussianNB(), DecisionTreeClassifier())
    with pytest.raises(NotFittedError):
        list(predict_in_chunks(made, rows[0]))
    with pytest.raises(NotFittedError):
        list(predict_in_chunks(RoutingPolicy(), Evidence(X=rows[0]), "decide"))
