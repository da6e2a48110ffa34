import numpy as np
import pytest

from selective_query.scale import predict_in_chunks, write_npy


@pytest.mark.parametrize("dtype", [bool, np.int32, np.float32, "<U7"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_what_is_written_is_read(tmp_path, dtype, shape):
    whole = np.arange(11 * int(np.prod(shape))).reshape(11, *shape).astype(dtype)
    path = tmp_path / "x.npy"
    assert write_npy(path, (whole[i : i + 4] for i in range(0, 11, 4))) == 11
    for mode in (None, "r"):
        found = np.load(path, mmap_mode=mode)
        assert found.dtype == whole.dtype
        np.testing.assert_array_equal(found, whole)


def test_chunks_in_any_memory_layout(tmp_path):
    whole = np.asfortranarray(np.arange(12.0).reshape(4, 3))[::2]
    write_npy(tmp_path / "x.npy", [whole, whole])
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), np.vstack([whole] * 2))


def test_several_files_at_once(hybrid, rows, tmp_path):
    X, _ = rows
    paths = tmp_path / "labels.npy", tmp_path / "kept.npy"
    chunks = predict_in_chunks(
        hybrid, X, ("predict", "predict_coverage"), chunk_rows=60
    )
    assert write_npy(paths, chunks) == len(X)
    np.testing.assert_array_equal(np.load(paths[0]), hybrid.predict(X))
    np.testing.assert_array_equal(np.load(paths[1]), hybrid.predict_coverage(X))


@pytest.mark.parametrize(
    ("chunks", "says"),
    [
        ([], "There are no rows for x.npy"),
        ([np.zeros(2), np.zeros(2, dtype=int)], "must be of dtype float64 and shape"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], r"shape \('n', 3\). Got float64 and"),
        ([np.array(["a"], dtype=object)], "x.npy cannot hold objects"),
        ([(np.zeros(2), np.zeros(2))], "one file for each entry .* Got 1 for 2"),
    ],
)
def test_refusals(tmp_path, chunks, says):
    np.save(tmp_path / "x.npy", np.arange(3))
    with pytest.raises(ValueError, match=says):
        write_npy(tmp_path / "x.npy", chunks)
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), np.arange(3))


def test_several_files_may_come_in_a_list(tmp_path):
    paths = [tmp_path / "a.npy", tmp_path / "b.npy"]
    assert write_npy(paths, [(np.zeros(2), np.ones(2))]) == 2
    with pytest.raises(ValueError, match="one file for each entry .* Got 2 for 1"):
        write_npy(paths, [np.zeros(2)])
