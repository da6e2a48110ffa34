from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from selective_query import CascadeClassifier, HybridClassifier, SecondLook
from selective_query._utils.validation import takes_weights
from selective_query.budgets import MinAccuracy
from selective_query.costs import STM32F746
from selective_query.footprint import profile_estimator


def moved(X):
    """Return flat digits shifted one column to the right."""
    return np.roll(X.reshape(-1, 8, 8), 1, axis=2).reshape(len(X), -1)


@pytest.fixture(scope="module")
def base(digits):
    X, y = digits
    return LogisticRegression(max_iter=3000).fit(X[:600], y[:600])


@pytest.mark.parametrize("below", [0.6, 0.95, 1.0])
def test_uncertain_rows_get_the_mean_over_both_views(digits, base, below):
    X, y = digits
    model = SecondLook(base, moved, below=below).fit(X[:600], y[:600])
    first, second = base.predict_proba(X), base.predict_proba(moved(X))
    doubt = first.max(axis=1) < below
    assert doubt.any()
    expected = np.where(doubt[:, None], (first + second) / 2, first)
    np.testing.assert_allclose(model.predict_proba(X), expected)
    np.testing.assert_array_equal(model.looks_twice(X), doubt)
    np.testing.assert_array_equal(model.predict(X), expected.argmax(axis=1))
    alone = np.concatenate([model.predict_proba(X[i : i + 1]) for i in range(30)])
    np.testing.assert_allclose(alone, expected[:30])


def test_only_uncertain_rows_are_transformed(digits, base):
    X, y = digits
    seen = []
    model = SecondLook(base, lambda X: seen.append(len(X)) or moved(X), below=0.5)
    model.fit(X[:600], y[:600]).predict(X)
    assert seen == [int((base.predict_proba(X).max(axis=1) < 0.5).sum())]


def test_a_frozen_estimator_predicts_and_is_not_fitted(digits, base):
    X, y = digits
    frozen = FrozenEstimator(base)
    model = SecondLook(frozen, moved).fit(X[600:], (y[600:] + 1) % 10)
    assert model.estimator_ is frozen
    assert model.score(X[600:], y[600:]) > 0.7


def test_around_a_frozen_estimator_it_needs_no_fit(digits, base):
    X, y = digits
    looking = SecondLook(FrozenEstimator(base), moved, below=0.9)
    fitted = clone(looking).fit(X[:600], y[:600])
    check_is_fitted(looking)
    np.testing.assert_array_equal(looking.classes_, base.classes_)
    np.testing.assert_array_equal(looking.predict_proba(X), fitted.predict_proba(X))
    with pytest.raises(NotFittedError):
        SecondLook(base, moved).predict_proba(X)
    with pytest.raises(NotFittedError):
        SecondLook(FrozenEstimator(LogisticRegression()), moved).predict_proba(X)


def plain(model):
    return model


def piped(model):
    return make_pipeline(StandardScaler(with_mean=False, with_std=False), model)


@pytest.mark.parametrize("wrapped", [plain, piped])
@pytest.mark.parametrize(
    ("side", "least"), [("base_estimator", 0.92), ("global_estimator", 0.91)]
)
def test_around_a_frozen_one_it_is_not_cross_fitted(digits, base, side, least, wrapped):
    X, y = digits
    looking = SecondLook(FrozenEstimator(base), moved, below=0.9)
    frozen = FrozenEstimator(clone(looking).fit(X[:600], y[:600]))
    if wrapped is piped:
        looking = piped(looking)
        looking.steps[0][1].fit(X[:600])
    other = FrozenEstimator(LogisticRegression(C=0.01).fit(X[:600], y[:600]))
    hybrid = HybridClassifier(
        other, other, router="margin", coverage=MinAccuracy(least), confidence=0.9,
        random_state=0,
    )  # fmt: skip
    hybrid.set_params(**{side: looking}).fit(X[600:1200], y[600:1200])
    expected = clone(hybrid).set_params(**{side: frozen})
    expected.fit(X[600:1200], y[600:1200])
    assert hybrid.operating_point_ == expected.operating_point_
    assert np.isfinite(hybrid.operating_point_.threshold)
    np.testing.assert_array_equal(hybrid.predict(X[1200:]), expected.predict(X[1200:]))


def test_parameters_that_are_set_later_wait_for_a_fit(digits, base):
    X, y = digits
    looking = SecondLook(SecondLook(FrozenEstimator(base), moved), moved, below=0.9)
    hybrid = HybridClassifier(looking, FrozenEstimator(base), router="margin")
    before = hybrid.fit(X[600:], y[600:]).query_score(X)
    hybrid.set_params(base_estimator__below=0.1, base_estimator__estimator__below=0.1)
    np.testing.assert_array_equal(hybrid.query_score(X), before)
    assert (hybrid.fit(X[600:], y[600:]).query_score(X) != before).any()


def test_a_tier_around_a_frozen_estimator_is_not_fitted(digits, base):
    X, y = digits
    looking = SecondLook(FrozenEstimator(base), moved, below=0.9)
    tiers = [("one", looking), ("two", FrozenEstimator(base))]
    CascadeClassifier(tiers, router="margin", confidence=0.9).fit(X[600:], y[600:])


