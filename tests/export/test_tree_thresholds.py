import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

from selective_query.export._base_steps import base_program
from tests.export.base_models import MODELS, table


@pytest.mark.parametrize(
    ("kind", "scaler"),
    [
        ("tree", None),
        ("extra_trees", StandardScaler()),
        ("boosting", MinMaxScaler((-3, 5))),
        ("bag", RobustScaler()),
        ("histogram", None),
        ("histogram", StandardScaler()),
        ("bernoulli", MaxAbsScaler()),
    ],
)
def test_inputs_at_a_threshold_and_beside_it_take_the_same_branch(kind, scaler):
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(300, 3)), 1) * [1, 1e-6, 1e6]
    y = (X[:, 0] * X[:, 2] > 0) + (X[:, 1] > 0)
    X = X.astype(np.float32).astype(float)
    model = make_pipeline(scaler, clone(MODELS[kind])).fit(X, y)
    program = base_program(model, model.classes_)
    nodes = [step.parameters for step in program.steps if step.op == "trees"]
    rows = []
    for column in range(3):
        for tree in nodes:
            cuts = tree["threshold"][tree["feature"] == column]
            cuts = np.unique(cuts[np.isfinite(cuts)]).astype(np.float32)
            for to in (-np.inf, None, np.inf):
                beside = cuts if to is None else np.nextafter(cuts, np.float32(to))
                more = X[rng.integers(len(X), size=len(cuts))]
                more[:, column] = beside
                rows.append(more)
    rows = np.concatenate(rows)
    assert len(rows) > 2 * len(nodes)
    np.testing.assert_allclose(
        program.predict_proba(rows), model.predict_proba(rows), rtol=0, atol=1e-12
    )


def test_thresholds_are_of_single_precision_and_rounded_down():
    X, y = table("cancer")
    model = clone(MODELS["forest"]).fit(X, y)
    (trees,) = (s for s in base_program(model, [0, 1]).steps if s.op == "trees")
    threshold = trees.parameters["threshold"]
    split = np.concatenate([tree.tree_.threshold for tree in model.estimators_])
    is_split = np.isfinite(threshold)
    assert (threshold[is_split].astype(np.float32) == threshold[is_split]).all()
    assert (threshold[is_split] <= split[is_split]).all()
    above = np.nextafter(threshold[is_split].astype(np.float32), np.float32(np.inf))
    assert (above > split[is_split]).all()
