"""Reports and curves from chunks equal those of all rows."""

from itertools import product

import joblib
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB

from selective_query import AbstainingClassifier
from selective_query.metrics import accuracy_coverage_curve
from selective_query.scale import curve_in_chunks, report_in_chunks


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
        # Equal up to scores whose last digit depends on the chunk size.
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
    with pytest.raises(ValueError, match="y must have one entry for each"):
        report_in_chunks(hybrid, X, y[:-1])
    with pytest.raises(ValueError, match="y must have one entry for each"):
        report_in_chunks(hybrid, iter([(X, y[:-1])]))
    with pytest.raises(ValueError, match="sample_weight must be one finite .* Got inf"):
        report_in_chunks(hybrid, X, y, sample_weight=np.full(197, np.inf))


def test_a_data_loader(hybrid, rows):
    torch = pytest.importorskip("torch")
    data = torch.utils.data
    X, y = rows
    weight = np.arange(len(y)) % 3
    for columns in (X, y), (X, y, weight):
        tensors = data.TensorDataset(*map(torch.from_numpy, columns))
        loader = data.DataLoader(tensors, batch_size=60)
        expected = hybrid.report(X, y, sample_weight=(*columns, None)[2])
        assert_same(report_in_chunks(hybrid, loader), expected)
    assert curve_in_chunks(hybrid, loader).error_bound == 0


def test_faults_of_labels_are_those_of_a_report(hybrid, abstaining, rows):
    X, y = rows
    for model, judge in product(
        (hybrid, abstaining), (report_in_chunks, curve_in_chunks)
    ):
        with pytest.raises(ValueError, match="y must hold a label for each row"):
            judge(model, X, np.where(np.arange(len(y)) == 3, np.nan, y))
        with pytest.raises(
            ValueError, match="kind of the classes, numbers .* Got text"
        ):
            judge(model, X, y.astype(str))
        with pytest.raises(
            ValueError, match="sample_weight must be .* Got -1 in row 0"
        ):
            judge(model, X, y, sample_weight=-np.ones(len(y)))


def test_unknown_labels_count_as_wrong(hybrid, abstaining, rows):
    X, y = rows
    strange = np.where(y == 3, 77, y)
    for model in (hybrid, abstaining):
        found = report_in_chunks(model, X, strange, chunk_rows=30)
        assert_same(found, model.report(X, strange))
        curve = curve_in_chunks(model, X, strange, chunk_rows=30).curve
        assert curve.base_accuracy == pytest.approx(found.base_accuracy)


def test_weights_that_are_zero_everywhere(hybrid, rows):
    X, y = rows
    with pytest.raises(ValueError, match="sample_weight must not be zero for all"):
        report_in_chunks(hybrid, X, y, sample_weight=np.zeros(len(y)), chunk_rows=50)


def test_models_that_cannot_be_judged(hybrid, rows):
    for judge, model in product(
        (report_in_chunks, curve_in_chunks), (GaussianNB(), hybrid.policy_)
    ):
        with pytest.raises(TypeError, match="model must be a fitted HybridClassifier"):
            judge(model, *rows)
        with pytest.raises(NotFittedError):
            judge(AbstainingClassifier(GaussianNB()), *rows)


@pytest.mark.parametrize("chunk_rows", [1, 90, 1000])
def test_report_of_a_chain(chain, rows, chunk_rows):
    X, y = rows
    found = report_in_chunks(chain, X, y, chunk_rows=chunk_rows)
    assert_same(found, chain.report(X, y))
    whole = np.random.default_rng(0).integers(0, 3, size=len(y))
    found = report_in_chunks(chain, stream(X, y, whole))
    assert_same(found, chain.report(X, y, sample_weight=whole))


def test_chain_methods_without_chunks_are_refused(chain, rows):
    with pytest.raises(ValueError, match="query_all= asks a global"):
        report_in_chunks(chain, *rows, query_all=True)
    with pytest.raises(TypeError, match="CascadeClassifier has a report_in_chunks"):
        curve_in_chunks(chain, *rows)
    assert report_in_chunks(chain, iter([])).n == 0
    with pytest.raises(ValueError, match="zero for all rows"):
        report_in_chunks(chain, *rows, sample_weight=np.zeros(len(rows[1])))
