import copy
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from selective_query import (
    CascadeClassifier,
    CascadePolicy,
    HybridClassifier,
    load,
    save,
)
from selective_query.budgets import All, Coverage, MaxTierCost, MinAccuracy, StayLocal
from selective_query.costs import DEVICES
from selective_query.exceptions import (
    CertificateError,
    DeviceLimitError,
    ModelWarning,
)

# Few rows reach the later tiers here.
UNTOLD = pytest.mark.filterwarnings(
    "ignore::selective_query.exceptions.CalibrationWarning"
)


def models():
    return [
        ("mcu", LogisticRegression(C=1)),
        ("gateway", LogisticRegression(C=100, max_iter=500)),
        ("cloud", SVC()),
    ]


def frozen(X, y):
    return [(name, FrozenEstimator(model.fit(X, y))) for name, model in models()]


@pytest.fixture(scope="module")
def fitted(digits):
    X, y = digits
    return CascadeClassifier(
        models(), router="margin", coverage=(0.6, 0.7), costs=[1, 4, 20], cv=3
    ).fit(X[:1000], y[:1000])


@pytest.mark.parametrize("router", ["auto", "margin"])
@pytest.mark.parametrize("calibration", [None, "out_of_fold", 0.3])
@pytest.mark.parametrize("is_frozen", [True, False])
@pytest.mark.parametrize("coverage", [0.8, All(Coverage(0.2), MinAccuracy(0.86))])
@UNTOLD
def test_two_tiers_decide_as_a_hybrid_does(
    digits, router, calibration, is_frozen, coverage
):
    X, y = digits
    base, last = GaussianNB(), ExtraTreesClassifier(20, random_state=0)
    if is_frozen:
        base, last = (FrozenEstimator(m.fit(X[:300], y[:300])) for m in (base, last))
    options = {
        "router": router,
        "coverage": coverage,
        "calibration": calibration,
        "cv": 3,
        "random_state": 0,
    }
    hybrid = HybridClassifier(base, last, **options)
    cascade = CascadeClassifier([("base", base), ("last", last)], **options)
    for model in (hybrid, cascade):
        model.fit(X[300:1000], y[300:1000])
    assert hybrid.operating_point_ == cascade.operating_point_.points[0]
    new = X[1000:]
    kept = hybrid.predict_coverage(new)
    np.testing.assert_array_equal(cascade.predict_tier(new) == 0, kept)
    np.testing.assert_array_equal(cascade.predict(new), hybrid.predict(new))
    np.testing.assert_array_equal(cascade.predict_proba(new), hybrid.predict_proba(new))


def test_answers_come_from_the_tier_that_is_named(fitted, digits):
    X, _ = digits
    new = X[1000:]
    tier = fitted.predict_tier(new)
    assert set(tier) == {0, 1, 2}
    expected = np.array([model.predict(new) for model in fitted.estimators_])
    np.testing.assert_array_equal(
        fitted.predict(new), expected[tier, np.arange(len(new))]
    )
    alone = [fitted.predict_tier(new[[i]])[0] for i in range(40)]
    np.testing.assert_array_equal(alone, tier[:40])
    assert not hasattr(fitted, "predict_proba")  # SVC has none


def test_the_report_adds_up(fitted, digits):
    X, y = digits
    new, labels = X[1000:], y[1000:]
    report = fitted.report(new, labels)
    tier = fitted.predict_tier(new)
    assert report.n_answered == tuple(np.bincount(tier).tolist())
    assert report.n_asked == (len(new), int((tier > 0).sum()), int((tier > 1).sum()))
    assert report.accuracy == pytest.approx(np.mean(fitted.predict(new) == labels))
    assert report.accuracy == pytest.approx(np.dot(report.shares, report.accuracies))
    outcomes = fitted.outcomes(new, labels)
    assert report.cost == pytest.approx(outcomes.spent(tier).mean())
    assert report.accuracy == pytest.approx(outcomes.utility(tier).mean())
    np.testing.assert_array_equal(fitted.policy_.decide(outcomes), tier)
    doubled = fitted.report(new, labels, sample_weight=np.full(len(new), 2.0))
    assert doubled.shares == pytest.approx(report.shares)


