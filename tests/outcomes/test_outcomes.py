import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from selective_query import Evidence, Outcomes, TopKProba
from selective_query.exceptions import MissingEvidenceError

PROBA = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
OTHER = np.array([[0.8, 0.2], [0.1, 0.9], [0.7, 0.3]])
NAN = [[0.5, np.nan], [0.5, 0.5], [0.5, 0.5]]


def outcomes(**changed):
    parts = {"base_proba": PROBA, "global_proba": OTHER, "y": [0, 1, 1]}
    return Outcomes(**{**parts, **changed})


def random_proba(rng, n, k):
    return rng.dirichlet(np.ones(k), size=n)


# Evidence: every error names the parameter and what is wrong with it.


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, r"Evidence is empty.*base_proba"),
        ({"base_proba": [[0.5, np.nan]]}, r"base_proba contains NaN.*row 0"),
        (
            {"base_proba": [[0.5, 0.5], [0.2, 0.2]]},
            r"base_proba must sum to 1.*Row 1 sums to 0\.4",
        ),
        ({"base_proba": [[0.5, 0.51]]}, r"base_proba must sum to 1"),
        ({"base_proba": [[1.5, -0.5]]}, r"base_proba must not be negative.*-0\.5"),
        ({"base_proba": [[np.inf, 0.0]]}, r"base_proba must sum to 1"),
        ({"base_proba": [0.5, 0.5]}, r"base_proba must be of shape.*\(2,\)"),
        ({"base_proba": [[1.0], [1.0]]}, r"base_proba .*two classes"),
        ({"base_proba": np.full((2, 2, 2), 0.5)}, r"base_proba .*\(2, 2, 2\)"),
        ({"base_logits": [1.0, 2.0]}, r"base_logits must be of shape.*\(2,\)"),
        ({"base_logits": [[1.0], [np.nan]]}, r"base_logits must be finite. Row 1"),
        ({"base_features": np.zeros((1, 2, 3))}, r"base_features .*\(1, 2, 3\)"),
        ({"base_features": [[-np.inf, 0.0]]}, r"base_features must be finite. Row 0"),
        (
            {"base_proba": [[0.5, 0.5]], "base_features": [[1.0], [2.0]]},
            r"same number of rows. Got base_proba: 1, base_features: 2",
        ),
        (
            {"base_proba": [[0.5, 0.5]], "X": ["one", "two"]},
            r"Evidence must have the same number of rows.*X: 2",
        ),
    ],
)
def test_evidence_refuses(parts, message):
    with pytest.raises(ValueError, match=message):
        Evidence(**parts)


def test_evidence_keeps_single_precision_and_widens_the_rest():
    half = Evidence(base_proba=np.array([[0.25, 0.75]], dtype=np.float16))
    assert half.base_proba.dtype == np.float32
    single = np.array([[0.25, 0.75]], dtype=np.float32)
    assert Evidence(base_proba=single).base_proba.dtype == np.float32
    assert Evidence(base_proba=[[1, 0]]).base_proba.dtype == np.float64
    logits = np.array([[1, 2]], dtype=np.float16)
    assert Evidence(base_logits=logits).base_logits.dtype == np.float32
    assert Evidence(base_features=[[1, 2]]).base_features.dtype == np.float64


def test_rows_may_miss_one_by_rounding_only():
    assert Evidence(base_proba=[[0.5, 0.5009]]).n_rows == 1
    with pytest.raises(ValueError, match="must sum to 1"):
        Evidence(base_proba=[[0.5, 0.5011]])


def test_evidence_is_frozen():
    evidence = Evidence(base_proba=PROBA)
    with pytest.raises(dataclasses.FrozenInstanceError):
        evidence.base_proba = OTHER


def test_any_sequence_of_inputs_goes_along():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": list("xyz")}, index=[7, 8, 9])
    for X in (["one", "two", "three"], frame, csr_matrix(np.eye(3))):
        taken = Evidence(base_proba=PROBA, X=X).take([2, 0])
        assert taken.n_rows == 2
        np.testing.assert_array_equal(taken.base_proba, PROBA[[2, 0]])
    assert Evidence(X=["one", "two", "three"]).take([2, 0]).X == ["three", "one"]
    assert Evidence(X=frame).take([2, 0]).X["b"].tolist() == ["z", "x"]
    taken = Evidence(X=csr_matrix(np.eye(3))).take([2, 0]).X
    np.testing.assert_array_equal(taken.toarray(), np.eye(3)[[2, 0]])


