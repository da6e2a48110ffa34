from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
pytest.importorskip("skl2onnx")

from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from torch import nn

from selective_query import HybridClassifier
from selective_query.exceptions import ExportError
from selective_query.export import EdgeClassifier, export_onnx
from selective_query.nets import ConvNet
from selective_query.nets.training import NetClassifier

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
TRAIN, FIT, TEST = slice(0, 300), slice(300, 900), slice(900, None)


def as_images(X):
    return np.asarray(X).reshape(-1, 1, 8, 8)


def as_rows(X):
    return np.asarray(X).reshape(len(X), -1)


def hybrid_of(base, X, y, **options):
    trees = make_pipeline(FunctionTransformer(as_rows), ExtraTreesClassifier(30))
    models = (FrozenEstimator(model.fit(X[TRAIN], y[TRAIN])) for model in (base, trees))
    options = {"coverage": 0.8, "router": "benefit", "random_state": 0} | options
    return HybridClassifier(*models, **options).fit(X[FIT], y[FIT])


def checked(hybrid, path, rows):
    report = export_onnx(hybrid, path, example=rows)
    edge = EdgeClassifier(path)
    assert report.labels_equal == report.rows == len(rows)
    assert report.decisions_equal >= report.rows - report.near_threshold
    assert report.near_threshold < 10
    np.testing.assert_allclose(
        edge.predict_proba(rows), hybrid.edge_.ask(rows).proba, atol=1e-5
    )
    return edge


@pytest.fixture(scope="module")
def convolutions():
    net = partial(ConvNet, 10, (8, 16), n_channels=1)
    return NetClassifier(net, n_epochs=3, random_state=0)


@pytest.mark.parametrize("features", [None, "logits", "evidence", "net.blocks"])
def test_a_net_and_what_the_router_reads_of_it(convolutions, features, tmp_path):
    labels, images = np.array([f"d{label}" for label in y]), as_images(X)
    hybrid = hybrid_of(convolutions, images, labels, base_features=features)
    edge = checked(hybrid, tmp_path / "edge.onnx", images[TEST])
    moved = hybrid.with_base(edge, images[FIT], labels[FIT])
    answers, told = (model.edge_.ask(images[TEST]) for model in (hybrid, moved))
    for name in ("features", "logits"):
        if getattr(answers, name) is not None:
            np.testing.assert_allclose(
                getattr(told, name), getattr(answers, name), atol=1e-4
            )


def test_skorch_behind_a_scaler(tmp_path):
    layers = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    net = NeuralNetClassifier(
        layers, criterion=nn.CrossEntropyLoss, max_epochs=20, lr=0.1, verbose=0
    )
    base = make_pipeline(StandardScaler(), net)
    hybrid = hybrid_of(base, X, y, base_features="logits")
    checked(hybrid, tmp_path / "edge.onnx", X[TEST])


def test_skorch_with_one_logit(tmp_path):
    layers = nn.Sequential(nn.Linear(64, 1), nn.Flatten(0))
    net = NeuralNetBinaryClassifier(layers, max_epochs=20, lr=0.1, verbose=0)
    labels = (y < 4).astype(np.float32)
    hybrid = hybrid_of(net, X, labels, base_features="logits")
    edge = checked(hybrid, tmp_path / "edge.onnx", X[TEST])
    assert edge.classes_.dtype == float


def test_a_net_needs_an_example(convolutions, tmp_path):
    hybrid = hybrid_of(convolutions, as_images(X), y)
    with pytest.raises(ExportError, match="Give example=, some rows of X"):
        export_onnx(hybrid, tmp_path / "edge.onnx")


class Counting(nn.Module):
    """A net whose computation depends on its input."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(64, 10)

    def forward(self, x):
        return self.last(2 * x if x.sum() > 0 else x)


def test_a_net_without_a_form_is_named(tmp_path):
    net = NetClassifier(Counting(), n_epochs=1, random_state=0)
    hybrid = hybrid_of(net, X, y)
    with pytest.raises(ExportError, match="net RoutedNet of the base has no form"):
        export_onnx(hybrid, tmp_path / "edge.onnx", example=X[TEST])
