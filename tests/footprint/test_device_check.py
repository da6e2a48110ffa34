import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import AdaBoostClassifier, ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from selective_query import AbstainingClassifier, HybridClassifier, HybridSearchCV
from selective_query.costs import STM32F746
from selective_query.exceptions import DeviceLimitError
from selective_query.footprint import profile_estimator

# Trees on few rows give few distinct scores.
pytestmark = pytest.mark.filterwarnings(
    "ignore::selective_query.exceptions.CalibrationWarning"
)

RESERVED = 32 * 1024


class Untouched(ClassifierMixin, BaseEstimator):
    """A global that must not be fitted."""

    def fit(self, X, y):
        raise AssertionError("the global was fitted before the base was checked")

    def predict(self, X):
        raise AssertionError("the global was asked")


class UnfittableLinear(LogisticRegression):
    def fit(self, X, y, sample_weight=None):
        raise AssertionError("the base was fitted before it was checked")


class UnfittableNeighbours(KNeighborsClassifier):
    def fit(self, X, y):
        raise AssertionError("the base was fitted before it was checked")


class CountingTree(DecisionTreeClassifier):
    fits = 0

    def fit(self, *args, **kwargs):
        type(self).fits += 1
        return super().fit(*args, **kwargs)


@pytest.fixture(autouse=True)
def _no_fits_yet():
    CountingTree.fits = 0


def device_of(flash_bytes, sram_bytes=2**20):
    return STM32F746.with_(
        flash_bytes=RESERVED + flash_bytes, sram_bytes=RESERVED + sram_bytes
    )


def hybrid(base, global_=None, **parameters):
    global_ = Untouched() if global_ is None else global_
    parameters = {"router": "max_probability", "cv": 3, **parameters}
    return HybridClassifier(base, global_, **parameters)


def test_a_known_size_is_refused_before_anything_is_fitted(digits):
    model = hybrid(UnfittableLinear(), device=device_of(1000, 100))
    with pytest.raises(DeviceLimitError) as raised:
        model.fit(*digits)
    # 64 columns and 10 classes at 4 bytes per number; the router stores one number.
    flash, sram = raised.value.report.memories
    assert flash.headroom == 1000 - 4 * (640 + 10)
    assert sram.headroom == 100 - 4 * (64 + 10) - 4
    message = str(raised.value)
    assert "base_estimator=UnfittableLinear() does not fit device=STM32F746" in message
    assert "1,600 too many" in message
    assert "200 too many" in message
    assert "32-bit" in message
    assert "MaxProbabilityRouter included" in message
    assert "device=None" in message
    assert not hasattr(model, "policy_")


def test_a_frozen_base_is_refused_as_it_is(digits):
    X, y = digits
    base = FrozenEstimator(GaussianNB(var_smoothing=0.1).fit(X[:300], y[:300]))
    with pytest.raises(DeviceLimitError, match=r"4,160 too many"):
        hybrid(base, device=device_of(1000)).fit(X[300:], y[300:])


@pytest.mark.parametrize("calibration", [None, "out_of_fold", 0.3])
def test_a_size_known_after_the_fit_is_refused_then(calibration, digits):
    base = CountingTree(random_state=0)
    model = hybrid(base, device=device_of(2000), calibration=calibration)
    with pytest.raises(DeviceLimitError, match="flash_bytes: .* too many"):
        model.fit(*digits)
    assert CountingTree.fits == 1


def test_the_fit_that_tells_the_size_is_not_repeated(digits):
    X, y = digits
    global_ = FrozenEstimator(GaussianNB(var_smoothing=0.1).fit(X[:300], y[:300]))
    parameters = {"calibration": "out_of_fold", "global_": global_}
    hybrid(CountingTree(), **parameters).fit(X[300:], y[300:])
    without = CountingTree.fits
    fitted = hybrid(CountingTree(), device=device_of(2**17), **parameters)
    fitted.fit(X[300:], y[300:])
    assert CountingTree.fits == 2 * without
    used = profile_estimator(fitted.base_estimator_, X).flash_bytes()
    assert fitted.footprint_.memories[0].used == used + RESERVED


