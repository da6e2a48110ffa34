import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from selective_query import (
    AbstainingClassifier,
    AlternatingAdaptation,
    HybridClassifier,
)
from selective_query.budgets import All, Coverage, StayLocal


class Recorder(LogisticRegression):
    """Records the weights of each fit, in a list shared by clones."""

    def __init__(self, notes=None):
        super().__init__(max_iter=200)
        self.notes = notes

    def get_params(self, deep=True):
        return {"notes": self.notes}

    def __sklearn_clone__(self):
        return Recorder(self.notes)

    def fit(self, X, y, sample_weight=None):
        self.notes.append(None if sample_weight is None else np.array(sample_weight))
        return super().fit(X, y, sample_weight=sample_weight)


@pytest.fixture(scope="module")
def rows():
    return make_classification(
        600, 10, n_informative=6, n_classes=3, flip_y=0.1, random_state=0
    )


def adapted(base, global_, X, y, weight=None, **adaptation):
    hybrid = HybridClassifier(
        base, global_, router="max_probability", coverage=0.7, cv=3,
        adaptation=AlternatingAdaptation(**adaptation), calibration="out_of_fold",
    )  # fmt: skip
    return hybrid.fit(X, y, weight)


@pytest.mark.filterwarnings("ignore:Many rows share the score")
def test_a_base_that_knows_its_rows_by_heart_still_queries(rows):
    forest = ExtraTreesClassifier(30, random_state=0)
    assert forest.fit(*rows).score(*rows) == 1
    notes = []
    adapted(forest, Recorder(notes), *rows, n_rounds=1)
    weighted = [w for w in notes if w is not None]
    assert weighted
    # Queried rows have weight 2 and the others 1, before normalisation.
    assert all(w.max() / w.min() == pytest.approx(2) for w in weighted)


def test_each_side_gets_more_weight_where_it_answers(rows):
    base, global_ = [], []
    hybrid = adapted(Recorder(base), Recorder(global_), *rows, n_rounds=1)
    assert [w is None for w in base] == [True] * 3 + [False] * 3 + [
        hybrid.adaptation_.chosen_ == 0
    ]
    n_base = sum((w == w.min()).sum() for w in base[3:6])
    n_global = sum((w == w.max()).sum() for w in global_[3:6])
    # For the base the queried 30 % have weight 1 and the others 2; for the global
    # reversed.
    assert n_base / 1200 == pytest.approx(0.3, abs=0.03)
    assert n_global / 1200 == pytest.approx(0.3, abs=0.03)


def test_weights_have_mean_one_and_multiply_those_of_the_user(rows):
    X, y = rows
    user = np.random.default_rng(0).integers(1, 4, len(y)).astype(float)
    notes = []
    frozen = FrozenEstimator(ExtraTreesClassifier(random_state=0).fit(X, y))
    adapted(Recorder(notes), frozen, X, y, user, n_rounds=1)
    plain, weighted = np.concatenate(notes[:3]), np.concatenate(notes[3:6])
    assert plain.sum() == pytest.approx(2 * user.sum())
    assert weighted.sum() == pytest.approx(plain.sum(), rel=0.02)
    factors = np.unique(np.round(weighted / plain, 6))
    assert factors[-1] / factors[0] == pytest.approx(2, abs=1e-4)
    assert len(factors) <= 3, "one row may be queried in part"


def test_a_frozen_side_is_left_alone(rows):
    X, y = rows
    trees = ExtraTreesClassifier(random_state=0).fit(X[:200], y[:200])
    hybrid = adapted(Recorder([]), FrozenEstimator(trees), X[200:], y[200:])
    assert hybrid.global_estimator_.estimator is trees
    assert {step["side"] for step in hybrid.adaptation_.history_} == {"none", "base"}


def test_plain_training_is_kept_unless_a_gain_is_sure(rows):
    notes = []
    hybrid = adapted(Recorder(notes), Recorder([]), *rows, n_standard_errors=1e9)
    assert hybrid.adaptation_.chosen_ == 0
    assert notes[-1] is None, "the last fit is the one in use"


