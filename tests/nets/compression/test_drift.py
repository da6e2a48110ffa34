import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

pytest.importorskip("torch")

from selective_query import AbstainingClassifier, HybridClassifier, RoutingPolicy
from selective_query.budgets import MinAccuracy
from selective_query.costs import STM32F746
from selective_query.exceptions import CertificateError, DeviceLimitError
from selective_query.nets.compression import (
    drift_report,
    prune,
    quantise,
    rule_drift,
)
from selective_query.nets.training import AbstainingNetClassifier, NetClassifier
from selective_query.routers.supervision import tempered
from tests.nets.compression.conftest import MAKERS


class Sharpened:
    """A base with the same labels and more confident probabilities."""

    def __init__(self, model, temperature):
        self.model, self.temperature = model, temperature
        self.classes_ = model.classes_

    def predict_proba(self, X):
        return tempered(self.model.predict_proba(X), self.temperature)

    def predict(self, X):
        return self.model.predict(X)


@pytest.fixture(scope="module")
def rows(digits):
    """Return rows for fitting, calibration and the report."""
    X, y = digits
    return [(X[part], y[part]) for part in np.split(np.arange(600, 1797), [400, 800])]


@pytest.fixture(scope="module")
def hybrid(frozen_pair, rows):
    return HybridClassifier(
        *frozen_pair, router="max_probability", coverage=0.7
    ).fit(*rows[0])  # fmt: skip


@pytest.fixture(scope="module")
def surer(frozen_pair):
    return Sharpened(frozen_pair[0], 0.5)


def test_the_threshold_is_learned_anew(hybrid, surer, rows):
    after = hybrid.with_base(surer, *rows[1])
    found = drift_report(hybrid, after, *rows[2])
    assert found.coverage_old > 0.8, "a surer base under the old threshold asks less"
    assert abs(found.coverage_new - 0.7) < 0.06
    assert after.operating_point_.coverage == pytest.approx(0.7, abs=0.005)
    assert after.router is hybrid.router
    assert after.policy_.router_ is hybrid.policy_.router_


def test_the_classifier_is_left_alone(hybrid, surer, rows):
    before = hybrid.predict(rows[2][0])
    point = hybrid.operating_point_
    after = hybrid.with_base(surer, *rows[1])
    assert (hybrid.predict(rows[2][0]) == before).all()
    assert hybrid.operating_point_ is point is hybrid.policy_.operating_point_
    assert after.base_estimator_ is surer
    assert after.get_params(deep=False) == hybrid.get_params(deep=False)
    assert type(after) is HybridClassifier


@pytest.mark.parametrize("labels_differ", [False, True])
def test_the_report_counts_what_it_says(hybrid, surer, digits, rows, labels_differ):
    X, y = rows[2]
    base = surer
    if labels_differ:
        base = GaussianNB(var_smoothing=0.5).fit(*(part[:600] for part in digits))
    after = hybrid.with_base(base, *rows[1])
    found = drift_report(hybrid, after, X, y)
    assert found.n == len(y)
    for name, model in (("before", hybrid), ("new", after)):
        report = model.report(X, y)
        assert getattr(found, f"accuracy_{name}") == pytest.approx(report.accuracy)
        assert getattr(found, f"coverage_{name}") == pytest.approx(report.coverage)
    assert found.base_accuracy_after == pytest.approx(report.base_accuracy)
    labels = hybrid.base_estimator_.predict(X), base.predict(X)
    assert found.same_labels == pytest.approx((labels[0] == labels[1]).mean())
    assert (found.same_labels < 1) == labels_differ
    kept = hybrid.predict_coverage(X), after.predict_coverage(X)
    assert found.same_queries_new == pytest.approx((kept[0] == kept[1]).mean())
    old = base.predict_proba(X).max(axis=1) >= 1 - hybrid.operating_point_.threshold
    assert found.coverage_old == pytest.approx(old.mean(), abs=0.003)
    table = str(found)
    assert f"{100 * found.coverage_old:.2f}" in table
    assert table.startswith("397 rows")


def test_weights_count_as_rows(hybrid, surer, rows):
    X, y = rows[2]
    weight = np.random.default_rng(0).integers(1, 4, len(y))
    after = hybrid.with_base(surer, *rows[1])
    weighted = drift_report(hybrid, after, X, y, sample_weight=weight)
    repeated = drift_report(hybrid, after, X.repeat(weight, 0), y.repeat(weight))
    for name in ("accuracy_new", "coverage_old", "same_queries_new", "accuracy_before"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name))


def test_nothing_drifts_where_nothing_changed(hybrid, rows):
    same = hybrid.with_base(hybrid.base_estimator_, *rows[0])
    found = drift_report(hybrid, same, *rows[2])
    assert found.same_labels == found.same_queries_old == found.same_queries_new == 1
    assert found.accuracy_before == found.accuracy_old == found.accuracy_new


def test_accuracy_is_that_on_what_is_answered_without_a_global(
    frozen_pair, surer, rows
):
    before = AbstainingClassifier(
        frozen_pair[0], router="max_probability", coverage=0.6
    ).fit(*rows[0])
    after = before.with_base(surer, *rows[1])
    found = drift_report(before, after, *rows[2])
    assert found.accuracy_new == pytest.approx(after.score(*rows[2]))
    assert found.accuracy_before > found.base_accuracy_before


def first_columns(n):
    return lambda _, X: X[:, :n]


