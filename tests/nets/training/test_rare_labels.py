"""Rows without a label that occurs in other rows."""

from functools import partial

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

torch = pytest.importorskip("torch")

from selective_query import HybridClassifier
from selective_query.nets import ConvNet
from selective_query.nets.training import HybridNetClassifier, NetClassifier

SMALL = partial(ConvNet, 10, (8, 16), n_channels=1)


def flat(images):
    return images.reshape(len(images), -1)


def linear():
    return make_pipeline(FunctionTransformer(flat), LogisticRegression(C=0.1))


@pytest.fixture
def nine_is_rare(images):
    X, y = images
    rows = np.r_[np.flatnonzero(y != 9)[:400], np.flatnonzero(y == 9)[:2]]
    return X[rows], y[rows]


def test_labels_that_y_lacks_may_be_named(images):
    X, y = images
    X, y = X[y != 9][:400], y[y != 9][:400]
    global_proba = np.full((400, 10), 0.1)
    net = NetClassifier(
        SMALL, loss="distillation", classes=range(10), n_epochs=2, random_state=0
    )
    net.fit(X, y, global_proba=global_proba)
    assert net.classes_.tolist() == list(range(10))
    assert net.predict_proba(X).shape == (400, 10)
    with pytest.raises(ValueError, match="each of the 9 classes.* list all labels in"):
        net.set_params(classes=None, loss="cross_entropy").fit(X, y)
    with pytest.raises(ValueError, match="global_proba must be.*labels in classes="):
        net.fit(X, y, global_proba=global_proba)


def test_texts_may_be_named_in_any_order(images):
    X, y = images
    names = np.array(list("jihgfedcba"))
    net = NetClassifier(SMALL, classes=names, n_epochs=4, random_state=0)
    few = y != 3
    net.fit(X[few], names[y[few]])
    assert net.classes_.tolist() == list("abcdefghij")
    assert (net.predict(X[few]) == names[y[few]]).mean() > 0.6
    assert "g" not in net.predict(X[few])
    with pytest.raises(ValueError, match="hold every label of y. It lacks .'0', '1'"):
        NetClassifier(SMALL, classes=range(10)).fit(X, y.astype(str))


@pytest.mark.filterwarnings("ignore::selective_query.exceptions.CalibrationWarning")
def test_folds_may_lack_a_label(nine_is_rare):
    net = NetClassifier(SMALL, classes=range(10), n_epochs=1, random_state=0)
    hybrid = HybridClassifier(net, linear(), random_state=0).fit(*nine_is_rare)
    assert hybrid.predict_proba(nine_is_rare[0][:5]).shape == (5, 10)
    with pytest.raises(ValueError, match="list all labels in classes="):
        hybrid.set_params(base_estimator__classes=None).fit(*nine_is_rare)


def test_a_global_may_know_more_labels_than_y_has(images):
    X, y = images
    knows_all = FrozenEstimator(linear().fit(X[900:], y[900:]))
    X, y = X[:900][y[:900] != 9], y[:900][y[:900] != 9]
    net = NetClassifier(SMALL, loss="distillation", n_epochs=4)
    hybrid = HybridNetClassifier(net, knows_all, coverage=0.7, random_state=0)
    hybrid.fit(X, y)
    assert hybrid.classes_.tolist() == list(range(10))
    assert hybrid.score(X, y) > 0.7
    hybrid.set_params(base_estimator__classes=range(9))
    with pytest.raises(ValueError, match="Leave classes out: they are filled in"):
        hybrid.fit(X, y)