def test_the_best_round_is_in_use(rows):
    notes = []
    hybrid = adapted(Recorder(notes), Recorder([]), *rows, n_standard_errors=0.0)
    adaptation = hybrid.adaptation_
    best = max(step["accuracy"] for step in adaptation.history_)
    assert adaptation.history_[adaptation.chosen_]["accuracy"] == best
    gains = [step["gain"] for step in adaptation.history_]
    first = adaptation.history_[0]["accuracy"]
    np.testing.assert_allclose(
        gains, [step["accuracy"] - first for step in adaptation.history_], atol=1e-12
    )


def test_the_last_step_may_be_kept_whatever_it_brought(rows):
    hybrid = adapted(Recorder([]), Recorder([]), *rows, n_rounds=3, keep="last")
    assert len(hybrid.adaptation_.history_) == 1 + 2 * 3
    assert hybrid.adaptation_.chosen_ == 6


def test_it_stops_after_a_round_without_gain(rows):
    hybrid = adapted(Recorder([]), Recorder([]), *rows, n_rounds=50)
    history = hybrid.adaptation_.history_
    last = history[-1]["round"]
    assert last < 50
    before = max(step["accuracy"] for step in history if step["round"] < last)
    assert max(s["accuracy"] for s in history if s["round"] == last) <= before


def test_an_abstaining_classifier_adapts_its_base(rows):
    model = AbstainingClassifier(
        Recorder([]), router="max_probability", coverage=0.8, cv=3,
        adaptation=AlternatingAdaptation(),
    ).fit(*rows)  # fmt: skip
    assert {step["side"] for step in model.adaptation_.history_} == {"none", "base"}


def test_held_out_rows_are_not_adapted_to(rows):
    notes = []
    HybridClassifier(
        Recorder(notes), Recorder([]), coverage=0.7, cv=3, calibration=0.25,
        router="max_probability", adaptation=AlternatingAdaptation(n_rounds=1),
        random_state=0,
    ).fit(*rows)  # fmt: skip
    assert {len(w) for w in notes if w is not None} <= {300, 450}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_rounds": 0}, "n_rounds must be a whole number >= 1. Got 0"),
        ({"keep": "best"}, "keep must be 'sure' or 'last'. Got 'best'"),
        ({"n_standard_errors": -1}, "n_standard_errors must be >= 0. Got -1"),
    ],
)
def test_bad_parameters_are_named(rows, params, message):
    with pytest.raises(ValueError, match=message):
        adapted(Recorder([]), Recorder([]), *rows, **params)


def test_models_that_cannot_be_weighted_are_named(rows):
    X, y = rows
    with pytest.raises(ValueError, match="KNeighborsClassifier.fit takes no sample_w"):
        adapted(KNeighborsClassifier(), Recorder([]), X, y)
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    with pytest.raises(ValueError, match="all models are frozen"):
        adapted(frozen, frozen, X, y)


def test_rows_that_must_stay_count_as_kept(rows):
    X, y = rows
    table = pd.DataFrame(X).assign(local=np.arange(len(y)) % 2 == 0)
    table.columns = table.columns.astype(str)
    notes = []

    class WithLocal(Recorder):
        def __sklearn_clone__(self):
            return WithLocal(self.notes)

        def fit(self, X, y, sample_weight=None):
            self.notes.append((X["local"].to_numpy(), sample_weight))
            return LogisticRegression.fit(self, X, y, sample_weight)

    HybridClassifier(
        WithLocal(notes), Recorder([]), router="max_probability", cv=3,
        coverage=All(Coverage(0.7), StayLocal("local")),
        adaptation=AlternatingAdaptation(n_rounds=1), calibration="out_of_fold",
    ).fit(table, y)  # fmt: skip
    weighted = [(local, w) for local, w in notes if w is not None][:3]
    assert len(weighted) == 3
    for local, weight in weighted:
        # Queried rows have half the weight of kept rows, and none of them is local.
        assert np.ptp(weight[local]) < 1e-9
        assert weight[~local].min() == pytest.approx(weight[local].min() / 2)