def test_a_bound_alone_refuses_nothing(digits):
    X, y = digits
    base = CountingTree(max_depth=12, random_state=0)
    bound = profile_estimator(base, X, n_classes=10).flash_bytes()
    grown = profile_estimator(clone(base).fit(X, y), X).flash_bytes()
    device = device_of((bound + grown) // 2)
    fitted = AbstainingClassifier(base, router="margin", cv=3, device=device)
    assert fitted.fit(X, y).footprint_


def test_a_tree_whose_bound_fits_is_not_fitted_first(digits):
    X, y = digits
    device = device_of(2**20)
    AbstainingClassifier(
        CountingTree(max_depth=3), router="margin", calibration=0.3, cv=3, device=device
    ).fit(X, y)
    with_device = CountingTree.fits
    AbstainingClassifier(
        CountingTree(max_depth=3), router="margin", calibration=0.3, cv=3
    ).fit(X, y)
    assert CountingTree.fits == 2 * with_device


def test_the_router_that_was_learned_counts_at_the_end(digits):
    X, y = digits
    base = GaussianNB(var_smoothing=0.1)
    roomy = AbstainingClassifier(base, router="benefit", cv=3, device=STM32F746)
    report = roomy.fit(X, y).footprint_
    cost = roomy.policy_.router_.decision_cost(roomy.outcomes(X, y))
    alone = profile_estimator(roomy.base_estimator_, X).fits(STM32F746)
    added = [
        a.used - b.used for a, b in zip(report.memories, alone.memories, strict=True)
    ]
    assert added == [cost.flash_bytes, cost.ram_bytes]
    assert cost.flash_bytes > 0
    tight = clone(roomy).set_params(device=device_of(4 * (1280 + 10)))
    with pytest.raises(DeviceLimitError, match="BenefitRouter included"):
        tight.fit(X, y)


def test_base_features_of_the_router_count(digits):
    X, y = digits
    model = AbstainingClassifier(
        LogisticRegression(max_iter=50), router="benefit", cv=3, device=STM32F746,
        base_features=lambda base, X: X[:, :9],
    ).fit(X, y)  # fmt: skip
    cost = model.policy_.router_.decision_cost(model.outcomes(X, y))
    used = profile_estimator(model.base_estimator_, X).sram_bytes() + cost.ram_bytes
    assert model.footprint_.memories[1].used == used + RESERVED


def test_without_a_device_there_is_no_report(digits):
    model = AbstainingClassifier(AdaBoostClassifier(n_estimators=2), router="margin")
    assert model.set_params(cv=3).fit(*digits).footprint_ is None


def test_a_base_that_cannot_be_counted_is_refused_at_once(digits):
    with pytest.raises(ValueError, match="The cost of AdaBoostClassifier .*base_ms="):
        hybrid(AdaBoostClassifier(), device=STM32F746).fit(*digits)


@pytest.mark.parametrize("device", ["STM32F746", 3])
def test_invalid_devices_are_refused(device, digits):
    with pytest.raises(ValueError, match="device must be .* without name, flash_bytes"):
        hybrid(GaussianNB(), device=device).fit(*digits)


def test_the_error_survives_a_pickle():
    report = profile_estimator(
        KNeighborsClassifier(), np.zeros((9000, 30)), n_classes=2
    ).fits(STM32F746)
    error = pickle.loads(pickle.dumps(DeviceLimitError("too large", report)))
    assert error.report == report
    assert not error.report


def test_the_search_leaves_out_what_does_not_fit(digits):
    X, y = digits
    search = HybridSearchCV(
        {
            "rows": UnfittableNeighbours(),
            "deep": CountingTree(random_state=0),
            "bayes": GaussianNB(var_smoothing=0.1),
            "stump": DecisionTreeClassifier(max_depth=1),
        },
        ExtraTreesClassifier(10, random_state=0),
        device=STM32F746.with_(
            flash_bytes=RESERVED + 6000, sram_bytes=RESERVED + 350
        ),
        router="margin", cv=3, n_finalists=2,
    )  # fmt: skip
    search.fit(X, y)
    assert set(search.left_out_) == {"rows", "deep"}
    assert "too many" in search.left_out_["rows"]
    assert CountingTree.fits == 1
    assert search.best_hybrid_.footprint_


def test_the_search_refuses_what_is_no_device(digits):
    search = HybridSearchCV({"bayes": GaussianNB()}, GaussianNB(), device="STM32F746")
    with pytest.raises(ValueError, match="device must be .* without name"):
        search.fit(*digits)


def test_a_file_keeps_device_and_report(digits, tmp_path):
    pytest.importorskip("skops")
    from selective_query import load, save

    model = AbstainingClassifier(
        GaussianNB(var_smoothing=0.1), router="margin", cv=3, device=STM32F746
    ).fit(*digits)
    save(model, tmp_path / "model.skops")
    loaded = load(tmp_path / "model.skops")
    assert loaded.device == STM32F746
    assert loaded.footprint_ == model.footprint_


def test_nets_are_refused_before_training():
    pytest.importorskip("torch")
    from functools import partial

    from selective_query.nets import ConvNet
    from selective_query.nets.training import AbstainingNetClassifier, NetClassifier

    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 1, 8, 8)).astype(np.float32)
    y = np.arange(60) % 3

    class Untrained(NetClassifier):
        def fit(self, *args, **kwargs):
            raise AssertionError("trained before it was checked")

    module = partial(ConvNet, 3, (4, 8), n_channels=1)
    small = device_of(200)
    for model in (
        AbstainingNetClassifier(Untrained(module), device=small),
        hybrid(Untrained(module), device=small),
    ):
        with pytest.raises(DeviceLimitError, match="8-bit"):
            model.fit(X, y)
    trained = AbstainingNetClassifier(
        NetClassifier(module, loss="selective_net", n_epochs=1, torch_device="cpu"),
        device=STM32F746, random_state=0,
    ).fit(X, y)  # fmt: skip
    head = trained.base_estimator_.module_.head
    before = profile_estimator(NetClassifier(module), X)
    assert trained.footprint_.memories[0].used > RESERVED + before.flash_bytes()
    assert head is not None
