import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.decomposition import KernelPCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PolynomialFeatures,
    StandardScaler,
)

from selective_query import Evidence
from selective_query._models.answers import ask
from selective_query.exceptions import ExportError
from selective_query.export._base_steps import base_program
from selective_query.export._c import twin
from selective_query.export._c.single import steps_in_single
from selective_query.footprint import profile_estimator
from selective_query.routers import Program
from tests.export.base_models import DATA, LOGISTIC, MODELS, fitted, table

# scikit-learn takes the logarithm of one minus a probability near one.
LOOSE = {"temperature_bayes": 1e-5}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("kind", MODELS)
def test_probabilities_and_logits_are_those_of_the_model(kind, name):
    X, _ = table(name)
    model = fitted(kind, name)
    program = base_program(model, model.classes_)
    expected, found = model.predict_proba(X), program.predict_proba(X)
    atol = LOOSE.get(kind, 1e-12)
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    if hasattr(model, "decision_function"):
        logits = Program(program.steps[: program.logits + 1], kind).table(Evidence(X=X))
        told = ask(model, X, model.classes_, "logits").logits
        np.testing.assert_allclose(logits, told, rtol=1e-9, atol=1e-9)
    else:
        assert program.logits is None
    assert program.proba == len(program.steps) - 1
    Program.from_dict(program.program().to_dict())


@pytest.mark.parametrize("kind", ["logistic", "forest", "gaussian", "histogram"])
def test_labels_may_be_words_and_a_class_may_be_missing(kind):
    X, y = table("digits", strings=True)
    known = y != "class 3"
    model = clone(MODELS[kind]).fit(X[known], y[known])
    classes = np.unique(y)
    program = base_program(model, classes)
    said = ask(model, X, classes)
    found = program.predict_proba(X)
    np.testing.assert_allclose(found, said.proba, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found.argmax(axis=1), said.label)
    assert not found[:, 3].any()
    assert program.logits is None


def test_weights_may_be_sparse_and_columns_may_have_names():
    X, y = table("digits")
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(X.shape[1])])
    model = clone(LOGISTIC).set_params(C=0.01).fit(frame, y).sparsify()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        program = base_program(model, model.classes_)
    np.testing.assert_allclose(
        program.predict_proba(frame), model.predict_proba(frame), atol=1e-12
    )


def test_classes_in_another_order():
    X, y = table("iris", strings=True)
    model = clone(LOGISTIC).fit(X, y)
    model.classes_ = model.classes_[[2, 0, 1]]
    classes = np.sort(model.classes_)
    program = base_program(model, classes)
    said = ask(model, X, classes, "logits")
    np.testing.assert_allclose(program.predict_proba(X), said.proba, atol=1e-12)
    logits = Program(program.steps[: program.logits + 1], "it").table(Evidence(X=X))
    np.testing.assert_allclose(logits, said.logits, rtol=1e-9)


@pytest.mark.parametrize(
    ("model", "ops"),
    [
        ("standard", ["read", "affine", "softmax"]),
        ("twice", ["read", "affine", "softmax"]),
        ("max_abs", ["read", "squared_distance", "scale", "softmax"]),
        ("scaled_trees", ["read", "trees", "scale"]),
        ("sgd", ["read", "affine", "apply", "normalise"]),
        ("one_vs_rest", ["read", "affine", "apply", "normalise"]),
        ("tree", ["read", "trees"]),
        ("bernoulli", ["read", "trees", "softmax"]),
    ],
)
def test_scalers_are_folded_into_the_next_step(model, ops):
    model = fitted(model, "iris")
    assert [s.op for s in base_program(model, model.classes_).steps] == ops


def test_unused_results_are_not_computed():
    model = fitted("sigmoid", "cancer")
    ops = [step.op for step in base_program(model, model.classes_).steps]
    assert ops == [
        "read",
        *["affine", "affine", "softmax"] * 3,
        *["combine"] * 2,
        "scale",
    ]


def test_boosting_by_the_exponential_loss():
    X, y = table("cancer")
    model = GradientBoostingClassifier(n_estimators=9, loss="exponential").fit(X, y)
    program = base_program(model, model.classes_)
    np.testing.assert_allclose(
        program.predict_proba(X), model.predict_proba(X), rtol=0, atol=1e-12
    )


