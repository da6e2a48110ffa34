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

from selective_query import Evidence
from selective_query.export._base_steps import base_program
from selective_query.export._c.single import steps_in_single
from selective_query.routers import Program
from tests.export.base_models import MODELS


def around(cuts):
    """Return thresholds and their neighbours, in double and in single precision."""
    for to in (-np.inf, np.inf):
        yield np.nextafter(cuts, to)
        yield np.nextafter(cuts.astype(np.float32), np.float32(to)).astype(float)
    yield cuts
    yield cuts.astype(np.float32).astype(float)


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
            for beside in around(np.unique(cuts[np.isfinite(cuts)])):
                more = X[rng.integers(len(X), size=len(beside))]
                more[:, column] = beside
                rows.append(more)
    rows = np.concatenate(rows)
    assert len(rows) > 2 * len(nodes)
    np.testing.assert_allclose(
        program.predict_proba(rows), model.predict_proba(rows), rtol=0, atol=1e-12
    )
    # In single precision, thresholds are rounded down.
    single = Program(tuple(steps_in_single(program.steps)), "base")
    rows = rows.astype(np.float32).astype(float)
    np.testing.assert_allclose(
        single.table(Evidence(X=rows)), model.predict_proba(rows), rtol=0, atol=1e-5
    )
