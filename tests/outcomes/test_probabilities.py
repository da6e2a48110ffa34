import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy

from selective_query import TopKProba
from selective_query.outcomes.probabilities import (
    entropy,
    top_class,
    top_probabilities,
    top_probability,
)

WIDTHS = (2, 3, 10, 33, 50)  # both sides of the width from which a partition is used


def full_topk(proba):
    order = np.argsort(-proba, axis=1, kind="stable")
    return TopKProba(order, np.take_along_axis(proba, order, axis=1), proba.shape[1])


def draw(seed, k, n=20, dtype=float, zeros=True):
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(k, 0.5), size=n)
    if zeros:
        proba[: n // 2][rng.random((n // 2, k)) < 0.5] = 0
        proba[0] = 0
        proba[0, 1] = 1
        empty = proba.sum(axis=1) == 0
        proba[empty] = 1 / k
        proba /= proba.sum(axis=1, keepdims=True)
    return proba.astype(dtype)


@given(st.integers(0, 2**32 - 1), st.sampled_from(WIDTHS))
@settings(max_examples=30, deadline=None)
def test_topk_of_all_classes_agrees_with_dense(seed, k):
    dense = draw(seed, k)
    top = full_topk(dense)
    assert top.shape == dense.shape
    np.testing.assert_array_equal(top_class(top), top_class(dense))
    np.testing.assert_array_equal(top_probability(top), top_probability(dense))
    for wanted in (1, 2, 5, k, k + 3):
        np.testing.assert_array_equal(
            top_probabilities(top, wanted), top_probabilities(dense, wanted)
        )
    np.testing.assert_allclose(entropy(top), entropy(dense), rtol=1e-12, atol=1e-14)


@given(st.integers(0, 2**32 - 1), st.sampled_from(WIDTHS), st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_top_probabilities_are_the_largest_in_falling_order(seed, k, wanted):
    dense = draw(seed, k)
    expected = np.zeros((len(dense), wanted))
    for i, row in enumerate(dense):
        largest = sorted(row, reverse=True)[:wanted]
        expected[i, : len(largest)] = largest
    np.testing.assert_array_equal(top_probabilities(dense, wanted), expected)


def test_top_probabilities_of_very_many_classes():
    # Short rows may come out of a partition fully sorted; these do not.
    dense = draw(1, 3000, zeros=False)
    for wanted in (1, 2, 5):
        expected = np.sort(dense, axis=1)[:, ::-1][:, :wanted]
        np.testing.assert_array_equal(top_probabilities(dense, wanted), expected)


def test_top_probabilities_leave_their_input_alone():
    for k in WIDTHS:
        dense = draw(0, k)
        before = dense.copy()
        top_probabilities(dense, 2)
        np.testing.assert_array_equal(dense, before)


def test_top_class_of_a_tie_is_the_first():
    proba = np.array([[0.25, 0.25, 0.5, 0.0], [0.4, 0.1, 0.1, 0.4]])
    np.testing.assert_array_equal(top_class(proba), [2, 0])
    np.testing.assert_array_equal(top_class(full_topk(proba)), [2, 0])
    np.testing.assert_array_equal(top_probability(proba), [0.5, 0.4])


@pytest.mark.parametrize("k", WIDTHS)
def test_entropy_agrees_with_scipy(k):
    dense = draw(k, k)
    assert (dense == 0).any()
    np.testing.assert_allclose(
        entropy(dense), scipy_entropy(dense, axis=1), rtol=1e-12, atol=1e-14
    )
    single = entropy(dense.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(
        single, scipy_entropy(dense, axis=1), rtol=1e-5, atol=1e-6
    )


def test_entropy_at_its_ends():
    for k in WIDTHS:
        one_hot = np.eye(k)
        np.testing.assert_array_equal(entropy(one_hot), np.zeros(k))
        uniform = np.full((1, k), 1 / k)
        np.testing.assert_allclose(entropy(uniform), np.log(k), rtol=1e-12)
    for dtype in (np.float32, np.float64):
        tiny = np.array([[1, np.finfo(dtype).smallest_subnormal]], dtype=dtype)
        np.testing.assert_allclose(entropy(tiny), [0], atol=1e-30)


def test_entropy_of_short_rows_is_the_largest_that_fits():
    top = TopKProba([[3, 1], [5, 2]], [[0.5, 0.25], [0.8, 0.2]], 6)
    filled = np.array(
        [
            [0.0625, 0.25, 0.0625, 0.5, 0.0625, 0.0625],
            [0.0, 0.0, 0.2, 0.0, 0.0, 0.8],
        ]
    )
    np.testing.assert_allclose(entropy(top), scipy_entropy(filled, axis=1), rtol=1e-12)


def test_entropy_of_short_rows_that_round_above_one_is_finite():
    top = TopKProba([[3, 1]], np.array([[0.9, 0.1005]], dtype=np.float32), 6)
    listed = scipy_entropy([0.9, 0.1])
    assert entropy(top)[0] == pytest.approx(listed, abs=2e-3)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_entropy_of_short_rows_bounds_the_true_one(seed, kept):
    dense = draw(seed, 10)
    order = np.argsort(-dense, axis=1, kind="stable")[:, :kept]
    short = TopKProba(order, np.take_along_axis(dense, order, axis=1), 10)
    assert (entropy(short) >= entropy(dense) - 1e-12).all()
