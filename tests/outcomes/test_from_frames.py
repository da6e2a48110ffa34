"""Frames of two models, matched by names alone."""

import numpy as np
import pytest

from selective_query import Evidence, Outcomes, RoutingPolicy
from selective_query.exceptions import ModelWarning

pandas = pytest.importorskip("pandas")

ANIMALS = ["cat", "dog", "elk"]
N = 60


@pytest.fixture
def proba():
    return np.random.default_rng(0).dirichlet(np.ones(3), N)


@pytest.fixture
def y(proba):
    return np.array(ANIMALS)[proba.argmax(axis=1)]


def library(name):
    """A function that makes a frame from columns by name."""
    if name == "pyarrow":
        return pytest.importorskip("pyarrow").table
    return pytest.importorskip(name).DataFrame


def columns(proba, order=None, **more):
    """Return the columns of one model, with classes and rows in another order."""
    order = np.arange(N) if order is None else order
    table = {name: proba[order, ANIMALS.index(name)] for name in reversed(ANIMALS)}
    return {**{k: np.asarray(v)[order] for k, v in more.items()}, **table}


SHUFFLED = np.random.default_rng(1).permutation(N)


@pytest.mark.parametrize("name", ["pandas", "polars", "pyarrow"])
def test_rows_go_by_an_id_and_classes_by_name(name, proba, y):
    make = library(name)
    key = [f"row {i}" for i in range(N)]
    base = make(dict(zip(ANIMALS, proba.T, strict=True)) | {"label": y, "key": key})
    global_ = make(columns(proba, SHUFFLED, key=key))
    found = Outcomes.from_frames(base, global_, y="label", id="key")
    np.testing.assert_array_equal(found.global_proba, proba)
    np.testing.assert_array_equal(found.base_utility, np.ones(N))
    assert found.classes.tolist() == ANIMALS
    assert found.id.tolist() == key
    assert found.take([3, 1]).id.tolist() == ["row 3", "row 1"]


@pytest.mark.parametrize("name", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("key", [np.arange(N) * 1.0, [f"row {i}" for i in range(N)]])
def test_a_column_left_aside_may_show_another_order_of_rows(name, key, proba, y):
    make = library(name)
    base = make(columns(proba, key=key, note=np.arange(N) / 7, pred=y))
    other = make(columns(proba, SHUFFLED, key=key, note=np.arange(N) / 9, pred=y[::-1]))
    with pytest.raises(ValueError, match=r"'key' differs.*row 0\. Pass id='key'"):
        Outcomes.from_frames(base, other, y=y, classes=ANIMALS)
    found = Outcomes.from_frames(base, other, y=y, classes=ANIMALS, id="key")
    np.testing.assert_array_equal(found.global_proba, proba)
    other = make(columns(proba, key=key, note=np.arange(N) / 9, pred=y[::-1]))
    found = Outcomes.from_frames(base, other, y=y, classes=ANIMALS)
    np.testing.assert_array_equal(found.global_proba, proba)


def test_rows_go_by_the_index_of_pandas(proba, y):
    base = pandas.DataFrame(proba, columns=ANIMALS, index=np.arange(N) + 100)
    global_ = base.iloc[SHUFFLED][["elk", "dog", "cat"]]
    truth = pandas.Series(y, base.index).iloc[SHUFFLED]
    more = pandas.DataFrame({"a": np.arange(N)}, base.index).iloc[::-1]
    found = Outcomes.from_frames(
        base, global_, y=truth, base_features=more, X=more, group=truth
    )
    np.testing.assert_array_equal(found.global_proba, proba)
    np.testing.assert_array_equal(found.base_utility, np.ones(N))
    np.testing.assert_array_equal(found.base_features[:, 0], np.arange(N))
    np.testing.assert_array_equal(found.X["a"], np.arange(N))
    np.testing.assert_array_equal(found.group, y)
    np.testing.assert_array_equal(found.id, base.index)


@pytest.mark.parametrize("name", ["pandas", "polars", "pyarrow"])
def test_further_frames_go_by_the_id(name, proba, y):
    make = library(name)
    key = np.arange(N)
    more = make({"key": key[SHUFFLED], "a": SHUFFLED / 7, "b": SHUFFLED})
    found = Outcomes.from_frames(
        make(columns(proba, key=key)),
        y=make({"label": y[SHUFFLED], "key": SHUFFLED}),
        base_features=more,
        X=more,
        id="key",
    )
    wanted = np.column_stack([key / 7, key])
    np.testing.assert_array_equal(found.base_features, wanted)
    np.testing.assert_array_equal(np.asarray(found.X), wanted)
    np.testing.assert_array_equal(found.base_utility, np.ones(N))
    two = make({"key": key, "a": key, "b": key})
    with pytest.raises(ValueError, match="y must have one column beside the id"):
        Outcomes.from_frames(make(columns(proba, key=key)), y=two, id="key")


def test_the_id_may_be_the_name_of_the_index(proba, y):
    base = pandas.DataFrame(columns(proba, key=np.arange(N)))
    global_ = pandas.DataFrame(columns(proba, SHUFFLED, key=np.arange(N)))
    truth = pandas.DataFrame({"key": SHUFFLED, "label": y[SHUFFLED]})
    found = Outcomes.from_frames(base, global_.set_index("key"), y=truth, id="key")
    np.testing.assert_array_equal(found.base_proba, found.global_proba)
    np.testing.assert_array_equal(found.base_utility, np.ones(N))


def test_numbers_in_names_are_labels_where_y_holds_numbers(proba):
    base = pandas.DataFrame(proba, columns=["7", "3", "5"])
    found = Outcomes.from_frames(base, y=np.array([7, 3, 5])[proba.argmax(axis=1)])
    assert found.classes.tolist() == [7, 3, 5]
    assert found.base_utility.all()
    assert found.id is None


def test_a_class_without_a_column_has_probability_zero_if_it_is_named(proba, y):
    base = pandas.DataFrame(proba, columns=ANIMALS).assign(text="x")
    global_ = pandas.DataFrame({"dog": np.full(N, 0.25), "cat": np.full(N, 0.75)})
    found = Outcomes.from_frames(base, global_, y=y, classes=ANIMALS, X="text")
    assert found.global_proba[0].tolist() == [0.75, 0.25, 0]
    with pytest.raises(ValueError, match="global_ lacks 1 .'elk'"):
        Outcomes.from_frames(base, global_, y=y, X="text")
    with pytest.raises(ValueError, match="must sum to 1"):
        Outcomes.from_frames(base, global_, y=y, classes=ANIMALS[1:])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.iloc[2:], r"global_ lacks 2 \(0, 1\)"),
        (lambda f: f.set_index(f.index + 3), r"lacks 3 \(0, 1, 2\); base lacks 3 \(60"),
        (lambda f: f.set_index(f.index // 2), "global_ must name each row once.* 0, 1"),
        (lambda f: f.set_index(f.index.astype(str)), "name their rows alike. Got num"),
        (lambda f: f.rename(columns={"cat": "Cat"}), "'cat'.*; base lacks 1 .'Cat'"),
        (lambda f: f.rename(columns={"cat": "dog"}), "more than one of dog"),
        (lambda f: f.to_numpy(), "global_ must be a data frame"),
        (lambda f: pandas.DataFrame(f.to_numpy()), "Only one of .* has named columns"),
    ],
)
def test_missing_names_are_reported_with_their_side(change, says, proba, y):
    base = pandas.DataFrame(proba, columns=ANIMALS)
    with pytest.raises((ValueError, TypeError), match=says):
        Outcomes.from_frames(base, change(base), y=y)