def test_require_names_what_is_missing_and_what_is_there():
    evidence = Evidence(base_logits=[[1.0, 2.0]], X=["text"])
    np.testing.assert_array_equal(
        evidence.require("base_logits", "someone"), [[1.0, 2.0]]
    )
    with pytest.raises(
        MissingEvidenceError, match=r"someone needs base_proba.*base_logits, X"
    ):
        evidence.require("base_proba", "someone")


# Outcomes


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"base_proba": NAN}, "base_proba contains NaN"),
        ({"global_proba": NAN}, "global_proba contains NaN"),
        ({"global_proba": OTHER * 0.9}, "global_proba must sum to 1"),
        ({"global_proba": OTHER[:2]}, "base_proba: 3.*global_proba: 2"),
        ({"y": [0, 1]}, "same number of rows.*y: 2"),
        ({"y": [[0], [1], [1]]}, r"y must be of shape \(n_samples,\).*\(3, 1\)"),
        ({"y": [0, 1, 2]}, r"y holds labels that are not in classes: \[2\]"),
        ({"y": ["a", "b", "b"]}, "y holds labels that are not in classes"),
        ({"base_pred": [0, 5, 1]}, r"base_pred holds labels.*\[5\]"),
        ({"global_pred": [-1, 0, 1]}, r"global_pred holds labels.*\[-1\]"),
        ({"global_pred": [0, 1]}, "global_pred: 2"),
        ({"base_utility": [0, 1.1, 0]}, r"base_utility must be .*\[0, 1\].*0 to 1\.1"),
        ({"global_utility": [0, -0.1, 0]}, r"global_utility must be .*\[0, 1\]"),
        ({"base_utility": [0, np.nan, 0]}, "base_utility must be .*NaN"),
        ({"base_utility": [[0], [1], [0]]}, r"base_utility must be .*\(3, 1\)"),
        ({"global_utility": [0, 1]}, "global_utility: 2"),
        ({"sample_weight": [0, 0, 0]}, "sample_weight must be .* Got zero everywhere"),
        ({"sample_weight": [1, -1, 1]}, "sample_weight must be"),
        ({"sample_weight": [1, np.nan, 1]}, "sample_weight must be"),
        ({"sample_weight": [1, np.inf, 1]}, "sample_weight must be"),
        ({"sample_weight": [[1], [1], [1]]}, r"sample_weight must be.*\(3, 1\)"),
        ({"sample_weight": [1, 1]}, "sample_weight: 2"),
        ({"fold": [0.0, 1.0, 2.0]}, "fold must hold whole numbers.*float64"),
        ({"fold": [0, 1]}, "fold: 2"),
        ({"fold": [[0], [1], [1]]}, r"fold must be of shape.*\(3, 1\)"),
        ({"classes": ["a", "a"]}, "classes must list each label once"),
        ({"classes": [["a", "b"]]}, "classes must list each label once"),
        ({"classes": ["a", "b", "c"]}, "classes.*base_proba: 2.*classes: 3"),
        (
            {"global_proba": np.full((3, 4), 0.25)},
            "agree on the number of classes. Got base_proba: 2, global_proba: 4",
        ),
        ({"y": None}, "cannot judge the base: give y.*base_utility"),
        (
            {"y": None, "base_utility": [0, 1, 0]},
            "cannot judge the global: give y.*global_utility",
        ),
        ({"base_proba": None}, "cannot judge the base"),
    ],
)
def test_outcomes_refuse(changed, message):
    with pytest.raises(ValueError, match=message):
        outcomes(**changed)


def test_outcomes_refuse_nothing_at_all():
    with pytest.raises(ValueError, match="Outcomes is empty"):
        Outcomes()