def test_moving_shares_and_budgets_needs_no_fit(fitted, digits):
    X, y = digits
    for coverage in ((0.8, 0.5), MaxTierCost(4.0), MinAccuracy(0.95)):
        moved = fitted.at(coverage)
        assert moved.estimators_ is fitted.estimators_
        assert moved.coverage is coverage and fitted.coverage == (0.6, 0.7)
    report = fitted.at(MaxTierCost(4.0)).report(X[1000:], y[1000:])
    assert report.cost == pytest.approx(4.0, abs=0.6)
    everything = fitted.at((0.0, 0.0)).report(X[1000:], y[1000:])
    assert everything.shares == (0, 0, 1)
    nothing = fitted.at((1.0, 1.0)).report(X[1000:], y[1000:])
    assert nothing.shares == (1, 0, 0) and np.isnan(nothing.accuracies[2])


def test_frozen_tiers_are_certified_together(digits):
    X, y = digits
    cascade = CascadeClassifier(
        frozen(X[:400], y[:400]), router="margin", coverage=(0.5, 0.5), confidence=0.9
    ).fit(X[400:1400], y[400:1400])
    first, second = cascade.operating_point_.certificates
    assert first.exact and second.exact and first.n == 1000 and second.n < 600
    assert first.confidence == pytest.approx(0.9**0.5)
    held_out = CascadeClassifier(
        models(), coverage=(0.5, 0.5), calibration=0.4, confidence=0.9, router="benefit"
    ).fit(X, y)
    assert all(c.exact for c in held_out.operating_point_.certificates)
    with pytest.raises(CertificateError, match="nothing was fitted on"):
        held_out.set_params(calibration=None).fit(X, y)


@UNTOLD
def test_frames_texts_and_sparse_rows_pass_through(digits):
    X, y = digits
    frame = pd.DataFrame(X).add_prefix("p")
    cascade = CascadeClassifier(models(), router="margin", coverage=(0.5, 0.5), cv=3)
    cascade.fit(frame[:500], y[:500])
    assert list(cascade.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        cascade.predict(frame[frame.columns[::-1]])
    cascade.fit(csr_matrix(X[:500]), y[:500]).predict(csr_matrix(X[500:510]))
    words = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven"])
    rng = np.random.default_rng(0)
    picked = rng.integers(8, size=(400, 5))
    texts = [" ".join(words[row]) for row in picked]
    labels = np.where((picked == 0).any(axis=1), "naught", "other")
    tiers = [
        ("short", make_pipeline(CountVectorizer(max_features=2), MultinomialNB())),
        ("mid", make_pipeline(CountVectorizer(max_features=5), MultinomialNB())),
        ("full", make_pipeline(CountVectorizer(), RidgeClassifier())),
    ]
    cascade = CascadeClassifier(tiers, router="margin", coverage=(0.5, 0.5), cv=3)
    assert cascade.fit(texts, labels).predict(texts[:5]).dtype.kind == "U"


@UNTOLD
def test_parameters_of_models_are_reached_by_their_names(digits):
    X, y = digits
    cascade = CascadeClassifier(models(), router="margin", coverage=(0.5, 0.5), cv=3)
    search = GridSearchCV(cascade, {"mcu__C": [0.01, 0.1], "coverage": [(0.5, 0.5)]})
    search.set_params(cv=2).fit(X[:300], y[:300])
    assert search.best_params_["mcu__C"] in (0.01, 0.1)
    other = clone(cascade).set_params(cloud=GaussianNB())
    assert isinstance(other.estimators[2][1], GaussianNB)
    assert isinstance(cascade.estimators[2][1], SVC)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"estimators": models()[:1]}, "two or more pairs"),
        ({"estimators": SVC()}, "two or more pairs"),
        ({"estimators": [("a", SVC()), ("b", SVC())]}, "'a' must be a classifier"),
        ({"estimators": [("a", GaussianNB()), ("a", SVC())]}, "not unique"),
        ({"coverage": (0.5,)}, "must hold 2 for a chain of 3 tiers"),
        ({"coverage": (0.5, 1.5)}, "coverage must be"),
        ({"router": ["margin"]}, "hold 2 for a chain of 3 tiers"),
        ({"router": "oracle"}, "bound"),
        ({"costs": [1, 2]}, "costs must be of shape"),
    ],
)
def test_invalid_chains_are_refused(digits, changed, match):
    X, y = digits
    cascade = CascadeClassifier(models(), router="margin", coverage=(0.5, 0.5), cv=3)
    with pytest.raises(ValueError, match=match):
        cascade.set_params(**changed).fit(X[:200], y[:200])


