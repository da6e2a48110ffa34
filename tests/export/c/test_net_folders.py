"""Nets as folders of C: ranges, own thresholds, verified certificates."""

import shutil
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

torch = pytest.importorskip("torch")
pytest.importorskip("bakenn")

from sklearn.frozen import FrozenEstimator

from selective_query import HybridClassifier
from selective_query.exceptions import CalibrationWarning, ExportError
from selective_query.export import EdgeClassifier, export_c, set_operating_point
from selective_query.nets.training import NetClassifier

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")

digits, y = load_digits(return_X_y=True)
X = (digits / 16).reshape(-1, 1, 8, 8).astype(np.float32)
NEW = X[1200:]


def net_of(width):
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, width, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(16 * width, 10),
    )  # fmt: skip


@pytest.fixture(scope="module")
def hybrid():
    sides = (
        FrozenEstimator(NetClassifier(net_of(width)).fit(X[:600], y[:600]))
        for width in (3, 8)
    )
    return HybridClassifier(*sides, router="margin", coverage=0.8).fit(
        X[600:1200], y[600:1200]
    )


def test_a_net_keeps_no_certificate_that_was_not_shown(hybrid, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        report = export_c(hybrid, tmp_path / "c", calibration=X[:300], example=NEW)
        assert report.certificate_after is None
        assert EdgeClassifier(tmp_path / "c").facts_["certificate"] is None
        moved = set_operating_point(tmp_path / "c", hybrid.at(0.6))
    assert "certificate after   none was shown: give example=" in str(moved)
    assert EdgeClassifier(tmp_path / "c").facts_["certificate"] is None
    own = hybrid.with_base(EdgeClassifier(tmp_path / "c"), NEW, y[1200:])
    set_operating_point(tmp_path / "c", own)
    told = EdgeClassifier(tmp_path / "c").facts_["certificate"]
    assert told == str(own.rule_.certificate)
    np.testing.assert_array_equal(
        EdgeClassifier(tmp_path / "c").decide(NEW), own.predict_coverage(NEW)
    )


def test_ranges_of_other_rows_are_warned_of(hybrid, tmp_path):
    dark = X[:300] * np.float32(0.01)
    with pytest.warns(CalibrationWarning, match="int8 has other labels on"):
        export_c(hybrid, tmp_path / "c", calibration=dark, example=NEW)
    wide = np.concatenate([X[:300], 60 * X[:1]])
    with pytest.warns(CalibrationWarning, match="in int8 has other"):
        export_c(hybrid, tmp_path / "d", calibration=wide, example=NEW)
    with warnings.catch_warnings():
        warnings.simplefilter("error", CalibrationWarning)
        export_c(hybrid, tmp_path / "e", calibration=(NEW, y[1200:]), example=X[:600])


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        (digits, ExportError, "cannot be exported in int8: Expected 3D"),
        (0 * X, ValueError, "sets no ranges: all of it is 0"),
        (np.nan * X, ValueError, "calibration must be finite"),
        (X[:0], ExportError, "must hold inputs to estimate ranges from"),
    ],
)
def test_unsuitable_calibration_rows_are_refused(rows, error, words, hybrid, tmp_path):
    with pytest.raises(error, match=words):
        export_c(hybrid, tmp_path / "c", calibration=rows)
    assert not any(tmp_path.iterdir())


def piped(*before):
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.LazyLinear(32), torch.nn.ReLU(), torch.nn.Linear(32, 10)
    )
    base = make_pipeline(*before, NetClassifier(layers, n_epochs=10, random_state=0))
    other = NetClassifier(net_of(8)).fit(X[:600], y[:600])
    to_images = FunctionTransformer(lambda rows: np.float32(rows).reshape(-1, 1, 8, 8))
    sides = base.fit(digits[:600], y[:600]), make_pipeline(to_images, other)
    return HybridClassifier(*map(FrozenEstimator, sides), router="benefit").fit(
        digits[600:1200], y[600:1200]
    )


@pytest.mark.parametrize(
    "before", [(StandardScaler(),), (StandardScaler(), PCA(12, whiten=True))], ids=len
)
def test_steps_before_a_net_are_computed_in_floats(before, tmp_path):
    hybrid, new = piped(*before), digits[1200:]
    report = export_c(
        hybrid, tmp_path / "c", calibration=(new[:300], y[1200:1500]), example=new[300:]
    )
    assert report.labels_equal >= report.rows - 6
    edge = EdgeClassifier(tmp_path / "c")
    apart = np.abs(edge.predict_proba(new) - hybrid.base_estimator_.predict_proba(new))
    assert apart.mean() < 0.02


def test_a_step_before_a_net_without_a_form_is_named(tmp_path):
    with pytest.raises(ExportError, match="Step 'functiontransformer' of the Pipeline"):
        export_c(
            piped(StandardScaler(), FunctionTransformer()), tmp_path, calibration=digits
        )
