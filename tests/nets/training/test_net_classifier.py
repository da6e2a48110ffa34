import pickle
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

torch = pytest.importorskip("torch")

from scipy.sparse import csr_array
from skorch.callbacks import Checkpoint, EpochTimer
from torch import nn

from selective_query import HybridClassifier
from selective_query._models.answers import ask
from selective_query.nets import ConvNet, EarlyExitNet
from selective_query.nets._blocks import conv_block
from selective_query.nets.training import NetClassifier, list_losses
from selective_query.nets.training._batch import make_target
from selective_query.nets.training.losses import (
    DeepGamblers,
    DeepSupervision,
    Distillation,
    OneSidedPrediction,
    SelectiveNet,
    SelectiveQuery,
)

SMALL = partial(ConvNet, 10, (8, 16), n_channels=1)


@pytest.fixture(scope="module")
def fitted(images):
    X, y = images
    return NetClassifier(SMALL, n_epochs=6, random_state=0).fit(X[:1200], y[:1200])


def certain(y, chance=0.9):
    """Return probabilities of a global that is always right."""
    proba = np.full((len(y), 10), (1 - chance) / 9)
    proba[np.arange(len(y)), y] = chance
    return proba


@pytest.mark.parametrize("loss", list_losses())
def test_every_loss_trains_a_net_that_beats_chance(images, loss):
    X, y = images
    module = two_exits if loss == "deep_supervision" else SMALL
    net = NetClassifier(module, loss=loss, n_epochs=6, coverage=0.8, random_state=0)
    net.fit(X[:1200], y[:1200], global_proba=certain(y[:1200]))
    right = net.predict(X[1200:]) == y[1200:]
    assert right.mean() > 0.6
    score = net.query_score(X[1200:])
    # With a perfect global, this surrogate need not separate right from wrong.
    if loss != "deferral_realizable":
        order = np.argsort(score)
        half = len(order) // 2
        assert right[order[:half]].mean() > right[order[half:]].mean()


def test_a_fit_is_repeated_bit_for_bit_and_leaves_the_seed_alone(images, fitted):
    X, y = images
    torch.manual_seed(5)
    before = torch.rand(3)
    torch.manual_seed(5)
    again = NetClassifier(SMALL, n_epochs=6, random_state=0).fit(X[:1200], y[:1200])
    torch.testing.assert_close(torch.rand(3), before, rtol=0, atol=0)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    other = NetClassifier(SMALL, n_epochs=6, random_state=1).fit(X[:1200], y[:1200])
    assert (other.predict_proba(X) != fitted.predict_proba(X)).any()


def test_labels_may_be_texts(images):
    X, y = images
    names = np.array([f"digit {k}" for k in range(10)])[y]
    net = NetClassifier(SMALL, n_epochs=4, random_state=0).fit(X[:1200], names[:1200])
    assert net.score(X[1200:], names[1200:]) > 0.6


def test_rows_without_weight_teach_nothing(images):
    X, y = images
    lies = (y + 1) % 10
    both = np.concatenate([X[:600], X[:600]]), np.concatenate([y[:600], lies[:600]])
    weight = np.repeat([1.0, 0.0], 600)
    net = NetClassifier(SMALL, n_epochs=12, random_state=0).fit(*both, weight)
    assert net.score(X[600:], y[600:]) > 0.7
    assert net.score(X[600:], lies[600:]) < 0.1


def test_batches_without_weight_do_no_harm(images):
    X, y = images
    few = (np.arange(600) % 40 == 0).astype(float)
    net = NetClassifier(SMALL, n_epochs=2, batch_size=16, random_state=0)
    assert np.isfinite(net.fit(X[:600], y[:600], few).predict_proba(X[:5])).all()


def test_a_loss_that_is_not_finite_is_reported(images):
    X, y = images
    broken = X[:300].copy()
    broken[3] = np.nan
    with pytest.raises(ValueError, match="became infinite or NaN. Look for NaN in X"):
        NetClassifier(SMALL, n_epochs=2, random_state=0).fit(broken, y[:300])