def test_a_column_that_is_no_class_must_be_named(proba, y):
    base = pandas.DataFrame(proba, columns=ANIMALS).assign(text="x", label=y)
    with pytest.raises(ValueError, match="probabilities in the columns.*'text'"):
        Outcomes.from_frames(base, y="label")
    with pytest.raises(ValueError, match="y='truth' must be a column of base"):
        Outcomes.from_frames(base, y="truth", X="text")
    with pytest.raises(ValueError, match="id='key' must be a column of every"):
        Outcomes.from_frames(base, y="label", X="text", id="key")


def test_a_column_of_both_must_be_the_same(proba, y):
    base = pandas.DataFrame(proba, columns=ANIMALS).assign(label=y)
    other = base.assign(label=y[::-1])
    assert Outcomes.from_frames(base, base[::-1], y="label").base_utility.all()
    with pytest.raises(ValueError, match="they differ"):
        Outcomes.from_frames(base, other, y="label")


def test_frames_without_names_of_rows_go_by_position(proba, y):
    polars = pytest.importorskip("polars")
    base = pandas.DataFrame(proba, columns=ANIMALS)
    global_ = polars.DataFrame(columns(proba))
    found = Outcomes.from_frames(base, global_, y=y)
    np.testing.assert_array_equal(found.base_proba, found.global_proba)
    with pytest.raises(ValueError, match="must have the same rows. Got 60 and 59"):
        Outcomes.from_frames(base, global_[:-1], y=y)
    with pytest.raises(ValueError, match="Only one of base and global_ names its rows"):
        Outcomes.from_frames(base.set_index(base.index + 1), global_, y=y)


def test_evidence_of_a_frame_is_in_the_order_of_the_policy(proba, y):
    base = pandas.DataFrame(proba, columns=ANIMALS)
    outcomes = Outcomes.from_frames(base, y=y, global_utility=proba[:, 1])
    policy = RoutingPolicy("benefit", 0.5).fit(outcomes)
    new = base[["elk", "dog", "cat"]].set_index(base.index + 7)
    evidence = Evidence.from_frames(new, classes=policy.rule_.classes)
    np.testing.assert_array_equal(evidence.base_proba, proba)
    np.testing.assert_array_equal(evidence.id, new.index)
    np.testing.assert_array_equal(
        policy.query_score(evidence), policy.query_score(Evidence(base_proba=proba))
    )


def test_an_accuracy_below_chance_is_warned_of(proba, y):
    with pytest.warns(ModelWarning, match="global is right about 0.0% of 60 rows"):
        wrong = Outcomes(
            base_proba=proba, global_proba=proba[:, [1, 2, 0]], y=y, classes=ANIMALS
        )
    assert wrong.take(slice(30)).n_rows == 30


def test_a_summary_is_shown(proba, y):
    base = pandas.DataFrame(proba, columns=ANIMALS)
    assert repr(Outcomes.from_frames(base, base, y=y)).splitlines() == [
        "Outcomes of 60 rows, 3 classes (cat, dog, elk)",
        "  base accuracy 1.0000, global accuracy 1.0000",
        "  a query helps 0.0% of the rows and harms 0.0%",
        "  base_proba (60, 3), y, global_proba (60, 3)",
    ]
    assert repr(Evidence(base_proba=proba[:0], X=[])).splitlines() == [
        "Evidence of 0 rows",
        "  base_proba (0, 3), X",
    ]
