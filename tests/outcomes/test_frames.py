"""Data frames: class columns are matched by name, rows by index."""

import numpy as np
import pytest

from selective_query import Evidence, Outcomes, RoutingPolicy, TopKProba

pandas = pytest.importorskip("pandas")

ANIMALS = ["cat", "dog", "elk"]
OTHER_ORDER = ["elk", "cat", "dog"]


@pytest.fixture
def proba():
    return np.random.default_rng(0).dirichlet(np.ones(3), 60)


@pytest.fixture
def y():
    return np.random.default_rng(1).choice(ANIMALS, 60)


@pytest.mark.parametrize("part", ["base_proba", "base_logits", "global_proba"])
def test_columns_are_matched_with_the_classes(part, proba, y):
    given = {"base_proba": proba, "global_proba": proba, "y": y, "classes": ANIMALS}
    given[part] = proba
    frame = pandas.DataFrame(proba, columns=ANIMALS)[OTHER_ORDER]
    found = Outcomes(**{**given, part: frame})
    np.testing.assert_array_equal(getattr(found, part), proba)
    np.testing.assert_array_equal(found.benefit, np.zeros(60))


def test_numbers_written_as_text_are_the_same_names(proba):
    frame = pandas.DataFrame(proba, columns=["0", "1", "2"])[["2", "0", "1"]]
    found = Outcomes(base_proba=frame, y=np.zeros(60, dtype=int))
    np.testing.assert_array_equal(found.base_proba, proba)
    np.testing.assert_array_equal(Evidence(base_proba=frame).base_proba, proba)


def test_columns_numbered_by_default_go_by_position(proba, y):
    frame = pandas.DataFrame(proba)
    found = Outcomes(base_proba=frame, y=y, classes=ANIMALS)
    np.testing.assert_array_equal(found.base_proba, proba)


@pytest.mark.parametrize("names", [["cat", "dog", "eel"], ["cat", "dog", "dog"]])
def test_names_that_are_no_classes_are_refused(names, proba, y):
    frame = pandas.DataFrame(proba, columns=names)
    with pytest.raises(ValueError, match="global_proba has columns.*'elk'.*to_numpy"):
        Outcomes(base_proba=proba, global_proba=frame, y=y, classes=ANIMALS)


def test_names_of_unknown_classes_are_refused(proba, y):
    frame = pandas.DataFrame(proba, columns=ANIMALS)
    policy = RoutingPolicy("max_probability").fit(
        Outcomes(base_proba=frame, y=y, classes=ANIMALS)
    )
    with pytest.raises(ValueError, match="base_proba has columns.*pass classes="):
        policy.decide(Evidence(base_proba=frame))
    known = Evidence(base_proba=frame[OTHER_ORDER], classes=ANIMALS)
    np.testing.assert_array_equal(
        policy.decide(known), policy.decide(Evidence(base_proba=proba))
    )
    with pytest.raises(ValueError, match="fitted on the classes .'cat', 'dog', 'elk'"):
        policy.decide(Evidence(base_proba=frame, classes=OTHER_ORDER))


@pytest.mark.parametrize("other", ["global_proba", "y", "base_features", "X"])
def test_rows_of_other_order_are_refused(other, proba, y):
    given = {
        "base_proba": pandas.DataFrame(proba),
        "global_proba": pandas.DataFrame(proba),
        "base_features": pandas.DataFrame(proba),
        "X": pandas.DataFrame(proba),
        "y": pandas.Series(y),
        "classes": ANIMALS,
    }
    assert Outcomes(**given).n_rows == 60
    given[other] = given[other].sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match=f"(?s){other}.*same index"):
        Outcomes(**given)


def test_evidence_of_other_order_is_refused(proba):
    frame = pandas.DataFrame(proba)
    with pytest.raises(ValueError, match="base_features.*same index"):
        Evidence(base_proba=frame, base_features=frame.iloc[::-1])


def test_rows_taken_from_frames_keep_together(proba):
    frame = pandas.DataFrame(proba, index=np.arange(60)[::-1])
    taken = Evidence(base_proba=frame, X=frame).take([3, 1])
    np.testing.assert_array_equal(taken.base_proba, taken.X.to_numpy())


def test_default_names_of_polars_go_by_position(proba):
    class Polars:
        columns = ("column_0", "column_1", "column_2")

        def __len__(self):
            return len(proba)

        def __array__(self, dtype=None, copy=None):
            return proba

    np.testing.assert_array_equal(Evidence(base_proba=Polars()).base_proba, proba)
    Polars.columns = ("2", "0", "1")
    np.testing.assert_array_equal(
        Evidence(base_proba=Polars()).base_proba, proba[:, [1, 2, 0]]
    )


def test_top_classes_and_probabilities_of_other_order_are_refused(proba):
    top = pandas.DataFrame(np.tile([2, 0], (60, 1)))
    shares = pandas.DataFrame(np.tile([0.6, 0.3], (60, 1)))
    assert len(TopKProba(top, shares, 3)) == 60
    with pytest.raises(ValueError, match="same index"):
        TopKProba(top, shares.iloc[::-1], 3)