def test_the_epoch_that_is_best_on_held_out_rows_is_kept(images):
    X, y = images
    net = NetClassifier(
        SMALL, n_epochs=8, validation=0.25, coverage=0.7, random_state=0
    ).fit(X[:800], y[:800], global_proba=certain(y[:800]))
    accuracy = net.history_[:, "valid_accuracy"]
    assert len(accuracy) == 8
    assert max(accuracy) > 0.8
    assert max(accuracy) > accuracy[0]
    stopped = NetClassifier(
        SMALL, n_epochs=60, validation=0.25, patience=1, random_state=0
    ).fit(X[:400], y[:400])
    assert len(stopped.history_) < 60


def test_a_module_is_copied_and_a_callable_is_seeded(images):
    X, y = images
    module = SMALL()
    state = {name: value.clone() for name, value in module.state_dict().items()}
    net = NetClassifier(module, n_epochs=1, random_state=0).fit(X[:300], y[:300])
    for name, value in module.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=0)
    assert net.module_.net is not module


def test_callbacks_of_skorch_run(images, tmp_path):
    X, y = images
    checkpoint = Checkpoint(dirname=tmp_path, monitor=None)
    net = NetClassifier(SMALL, n_epochs=3, callbacks=[checkpoint])
    net.fit(X[:300], y[:300])
    assert (tmp_path / "params.pt").exists()


def test_it_can_be_cloned_and_pickled(images, fitted):
    X, _ = images
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict_proba(X), fitted.predict_proba(X))
    assert clone(fitted).get_params()["n_epochs"] == 6
    assert not hasattr(clone(fitted), "module_")


def test_no_rows_give_no_answers(fitted, images):
    assert fitted.predict_proba(images[0][:0]).shape == (0, 10)