@UNTOLD
def test_a_frozen_tier_worse_than_chance_warns(digits):
    X, y = digits
    shifted = LogisticRegression(C=1).fit(X[:300], (y[:300] + 1) % 10)
    tiers = [models()[0], ("gateway", FrozenEstimator(shifted)), models()[2]]
    cascade = CascadeClassifier(tiers, router="margin", coverage=(0.5, 0.5), cv=3)
    with pytest.warns(ModelWarning, match=r"estimators\['gateway'\] is right about"):
        cascade.fit(X[300:900], y[300:900])


def test_it_is_its_policy_on_arrays(fitted, digits):
    X, y = digits
    assert isinstance(fitted.policy_, CascadePolicy)
    assert [edge.rule for edge in fitted.edges_] == [*fitted.rule_.rules, None]
    assert fitted.named_estimators_.cloud is fitted.estimators_[2]
    assert sum(fitted.operating_point_.shares) == pytest.approx(1)
    report = fitted.report(X[1000:], y[1000:])
    assert report.shares == pytest.approx(fitted.operating_point_.shares, abs=0.06)


@UNTOLD
@pytest.mark.parametrize("features", [None, "logits"])
def test_the_last_tier_may_abstain(digits, features):
    X, y = digits
    tiers = [*models()[:2], ("cloud", LogisticRegression(C=0.001, max_iter=300))]
    cascade = CascadeClassifier(
        tiers,
        router="margin",
        coverage=(0.4, 0.4),
        abstain=0.1,
        costs=[1, 2, 4],
        base_features=features,
        cv=3,
        random_state=0,
    ).fit(X[:1000], y[:1000])
    new, labels = X[1000:], y[1000:]
    tier = cascade.predict_tier(new)
    assert (tier == -1).mean() == pytest.approx(0.1, abs=0.05)
    report = cascade.report(new, labels)
    assert report.abstained == pytest.approx((tier == -1).mean())
    answered = tier >= 0
    right = cascade.predict(new) == labels
    assert report.accuracy == pytest.approx(right[answered].mean())
    assert right[answered].mean() > right.mean()
    outcomes = cascade.outcomes(new, labels)
    np.testing.assert_array_equal(cascade.policy_.decide(outcomes), tier)
    stop = cascade.at((0.4, 0.4), abstain=None).predict_tier(new)
    assert report.cost == pytest.approx(outcomes.spent(stop).mean())
    alone = [cascade.predict_tier(new[[i]])[0] for i in range(20)]
    np.testing.assert_array_equal(alone, tier[:20])


@UNTOLD
def test_a_last_tier_without_probabilities_may_abstain_by_its_inputs(digits):
    X, y = digits
    cascade = CascadeClassifier(
        models(), router="margin", coverage=(0.4, 0.4), abstain=0.2, cv=3
    ).fit(X[:900], y[:900])
    assert -1 in cascade.predict_tier(X[900:])