def test_benefit_is_utility_of_the_global_minus_that_of_the_base():
    made = outcomes()  # base predicts 0 0 1, global 0 1 0, and 0 1 1 is right
    np.testing.assert_array_equal(made.base_utility, [1, 0, 1])
    np.testing.assert_array_equal(made.global_utility, [1, 1, 0])
    np.testing.assert_array_equal(made.benefit, [0, 1, -1])
    np.testing.assert_array_equal(made.proxy_label, [0, 1, 0])
    np.testing.assert_array_equal(made.query_utility, [1, 1, 0])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_proxy_label_is_base_wrong_and_global_right(seed):
    rng = np.random.default_rng(seed)
    n, k = 25, 4
    names = np.array(["d", "a", "c", "b"])  # columns need not be sorted
    b, g = random_proba(rng, n, k), random_proba(rng, n, k)
    y = rng.choice(names, n)
    made = Outcomes(base_proba=b, global_proba=g, y=y, classes=names)
    base, global_ = names[b.argmax(axis=1)], names[g.argmax(axis=1)]
    np.testing.assert_array_equal(made.proxy_label, (base != y) & (global_ == y))
    expected = (global_ == y).astype(int) - (base == y).astype(int)
    np.testing.assert_array_equal(made.benefit, expected)


def test_predictions_overrule_probabilities():
    made = outcomes(base_pred=[1, 1, 0], global_pred=[0, 0, 0])
    np.testing.assert_array_equal(made.base_utility, [0, 1, 0])
    np.testing.assert_array_equal(made.global_utility, [1, 0, 0])


def test_predictions_alone_need_no_classes():
    made = Outcomes(base_pred=["a", "b"], global_pred=["b", "b"], y=["b", "b"])
    np.testing.assert_array_equal(made.benefit, [1, 0])
    assert made.classes is None


def test_grades_need_no_labels():
    made = Outcomes(base_utility=[0.25, 1.0], global_utility=[0.75, 0.5])
    np.testing.assert_array_equal(made.benefit, [0.5, -0.5])
    np.testing.assert_array_equal(made.proxy_label, [0.5, 0.0])


def test_grades_overrule_labels():
    made = outcomes(base_utility=[0.5, 0.5, 0.5])
    np.testing.assert_array_equal(made.benefit, [0.5, 0.5, -0.5])


def test_without_a_global_a_query_counts_as_right():
    made = outcomes(global_proba=None)
    assert not made.has_global
    assert made.global_utility is None
    np.testing.assert_array_equal(made.query_utility, [1, 1, 1])
    np.testing.assert_array_equal(made.benefit, 1 - made.base_utility)
    np.testing.assert_array_equal(made.proxy_label, [0, 1, 0])
    graded = Outcomes(base_utility=[0.2, 0.9])
    np.testing.assert_allclose(graded.benefit, [0.8, 0.1])


@pytest.mark.parametrize(
    "side",
    [
        {"global_proba": OTHER},
        {"global_pred": [0, 1, 0]},
        {"global_utility": [1, 1, 0]},
    ],
)
def test_any_field_of_the_global_makes_it_a_hybrid(side):
    made = outcomes(**{"global_proba": None, **side})
    assert made.has_global
    np.testing.assert_array_equal(made.global_utility, [1, 1, 0])


def test_take_selects_the_same_rows_of_every_field():
    made = outcomes(
        base_logits=[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]],
        base_features=[[0.0], [1.0], [2.0]],
        X=["p", "q", "r"],
        sample_weight=[1, 2, 3],
        fold=[0, 1, 2],
        y=["no", "yes", "yes"],
        classes=["no", "yes"],
    )
    for rows in ([2, 0], np.array([2, 0])):
        taken = made.take(rows)
        np.testing.assert_array_equal(taken.benefit, made.benefit[[2, 0]])
        np.testing.assert_array_equal(taken.y, ["yes", "no"])
        np.testing.assert_array_equal(taken.fold, [2, 0])
        np.testing.assert_array_equal(taken.weight, [3, 1])
        np.testing.assert_array_equal(taken.base_logits, [[4, 5], [0, 1]])
        np.testing.assert_array_equal(taken.base_features, [[2], [0]])
        np.testing.assert_array_equal(taken.classes, ["no", "yes"])
        assert taken.X == ["r", "p"]
    masked = made.take(np.array([False, True, False]))
    assert masked.n_rows == 1
    assert masked.X == ["q"]
    np.testing.assert_array_equal(masked.benefit, [1])


def test_take_of_abstention_stays_abstention():
    taken = outcomes(global_proba=None).take([1, 2])
    assert not taken.has_global
    np.testing.assert_array_equal(taken.benefit, [1, 0])