def test_a_column_far_from_zero_keeps_its_scaler():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = (X.sum(axis=1) > 0).astype(int)
    for centre, ops in ((20, ["read", "scale", "affine"]), (10, ["read", "affine"])):
        X[:, 1] += centre - X[:, 1].mean()
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
        program = base_program(model, model.classes_)
        assert [s.op for s in program.steps][:-2] == ops
        np.testing.assert_allclose(
            program.predict_proba(X), model.predict_proba(X), atol=1e-12
        )


class Louder(LogisticRegression):
    def predict_proba(self, X):
        return super().predict_proba(X)[:, ::-1]


REFUSED = [
    (KNeighborsClassifier(), "KNeighborsClassifier has no form as plain steps. Clas"),
    (SGDClassifier(), "SGDClassifier gives no probabilities"),
    (make_pipeline(KernelPCA(2), LOGISTIC), "Step 'kernelpca' of the Pipeline: Kernel"),
    (make_pipeline(PolynomialFeatures(), LOGISTIC), "'polynomialfeatures' of the Pipe"),
    (make_pipeline(FunctionTransformer(), LOGISTIC), "'functiontransformer' of the"),
    (make_pipeline(MinMaxScaler(clip=True), LOGISTIC), "clip=True.* has no form"),
    (make_pipeline(StandardScaler(), KNeighborsClassifier()), "Step 'kneighborsclass"),
    (
        HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]),
        "with categorical features has no form",
    ),
    (GradientBoostingClassifier(n_estimators=2, init=GaussianNB()), "init=GaussianNB"),
    (CalibratedClassifierCV(GaussianNB(), method="isotonic"), "method='isotonic'"),
    (Louder(), "Louder gives other probabilities than its parameters tell"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("model", "message"), REFUSED)
def test_unsupported_models_are_refused_by_name(model, message):
    X, y = table("iris")
    X = X.copy()
    X[:, 0] = X[:, 0].round()
    with pytest.raises(ExportError, match=message):
        base_program(clone(model).fit(X, y), np.unique(y))


def test_features_without_a_form_are_refused():
    X, y = table("iris")
    model = fitted("logistic", "iris")
    for features, message in (
        (lambda base, X: X, "base_features=<function"),
        ("coefs_", "base_features='coefs_' has no form"),
        (KernelPCA(2).fit(X), "base_features: KernelPCA has no form"),
    ):
        with pytest.raises(ExportError, match=message):
            base_program(model, np.unique(y), features)
    with pytest.raises(ExportError, match="GaussianNB has no logit for each"):
        base_program(fitted("gaussian", "iris"), np.unique(y), "logits")
    with pytest.raises(NotFittedError):
        base_program(LogisticRegression(), np.unique(y))


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(
    "kind",
    ["logistic", "gaussian", "mlp_relu", "tree", "forest", "boosting", "histogram"],
)
def test_cost_is_about_that_of_the_profile(kind, name):
    """The difference is biases, activations, and the final probabilities."""
    X, _ = table(name)
    model = fitted(kind, name)
    program = base_program(model, model.classes_)
    profile, cost = profile_estimator(model, X), program.program().cost()
    n_classes = len(model.classes_)
    more = cost.macs - profile.operations
    hidden = 12 if kind == "mlp_relu" else 0
    assert 0 <= more <= 10 * n_classes + 2 * hidden
    # Column and children of a split take one number here, six bytes in the profile.
    assert 0.75 < cost.flash_bytes / profile.flash_bytes() < 1.15


def test_columns_that_all_classes_share_do_not_drown_the_others():
    X, y = load_iris(return_X_y=True)
    X = np.column_stack([X, np.full(len(X), 3.0)])
    model = GaussianNB().fit(X, y)
    X[:, -1] = 4.0  # far beyond a variance of 1e-9
    program = base_program(model, model.classes_).program()
    tables = twin.run(steps_in_single(program.steps), lambda part, width: X)
    np.testing.assert_allclose(tables[-1], model.predict_proba(X), atol=1e-5)
