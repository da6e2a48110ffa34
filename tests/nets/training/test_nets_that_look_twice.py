"""A net that is trained for a hybrid inside a second look."""

from dataclasses import replace
from functools import partial

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

torch = pytest.importorskip("torch")

from selective_query import HybridClassifier, SecondLook, load, save
from selective_query.budgets._solving.calibration import hold_out
from selective_query.costs import STM32F746
from selective_query.exceptions import DeviceLimitError
from selective_query.footprint import profile_estimator
from selective_query.nets import ConvNet
from selective_query.nets.training import (
    AbstainingNetClassifier,
    HybridNetClassifier,
    NetClassifier,
    NetRouter,
)
from selective_query.nets.training.losses import Distillation

SMALL = partial(ConvNet, 10, (8, 16), n_channels=1)


class Noting(NetClassifier):
    """A net that records the arguments of its fit."""

    def fit(self, X, y, sample_weight=None, *, global_proba=None):
        self.given_ = y, sample_weight, global_proba
        return super().fit(X, y, sample_weight, global_proba=global_proba)


def flat(images):
    return images.reshape(len(images), -1)


def linear(**params):
    return make_pipeline(FunctionTransformer(flat), LogisticRegression(**params))


def moved(images):
    return np.roll(images, 1, axis=-1)


def net(kind=NetClassifier, **params):
    loss = Distillation(temperature=2.0, share=0.7)
    return kind(SMALL, **{"loss": loss, "n_epochs": 3} | params)


def looking(below=0.9, **params):
    return SecondLook(net(**params), moved, below=below)


@pytest.fixture(scope="module")
def rows(images):
    return images[0][500:1300], images[1][500:1300]


@pytest.fixture(scope="module")
def global_(images):
    return FrozenEstimator(linear().fit(images[0][:500], images[1][:500]))


@pytest.fixture(scope="module")
def hybrid(rows, global_):
    made = HybridNetClassifier(
        looking(kind=Noting), global_, coverage=0.7, random_state=0
    )
    return made.fit(*rows, sample_weight=np.arange(1, 801) % 3)


def test_the_net_gets_the_same_arguments_as_alone(hybrid, rows, global_):
    alone = clone(hybrid).set_params(base_estimator=net(kind=Noting))
    alone.fit(*rows, sample_weight=np.arange(1, 801) % 3)
    look, net_alone = hybrid.base_estimator_, alone.base_estimator_
    for given, expected in zip(look.estimator_.given_, net_alone.given_, strict=True):
        np.testing.assert_array_equal(given, expected)
    assert look.estimator_.given_[2].shape == (640, 10)
    assert look.estimator_.coverage == 0.7
    np.testing.assert_array_equal(look.estimator_.classes, range(10))
    np.testing.assert_array_equal(
        look.estimator_.predict_proba(rows[0]), net_alone.predict_proba(rows[0])
    )
    assert look.looks_twice(rows[0]).any()


def test_it_equals_its_parts_step_by_step(hybrid, rows, global_):
    X, y = rows
    train, new = hold_out(len(y), 0.2, 0)
    weight = np.arange(1, 801) % 3
    trained = net(coverage=0.7, random_state=0).fit(
        X[train], y[train], weight[train], global_proba=global_.predict_proba(X[train])
    )
    steps = HybridClassifier(
        SecondLook(FrozenEstimator(trained), moved, below=0.9), global_,
        base_features="evidence", coverage=0.7, random_state=0,
    ).fit(X[new], y[new], sample_weight=weight[new])  # fmt: skip
    assert hybrid.operating_point_ == steps.operating_point_
    np.testing.assert_array_equal(hybrid.query_score(X), steps.query_score(X))
    np.testing.assert_array_equal(hybrid.predict(X), steps.predict(X))


def test_the_router_reads_the_first_look(hybrid, rows, images):
    first = hybrid.base_estimator_.estimator_
    features = hybrid.outcomes(*rows).base_features
    np.testing.assert_allclose(
        features[:, 0], first.query_score(rows[0]), rtol=1e-5, atol=1e-6
    )
    own = clone(hybrid).set_params(
        router=NetRouter(), base_estimator__estimator__loss="selective_query"
    )
    own.fit(*rows)
    np.testing.assert_allclose(
        own.query_score(images[0][1300:]),
        own.base_estimator_.estimator_.query_score(images[0][1300:]),
        atol=1e-6,
    )