def test_take_with_graded_answers_keeps_the_grades():
    taken = outcomes(base_utility=[0.5, 0.25, 0.125]).take([2, 1])
    np.testing.assert_array_equal(taken.base_utility, [0.125, 0.25])


def test_weight_is_one_where_none_was_given():
    np.testing.assert_array_equal(outcomes().weight, [1, 1, 1])
    np.testing.assert_array_equal(outcomes(sample_weight=[0, 2, 1]).weight, [0, 2, 1])


def test_classes_are_numbered_by_default_and_may_be_strings():
    np.testing.assert_array_equal(outcomes().classes, [0, 1])
    made = outcomes(classes=["no", "yes"], y=["no", "yes", "yes"])
    np.testing.assert_array_equal(made.benefit, [0, 1, -1])


def everything(n=4):
    proba = np.tile([0.75, 0.25], (n, 1))
    return Outcomes(
        base_proba=proba,
        global_proba=TopKProba(np.zeros((n, 1), int), np.ones((n, 1)), 2),
        base_features=np.eye(n),
        X=[f"text {i}" for i in range(n)],
        y=np.arange(n) % 2,
        sample_weight=np.arange(n),
        fold=np.arange(n),
    )


@pytest.mark.parametrize("rows", [[], (), np.array([]), slice(0), np.zeros(4, bool)])
def test_take_may_leave_no_rows(rows):
    for batch in (everything(), everything().evidence):
        taken = batch.take(rows)
        assert taken.n_rows == 0
        assert taken.base_proba.shape == (0, 2)
        assert taken.X == []
    assert everything().take(rows).benefit.shape == (0,)


@pytest.mark.parametrize("rows", [slice(2), slice(1, None, 2), range(1, 3), (3, 1)])
def test_take_of_slices_and_other_sequences(rows):
    made = everything()
    expected = list(range(4)[rows]) if isinstance(rows, slice) else list(rows)
    taken = made.take(rows)
    np.testing.assert_array_equal(taken.fold, expected)
    assert [f"text {i}" for i in expected] == taken.X


MIXED = np.array(["a", 1, "a"], dtype=object)


@pytest.mark.parametrize("name", ["y", "base_pred", "global_pred"])
def test_labels_of_mixed_types_are_refused(name):
    with pytest.raises(ValueError, match=rf"{name} must hold .*mixture of int, str"):
        outcomes(**{name: MIXED})
    with pytest.raises(ValueError, match="classes must hold labels of one kind"):
        outcomes(classes=MIXED[:2])
    with pytest.raises(ValueError, match="Got None in row 1"):
        outcomes(y=np.array(["a", None, "a"], dtype=object))


@pytest.mark.parametrize("side", ["base_pred", "global_pred"])
@pytest.mark.parametrize("dtype", [str, object])
def test_predictions_of_another_kind_than_y_are_refused(side, dtype):
    numbers, texts = [0, 1, 1], np.array(["0", "1", "1"], dtype=dtype)
    sides = {"base_pred": numbers, "global_pred": numbers}
    with pytest.raises(ValueError, match=rf"{side} and y must be .*text .*numbers"):
        Outcomes(y=numbers, **{**sides, side: texts})
    sides = {"base_pred": texts, "global_pred": texts}
    with pytest.raises(ValueError, match=rf"{side} and y must be .*numbers .*text"):
        Outcomes(y=texts, **{**sides, side: numbers})


def test_texts_that_look_like_the_numbered_classes_are_refused():
    with pytest.raises(ValueError, match=r"y holds labels that are not in classes"):
        outcomes(y=["0", "1", "1"])


def test_labels_as_objects_are_fine():
    names = np.array(["no", "yes", "yes"], dtype=object)
    made = outcomes(y=names, classes=["no", "yes"])
    np.testing.assert_array_equal(made.benefit, [0, 1, -1])


