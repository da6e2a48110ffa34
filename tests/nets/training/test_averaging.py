from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from skorch.callbacks import Callback
from torch import nn

from selective_query.nets import ConvNet
from selective_query.nets.training import NetClassifier

SMALL = partial(ConvNet, 10, (8, 16), n_channels=1)


class Weights(Callback):
    """A copy of the last layer's weights after each step."""

    def on_train_begin(self, net, **kwargs):
        self.seen = []

    def on_batch_end(self, net, **kwargs):
        self.seen.append(net.module_.net.classifier.weight.detach().clone())


def fit(images, **params):
    X, y = images
    net = NetClassifier(SMALL, n_epochs=4, batch_size=50, random_state=0, **params)
    return net.fit(X[:500], y[:500])


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_weights_are_the_moving_average_of_those_of_each_step(images, share):
    watch = Weights()
    net = fit(images, weight_averaging=share, callbacks=[watch])
    horizon = share * len(watch.seen)
    assert len(watch.seen) == 40
    mean = watch.seen[0]
    for number, weights in enumerate(watch.seen[1:], 2):
        mean = mean + (weights - mean) / min(number, horizon)
    torch.testing.assert_close(net.module_.net.classifier.weight, mean)


def test_the_mean_changes_nothing_of_the_training(images):
    plain, averaged = Weights(), Weights()
    fit(images, callbacks=[plain])
    fit(images, weight_averaging=0.2, callbacks=[averaged])
    for own, other in zip(plain.seen, averaged.seen, strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=0)


def test_a_horizon_of_one_step_keeps_the_last_weights(images):
    last, one = fit(images), fit(images, weight_averaging=1 / 40)
    weights = (net.module_.net.classifier.weight for net in (last, one))
    torch.testing.assert_close(*weights, rtol=0, atol=0)


def test_batch_norms_statistics_are_those_under_the_mean(images):
    X, _ = images
    net = fit(images, weight_averaging=0.3)
    inputs = []
    norm = next(m for m in net.module_.modules() if isinstance(m, nn.BatchNorm2d))
    handle = norm.register_forward_pre_hook(lambda _, x: inputs.append(x[0]))
    net.predict_proba(X[:500])
    handle.remove()
    mean = torch.cat(inputs).mean((0, 2, 3))
    torch.testing.assert_close(norm.running_mean, mean, rtol=1e-3, atol=1e-4)


def test_averaged_nets_answer_well_and_are_left_to_predict(images):
    X, y = images
    net = fit(images, weight_averaging=0.1)
    assert not net.module_.training
    assert net.score(X[500:], y[500:]) > 0.7
    np.testing.assert_array_equal(
        net.predict_proba(X), fit(images, weight_averaging=0.1).predict_proba(X)
    )
