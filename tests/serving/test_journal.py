"""What a journal stores, what it never stores, and that it does not grow."""

import sqlite3
import threading

import numpy as np
import pytest

from selective_query.classifiers import Decisions
from selective_query.serving import Journal, Keep, Secret


def decisions(n, score=None, failed=(), queried=None):
    failure = np.full(n, "", dtype="U12")
    failure[list(failed)] = "timeout"
    queried = failure != "" if queried is None else queried
    return Decisions(
        np.arange(n) % 3,
        np.full(n, "base"),
        queried,
        failure,
        np.linspace(0, 1, n) if score is None else score,
        np.ones(n),
        np.zeros(n, dtype=int),
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


def test_decisions_are_recorded_without_their_inputs(path):
    X = np.full((4, 5), 1234.5678)
    X[3] = 2
    with Journal(path) as journal:
        journal.record(decisions(4, failed=[1]), X, threshold=0.5, cost=[0, 2, 0, 0])
        found = journal.decisions()
        assert journal.kept() == journal.pending() == []
    assert [row["failure"] for row in found] == ["", "timeout", "", ""]
    assert [row["queried"] for row in found] == [False, True, False, False]
    assert [row["cost"] for row in found] == [0, 2, 0, 0]
    assert {row["threshold"] for row in found} == {0.5}
    assert [row["score"] for row in found] == np.linspace(0, 1, 4).tolist()
    assert len({row["digest"] for row in found}) == 2
    assert X[0].tobytes() not in path.read_bytes()


def test_it_stays_bounded_where_each_opening_writes_a_little(path):
    for _ in range(5):
        with Journal(path, max_rows=1000) as journal:
            journal.record(decisions(900), np.zeros((900, 1)))
    with Journal(path, max_rows=1000) as journal:
        assert len(journal.decisions()) == 1000


def test_the_file_is_of_its_owner_alone(path):
    with Journal(path):
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["missing/journal.sqlite", "."])
def test_a_file_that_cannot_be_made(tmp_path, name):
    with pytest.raises(OSError, match=str(tmp_path)):
        Journal(tmp_path / name)


def test_rows_of_several_kinds_are_kept(path):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(
        {"n": [1, 2], "f": [0.5, 1.5], "t": ["a", "b"], "b": [True, False]}
    )
    with Journal(path, keep=Keep(at_random=1)) as journal:
        journal.record(decisions(2), X)
        contents = [row["content"] for row in journal.kept()]
    assert contents == [[1, 0.5, "a", True], [2, 1.5, "b", False]]


def test_digests_are_of_this_file_or_of_a_key(tmp_path):
    X, found = np.ones((1, 3)), {}
    for name, key in (("a", None), ("b", None), ("c", "k"), ("d", "k")):
        key = None if key is None else Secret(key)
        with Journal(tmp_path / name, key=key) as journal:
            journal.record(decisions(1), X)
        with Journal(tmp_path / name, key=key) as journal:  # reopened
            journal.record(decisions(1), X)
            digests = {row["digest"] for row in journal.decisions()}
            assert len(digests) == 1
            found[name] = digests.pop()
    assert found["a"] != found["b"] != found["c"] == found["d"]


@pytest.mark.parametrize("most", [1, 10, 3000])
def test_it_does_not_grow(path, most):
    with Journal(path, max_rows=most, escalates=True) as journal:
        for _ in range(12):
            journal.record(decisions(500, failed=range(500)), np.zeros((500, 2)))
        n = [len(journal.decisions()), len(journal.pending())]
        assert all(most <= each <= most + 1000 for each in n)
        newest = journal.decisions()[-1]
    assert newest["score"] == 1