def test_evidence_of_outcomes_tells_nothing_of_the_outcome():
    made = outcomes(X=["p", "q", "r"], base_features=np.eye(3), sample_weight=[1, 2, 3])
    evidence = made.evidence
    assert type(evidence) is Evidence
    np.testing.assert_array_equal(evidence.base_proba, PROBA)
    assert evidence.X == ["p", "q", "r"]
    secret = {f.name for f in dataclasses.fields(Outcomes)} - {
        "base_proba",
        "base_logits",
        "base_features",
        "X",
        "group",
        "local_only",
        "query_cost",
        "id",
        "classes",
    }
    assert {"y", "global_proba", "base_utility", "fold", "sample_weight"} <= secret
    for name in (*secret, "benefit", "proxy_label"):
        assert not hasattr(evidence, name)


# TopKProba


@pytest.mark.parametrize(
    ("classes", "proba", "n_classes", "message"),
    [
        ([[0, 1]], [[0.5, 0.3, 0.2]], 5, r"same shape.*\(1, 2\) and \(1, 3\)"),
        ([0, 1], [0.5, 0.5], 5, r"same shape \(n_samples, k\)"),
        (np.empty((2, 0), dtype=int), np.empty((2, 0)), 5, "same shape"),
        ([[0.0, 1.0]], [[0.5, 0.5]], 5, "TopKProba.classes must hold column numbers"),
        ([[0, 5]], [[0.5, 0.5]], 5, r"TopKProba.classes must lie in \[0, n_classes=5"),
        ([[-1, 0]], [[0.5, 0.5]], 5, "TopKProba.classes must lie in"),
        ([[0, 1, 2]], [[0.5, 0.3, 0.2]], 2, "TopKProba.n_classes must be at least"),
        ([[0]], [[1.0]], 1, "TopKProba.n_classes must be at least 2"),
        ([[0]], [[1.0]], 3.7, "TopKProba.n_classes must be a whole number.*3.7"),
        ([[0]], [[1.0]], "3", "TopKProba.n_classes must be a whole number.*'3'"),
        ([[0]], [[1.0]], [3], r"TopKProba.n_classes must be a whole number.*\[3\]"),
        (
            [[0, 1, 2], [4, 0, 4]],
            [[0.5, 0.3, 0.1], [0.5, 0.3, 0.1]],
            5,
            "TopKProba.classes must list a class at most once.*Row 1 lists 4",
        ),
        ([[0, 1]], [[0.8, 0.3]], 5, "TopKProba.proba .*sum to at most 1.*1.1"),
        ([[0, 1]], [[0.8, -0.1]], 5, "TopKProba.proba .*not negative.*-0.1"),
        ([[0, 1]], [[0.8, np.nan]], 5, "TopKProba.proba must be finite"),
        ([[0, 1]], [[np.inf, 0.0]], 5, "TopKProba.proba must be finite"),
    ],
)
def test_topk_refuses(classes, proba, n_classes, message):
    with pytest.raises(ValueError, match=message):
        TopKProba(classes, proba, n_classes)


def test_topk_of_saved_half_precision_may_round_up():
    half = np.array([[0.9995, 0.001]], dtype=np.float16)
    total = float(half.astype(np.float64).sum())
    assert 1 < total <= 1.001
    assert TopKProba([[3, 1]], half, 10).proba.dtype == np.float32
    assert TopKProba([[3, 1]], [[0.9, 0.1009]], 10).shape == (1, 10)
    with pytest.raises(ValueError, match="sum to at most 1"):
        TopKProba([[3, 1]], [[0.9, 0.1011]], 10)


def test_topk_rows_are_sorted_falling_with_their_classes():
    top = TopKProba([[4, 7, 2], [1, 0, 9]], [[0.1, 0.6, 0.2], [0.5, 0.3, 0.1]], 10)
    np.testing.assert_array_equal(top.classes, [[7, 2, 4], [1, 0, 9]])
    np.testing.assert_array_equal(top.proba, [[0.6, 0.2, 0.1], [0.5, 0.3, 0.1]])


def test_topk_take_and_length():
    top = TopKProba([[4, 7], [1, 0], [2, 3]], [[0.6, 0.2], [0.5, 0.3], [0.4, 0.4]], 10)
    assert len(top) == 3
    taken = top.take(np.array([2, 0]))
    np.testing.assert_array_equal(taken.classes, [[2, 3], [4, 7]])
    np.testing.assert_array_equal(taken.proba, [[0.4, 0.4], [0.6, 0.2]])
    assert taken.shape == (2, 10)


