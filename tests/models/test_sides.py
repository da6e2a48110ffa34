"""Base and global on the rows of a fit: which fit predicts which rows."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator

from selective_query._models.crossfit import CrossFit
from selective_query._models.sides import N_COMPARED, FitRows, Side
from selective_query.exceptions import CalibrationWarning

N = 60


class Counting(ClassifierMixin, BaseEstimator):
    """Encodes in its probabilities the row's value and the total weight of the fit."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        self.seen_ = weight.sum()
        return self

    def predict_proba(self, X):
        surer = 0.5 + X[:, 0] / 20_000 + self.seen_ / 100_000
        return np.column_stack([surer, 1 - surer])


def rows_of(n=N, weight=None, cv=4):
    X, y = np.arange(float(n))[:, None], np.arange(n) // 12 % 2
    folds = np.arange(n) % cv
    splits = [
        (np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(cv)
    ]
    return FitRows(X, y, weight, np.array([0, 1]), splits, None, 0)


def side_of(rows, model=None, features=None, factor=None):
    model = Counting() if model is None else model
    return Side(model, rows, "base_estimator", features, factor, compares=True)


def changes(side):
    return list(side.change_by_refit())


def test_each_answer_is_the_one_of_a_fit_to_its_row():
    rows = rows_of()
    total = 0.0
    for evidence, row, mass, _ in changes(side_of(rows)):
        np.testing.assert_array_equal(evidence.X, rows.X[row])
        seen = 100_000 * (evidence.base_proba[:, 0] - 0.5 - row / 20_000)
        assert np.isclose(seen[:, None], [30, 45, 60]).any(axis=1).all()
        np.testing.assert_allclose(seen, seen[0])
        total += mass.sum()
    assert np.isclose(seen, 60).all(), "the last is the fit on all rows"
    assert total == pytest.approx(0)


def test_weights_count_as_repeated_rows():
    weight = 1.0 + (np.arange(N) // 4 % 3)
    repeated = np.repeat(np.arange(N), weight.astype(int))
    weighted = changes(side_of(rows_of(weight=weight)))
    held_out = [mass for _, row, mass, _ in weighted if len(row) == N // 4]
    # A fold's rows change by half their weight: by (K - 2) / K of it with K = 4.
    for fold, mass in enumerate(held_out):
        np.testing.assert_allclose(mass, weight[fold::4] / 2)
    assert sum(np.abs(m).sum() for m in held_out) == pytest.approx(len(repeated) / 2)
    plain = changes(side_of(rows_of()))
    ones = changes(side_of(rows_of(weight=np.ones(N))))
    for (_, _, with_none, _), (_, _, with_ones, _) in zip(plain, ones, strict=True):
        np.testing.assert_array_equal(with_none, with_ones)


def test_fits_are_compared_on_rows_that_count_from_first_to_last():
    weight = np.ones(4 * N_COMPARED)
    weight[: N_COMPARED // 2] = 0
    *_, (_, row, _, known) = changes(side_of(rows_of(len(weight), weight)))
    assert known
    assert len(row) == N_COMPARED
    assert (row[0], row[-1]) == (N_COMPARED // 2, len(weight) - 1)
    assert np.ptp(np.diff(row)) <= 1, "evenly spread"
    few = changes(side_of(rows_of(weight=np.arange(N) % 3 > 0)))
    np.testing.assert_array_equal(few[-1][1], np.flatnonzero(np.arange(N) % 3))


def test_nothing_is_known_of_frozen_models_and_from_two_folds():
    rows = rows_of()
    fitted = FrozenEstimator(Counting().fit(rows.X, rows.y))
    assert changes(side_of(rows, fitted)) == []
    assert changes(side_of(rows_of(cv=2))) == []
    assert len(changes(side_of(rows_of(cv=3)))) > 0


@pytest.mark.parametrize("zero", [[0], [1], [0, 2], [1, 2]])
def test_folds_without_weight_are_as_though_absent(zero):
    """Five folds, some without weight; a coarse fit on only those is impossible."""
    fold = np.arange(N) % 5
    weight = np.where(np.isin(fold, zero), 0.0, 1.0 + np.arange(N) // 5 % 3)
    there = np.flatnonzero(weight)
    number = np.unique(fold[there], return_inverse=True)[1]
    splits = [
        (np.flatnonzero(number != k), np.flatnonzero(number == k))
        for k in range(5 - len(zero))
    ]
    X, y = np.arange(float(N))[there, None], (np.arange(N) // 12 % 2)[there]
    absent = FitRows(X, y, weight[there], np.array([0, 1]), splits, None, 0)
    expected = changes(side_of(absent))
    assert len(expected) == 2 * (5 - len(zero) + (6 - len(zero)) // 2) + 1
    found = changes(side_of(rows_of(weight=weight, cv=5)))
    for (evidence, row, mass, known), without in zip(found, expected, strict=True):
        counted = weight[row] > 0
        np.testing.assert_array_equal(row[counted], there[without[1]])
        np.testing.assert_allclose(mass[counted], without[2])
        assert not mass[~counted].any() and known == without[3]
        np.testing.assert_array_equal(
            evidence.base_proba[counted], without[0].base_proba
        )


def test_two_folds_with_weight_tell_nothing_and_say_so():
    weight = 1.0 * (np.arange(N) % 3 != 1)
    with pytest.warns(CalibrationWarning, match="zero on all but 2 folds of cv"):
        assert changes(side_of(rows_of(weight=weight, cv=3))) == []


class Unweighted(Counting):
    def fit(self, X, y):
        return super().fit(X, y)


def test_a_fit_without_any_weight_is_refused_by_name():
    rows = rows_of(weight=1.0 * (np.arange(N) % 3 == 1), cv=3)
    with pytest.raises(ValueError, match="zero on every row that base_estimator"):
        side_of(rows).answers  # noqa: B018
    assert len(side_of(rows, Unweighted()).answers.proba) == N


def test_a_factor_weighs_in_every_fit():
    weight, factor = np.full(N, 2.0), np.full(N, 5.0)
    rows = rows_of(weight=weight)
    side = side_of(rows).weighted(factor)
    assert side.compares and side.who == "base_estimator"
    assert side.fitted.seen_ == 10 * N
    surer = 0.5 + np.arange(N) / 20_000 + 10 * 45 / 100_000
    np.testing.assert_allclose(side.answers.proba[:, 0], surer)
    *_, (evidence, row, _, _) = changes(side)
    np.testing.assert_allclose(
        evidence.base_proba[:, 0], 0.5 + row / 20_000 + 10 * N / 100_000
    )


@pytest.mark.parametrize(
    ("columns", "agreement"),
    [
        (lambda model, X: np.column_stack([X, -3 * X + model.seen_]), 1.0),
        (lambda model, X: X * (-1 if model.seen_ == N else 1), -1.0),
        (lambda model, X: np.column_stack([X, X * (-1) ** (model.seen_ == N)]), 0.0),
        (lambda model, X: np.column_stack([X, np.ones(len(X))]), 1.0),
        (lambda model, X: np.ones((len(X), 2)), np.nan),
    ],
    ids=["other units", "reversed", "one reversed", "one constant", "all constant"],
)
def test_agreement_of_features_is_the_correlation_between_fits(columns, agreement):
    side = side_of(rows_of(), features=columns)
    assert side.agreement_of_features() == pytest.approx(agreement, nan_ok=True)


@pytest.mark.parametrize(
    "odd_train, odd_test, told",
    [
        (np.ones(N, dtype=bool), np.arange(30), "bool"),
        (np.arange(30), np.arange(30, N) - N, "the least of them -30"),
        (np.arange(N), np.array([], dtype=int), "Got 0"),
    ],
)
def test_folds_are_given_by_row_numbers(odd_train, odd_test, told):
    X, y = np.arange(float(N))[:, None], np.arange(N) % 2
    splits = [(np.arange(30, N), np.arange(30)), (odd_train, odd_test)]
    with pytest.raises(ValueError, match=f"cv must give row numbers.*{told}"):
        CrossFit(X, y, None, splits, np.array([0, 1]))


@pytest.mark.parametrize(("compares", "n_asked"), [(False, N), (True, 4 * N)])
def test_rows_that_a_fit_has_seen_are_asked_about_only_to_compare(compares, n_asked):
    asked = []

    class Listening(Counting):
        def predict_proba(self, X):
            asked.append(len(X))
            return super().predict_proba(X)

    side = Side(Listening(), rows_of(), "base_estimator", compares=compares)
    assert len(side.answers.proba) == N
    assert sum(asked) == n_asked
