from functools import partial

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator

torch = pytest.importorskip("torch")

from selective_query import load, save
from selective_query.budgets import All, Coverage, MinAccuracy, StayLocal
from selective_query.exceptions import CertificateError, UnavailableWarning
from selective_query.nets import ConvNet
from selective_query.nets.training import (
    AbstainingNetClassifier,
    HybridNetClassifier,
    NetClassifier,
    NetRouter,
)
from selective_query.serving import CallableClassifier

SMALL = partial(ConvNet, 10, (8, 16), n_channels=1)


class Flat(ClassifierMixin, BaseEstimator):
    """Trees on images that count their fits."""

    def __init__(self, notes=None):
        self.notes = notes

    def __sklearn_clone__(self):
        return Flat(self.notes)

    def fit(self, X, y):
        if self.notes is not None:
            self.notes.append(len(y))
        self.model_ = ExtraTreesClassifier(30, random_state=0)
        self.model_.fit(X.reshape(len(X), -1), y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        return self.model_.predict(X.reshape(len(X), -1))

    def predict_proba(self, X):
        return self.model_.predict_proba(X.reshape(len(X), -1))


@pytest.fixture(scope="module")
def trees(images):
    return FrozenEstimator(Flat().fit(images[0][:500], images[1][:500]))


def net(loss="selective_query", **params):
    return NetClassifier(SMALL, loss=loss, n_epochs=5, **params)


@pytest.mark.parametrize("router", ["auto", NetRouter()])
def test_a_hybrid_is_trained_end_to_end(images, trees, router):
    X, y = images
    hybrid = HybridNetClassifier(
        net(), trees, router=router, coverage=0.7, random_state=0
    ).fit(X[500:1400], y[500:1400])
    report = hybrid.report(X[1400:], y[1400:], query_all=True)
    assert report.coverage == pytest.approx(0.7, abs=0.12)
    assert report.accuracy > report.base_accuracy
    assert hybrid.base_estimator_.module_.loss.coverage == pytest.approx(0.7)
    assert hybrid.global_estimator_ is trees


def test_the_nets_own_score_routes(images, trees):
    X, y = images
    hybrid = HybridNetClassifier(net(), trees, router=NetRouter(), random_state=0)
    hybrid.fit(X[500:1400], y[500:1400])
    np.testing.assert_allclose(
        hybrid.query_score(X[1400:]),
        hybrid.base_estimator_.query_score(X[1400:]),
        atol=1e-6,
    )


def test_threshold_rows_are_new_to_the_net(images, trees):
    X, y = images
    seen = []

    class Spy(NetClassifier):
        def fit(self, X, y, sample_weight=None, *, global_proba=None):
            seen.append((len(y), global_proba.shape))
            return super().fit(X, y, sample_weight, global_proba=global_proba)

    hybrid = HybridNetClassifier(
        Spy(SMALL, n_epochs=1), trees, calibration=0.25, router="max_probability",
        confidence=0.9, coverage=0.6, random_state=0,
    ).fit(X[500:1300], y[500:1300])  # fmt: skip
    assert seen == [(600, (600, 10))]
    certificate = hybrid.operating_point_.certificate
    assert certificate.n == 200
    assert certificate.exact


def test_a_global_that_is_not_frozen_is_cross_fitted_on_the_nets_rows(images):
    X, y = images
    notes = []
    hybrid = HybridNetClassifier(
        net("distillation"), Flat(notes), cv=4, calibration=0.2, random_state=0
    ).fit(X[:1000], y[:1000])
    assert notes == [600] * 4 + [800]
    assert hybrid.global_estimator_.classes_.tolist() == list(range(10))


def test_labels_may_be_texts(images):
    X, y = images
    names = np.array([f"digit {k}" for k in range(10)])[y]
    trees = FrozenEstimator(Flat().fit(X[:500], names[:500]))
    hybrid = HybridNetClassifier(net(), trees, random_state=0)
    hybrid.fit(X[500:1400], names[500:1400])
    assert (hybrid.predict(X[1400:]) == names[1400:]).mean() > 0.7


def test_certificates_need_a_router_that_learns_nothing(images, trees):
    X, y = images
    with pytest.raises(CertificateError, match="Use router=NetRouter"):
        HybridNetClassifier(net(), trees, confidence=0.9, random_state=0).fit(
            X[500:1000], y[500:1000]
        )


@pytest.mark.parametrize(
    "loss", ["cross_entropy", "selective_net", "deep_gamblers", "self_adaptive"]
)
def test_an_abstaining_net_is_more_often_right_where_it_answers(images, loss):
    X, y = images
    model = AbstainingNetClassifier(
        net(loss), coverage=0.6, abstain_label=-1, random_state=0
    ).fit(X[:1400], y[:1400])
    report = model.report(X[1400:], y[1400:])
    assert report.coverage == pytest.approx(0.6, abs=0.12)
    assert report.base_accuracy_on_kept > report.base_accuracy
    assert ((model.predict(X[1400:]) == -1) == ~model.predict_coverage(X[1400:])).all()


def test_other_bases_and_no_held_out_rows_are_refused(images, trees):
    X, y = images
    with pytest.raises(ValueError, match="'base_estimator' parameter"):
        HybridNetClassifier(Flat(), trees).fit(X[:100], y[:100])
    with pytest.raises(ValueError, match="'calibration' parameter"):
        HybridNetClassifier(net(), trees, calibration=None).fit(X[:100], y[:100])


def test_a_limit_among_several_budgets_says_the_nets_coverage(images, trees):
    X, y = images
    hybrid = HybridNetClassifier(
        net(), trees, coverage=All(Coverage(0.6), MinAccuracy(0.2)), random_state=0
    ).fit(X[500:1000], y[500:1000])
    assert hybrid.base_estimator_.module_.loss.coverage == 0.6


def is_bright(images):
    """Return a mask of rows by their first pixels: a quarter of the digits."""
    return images[:, 0, 0, :4].sum(axis=1) > 1.4


class Taught(NetClassifier):
    """A net that records its training data."""

    def fit(self, X, y, sample_weight=None, *, global_proba=None):
        self.taught_ = X, y, global_proba
        return super().fit(X, y, sample_weight, global_proba=global_proba)


def check_taught_by_labels(hybrid, trees):
    X, y, taught = hybrid.base_estimator_.taught_
    bright = is_bright(X)
    assert 20 < bright.sum() < 400
    np.testing.assert_array_equal(taught[bright], np.eye(10)[y[bright]])
    expected = trees.predict_proba(X[~bright])
    np.testing.assert_allclose(taught[~bright], expected)


def test_rows_that_must_stay_teach_by_their_labels(images, trees):
    class Discreet(Flat):
        def predict_proba(self, X):
            assert not is_bright(X).any()
            return super().predict_proba(X)

    X, y = images
    discreet = FrozenEstimator(Discreet().fit(X[:500], y[:500]))
    hybrid = HybridNetClassifier(
        Taught(SMALL, loss="distillation", n_epochs=1), discreet,
        coverage=All(Coverage(0.7), StayLocal(is_bright)), random_state=0,
    ).fit(X[500:1300], y[500:1300])  # fmt: skip
    check_taught_by_labels(hybrid, trees)


def test_unanswered_rows_teach_by_their_labels(images, trees):
    def often_out_of_reach(X):
        if is_bright(X).any():
            raise ConnectionError("out of reach")
        return trees.predict_proba(X)

    X, y = images
    remote = CallableClassifier(
        often_out_of_reach, classes=range(10), method="predict_proba", attempts=1,
        failures_to_open=None, deadline_ms=60_000,
    )  # fmt: skip
    hybrid = HybridNetClassifier(
        Taught(SMALL, loss="distillation", n_epochs=1), remote, random_state=0
    )
    with pytest.warns(UnavailableWarning):
        hybrid.fit(X[500:1300], y[500:1300])
    check_taught_by_labels(hybrid, trees)


def test_labels_that_only_the_held_out_rows_have_are_named(images, trees):
    X, y = images
    labels = np.where(np.arange(len(y)) == 700, 99, y)
    with pytest.raises(ValueError, match=r"every row of the labels \[99\]"):
        for seed in range(20):
            eleven = partial(ConvNet, 11, (8,), n_channels=1)
            HybridNetClassifier(
                NetClassifier(eleven, n_epochs=1), trees, random_state=seed
            ).fit(X[600:800], labels[600:800])


def test_no_rows_give_no_answers(images, trees):
    X, y = images
    hybrid = HybridNetClassifier(net(), trees, random_state=0)
    hybrid.fit(X[500:1000], y[500:1000])
    assert hybrid.predict(X[:0]).shape == (0,)


def test_a_net_is_refused_by_save_and_its_policy_is_not(images, trees, tmp_path):
    X, y = images
    hybrid = HybridNetClassifier(net(), trees, random_state=0)
    hybrid.fit(X[500:1000], y[500:1000])
    with pytest.raises(
        ValueError, match="kept by its state_dict .* joblib.dump keeps all"
    ):
        save(hybrid, tmp_path / "hybrid.skops")
    save(hybrid.policy_, tmp_path / "policy.skops")
    assert load(tmp_path / "policy.skops").operating_point_ == hybrid.operating_point_
    joblib.dump(hybrid, tmp_path / "hybrid.joblib")
    again = joblib.load(tmp_path / "hybrid.joblib")
    np.testing.assert_array_equal(again.predict(X), hybrid.predict(X))
