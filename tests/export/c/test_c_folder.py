"""Classifiers and rules as folders of C: agreement, refusals, the folder itself."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from selective_query import (
    AbstainingClassifier,
    HybridClassifier,
    Outcomes,
    RoutingPolicy,
    list_routers,
)
from selective_query.budgets import All, GroupCoverage, StayLocal
from selective_query.costs import STM32F746
from selective_query.datasets import make_selective_query
from selective_query.exceptions import DeviceLimitError, ExportError
from selective_query.export import EdgeClassifier, export_c, set_operating_point
from tests.routers.samples import MAKERS, outcomes_with_inputs

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
needs_arm = pytest.mark.skipif(
    not shutil.which("arm-none-eabi-gcc"), reason="needs a cross compiler"
)

X, y = load_digits(return_X_y=True)
NAMES = np.array([f"digit {label}" for label in range(10)])[y]
BASES = {
    "bayes": GaussianNB(var_smoothing=0.1),
    "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
    "perceptron": MLPClassifier((8,), max_iter=60, random_state=0),
    "forest": RandomForestClassifier(8, max_depth=5, random_state=0),
}
GLOBAL = KNeighborsClassifier().fit(X[:600], y[:600])


def pair_of(name, router="margin", coverage=0.8, labels=y):
    base, other = BASES[name], KNeighborsClassifier()
    base.fit(X[:600], labels[:600])
    return HybridClassifier(
        FrozenEstimator(base), FrozenEstimator(other.fit(X[:600], labels[:600])),
        router=router, coverage=coverage, random_state=0,
    ).fit(X[600:1200], labels[600:1200])  # fmt: skip


@pytest.fixture(scope="module")
def pair():
    return pair_of("bayes")


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("router", ["max_probability", "benefit"])
def test_a_folder_decides_as_its_classifier(name, router, tmp_path):
    labels = NAMES if router == "benefit" else y
    pair = pair_of(name, router, labels=labels)
    report = export_c(pair, tmp_path / "c", example=X[1200:])
    assert report.rows == 597
    assert report.labels_equal == report.decisions_equal == 597
    assert report.score_difference < 1e-4
    assert report.certificate_after == report.certificate_before
    edge = EdgeClassifier(tmp_path / "c")
    rows = X[1200:1300]
    assert edge.classes_.tolist() == pair.classes_.tolist()
    np.testing.assert_array_equal(
        edge.predict(rows), pair.base_estimator_.predict(rows)
    )
    np.testing.assert_array_equal(edge.decide(rows), pair.predict_coverage(rows))
    np.testing.assert_allclose(
        edge.query_score(rows), pair.query_score(rows), atol=1e-4
    )


ROUTERS = sorted(set(list_routers(without_program=False)) - {"max_probability"})


@pytest.mark.filterwarnings("ignore:Many rows share")
@pytest.mark.parametrize("router", ROUTERS)
def test_every_router_with_a_program_decides_in_c(router, tmp_path):
    made = MAKERS.get(router, outcomes_with_inputs)(700)
    train, test = made.take(slice(0, 400)), made.take(slice(400, 700))
    policy = RoutingPolicy(router, 0.8, random_state=0).fit(train)
    report = export_c(policy, tmp_path / "c", example=test)
    assert report.decisions_equal == report.rows == 300


def test_groups_and_rows_that_must_stay_are_handed_over(tmp_path):
    made = make_selective_query(900, random_state=0).outcomes
    rng = np.random.default_rng(0)
    outcomes = Outcomes(
        base_proba=made.base_proba, global_proba=made.global_proba, y=made.y,
        group=rng.choice(["north", "south"], 900),
        local_only=rng.uniform(size=900) < 0.2,
    )  # fmt: skip
    budget = All(GroupCoverage({"north": 0.6, "south": 0.9}), StayLocal())
    policy = RoutingPolicy("margin", budget).fit(outcomes.take(slice(0, 500)))
    report = export_c(policy, tmp_path, example=outcomes.take(slice(500, 900)))
    assert report.decisions_equal == report.rows == 400
    assert 0.5 < report.coverage_after < 1
    readme = (tmp_path / "README.md").read_text()
    assert "group, must_stay, &answer)" in readme
    assert "0: north, 1: south" in readme
    done = subprocess.run(["make", "-s", "run"], cwd=tmp_path, capture_output=True)
    assert done.stdout.startswith(b"16 of 16 test vectors agree, ")


def test_groups_by_predicted_class_need_nothing_more(pair, tmp_path):
    grouped = pair_of("bayes", coverage=GroupCoverage(0.7, by="predicted_class"))
    report = export_c(grouped, tmp_path, example=X[1200:])
    # Naive Bayes is so certain that thresholds of some classes are 1e-9 or less.
    assert report.rows - report.near_threshold <= report.decisions_equal
    assert report.decisions_equal >= 590


def test_an_abstaining_classifier_and_a_class_that_the_base_lacks(tmp_path):
    known = y[:600] != 3
    base = GaussianNB(var_smoothing=0.1).fit(X[:600][known], y[:600][known])
    pair = HybridClassifier(
        FrozenEstimator(base), FrozenEstimator(GLOBAL), router="margin"
    ).fit(X[600:1200], y[600:1200])
    report = export_c(pair, tmp_path / "pair", example=X[1200:])
    assert report.labels_equal == report.decisions_equal == 597
    proba = EdgeClassifier(tmp_path / "pair").predict_proba(X[:5])
    assert proba.shape == (5, 10)
    assert not proba[:, 3].any()
    alone = AbstainingClassifier(BASES["bayes"], router="entropy").fit(X[:600], y[:600])
    assert export_c(alone, tmp_path / "alone", example=X[1200:]).decisions_equal == 597


def test_an_operating_point_changes_the_header_of_the_threshold_alone(pair, tmp_path):
    export_c(pair, tmp_path)
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    moved = pair.at(0.5)
    report = set_operating_point(tmp_path, moved, example=X[1200:])
    assert report.decisions_equal == 597
    after = {path.name: path.read_text() for path in tmp_path.iterdir()}
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"sq_threshold.h", "artefact.json", "report.json"}
    edge = EdgeClassifier(tmp_path)
    np.testing.assert_array_equal(
        edge.decide(X[1200:]), moved.predict_coverage(X[1200:])
    )
    with pytest.raises(ExportError, match="holds another rule"):
        set_operating_point(tmp_path, pair_of("bayes", "entropy"))


def test_it_is_a_base_whose_threshold_is_learned_anew(pair, tmp_path):
    export_c(pair, tmp_path)
    edge = EdgeClassifier(tmp_path)
    moved = pair.with_base(edge, X[1200:1500], y[1200:1500])
    assert moved.operating_point_.certificate.exact
    kept = moved.predict_coverage(X[1500:])
    assert abs(kept.mean() - 0.8) < 0.1
    assert moved.score(X[1500:], y[1500:]) > 0.88


def test_labelled_calibration_rows_learn_the_threshold_of_the_artefact(tmp_path):
    pair = pair_of("forest", coverage=0.7)
    pair = pair.at(0.7, confidence=0.9)
    report = export_c(
        pair, tmp_path, calibration=(X[1200:1600], y[1200:1600]), example=X[1600:]
    )
    assert "draw of 400 calibration rows" in report.certificate_after
    facts = json.loads((tmp_path / "artefact.json").read_text())
    assert facts["certificate"] == report.certificate_after
    with pytest.raises(ExportError, match="other calibration rows"):
        set_operating_point(tmp_path, pair.at(0.9))
    moved = pair.with_base(EdgeClassifier(tmp_path), X[1200:1600], y[1200:1600])
    set_operating_point(tmp_path, moved.at(0.5), example=X[1600:])
    facts = json.loads((tmp_path / "artefact.json").read_text())
    assert "draw of 400 calibration rows" in facts["certificate"]
    with pytest.raises(ExportError, match="The base is an artefact already"):
        export_c(moved, tmp_path)


@pytest.mark.parametrize("features", ["logits", StandardScaler().fit(X[:600])])
def test_an_artefact_tells_what_its_router_reads(features, tmp_path):
    base = BASES["linear"].fit(X[:600], y[:600])
    pair = HybridClassifier(
        FrozenEstimator(base), FrozenEstimator(GLOBAL), router="benefit",
        base_features=features, random_state=0,
    ).fit(X[600:1200], y[600:1200])  # fmt: skip
    assert export_c(pair, tmp_path, example=X[1200:]).decisions_equal == 597
    edge = EdgeClassifier(tmp_path)
    moved = pair.with_base(edge, X[1200:1500], y[1200:1500])
    set_operating_point(tmp_path, moved)
    kept = EdgeClassifier(tmp_path).decide(X[1500:])
    np.testing.assert_array_equal(kept, moved.predict_coverage(X[1500:]))


@needs_arm
def test_a_device_says_what_it_takes_or_that_it_does_not_fit(pair, tmp_path):
    report = export_c(pair, tmp_path / "fits", example=X[1200:], device=STM32F746)
    assert report.footprint == "linked for STM32F746, cortex-m7"
    assert 5_000 < report.flash_bytes < 10_000
    assert 0 < report.sram_bytes < 1_000
    assert 0 < report.stack_bytes < 500
    if shutil.which("qemu-system-arm"):
        assert 5_000 < report.instructions < 10_000
    saved = json.loads((tmp_path / "fits" / "report.json").read_text())
    assert saved["flash_bytes"] == report.flash_bytes
    moved = set_operating_point(tmp_path / "fits", pair.at(0.5))
    assert moved.flash_bytes == report.flash_bytes
    assert "none was shown: give example=" in str(moved)
    small = STM32F746.with_(flash_bytes=4096)
    with pytest.raises(DeviceLimitError, match="does not fit"):
        export_c(pair, tmp_path / "small", device=small)
    assert not (tmp_path / "small").exists()


def test_without_a_cross_compiler_the_footprint_is_an_estimate(
    pair, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "selective_query.export._c.toolchain.is_installed", lambda *names: False
    )
    report = export_c(pair, tmp_path, device=STM32F746)
    assert report.footprint.startswith("estimated")
    assert report.flash_bytes > 4 * 2 * 640
    assert report.stack_bytes is None


def test_what_cannot_be_exported_is_refused_and_nothing_written(pair, tmp_path):
    neighbours = HybridClassifier(
        FrozenEstimator(GLOBAL), FrozenEstimator(GLOBAL), router="margin"
    ).fit(X[600:1200], y[600:1200])
    with pytest.raises(ExportError, match="KNeighborsClassifier"):
        export_c(neighbours, tmp_path / "new")
    with pytest.raises(
        ValueError, match="dtype must be one of float32, int8. Got 'i8'"
    ):
        export_c(pair, tmp_path / "new", dtype="i8")
    with pytest.raises(ExportError, match="int8 is for nets"):
        export_c(pair, tmp_path / "new", dtype="int8")
    with pytest.raises(ValueError, match="a tuple of 3"):
        export_c(pair, tmp_path / "new", calibration=(X, y, y))
    assert not (tmp_path / "new").exists()
    (tmp_path / "mine.c").write_text("int x;")
    with pytest.raises(ValueError, match="holds other files"):
        export_c(pair, tmp_path)
    with pytest.raises(ValueError, match="is a file"):
        export_c(pair, tmp_path / "mine.c")
    assert (tmp_path / "mine.c").read_text() == "int x;"


def test_rows_that_the_c_would_refuse_are_named(pair, tmp_path):
    export_c(pair, tmp_path)
    edge = EdgeClassifier(tmp_path)
    rows = X[:3].copy()
    rows[1, 5] = np.nan
    with pytest.raises(ValueError, match="X must be finite .* first in row 1"):
        edge.decide(rows)
    with pytest.raises(ValueError, match=r"X must be of shape \('n_samples', 64\)"):
        edge.decide(X[:3, :5])


def test_it_runs_without_scikit_learn(pair, tmp_path):
    export_c(pair, tmp_path)
    np.save(tmp_path / "rows.npy", X[:4])
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("sklearn", "scipy", "torch", "joblib"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import numpy as np
from selective_query.export import EdgeClassifier
edge = EdgeClassifier({str(tmp_path)!r})
print(edge.decide(np.load({str(tmp_path / "rows.npy")!r})).tolist())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(pair.predict_coverage(X[:4]).tolist())