@UNTOLD
def test_a_chain_comes_back_from_files_and_copies(fitted, digits, tmp_path):
    X, _ = digits
    new = X[1000:]
    save(fitted, tmp_path / "chain.skops")
    loaded = load(tmp_path / "chain.skops")
    for one in (loaded, copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(one.predict(new), fitted.predict(new))
        np.testing.assert_array_equal(one.predict_tier(new), fitted.predict_tier(new))
    for tier in fitted.policy_.policies_:
        save(tier, tmp_path / "tier.skops")
        assert load(tmp_path / "tier.skops").at(0.5).operating_point_ == (
            tier.at(0.5).operating_point_
        )
    moved = loaded.at(MaxTierCost(4.0)).predict_tier(new)
    expected = fitted.at(MaxTierCost(4.0)).predict_tier(new)
    np.testing.assert_array_equal(moved, expected)


@UNTOLD
def test_an_abstention_has_a_label_where_one_is_given(digits):
    X, y = digits
    names = np.array(list("abcdefghij"))[y]
    cascade = CascadeClassifier(
        models(), router="margin", coverage=(0.4, 0.4), abstain=0.2, cv=3,
        abstain_label="unknown",
    ).fit(X[:600], names[:600])  # fmt: skip
    new = X[600:]
    nobody = cascade.predict_tier(new) < 0
    np.testing.assert_array_equal(cascade.predict(new) == "unknown", nobody)
    assert nobody.any()
    total = cascade.at((0.4, 0.4), abstain=None)
    assert "unknown" not in total.predict(new)


@UNTOLD
@pytest.mark.parametrize(("fitted", "later"), [(0.2, None), (None, 0.2)])
def test_the_share_that_abstains_is_that_of_the_fit(digits, fitted, later):
    X, y = digits
    asked = []

    def features(model, X):
        asked.append(model)
        return X[:, :2]

    cascade = CascadeClassifier(
        models(), router="margin", coverage=(0.4, 0.4), abstain=fitted, cv=3,
        base_features=features,
    ).fit(X[:600], y[:600])  # fmt: skip
    before = cascade.predict_tier(X[600:])
    del asked[:]
    cascade.set_params(abstain=later)
    np.testing.assert_array_equal(cascade.predict_tier(X[600:]), before)
    read_last = any(model is cascade.estimators_[-1] for model in asked)
    assert read_last == (fitted is not None)
    asked_before = len(asked)
    cascade.predict(X[600:])
    assert any(m is cascade.estimators_[-1] for m in asked[asked_before:]) == (
        fitted is not None
    )


def test_the_first_tier_must_fit_its_device(digits):
    X, y = digits
    tight = replace(DEVICES["STM32F746"], name="tiny", flash_bytes=33_000)
    cascade = CascadeClassifier(
        models(), router="margin", coverage=(0.6, 0.7), cv=3, device=tight
    )
    with pytest.raises(DeviceLimitError, match=r"estimators\['mcu'\].*does not fit"):
        cascade.fit(X[:500], y[:500])
    fits = cascade.set_params(device=DEVICES["STM32F746"]).fit(X[:500], y[:500])
    assert fits.footprint_ and fits.footprint_.device == "STM32F746"
    with pytest.raises(ValueError, match="device must be"):
        cascade.set_params(device=3).fit(X[:500], y[:500])


@pytest.mark.parametrize("coverage", [(0.6, 0.7), MaxTierCost(6.0)], ids=str)
def test_another_first_tier_keeps_to_its_shares(fitted, digits, coverage):
    X, y = digits
    other = GaussianNB(var_smoothing=0.1).fit(X[:1000], y[:1000])
    chain = fitted.at(coverage)
    moved = chain.with_base(other, X[1000:1400], y[1000:1400])
    assert moved.estimators_[0] is moved.named_estimators_.mcu is other
    assert chain.estimators_[0] is not other
    report = moved.report(X[1400:], y[1400:])
    if coverage == (0.6, 0.7):
        assert report.shares[0] == pytest.approx(0.6, abs=0.08)
    else:
        assert report.cost <= 7.0
    with pytest.raises(ValueError, match="no predict_proba"):
        chain.with_base(SVC().fit(X[:50], y[:50]), X[1000:], y[1000:])


def test_several_operating_points_are_certified_together(digits):
    X, y = digits
    chain = CascadeClassifier(
        frozen(X[:400], y[:400]), router="margin", coverage=(0.5, 0.5), confidence=0.9
    ).fit(X[400:1400], y[400:1400])
    found = chain.certify_jointly([(0.5, 0.5), (0.7, 0.6)], confidence=0.9)
    for one in found:
        levels = [c.confidence for c in one.operating_point_.certificates]
        assert levels == pytest.approx([0.95**0.5] * 2)


class Recorder(ClassifierMixin, BaseEstimator):
    """Records the rows that it predicts."""

    def __init__(self, model=None):
        self.model, self.classes_, self.asked = model, model.classes_, []

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X):
        self.asked.append(X)
        return self.model.predict_proba(X)

    def decision_function(self, X):
        self.asked.append(X)
        return self.model.decision_function(X)