def test_a_batch_does_not_change_an_answer(fitted, images):
    X, _ = images
    alone = np.concatenate([fitted.predict_proba(X[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(alone, fitted.predict_proba(X[:20]), atol=1e-6)


def test_evidence_is_the_score_and_what_the_last_layer_reads(fitted, images):
    X, _ = images
    features = ask(fitted, X, fitted.classes_, "evidence").features
    assert features.shape == (len(X), 1 + 16)
    np.testing.assert_allclose(features[:, 0], fitted.query_score(X), atol=1e-6)
    last = fitted.module_.net.classifier
    logits = ask(fitted, X, fitted.classes_, "logits").logits
    expected = features[:, 1:] @ last.weight.detach().numpy().T + last.bias.tolist()
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_a_trained_module_becomes_a_frozen_base(fitted, images):
    X, y = images
    plain = NetClassifier.from_trained(fitted.module_.net, np.arange(10))
    np.testing.assert_allclose(
        plain.predict_proba(X), fitted.predict_proba(X), atol=1e-6
    )
    hybrid = HybridClassifier(
        FrozenEstimator(plain), FrozenEstimator(fitted), router="max_probability"
    ).fit(X[1200:], y[1200:])
    assert (hybrid.predict(X) == plain.predict(X)).all()
    with pytest.raises(ValueError, match="name each of the 10 outputs"):
        NetClassifier.from_trained(fitted.module_.net, [0, 1, 2])
    with pytest.raises(ValueError, match="It ends in Softmax"):
        NetClassifier.from_trained(
            nn.Sequential(fitted.module_.net, nn.Softmax(1)), np.arange(10)
        )


def test_epochs_before_the_loss_sets_in_are_not_the_best(images, tmp_path):
    X, y = images
    monitor = Checkpoint(dirname=tmp_path, monitor="valid_accuracy_best")
    net = NetClassifier(
        SMALL, loss="deep_gamblers", n_epochs=12, validation=0.2, patience=1,
        callbacks=[monitor], random_state=0,
    ).fit(X[:600], y[:600])  # fmt: skip
    best = np.flatnonzero(net.history_[:, "valid_accuracy_best"])
    assert best[0] == 4, "the first epoch of the loss itself"
    assert len(net.history_) >= 6


class HeadFirst(nn.Module):
    """A net that registers its last layer before its first."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(16, 10)
        self.body = nn.Linear(64, 16)

    def forward(self, x):
        return self.head(self.body(x.flatten(1)).relu())


def test_the_layer_that_runs_last_makes_the_logits(images):
    X, y = images
    net = NetClassifier(HeadFirst, loss="selective_query", n_epochs=20, random_state=0)
    net.fit(X[:600], y[:600])
    assert net.module_.last_name == "head"
    assert (net.predict(X[600:]) == y[600:]).mean() > 0.5
    assert pickle.loads(pickle.dumps(net)).query_score(X[:3]).shape == (3,)


def test_nan_in_the_first_row_is_reported_as_elsewhere(images):
    X, y = images
    broken = X[:300].copy()
    broken[0] = np.nan
    with pytest.raises(ValueError, match="Look for NaN in X"):
        NetClassifier(SMALL, n_epochs=2, random_state=0).fit(broken, y[:300])


def test_missing_labels_are_reported(images):
    X, y = images
    y = np.where(np.arange(len(y)) == 3, np.nan, y)
    with pytest.raises(ValueError, match="y must hold a label for each row. Got nan"):
        NetClassifier(SMALL).fit(X, y)


@pytest.mark.parametrize(
    ("params", "fit", "message"),
    [
        ({"loss": "distillation"}, {}, "learns from a global: pass its probabilities"),
        ({}, {"global_proba": np.ones((5, 10))}, r"must be of shape \(300, 10\)"),
        ({"n_epochs": 0}, {}, "'n_epochs' parameter"),
        ({"module": partial(ConvNet, 9, (8,), n_channels=1)}, {}, "logit for each of"),
        ({"module": nn.Sequential(SMALL(), nn.Softmax(1))}, {}, "without a softmax"),
        (
            {"module": nn.Sequential(SMALL(), nn.ReLU())},
            {},
            "the output of its last linear layer",
        ),
        ({"module": nn.Flatten()}, {}, "Flatten has no nn.Linear"),
        ({"module": lambda: 3}, {}, "returns one. Got int"),
        ({"loss": "kd"}, {}, "loss='kd' is not known"),
        ({"loss": "gatekeeper", "n_epochs": 4}, {}, "starts after n_warm_up=4 epochs"),
        (
            {"loss": DeepGamblers(payoff=11)},
            {},
            "payoff must be above 1 and at most the",
        ),
        ({"patience": 3}, {}, "needs held-out rows"),
        ({"torch_device": "foo"}, {}, "device must be 'auto', 'cpu' or .* Got 'foo'"),
        ({"classes": range(1, 10)}, {}, r"hold every label of y. It lacks \[0\]"),
        ({"validation": 0.999}, {}, "leaves fewer than two to train on"),
        ({}, {"sample_weight": -np.ones(300)}, "finite number >= 0 .* Got -1 in row 0"),
        ({}, {"sample_weight": np.zeros(300)}, "Got zero everywhere"),
        ({}, {"global_proba": np.ones((300, 10))}, "Rows of global_proba must sum"),
        ({"loss": OneSidedPrediction(price=-1)}, {}, r"price must be a number in \[0"),
        ({"loss": SelectiveNet(coverage=3)}, {}, "coverage must be .* Got 3"),
        ({"loss": Distillation(temperature=0)}, {}, "temperature must be a number"),
    ],
)
def test_bad_input_is_named(images, params, fit, message):
    X, y = images
    net = NetClassifier(**{"module": SMALL, **params})
    with pytest.raises(ValueError, match=message):
        net.fit(X[:300], y[:300], **fit)


def test_sparse_rows_and_other_callbacks_are_refused(images, fitted):
    X, y = images
    for sparse in (csr_array(X[:9].reshape(9, -1)), torch.ones(9, 3).to_sparse()):
        with pytest.raises(TypeError, match="X must be dense. Got a sparse"):
            NetClassifier(SMALL).fit(sparse, y[:9])
        with pytest.raises(TypeError, match="Pass X.toarray"):
            fitted.predict(sparse)
    with pytest.raises(TypeError, match="callbacks of skorch. Got 'a'. Pass objects"):
        NetClassifier(SMALL, callbacks=["a"]).fit(X[:9], y[:9])
    made_later = NetClassifier(SMALL, n_epochs=1, callbacks=[EpochTimer])
    assert "dur" in made_later.fit(X[:300], y[:300]).history_[-1]


def test_texts_and_rows_of_other_numbers_are_refused(images, fitted):
    X, y = images
    with pytest.raises(ValueError, match="X must hold numbers. Got dtype <U1"):
        NetClassifier(SMALL).fit(np.array(list("ab")), y[:2])
    with pytest.raises(ValueError, match="X has 3 rows and y has 2"):
        NetClassifier(SMALL).fit(X[:3], y[:2])


def test_the_engine_moves_the_multiplier_after_each_batch(images):
    X, y = images
    # Every query exceeds the budget, so the multiplier never falls.
    loss = SelectiveQuery(coverage=1.0, dual_learning_rate=0.5)
    net = NetClassifier(SMALL, loss=loss, n_epochs=1, random_state=0)
    assert net.fit(X[:300], y[:300]).module_.loss._price.value > 0


def test_a_loss_may_be_given_as_an_object(images):
    X, y = images
    net = NetClassifier(SMALL, loss=SelectiveNet(coverage=0.5), n_epochs=1)
    assert net.fit(X[:300], y[:300]).module_.loss.coverage == 0.5


def two_exits():
    stem = nn.Sequential(conv_block(1, 16), conv_block(16, 24, stride=2))
    return EarlyExitNet([stem, conv_block(24, 32)], widths=[24, 32], n_classes=10)


def test_every_exit_is_trained_and_answers(images):
    X, y = images
    net = NetClassifier(
        two_exits, loss="deep_supervision", n_epochs=10, random_state=0
    ).fit(X[:1200], y[:1200])
    proba = net.predict_proba_exits(X[1200:])
    assert proba.shape == (2, len(X) - 1200, 10)
    np.testing.assert_allclose(proba.sum(axis=2), 1, rtol=1e-5)
    np.testing.assert_array_equal(proba[1], net.predict_proba(X[1200:]))
    first, last = (net.classes_[proba.argmax(axis=2)] == y[1200:]).mean(axis=1)
    assert 0.3 < first < last
    early = NetClassifier.from_trained(net.module_.net.up_to(0), net.classes_)
    np.testing.assert_allclose(early.predict_proba(X[1200:]), proba[0], atol=1e-6)


def test_a_hybrid_of_a_net_and_its_own_exit_is_split_computation(images):
    X, y = images
    net = NetClassifier(
        two_exits, loss=DeepSupervision(), n_epochs=10, random_state=0
    ).fit(X[:900], y[:900])
    exit_ = NetClassifier.from_trained(net.module_.net.up_to(0), net.classes_)
    hybrid = HybridClassifier(
        FrozenEstimator(exit_), FrozenEstimator(net), router="entropy", coverage=0.5
    ).fit(X[900:1350], y[900:1350])
    kept = hybrid.predict_coverage(X[1350:])
    expected = np.where(kept, exit_.predict(X[1350:]), net.predict(X[1350:]))
    np.testing.assert_array_equal(hybrid.predict(X[1350:]), expected)
    assert 0.4 < kept.mean() < 0.6


def test_exits_that_were_not_trained_are_not_offered(images, fitted):
    X, y = images
    with pytest.raises(ValueError, match="trains the last exit alone"):
        fitted.predict_proba_exits(X)
    with pytest.raises(ValueError, match="ConvNet has no forward_exits"):
        NetClassifier(SMALL, loss=DeepSupervision()).fit(X, y)


def test_named_columns_of_the_global_are_matched_with_the_labels():
    pandas = pytest.importorskip("pandas")
    label, weight = np.array([0, 1, 1]), np.ones(3)
    proba = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]], dtype=np.float32)
    swapped = pandas.DataFrame(proba, columns=["cat", "dog"])[["dog", "cat"]]
    target = make_target(label, weight, swapped, np.array(["cat", "dog"]))
    np.testing.assert_array_equal(target.global_proba.numpy(), proba)


def test_a_training_that_fails_leaves_the_net_before(images):
    X, y = images[0][:200], images[1][:200]
    net = NetClassifier(SMALL, n_epochs=1, random_state=0).fit(X, y)
    before = dict(vars(net))
    with pytest.raises(ValueError, match="infinite or NaN"):
        net.fit(X * np.nan, np.array(list("abcdefghij"))[y])
    assert vars(net) == before