def test_topk_outcomes_judge_like_dense_ones():
    rng = np.random.default_rng(0)
    n, k = 50, 6
    b, g = random_proba(rng, n, k), random_proba(rng, n, k)
    y = rng.integers(k, size=n)

    def top(p):
        order = np.argsort(-p, axis=1)[:, :3]
        return TopKProba(order, np.take_along_axis(p, order, axis=1), k)

    dense = Outcomes(base_proba=b, global_proba=g, y=y)
    short = Outcomes(base_proba=top(b), global_proba=top(g), y=y)
    np.testing.assert_array_equal(dense.benefit, short.benefit)
    np.testing.assert_array_equal(
        short.take([3, 1]).base_proba.proba, short.base_proba.proba[[3, 1]]
    )
    with pytest.raises(ValueError, match="base_proba: 7, global_proba: 6"):
        Outcomes(base_proba=TopKProba([[0]] * n, [[0.5]] * n, 7), global_proba=g, y=y)


# Files


def test_file_round_trip(tmp_path):
    path = tmp_path / "saved.npz"
    parts = {
        "base_proba": PROBA,
        "global_proba": OTHER,
        "y": np.array(["no", "yes", "yes"]),
        "classes": np.array(["no", "yes"]),
        "sample_weight": np.array([1.0, 2.0, 0.5]),
        "base_features": np.eye(3),
        "fold": np.array([0, 1, 0]),
    }
    np.savez(path, **parts)
    read = Outcomes.from_file(path)
    for name, value in parts.items():
        np.testing.assert_array_equal(getattr(read, name), value)
    np.testing.assert_array_equal(read.benefit, [0, 1, -1])


def test_file_of_topk_probabilities_of_both_sides(tmp_path):
    path = tmp_path / "topk.npz"
    np.savez_compressed(
        path,
        base_topk_classes=[[4, 7], [1, 0]],
        base_topk_proba=np.array([[0.6, 0.2], [0.5, 0.3]], dtype=np.float16),
        global_topk_classes=[[2], [1]],
        global_topk_proba=[[0.9], [0.8]],
        n_classes=10,
        y=[2, 1],
    )
    read = Outcomes.from_file(path)
    assert isinstance(read.base_proba, TopKProba)
    assert read.base_proba.shape == read.global_proba.shape == (2, 10)
    np.testing.assert_array_equal(read.benefit, [1, 0])


TRIPLE = {
    "base_topk_classes": [[4, 7], [1, 0]],
    "base_topk_proba": [[0.6, 0.2], [0.5, 0.3]],
    "n_classes": 10,
}


@pytest.mark.parametrize("missing", list(TRIPLE))
@pytest.mark.parametrize("side", ["base", "global"])
def test_file_with_a_part_of_a_topk_triple(tmp_path, missing, side):
    path = tmp_path / "part.npz"
    parts = {k: v for k, v in TRIPLE.items() if k != missing}
    parts = {name.replace("base", side): value for name, value in parts.items()}
    np.savez(path, y=[4, 1], **parts)
    expected = rf"part.npz: top-k .*{side}_topk_classes, {side}_topk_proba and n_class"
    with pytest.raises(ValueError, match=expected):
        Outcomes.from_file(path)


@pytest.mark.parametrize("n_classes", [3.7, 10.0, "10", [10]])
def test_file_whose_number_of_classes_is_no_whole_number(tmp_path, n_classes):
    path = tmp_path / "odd.npz"
    np.savez(path, y=[4, 1], **{**TRIPLE, "n_classes": n_classes})
    with pytest.raises(ValueError, match="odd.npz: n_classes must be one whole number"):
        Outcomes.from_file(path)


def test_file_with_a_number_of_classes_alone(tmp_path):
    path = tmp_path / "alone.npz"
    np.savez(path, base_proba=PROBA, y=[0, 1, 1], n_classes=2)
    with pytest.raises(ValueError, match="alone.npz: n_classes belongs to top-k"):
        Outcomes.from_file(path)


@pytest.mark.parametrize("side", ["base", "global"])
def test_file_that_gives_probabilities_twice(tmp_path, side):
    path = tmp_path / "twice.npz"
    parts = {name.replace("base", side): value for name, value in TRIPLE.items()}
    np.savez(path, y=[4, 1], **parts, **{f"{side}_proba": np.full((2, 10), 0.1)})
    with pytest.raises(ValueError, match=rf"{side}'s probabilities .*given once"):
        Outcomes.from_file(path)


