"""Saved predictions as npz, CSV and parquet, written and read."""

import dataclasses

import numpy as np
import pytest

from selective_query import Evidence, Outcomes, TopKProba
from selective_query.outcomes._files import FIELDS
from selective_query.outcomes.evidence import field_names

ANIMALS = ["cat", "dog", "elk"]
N = 40
rng = np.random.default_rng(0)
PROBA = rng.dirichlet(np.ones(3), N)
Y = np.array(ANIMALS)[PROBA.argmax(axis=1)]
KNOWN = {
    "base_proba": PROBA,
    "base_logits": np.log(PROBA),
    "base_features": rng.normal(size=(N, 2)),
    "global_pred": rng.permutation(Y),
    "X": [f"a text, with {i}" for i in range(N)],
    "y": Y,
    "id": [f"{i:03}" for i in range(N)],
    "group": rng.integers(3, size=N),
    "local_only": rng.uniform(size=N) < 0.2,
    "query_cost": rng.uniform(size=N),
    "sample_weight": rng.uniform(size=N),
    "fold": rng.integers(3, size=N),
    "classes": ANIMALS,
}
ENDINGS = ["npz", "csv", "tsv", "parquet", "dat"]


def test_every_field_has_a_form_in_files():
    assert set(FIELDS) == set(field_names(Outcomes))


def written(tmp_path, ending, **known):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"outputs.{ending}"
    Outcomes(**known).to_file(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_written_is_read(ending, tmp_path):
    path = written(tmp_path, ending, **KNOWN)
    made, read = Outcomes(**KNOWN), Outcomes.from_file(path)
    for field in dataclasses.fields(Outcomes):
        mine, theirs = getattr(made, field.name), getattr(read, field.name)
        assert (mine is None) == (theirs is None), field.name
        if mine is not None:
            np.testing.assert_array_equal(mine, theirs, err_msg=field.name)
    evidence = Evidence.from_file(path)
    assert type(evidence) is Evidence
    np.testing.assert_array_equal(evidence.id, made.id)


@pytest.mark.parametrize("ending", ["npz", "csv", "parquet"])
def test_grades_and_numbers_as_labels_are_read(ending, tmp_path):
    graded = {"base_utility": rng.uniform(size=N), "global_utility": np.ones(N)}
    path = written(tmp_path, ending, X=rng.normal(size=(N, 2)), **graded)
    read = Outcomes.from_file(path)
    np.testing.assert_array_equal(read.base_utility, graded["base_utility"])
    assert read.X.shape == (N, 2)
    path.unlink()
    path = written(tmp_path, ending, base_proba=PROBA, y=PROBA.argmax(axis=1))
    assert Outcomes.from_file(path).classes.tolist() == [0, 1, 2]


@pytest.mark.parametrize("ending", ["npz", "csv"])
def test_classes_say_the_order_of_columns(ending, tmp_path):
    path = written(tmp_path, ending, **KNOWN)
    order = ["elk", "cat", "dog"]
    read = Evidence.from_file(path, classes=order)
    np.testing.assert_array_equal(read.base_proba, PROBA[:, [2, 0, 1]])
    assert read.classes.tolist() == order
    says = "(?s)Missing: eel; not among .*: cat" if ending == "csv" else "Got .'cat'"
    with pytest.raises(ValueError, match=says):
        Evidence.from_file(path, classes=["eel", "dog", "elk"])


def test_columns_without_names_are_of_the_classes_given(tmp_path):
    path = tmp_path / "outputs.npz"
    np.savez(path, base_proba=PROBA, y=Y)
    assert Outcomes.from_file(path, classes=ANIMALS).base_utility.all()
    with pytest.raises(ValueError, match="id= name columns of a table"):
        Outcomes.from_file(path, id="key")


def table(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text)
    return path


HEAD = "base_proba_cat,base_proba_dog,y\n"


def test_tables_of_spreadsheets_are_read(tmp_path):
    text = "\ufeffname;base_proba_cat;base_proba_dog;truth\n007;0.25;0.75;dog\n\n"
    read = Outcomes.from_file(table(tmp_path, text), y="truth", id="name")
    assert read.id.tolist() == ["007"]
    assert read.base_utility.tolist() == [1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must begin with a line"),
        ("y,y\n1,2\n", "each column a name of its own"),
        (HEAD + "0.2,0.8\n", "2 cells in line 2, and 3 columns"),
        (HEAD + "0.2,,cat\n", "'base_proba_dog' must hold numbers. Got '' in row 0"),
        (HEAD + "0.2,0.7,cat\n", "must sum to 1"),
        (HEAD + "0.2,0.8,elk\n", "labels that are not in classes"),
        ("base_prob_cat,y\n1,cat\n", "'base_prob_cat', which is none.*mean 'base_prob"),
        ("base_proba_cat,base_proba_dog,global_proba_cat,y\n.5,.5,1,cat\n",
         "column of global_proba for each class. Missing: dog"),
        (HEAD.replace("y", "label") + "0.2,0.8,cat\n", "has the column 'label'"),
    ],
)  # fmt: skip
def test_each_fault_of_a_table_is_named(text, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        Outcomes.from_file(table(tmp_path, text))


def test_a_table_without_a_column_that_is_asked_for_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no column 'key'. It has base_proba_cat"):
        Outcomes.from_file(table(tmp_path, HEAD + "0.2,0.8,dog\n"), id="key")


def test_damaged_files_are_named(tmp_path):
    pytest.importorskip("pyarrow")
    for name, start in (("a.parquet", b"PAR1\0\0\0"), ("a.csv", b"\xff\xfe,\n\xff")):
        (tmp_path / name).write_bytes(start)
        with pytest.raises(ValueError, match=name):
            Outcomes.from_file(tmp_path / name)


def test_what_has_no_form_in_a_table_is_refused(tmp_path):
    top = TopKProba([[2, 0]], [[0.6, 0.3]], 1000)
    with pytest.raises(ValueError, match="largest of 1000.*npz"):
        Evidence(base_proba=top).to_file(tmp_path / "a.csv")
    Evidence(base_proba=top).to_file(tmp_path / "a.npz")
    assert Evidence.from_file(tmp_path / "a.npz").base_proba.shape == (1, 1000)
    with pytest.raises(ValueError, match="X must be numbers or text"):
        Evidence(X=[{"a": 1}]).to_file(tmp_path / "a.npz")