def test_it_is_kept_as_any_other(hybrid, images, tmp_path):
    X, y = images[0][1300:], images[1][1300:]
    joblib.dump(hybrid, tmp_path / "hybrid.joblib")
    again = joblib.load(tmp_path / "hybrid.joblib")
    np.testing.assert_array_equal(again.predict(X), hybrid.predict(X))
    save(hybrid.policy_, tmp_path / "policy.skops")
    assert load(tmp_path / "policy.skops").operating_point_ == hybrid.operating_point_
    report = hybrid.report(X, y, query_all=True)
    assert report.base_accuracy == hybrid.base_estimator_.score(X, y)
    assert report.coverage == hybrid.predict_coverage(X).mean()


def test_a_search_reaches_the_look_and_the_net(rows, global_):
    hybrid = HybridNetClassifier(looking(n_epochs=1), global_, random_state=0)
    grid = {
        "base_estimator__below": [0.5, 1],
        "base_estimator__estimator__n_epochs": [2],
    }
    search = GridSearchCV(hybrid, grid, cv=2).fit(*rows)
    found = search.best_estimator_.base_estimator_
    assert found.below == search.best_params_["base_estimator__below"]
    assert len(found.estimator_.history_) == 2
    assert not hasattr(hybrid.base_estimator, "estimator_")


def test_both_looks_must_fit_the_device(rows, global_):
    made = HybridNetClassifier(
        looking(n_epochs=1), global_, device=STM32F746, random_state=0
    )
    twice = made.fit(*rows)
    once = clone(made).set_params(base_estimator=net(n_epochs=1)).fit(*rows)
    profiles = [profile_estimator(m.base_estimator_, rows[0]) for m in (twice, once)]
    assert profiles[0].macs == 2 * profiles[1].macs + 10
    flash, sram = zip(*(m.footprint_.memories for m in (twice, once)), strict=True)
    assert flash[0].used == flash[1].used
    assert sram[0].used > sram[1].used
    tight = replace(STM32F746, sram_bytes=sram[1].used)
    clone(once).set_params(device=tight).fit(*rows)
    with pytest.raises(DeviceLimitError, match="base_estimator=SecondLook"):
        made.set_params(device=tight).fit(*rows)


@pytest.mark.parametrize(
    "base",
    [
        SecondLook(linear(), moved),
        SecondLook(SecondLook(net(), moved), moved),
        SecondLook(FrozenEstimator(net()), moved),
        SecondLook(make_pipeline(net()), moved),
    ],
)
def test_other_bases_are_refused_by_name(base, rows, global_):
    message = "estimator of base_estimator must be a NetClassifier.* Got "
    for model in (HybridNetClassifier(base, global_), AbstainingNetClassifier(base)):
        with pytest.raises(ValueError, match=message):
            model.fit(*rows)


def test_an_abstaining_net_may_look_twice(images):
    X, y = images
    base = looking(loss="self_adaptive", n_epochs=6)
    model = AbstainingNetClassifier(base, coverage=0.6, random_state=0)
    report = model.fit(X[:1300], y[:1300]).report(X[1300:], y[1300:])
    assert report.coverage == pytest.approx(0.6, abs=0.12)
    assert report.base_accuracy_on_kept > report.base_accuracy
    np.testing.assert_array_equal(
        model.query_score(X[1300:]),
        model.base_estimator_.estimator_.query_score(X[1300:]),
    )


def test_a_frozen_global_may_look_twice(rows, global_):
    twice = SecondLook(global_, moved, below=0.9)
    hybrid = HybridNetClassifier(looking(kind=Noting), twice, random_state=0).fit(*rows)
    assert hybrid.global_estimator_.estimator_ is global_
    taught = hybrid.base_estimator_.estimator_.given_[2]
    train = hold_out(800, 0.2, 0)[0]
    np.testing.assert_allclose(taught, twice.predict_proba(rows[0][train]))
    queried = ~hybrid.predict_coverage(rows[0])
    expected = twice.predict(rows[0])[queried]
    np.testing.assert_array_equal(hybrid.predict(rows[0])[queried], expected)


def test_a_global_that_is_not_frozen_may_look_twice(rows):
    twice = SecondLook(linear(C=0.1), moved, below=0.9)
    hybrid = HybridNetClassifier(looking(kind=Noting), twice, cv=3, random_state=0)
    hybrid.fit(*rows)
    train = hold_out(800, 0.2, 0)[0]
    X, y = rows[0][train], rows[1][train]
    in_use = clone(twice).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(hybrid.global_estimator_.predict_proba(X), in_use)
    taught = hybrid.base_estimator_.estimator_.given_[2]
    assert (taught.argmax(axis=1) == y).mean() < (in_use.argmax(axis=1) == y).mean()
