"""Evidence from the base for the router: logits, a layer of a net, a function."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from selective_query import HybridClassifier, outcomes_from_models
from selective_query._models.answers import ask
from selective_query._models.layers import layer_outputs, net_of
from selective_query.exceptions import ModelWarning


@pytest.fixture(scope="module")
def linear(digits):
    X, y = digits
    return LogisticRegression(max_iter=300).fit(X[:600], y[:600])


@pytest.fixture(scope="module")
def net(digits):
    torch = pytest.importorskip("torch")
    from skorch import NeuralNetClassifier

    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 8, 8)),
        torch.nn.Conv2d(1, 4, 3),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(144, 10),
    )
    X, y = digits
    fitted = NeuralNetClassifier(
        module, criterion=torch.nn.CrossEntropyLoss, max_epochs=2, batch_size=100,
        train_split=None, verbose=0,
    )  # fmt: skip
    return fitted.fit(X[:600].astype(np.float32), y[:600])


def test_logits_of_a_linear_model_give_its_probabilities(digits, linear):
    X, _ = digits
    answers = ask(linear, X, linear.classes_, "logits")
    exp = np.exp(answers.logits)
    np.testing.assert_allclose(
        exp / exp.sum(axis=1, keepdims=True), answers.proba, atol=1e-9
    )


def test_two_classes_have_two_logits(digits):
    X, y = digits
    model = LogisticRegression().fit(X, y > 4)
    answers = ask(model, X, model.classes_, "logits")
    assert answers.logits.shape == (len(X), 2)
    np.testing.assert_allclose(
        np.diff(answers.logits)[:, 0], model.decision_function(X)
    )


def test_energy_routes_inside_an_estimator(digits, linear):
    X, y = digits
    trees = ExtraTreesClassifier(random_state=0).fit(X[:600], y[:600])
    models = FrozenEstimator(linear), FrozenEstimator(trees)
    hybrid = HybridClassifier(
        *models, router="energy", coverage=0.8, base_features="logits"
    ).fit(X[600:1200], y[600:1200])
    assert hybrid.predict_coverage(X[1200:]).mean() == pytest.approx(0.8, abs=0.06)
    outcomes = outcomes_from_models(linear, trees, X, y, base_features="logits")
    np.testing.assert_allclose(outcomes.base_logits, linear.decision_function(X))


def test_logits_through_cross_fitting_keep_their_rows(digits):
    X, y = digits
    hybrid = HybridClassifier(
        LogisticRegression(max_iter=100), GaussianNB(), router="energy", cv=3,
        base_features="logits",
    )  # fmt: skip
    hybrid.fit(X, y)
    assert hybrid.predict_coverage(X).mean() == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (GaussianNB(), "neither a decision_function nor a torch module"),
        (
            SVC(decision_function_shape="ovo"),
            "one logit for each of the 10",
        ),
    ],
)
def test_models_without_logits_are_named(digits, model, message):
    X, y = digits
    model = model.fit(X[:600], y[:600])
    if not hasattr(model, "predict_proba"):
        model.predict_proba = lambda X: np.full((len(X), 10), 0.1)
    with pytest.raises(ValueError, match=message):
        ask(model, X, np.arange(10), "logits")


def test_logits_of_a_net_are_what_its_softmax_reads(digits, net):
    X = digits[0].astype(np.float32)
    answers = ask(FrozenEstimator(net), X, net.classes_, "logits")
    exp = np.exp(answers.logits)
    np.testing.assert_allclose(
        exp / exp.sum(axis=1, keepdims=True), answers.proba, atol=1e-5
    )


def test_a_layer_is_read_by_name_and_averaged_over_positions(digits, net):
    X = digits[0].astype(np.float32)
    answers = ask(make_pipeline(StandardScaler().fit(X), net), X, np.arange(10), "2")
    assert answers.features.shape == (len(X), 4)
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        scaled = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
        maps = net.module_[:3].cpu()(scaled)
    np.testing.assert_allclose(answers.features, maps.mean(dim=(2, 3)), atol=1e-5)
    assert not net.module_[2]._forward_hooks, "the hook must not stay"


def test_a_layer_feeds_a_hybrid(digits, net):
    X, y = digits[0].astype(np.float32), digits[1]
    trees = ExtraTreesClassifier(random_state=0).fit(X[:600], y[:600])
    hybrid = HybridClassifier(
        FrozenEstimator(net), FrozenEstimator(trees), router="benefit",
        base_features="3",
    ).fit(X[600:1200], y[600:1200])  # fmt: skip
    assert dict(hybrid.policy_.router_.layout_)["base_features"] == 144
    assert hybrid.predict(X[1200:]).shape == (597,)


def test_wrong_names_list_the_right_ones(digits, linear, net):
    X = digits[0].astype(np.float32)
    with pytest.raises(ValueError, match="'body' is no layer of Sequential.*0, 1, 2"):
        ask(net, X, np.arange(10), "body")
    with pytest.raises(ValueError, match="names a layer .* LogisticRegression holds"):
        ask(linear, X, np.arange(10), "body")
    with pytest.raises(ValueError, match="gave 0 rows|has no output"):
        layer_outputs(net, "1", lambda: X)
    with pytest.raises(ValueError, match="used once for each batch"):
        layer_outputs(net, "1", lambda: [net.predict(X), net.predict(X)])
    assert net_of(linear) is None


def test_a_softmax_inside_the_module_is_detected(digits):
    torch = pytest.importorskip("torch")
    from skorch import NeuralNetClassifier

    X, y = digits[0].astype(np.float32), digits[1]
    module = torch.nn.Sequential(torch.nn.Linear(64, 10), torch.nn.Softmax(dim=1))
    fitted = NeuralNetClassifier(module, max_epochs=1, train_split=None, verbose=0)
    with pytest.raises(ValueError, match="ends in a softmax"):
        ask(fitted.fit(X, y), X, np.arange(10), "logits")


@pytest.mark.parametrize(
    "wrong", [lambda base, X: None, lambda base, X: X[:5], lambda base, X: X[:, 0]]
)
def test_functions_that_return_no_row_for_each_input_are_named(digits, linear, wrong):
    with pytest.raises(ValueError, match="base_features must return one row of numb"):
        ask(linear, digits[0], linear.classes_, wrong)


@pytest.fixture(scope="module")
def binary(digits):
    torch = pytest.importorskip("torch")
    from skorch import NeuralNetBinaryClassifier

    torch.manual_seed(0)
    X, y = digits
    fitted = NeuralNetBinaryClassifier(
        torch.nn.Linear(64, 1), max_epochs=2, train_split=None, verbose=0
    )
    return fitted.fit(X[:600].astype(np.float32), (y[:600] > 4).astype(np.float32))


def test_a_binary_net_of_one_output_has_two_logits(digits, binary):
    X, y = digits[0].astype(np.float32), digits[1] > 4
    answers = ask(binary, X, np.array([0, 1]), "logits")
    exp = np.exp(answers.logits)
    np.testing.assert_allclose(
        exp / exp.sum(axis=1, keepdims=True), answers.proba, atol=1e-6
    )
    hybrid = HybridClassifier(
        FrozenEstimator(binary), FrozenEstimator(GaussianNB().fit(X[:600], y[:600])),
        router="energy", base_features="logits",
    ).fit(X[600:], y[600:].astype(int))  # fmt: skip
    assert hybrid.predict_coverage(X[600:]).mean() == pytest.approx(0.9, abs=0.01)


def test_a_sigmoid_inside_a_binary_module_is_detected(digits):
    torch = pytest.importorskip("torch")
    from skorch import NeuralNetBinaryClassifier

    X = digits[0].astype(np.float32)
    module = torch.nn.Sequential(torch.nn.Linear(64, 1), torch.nn.Sigmoid())
    net = NeuralNetBinaryClassifier(
        module, criterion=torch.nn.BCELoss, train_split=None, verbose=0
    ).initialize()
    with pytest.raises(ValueError, match="ends in a softmax"):
        ask(net, X, np.array([0, 1]), "logits")


@pytest.mark.parametrize("router", ["auto", "mahalanobis", "knn_benefit"])
def test_layers_of_a_refitted_net_are_refused(digits, net, router):
    X, y = digits[0].astype(np.float32), digits[1]
    hybrid = HybridClassifier(net, GaussianNB(), router=router, base_features="3")
    for calibration in (None, "out_of_fold", 0.2):
        with pytest.raises(ValueError, match=r"FrozenEstimator\(net\)"):
            hybrid.set_params(calibration=calibration).fit(X[:300], y[:300])


def hidden(base, X):
    return np.maximum(X @ base.coefs_[0] + base.intercepts_[0], 0)


@pytest.mark.filterwarnings("ignore:Many rows share the score")
@pytest.mark.parametrize("calibration", [None, "out_of_fold", 0.3])
def test_a_function_whose_columns_change_between_fits_warns(digits, calibration):
    X, y = digits[0][:300] / 16, digits[1][:300]
    base = MLPClassifier((16,), max_iter=20)
    params = {"router": "knn_benefit", "cv": 3, "calibration": calibration}
    with pytest.warns(ModelWarning, match="returns different columns for each fit"):
        HybridClassifier(base, GaussianNB(), base_features=hidden, **params).fit(X, y)


def test_a_function_whose_columns_stay_does_not_warn(digits, recwarn):
    X, y = digits[0][:300] / 16, digits[1][:300]
    HybridClassifier(
        LogisticRegression(max_iter=50), GaussianNB(), router="benefit", cv=3,
        base_features=lambda base, X: X @ base.coef_.T,
    ).fit(X, y)  # fmt: skip
    assert not [w for w in recwarn if issubclass(w.category, ModelWarning)]


@pytest.mark.filterwarnings("ignore:Many rows share the score")
def test_folds_alone_cannot_detect_columns_that_move_together(digits):
    """With the same initial weights the fits nearly agree, and scores hide the rest."""
    X, y = digits[0][:300] / 16, digits[1][:300]
    hybrid = HybridClassifier(
        MLPClassifier((16,), max_iter=20, random_state=0), GaussianNB(), cv=3,
        router="knn_benefit", base_features=hidden, calibration="out_of_fold",
    )  # fmt: skip
    with pytest.warns(ModelWarning, match="'out_of_fold' skips this check"):
        hybrid.fit(X, y)
