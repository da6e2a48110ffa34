"""Reports and curves of chunks are those of all rows."""

import joblib
import numpy as np
import pytest

from selective_query.chunks import curve_in_chunks, report_in_chunks
from selective_query.metrics import accuracy_coverage_curve


def stream(*columns, size=83):
    return (
        tuple(column[start : start + size] for column in columns)
        for start in range(0, len(columns[0]), size)
    )


def assert_same(found, expected, **tolerance):
    assert found.keys() == expected.keys()
    for name in expected:
        if tolerance:
            np.testing.assert_allclose(found[name], expected[name], **tolerance)
        else:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.mark.parametrize("chunk_rows", [1, 90, 197, 1000])
@pytest.mark.parametrize("coverage", [0.0, 0.7, 1.0])
def test_report_to_the_last_digit(hybrid, abstaining, rows, chunk_rows, coverage):
    X, y = rows
    for query_all in (False, True):
        model = hybrid.at(coverage)
        found = report_in_chunks(
            model, X, y, query_all=query_all, chunk_rows=chunk_rows
        )
        assert_same(found, model.report(X, y, query_all=query_all))
    model = abstaining.at(coverage)
    found = report_in_chunks(model, X, y, chunk_rows=chunk_rows)
    assert_same(found, model.report(X, y))


def test_report_with_weights(hybrid, abstaining, rows):
    X, y = rows
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 4, size=len(y))
    whole[83:166] = 0
    for model in (hybrid, abstaining):
        found = report_in_chunks(model, stream(X, y, whole))
        assert_same(found, model.report(X, y, sample_weight=whole))
        weight = rng.random(len(y))
        found = report_in_chunks(model, X, y, sample_weight=weight, chunk_rows=50)
        assert_same(found, model.report(X, y, sample_weight=weight), rtol=1e-12)


def test_report_in_parallel(hybrid, rows):
    X, y = rows
    with joblib.parallel_config(backend="threading"):
        found = report_in_chunks(hybrid, X, y, chunk_rows=20, n_jobs=2)
    assert_same(found, hybrid.report(X, y))


def test_no_rows(hybrid, rows):
    found = report_in_chunks(hybrid, iter([]))
    assert found.n == found.n_queried == 0
    assert np.isnan(found.accuracy) and np.isnan(found.coverage)


@pytest.mark.parametrize("chunk_rows", [1, 90, 1000])
def test_curve(hybrid, abstaining, rows, chunk_rows):
    X, y = rows
    for model in (hybrid, abstaining):
        outcomes = model.outcomes(X, y)
        expected = accuracy_coverage_curve(
            model.query_score(X), outcomes.base_utility, outcomes.global_utility
        )
        found = curve_in_chunks(model, X, y, chunk_rows=chunk_rows)
        assert found.error_bound == 0
        # Equal but for scores that differ in their last digit with the size of chunks.
        grid = np.linspace(0, 1, 200)
        np.testing.assert_allclose(
            found.curve.accuracy_at(grid), expected.accuracy_at(grid), atol=2 / 197
        )
        assert found.curve.base_accuracy == expected.base_accuracy


def test_a_curve_of_few_points_says_how_far_off_it_is(hybrid, rows):
    X, y = rows
    found = curve_in_chunks(hybrid, stream(X, y), max_points=32)
    assert 0 < found.error_bound < 0.2


def test_refusals(hybrid, rows):
    X, y = rows
    with pytest.raises(ValueError, match="nothing to judge by. Give y, or chunks"):
        report_in_chunks(hybrid, X)
    with pytest.raises(ValueError, match="must come with them. Let each chunk be a tu"):
        report_in_chunks(hybrid, iter([X]), y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        report_in_chunks(hybrid, X, y[:-1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        report_in_chunks(hybrid, iter([(X, y[:-1])]))
    with pytest.raises(ValueError, match="sample_weight must be finite"):
        report_in_chunks(hybrid, X, y, sample_weight=np.full(197, np.inf))