def test_file_with_an_unknown_key(tmp_path):
    path = tmp_path / "typo.npz"
    np.savez(path, base_prob=PROBA, y=[0, 1, 1])
    with pytest.raises(ValueError, match=r"'base_prob'.*Did you mean 'base_proba'"):
        Outcomes.from_file(path)
    np.savez(path, base_proba=PROBA, y=[0, 1, 1], qqqqqq=[1])
    with pytest.raises(ValueError, match="'qqqqqq'") as caught:
        Outcomes.from_file(path)
    assert "Did you mean" not in str(caught.value)


def test_file_that_is_no_npz(tmp_path):
    text = tmp_path / "text.npz"
    text.write_text("base_proba,y\n0.5,1\n")
    empty = tmp_path / "empty.npz"
    empty.touch()
    single = tmp_path / "single.npy"
    np.save(single, PROBA)
    cut = tmp_path / "cut.npz"
    np.savez(cut, base_proba=PROBA, y=[0, 1, 1])
    cut.write_bytes(cut.read_bytes()[:-40])
    for path in (text, empty, single, cut):
        with pytest.raises(ValueError, match=rf"{path.name} is not a readable npz"):
            Outcomes.from_file(path)


def test_file_with_a_damaged_array(tmp_path):
    path = tmp_path / "damaged.npz"
    np.savez(path, base_proba=np.tile(PROBA, (50, 1)), y=np.tile([0, 1, 1], 50))
    content = bytearray(path.read_bytes())
    middle = content.index(np.float64(0.9).tobytes()) + 800
    content[middle : middle + 8] = b"\xff" * 8
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged.npz is not a readable npz"):
        Outcomes.from_file(path)


class Boom:
    """Raises if a file could run code when it is opened."""

    ran = False

    def __reduce__(self):
        return setattr, (Boom, "ran", True)


def test_file_with_a_pickle_inside_is_refused_and_not_run(tmp_path):
    path = tmp_path / "pickle.npz"
    np.savez(path, base_proba=PROBA, y=np.array([Boom(), 1, 1], dtype=object))
    with pytest.raises(ValueError, match=r"pickle.npz is not a readable npz.*plain"):
        Outcomes.from_file(path)
    assert not Boom.ran
    bare = tmp_path / "bare.npz"
    np.array([Boom()], dtype=object).dump(bare)
    with pytest.raises(ValueError, match=r"bare.npz is not a readable npz"):
        Outcomes.from_file(bare)
    assert not Boom.ran


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        Outcomes.from_file(tmp_path / "none.npz")


def test_file_with_wrong_contents_names_the_key(tmp_path):
    path = tmp_path / "wrong.npz"
    np.savez(path, base_proba=PROBA * 2, y=[0, 1, 1])
    with pytest.raises(ValueError, match="base_proba must sum to 1"):
        Outcomes.from_file(path)


def test_a_view_of_some_rows_shares_their_memory():
    proba = np.tile([0.9, 0.1], (6, 1))
    evidence = Outcomes(
        base_proba=proba, base_features=np.arange(6.0)[:, None], X=list("abcdef"),
        base_utility=np.ones(6), local_only=np.arange(6) > 3,
    )  # fmt: skip
    view = evidence.view(slice(2, 5))
    assert type(view) is Evidence
    assert np.shares_memory(view.base_features, evidence.base_features)
    np.testing.assert_array_equal(view.base_features[:, 0], [2, 3, 4])
    assert (view.X, view.n_rows) == (["c", "d", "e"], 3)
    np.testing.assert_array_equal(view.local_only, [False, False, True])
    np.testing.assert_array_equal(view.classes, evidence.classes)


def test_a_view_of_top_k_probabilities_takes_their_rows():
    top = TopKProba([[1, 0], [2, 1], [0, 2]], [[0.6, 0.3], [0.5, 0.4], [0.7, 0.2]], 3)
    view = Evidence(base_proba=top).view(slice(1, 3))
    np.testing.assert_array_equal(view.base_proba.classes, top.classes[1:])


def test_sparse_features_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match="base_features must be dense.*as X"):
        Evidence(base_features=csr_matrix(PROBA))