def test_a_learned_router_is_kept_or_fitted_to_other_features(frozen_pair, surer, rows):
    hybrid = HybridClassifier(
        *frozen_pair, router="benefit", coverage=0.7, base_features=first_columns(20)
    ).fit(*rows[0])
    kept = hybrid.with_base(surer, *rows[1])
    assert kept.policy_.router_ is hybrid.policy_.router_
    refitted = hybrid.with_base(surer, *rows[1], refit_router=True)
    assert refitted.policy_.router_ is not hybrid.policy_.router_
    assert abs(refitted.predict_coverage(rows[2][0]).mean() - 0.7) < 0.1
    narrow = refitted.at(0.8)
    narrow.base_features = first_columns(10)
    narrow = narrow.with_base(surer, *rows[1], refit_router=True)
    assert narrow.policy_.coverage == 0.8
    found = drift_report(hybrid, narrow, *rows[2])
    assert np.isnan([found.coverage_old, found.accuracy_old]).all()
    assert found.coverage_new > 0.7
    assert "nan" in str(found)


def test_the_certificate_is_computed_again(frozen_pair, surer, rows):
    certified = HybridClassifier(
        *frozen_pair, router="max_probability", coverage=0.7, confidence=0.9
    ).fit(*rows[0])
    after = certified.with_base(surer, *rows[1])
    assert after.operating_point_.certificate.confidence == 0.9
    assert after.operating_point_.certificate.exact
    held_out = HybridClassifier(
        *frozen_pair, router="benefit", coverage=0.7, confidence=0.9, calibration=0.5
    ).fit(*rows[0])
    again = held_out.with_base(surer, *rows[1], refit_router=True)
    assert again.operating_point_.certificate.n == 200
    held_out.calibration = None
    with pytest.raises(CertificateError):
        held_out.with_base(surer, *rows[1], refit_router=True)


def test_the_new_base_must_fit_the_device_too(frozen_pair, rows):
    X, y = rows[0]

    def neighbours(n):
        return KNeighborsClassifier(9, weights="distance").fit(X[:n], y[:n])

    base, smaller, larger = map(neighbours, (50, 20, 300))
    hybrid = HybridClassifier(
        FrozenEstimator(base), frozen_pair[1], router="max_probability",
        device=STM32F746.with_(flash_bytes=64 * 1024),
    ).fit(*rows[1])  # fmt: skip
    less = hybrid.with_base(smaller, *rows[1]).footprint_
    assert less.memories[0].used < hybrid.footprint_.memories[0].used
    with pytest.raises(DeviceLimitError, match="does not fit device=STM32F746"):
        hybrid.with_base(larger, *rows[1])


def test_a_base_that_knows_other_labels_is_refused(hybrid, frozen_pair, rows):
    other = Sharpened(frozen_pair[0], 1.0)
    other.classes_ = other.classes_ + 100
    with pytest.raises(ValueError, match="not among the classes"):
        hybrid.with_base(other, *rows[1])


def test_a_net_with_a_router_of_its_own(images):
    X, y = images
    make, _ = MAKERS["ConvNet"]
    net = NetClassifier(make, loss="selective_query", n_epochs=6)
    before = AbstainingNetClassifier(net, coverage=0.8, random_state=0)
    before.fit(X[:900], y[:900])
    smaller = prune(before.base_estimator_, 0.75)
    after = before.with_base(quantise(smaller, X[:200]), X[900:1350], y[900:1350])
    found = drift_report(before, after, X[1350:], y[1350:])
    assert abs(found.coverage_new - 0.8) < 0.08
    assert not np.isnan(found.coverage_old), "the router reads the first column alone"
    assert clone(after).fit(X[:900], y[:900]).score(X[1350:], y[1350:]) > 0.5


def test_policies_of_saved_outputs(hybrid, surer, rows):
    outcomes = [hybrid.outcomes(*part) for part in rows]
    after = hybrid.with_base(surer, *rows[1])
    theirs = [after.outcomes(*part) for part in rows]
    policy = RoutingPolicy("max_probability", coverage=0.7).fit(outcomes[0])
    again = policy.recalibrated(theirs[1])
    found = rule_drift(policy.rule_, again.rule_, outcomes[2], theirs[2])
    assert found == drift_report(hybrid, after, *rows[2])
    assert again is not policy
    assert again.at(0.5).operating_point_.coverage == pytest.approx(0.5, abs=0.005)
    assert policy.operating_point_.threshold != again.operating_point_.threshold


def test_a_quality_certificate_ignores_the_old_base(hybrid, rows):
    outcomes = [hybrid.outcomes(*part) for part in rows]
    policy = RoutingPolicy(
        "max_probability", MinAccuracy(0.85), confidence=0.9, random_state=0
    )
    again = policy.fit(outcomes[0], outcomes[1]).recalibrated(outcomes[2])
    anew = clone(policy).fit(outcomes[2])
    assert again.operating_point_.certificate == anew.operating_point_.certificate
    assert again.operating_point_.threshold == anew.operating_point_.threshold


def test_the_global_is_asked_once_about_each_row(frozen_pair, surer, rows):
    class Counting(LogisticRegression):
        asked = 0

        def predict_proba(self, X):
            Counting.asked += len(X)
            return frozen_pair[1].predict_proba(X)

    global_ = Counting()
    global_.classes_ = frozen_pair[1].classes_
    before = HybridClassifier(
        frozen_pair[0], FrozenEstimator(global_), router="max_probability"
    ).fit(*rows[0])
    after = before.with_base(surer, *rows[1])
    Counting.asked = 0
    drift_report(before, after, *rows[2])
    assert Counting.asked == len(rows[2][1])
