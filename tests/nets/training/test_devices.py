from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from selective_query.nets import ConvNet
from selective_query.nets.training import NetClassifier, _predicting
from selective_query.nets.training._engine import find_device

SMALL = partial(ConvNet, 10, (8, 16), n_channels=1)


def test_auto_is_cuda_where_there_is_one(monkeypatch):
    for there, expected in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert find_device("auto") == expected
    assert find_device("cpu:0") == "cpu:0"
    for name in ("foo", "meta", "privateuseone"):
        with pytest.raises(ValueError, match=f"available device.* Got '{name}' "):
            find_device(name)


@pytest.mark.parametrize("loss", ["selective_query", "cross_entropy"])
def test_net_and_rows_go_to_the_device_to_predict(images, monkeypatch, loss):
    X, y = images
    net = NetClassifier(SMALL, loss=loss, n_epochs=1, random_state=0)
    net.fit(X[:300], y[:300])
    proba, score = net.predict_proba(X), net.query_score(X)
    asked, ran_in, brought_back = [], [], []

    def stand_in(name):
        asked.append(name)
        return torch.float64  # accepted wherever a device is, and always available

    def bring_back():
        brought_back.append(True)
        return net.module_.to(torch.float32)

    monkeypatch.setattr(_predicting, "find_device", stand_in)
    monkeypatch.setattr(net.module_, "cpu", bring_back)
    net.module_.net.register_forward_hook(
        lambda module, x, logits: ran_in.append((x[0].dtype, logits.dtype))
    )
    np.testing.assert_allclose(net.predict_proba(X), proba, atol=1e-5)
    np.testing.assert_allclose(net.query_score(X), score, atol=1e-4)
    assert asked == ["auto", "auto"]
    assert set(ran_in) == {(torch.float64, torch.float64)}
    assert net.predict_proba(X).dtype == np.float32
    with pytest.raises(RuntimeError):
        net.predict(X[:5, :, 0])
    assert len(brought_back) == 4
    assert next(net.module_.parameters()).dtype == torch.float32


def test_a_net_that_was_trained_elsewhere_predicts_on_the_processor(images):
    X, y = images
    net = NetClassifier(SMALL, n_epochs=1, torch_device="cpu", random_state=0)
    expected = net.fit(X[:300], y[:300]).predict_proba(X)
    # No machine has a hundred GPUs.
    net.set_params(torch_device="cuda:99")
    np.testing.assert_array_equal(net.predict_proba(X), expected)
    with pytest.raises(ValueError, match="device must be .* Got 'cuda:99' "):
        net.fit(X[:300], y[:300])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA to predict on")
def test_cuda_gives_numpy_and_leaves_the_net_on_the_processor(images):
    X, y = images
    net = NetClassifier(SMALL, n_epochs=2, random_state=0).fit(X[:600], y[:600])
    on_cuda = net.predict_proba(X)
    assert next(net.module_.parameters()).device.type == "cpu"
    np.testing.assert_allclose(
        on_cuda, net.set_params(torch_device="cpu").predict_proba(X), atol=1e-2
    )