def test_what_is_kept_can_be_weighted_back(path):
    rng = np.random.default_rng(0)
    score = rng.uniform(size=4000)
    queried = score > 0.6
    keep = Keep(at_random=0.1, below=0.1, near=0.5, width=0.05)
    X = np.column_stack([score, rng.normal(size=4000)])
    with Journal(path, keep=keep, random_state=0) as journal:
        journal.record(decisions(4000, score, queried=queried), X, threshold=0.6)
        kept = journal.kept()
    weight = np.array([1 / row["probability"] for row in kept])
    mean = np.array([row["content"][0] for row in kept])
    assert {round(row["probability"], 6) for row in kept} == {0.1, 0.19, 0.55, 0.595}
    assert abs(weight.sum() / 4000 - 1) < 0.08
    assert abs((weight * mean).sum() / weight.sum() - score.mean()) < 0.03
    assert all(row["content"].tobytes() in X.tobytes() for row in kept[:5])


def test_late_answers(path):
    texts = ["eins", "zwei", "drei"]
    with Journal(path, escalates=True) as journal:
        journal.record(decisions(3, failed=[0, 2]), texts)
    with Journal(path, escalates=True) as journal:  # they outlive the process
        waiting = journal.pending()
        assert [row["content"] for row in waiting] == ["eins", "drei"]
        assert journal.pending(1) == waiting[:1]
        assert journal.resolve([waiting[1]["id"]], [7]) == 1
        assert journal.resolve([waiting[1]["id"]], [8]) == 0
        (late,) = journal.resolved()
        assert (late["late"], late["given"], late["content"]) == (7, 2, "drei")
        assert [row["content"] for row in journal.pending()] == ["eins"]


@pytest.mark.parametrize("container", ["frame", "list", "sparse", "mixed"])
def test_rows_of_any_container(path, container):
    pd = pytest.importorskip("pandas")
    from scipy.sparse import csr_array

    X = {
        "frame": pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}),
        "list": [[1.0, 3.0], [2.0, 4.0]],
        "sparse": csr_array([[1.0, 3.0], [2.0, 4.0]]),
        "mixed": pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}),
    }[container]
    with Journal(path, keep=Keep(at_random=1)) as journal:
        journal.record(decisions(2), X)
        second = np.ravel(np.asarray(journal.kept()[1]["content"], dtype=object))
    assert second.tolist() == ([2.0, "y"] if container == "mixed" else [2.0, 4.0])


def test_threads_write_all_or_nothing(path):
    with Journal(path) as journal:

        def write():
            for _ in range(20):
                journal.record(decisions(5), np.zeros((5, 1)))

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(journal.decisions()) == 400
        with pytest.raises(TypeError, match="row must be"):
            journal.keep = Keep(at_random=1)
            journal.record(decisions(2), [[1.0], [object()]])
        assert len(journal.decisions()) == 400


def test_invalid_files_are_refused(tmp_path):
    (tmp_path / "text").write_text("no database at all, but long enough for one" * 9)
    with pytest.raises(ValueError, match="is not a journal"):
        Journal(tmp_path / "text")
    file = sqlite3.connect(tmp_path / "other")
    file.execute("CREATE TABLE mine (a)")
    file.commit()
    file.close()
    with pytest.raises(ValueError, match="format"):
        Journal(tmp_path / "other")


@pytest.mark.parametrize(
    "params, message",
    [
        ({"max_rows": 0}, "max_rows"),
        ({"keep": 0.1}, "keep"),
        ({"key": "k"}, "key"),
        ({"random_state": "x"}, "random_state"),
    ],
)
def test_parameters_that_do_not_belong_are_refused(path, params, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Journal(path, **params)


def test_what_cannot_be_recorded_is_refused(path):
    with Journal(path, keep=Keep(near=0.5)) as journal:
        with pytest.raises(ValueError, match="one entry for each"):
            journal.record(decisions(2), np.zeros((3, 1)))
        with pytest.raises(ValueError, match="threshold"):
            journal.record(decisions(2), np.zeros((2, 1)))
        with pytest.raises(ValueError, match="cost"):
            journal.record(decisions(2), np.zeros((2, 1)), threshold=0, cost=-1)