def two_columns(model, X):
    return X[:, 20:22]


def private(X):
    return X[:, 20] > 0.8


@UNTOLD
@pytest.mark.parametrize("base_features", [None, "logits", two_columns])
@pytest.mark.parametrize("abstain", [None, 0.1])
def test_rows_that_must_stay_reach_no_later_tier(digits, base_features, abstain):
    X, y = digits
    first, second, last = (
        LogisticRegression(C=c, max_iter=300).fit(X[:300], y[:300]) for c in (1, 9, 99)
    )
    spies = Recorder(second), Recorder(last)
    tiers = [
        ("mcu", FrozenEstimator(first)),
        *zip(("gateway", "cloud"), map(FrozenEstimator, spies), strict=True),
    ]
    local = All(0.4, StayLocal(private))
    cascade = CascadeClassifier(
        tiers, router="benefit", coverage=(local, 0.5), abstain=abstain,
        base_features=base_features, random_state=0,
    ).fit(X[300:1000], y[300:1000])  # fmt: skip
    new, labels = X[1000:], y[1000:]
    cascade.predict(new)
    cascade.report(new, labels)
    outcomes = cascade.outcomes(new, labels)
    tier = cascade.predict_tier(new)
    assert (tier[private(new)] <= 0).all() and (tier > 0).any()
    for spy in spies:
        assert not any(private(rows).any() for rows in spy.asked)
    np.testing.assert_array_equal(cascade.policy_.decide(outcomes), tier)


@UNTOLD
@pytest.mark.parametrize("is_frozen", [True, False])
def test_two_tiers_with_rows_that_must_stay_are_a_hybrid(digits, is_frozen):
    X, y = digits
    base, last = GaussianNB(var_smoothing=0.1), LogisticRegression(max_iter=200)
    if is_frozen:
        base, last = (FrozenEstimator(m.fit(X[:300], y[:300])) for m in (base, last))
    options = {
        "router": "benefit",
        "coverage": All(0.4, StayLocal(private)),
        "cv": 3,
        "random_state": 0,
    }
    hybrid = HybridClassifier(base, last, **options)
    cascade = CascadeClassifier([("base", base), ("last", last)], **options)
    for model in (hybrid, cascade):
        model.fit(X[300:1000], y[300:1000])
    assert hybrid.operating_point_ == cascade.operating_point_.points[0]
    kept = hybrid.predict_coverage(X[1000:])
    np.testing.assert_array_equal(cascade.predict_tier(X[1000:]) == 0, kept)


def test_abstain_set_after_a_fit_changes_nothing(digits):
    X, y = digits
    models = [("base", GaussianNB(var_smoothing=0.1)), ("global", LogisticRegression())]
    chain = CascadeClassifier(models, router="margin", coverage=0.7, abstain=0.2, cv=3)
    before = chain.fit(X[:600], y[:600]).predict_tier(X[600:])
    after = chain.set_params(abstain=None).predict_tier(X[600:])
    assert (before == -1).any()
    np.testing.assert_array_equal(before, after)
