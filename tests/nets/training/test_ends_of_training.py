"""Best epochs, callbacks that stop, Ctrl-C, and the state of a fitted net."""

import pickle
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    TrainEndCheckpoint,
)

from selective_query import HybridClassifier
from selective_query.nets import ConvNet
from selective_query.nets.training import NetClassifier, _early_stopping
from selective_query.nets.training.losses import CrossEntropy, SelfAdaptive

SMALL = partial(ConvNet, 10, (8, 16), n_channels=1)


class Pressed(CrossEntropy):
    """Simulates Ctrl-C while the loss of the eighth batch is computed."""

    n_charged = 0

    def __call__(self, output, target):
        Pressed.n_charged += 1
        if Pressed.n_charged == 8:
            raise KeyboardInterrupt
        return super().__call__(output, target)


@pytest.fixture
def pressed():
    Pressed.n_charged = 0
    return Pressed()


def test_ctrl_c_ends_the_fit_and_leaves_checkpoints(images, tmp_path, pressed):
    X, y = images
    checkpoints = [
        Checkpoint(dirname=tmp_path, monitor=None),
        TrainEndCheckpoint(dirname=tmp_path, fn_prefix="end_"),
    ]
    net = NetClassifier(
        SMALL, loss=pressed, n_epochs=4, batch_size=100, callbacks=checkpoints
    )
    with pytest.raises(KeyboardInterrupt):
        net.fit(X[:300], y[:300])
    assert not hasattr(net, "module_")
    for name in ("params.pt", "end_params.pt"):
        state = torch.load(tmp_path / name, weights_only=True)
        assert "net.classifier.weight" in state


def test_ctrl_c_ends_the_fit_of_a_hybrid(images, pressed):
    X, y = images
    net = NetClassifier(SMALL, loss=pressed, n_epochs=4, batch_size=100)
    hybrid = HybridClassifier(net, NetClassifier(SMALL, n_epochs=1), cv=3)
    with pytest.raises(KeyboardInterrupt):
        hybrid.fit(X[:300], y[:300])
    assert not hasattr(hybrid, "policy_")


def test_ctrl_c_while_held_out_rows_are_judged_ends_the_fit(images, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(_early_stopping, "accuracy_at_coverage", interrupted)
    X, y = images
    with pytest.raises(KeyboardInterrupt):
        NetClassifier(SMALL, n_epochs=2, validation=0.2).fit(X[:300], y[:300])


def test_a_callback_of_skorch_may_stop_early(images):
    X, y = images
    stop = EarlyStopping(
        "train_loss", patience=2, threshold=9, threshold_mode="abs", sink=str
    )
    net = NetClassifier(SMALL, n_epochs=9, callbacks=[stop]).fit(X[:300], y[:300])
    assert len(net.history_) == 3
    assert net.predict(X[:5]).shape == (5,)


class StopAt(Callback):
    def __init__(self, moment):
        self.moment = moment

    def notice(self, moment):
        if moment == self.moment:
            raise KeyboardInterrupt

    def on_train_begin(self, net, **kwargs):
        self.notice("begin")

    def on_train_end(self, net, **kwargs):
        self.notice("end")

    def on_epoch_begin(self, net, **kwargs):
        self.notice("epoch")

    def on_batch_begin(self, net, **kwargs):
        self.notice("batch")

    def on_batch_end(self, net, **kwargs):
        self.notice("end of batch")


@pytest.mark.parametrize("moment", ["epoch", "batch", "end of batch"])
def test_a_callback_may_stop_before_an_epoch_is_whole(images, moment):
    X, y = images
    net = NetClassifier(SMALL, n_epochs=9, validation=0.2, callbacks=[StopAt(moment)])
    assert net.fit(X[:300], y[:300]).predict(X[:5]).shape == (5,)


@pytest.mark.parametrize("moment", ["begin", "end"])
def test_an_interrupt_outside_of_the_epochs_is_one(images, moment):
    X, y = images
    net = NetClassifier(SMALL, n_epochs=1, callbacks=[StopAt(moment)])
    with pytest.raises(KeyboardInterrupt):
        net.fit(X[:300], y[:300])


def test_held_out_rows_are_judged_some_at_a_time(images):
    n_rows = []

    class Counting(CrossEntropy):
        def query_score(self, output):
            n_rows.append(len(output.logits))
            return super().query_score(output)

    X, y = np.tile(images[0], (2, 1, 1, 1)), np.tile(images[1], 2)
    net = NetClassifier(SMALL, loss=Counting(), n_epochs=2, validation=0.8)
    net.fit(X, y)
    assert set(n_rows) == {1000, round(0.8 * len(y)) - 2000}
    assert len(net.history_[:, "valid_accuracy"]) == 2


def test_a_fitted_net_carries_nothing_of_its_rows(images):
    X, y = images
    sizes = []
    for n in (300, 1200):
        net = NetClassifier(
            SMALL, loss=SelfAdaptive(n_warm_up=1), n_epochs=2, batch_size=n,
            random_state=0,
        ).fit(X[:n], y[:n])  # fmt: skip
        tensors = vars(net.module_.loss).values()
        assert not any(isinstance(value, torch.Tensor) for value in tensors)
        sizes.append(len(pickle.dumps(net)))
    assert abs(sizes[1] - sizes[0]) < 900, "less than a byte for each row more"