def test_a_frozen_pipeline_picks_its_columns_by_name(digits):
    pandas = pytest.importorskip("pandas")
    X, y = pandas.DataFrame(digits[0]).add_prefix("p"), digits[1]
    pick = make_column_transformer(("passthrough", list(X.columns[20:40])))
    pipe = make_pipeline(pick, GaussianNB(var_smoothing=0.1))
    pipe.fit(X.iloc[:600, 20:40], y[:600])
    looking = SecondLook(FrozenEstimator(pipe), lambda X: X + 1)
    rows = X[600:], y[600:]
    HybridClassifier(looking, FrozenEstimator(pipe)).fit(*rows)
    named = FrozenEstimator(GaussianNB(var_smoothing=0.1).fit(X[:600], y[:600]))
    looking.set_params(estimator=named)
    with pytest.raises(ValueError, match="(?s)names should match.*base_estimator.feat"):
        HybridClassifier(looking, named).fit(X[600:].iloc[:, ::-1], y[600:])


def test_probabilities_that_are_no_numbers_are_refused(digits):
    broken = DummyClassifier(strategy="prior").fit(*digits)
    broken.class_prior_ = np.full(10, np.nan)
    model = SecondLook(FrozenEstimator(broken), moved).fit(*digits)
    with pytest.raises(ValueError, match="probabilities of the estimator contains NaN"):
        model.predict(digits[0][:5])


def test_weights_are_passed_on(digits):
    X, y = digits
    weight = (y == 3).astype(float)
    model = SecondLook(DummyClassifier(strategy="prior"), moved)
    assert (model.fit(X, y, weight).predict(X) == 3).all()


def test_a_hybrid_passes_weights_only_to_models_that_take_them(digits, base):
    X, y = digits[0][:600], digits[1][:600]
    weight = np.random.default_rng(0).integers(1, 4, size=len(y))
    pipe = make_pipeline(StandardScaler(), GaussianNB(var_smoothing=0.1))

    def fitted(base):
        hybrid = HybridClassifier(base, LogisticRegression(max_iter=300), cv=3)
        return hybrid.fit(X, y, sample_weight=weight).base_estimator_

    with pytest.warns(UserWarning, match="SecondLook takes no sample_weight"):
        looking = fitted(SecondLook(pipe, moved))
    with pytest.warns(UserWarning, match="Pipeline takes no sample_weight"):
        plain = fitted(pipe)
    np.testing.assert_array_equal(
        looking.estimator_.predict_proba(X), plain.predict_proba(X)
    )
    assert takes_weights(SecondLook(GaussianNB(), moved))
    assert takes_weights(SecondLook(FrozenEstimator(pipe), moved))
    assert not takes_weights(SecondLook(SecondLook(pipe, moved), moved))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"view": lambda X: X[:-1]}, "as many rows as it gets. Got 9 for 10"),
        ({"below": 0}, "'below' parameter"),
        ({"below": 1.5}, "'below' parameter"),
        ({"view": "flip"}, "'view' parameter"),
        ({"estimator": 3}, "'estimator' parameter"),
    ],
)
def test_unsupported_settings_are_named(digits, base, params, message):
    X, y = digits
    model = SecondLook(**{"estimator": FrozenEstimator(base), "view": moved})
    with pytest.raises(ValueError, match=message):
        model.set_params(**params).fit(X, y).predict_proba(X[:10])


def test_it_is_the_base_of_a_hybrid(digits, base):
    X, y = digits
    looking = SecondLook(FrozenEstimator(base), moved, below=0.9)
    looking = FrozenEstimator(looking.fit(X[:600], y[:600]))
    hybrid = HybridClassifier(looking, LogisticRegression(C=10), router="margin")
    hybrid.fit(X[600:1200], y[600:1200])
    kept = hybrid.predict_coverage(X[1200:])
    answers = hybrid.predict(X[1200:])
    assert 0.7 < kept.mean() < 1
    np.testing.assert_array_equal(answers[kept], looking.predict(X[1200:])[kept])


def test_both_looks_are_counted(digits, base):
    X, y = digits
    model = SecondLook(LogisticRegression(), moved)
    for looking in (model, model.fit(X, y)):
        once = profile_estimator(LogisticRegression(), X, n_classes=10)
        both = profile_estimator(looking, X, n_classes=10)
        assert both.macs == 2 * once.macs + 10
        assert both.flash_bytes(8) == once.flash_bytes(8)
        assert both.peak_elements > once.peak_elements
        assert both.fits(STM32F746)


def test_a_net_looks_twice_and_shows_its_layers(digits):
    pytest.importorskip("torch")
    from selective_query.nets import ConvNet
    from selective_query.nets.training import NetClassifier

    X, y = digits
    images = X.reshape(-1, 1, 8, 8)
    net = NetClassifier(
        partial(ConvNet, 10, (8, 16), n_channels=1), n_epochs=2, random_state=0
    ).fit(images[:600], y[:600])
    looking = SecondLook(FrozenEstimator(net), lambda X: np.roll(X, 1, axis=-1))
    looking.fit(images[:600], y[:600])
    proba, features = looking.proba_and_layer(images[600:], "evidence")
    np.testing.assert_array_equal(features[:, 0], net.query_score(images[600:]))
    np.testing.assert_array_equal(proba, looking.predict_proba(images[600:]))
    once, both = (profile_estimator(each, images) for each in (net, looking))
    assert both.macs == 2 * once.macs + 10
    assert sum(both.macs_by_form.values()) == 2 * sum(once.macs_by_form.values())
    assert both.flash_bytes() == once.flash_bytes()
    hybrid = HybridClassifier(
        clone(looking),
        FrozenEstimator(net),
        base_features="evidence",
        coverage=0.8,
    ).fit(images[600:], y[600:])
    passes = []
    net.module_.register_forward_hook(lambda module, X, y: passes.append(len(y[0])))
    hybrid.predict_coverage(images)
    assert sum(passes) == 2 * len(images)
