import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    StandardScaler,
)

from selective_query import Evidence, HybridClassifier
from selective_query.exceptions import ExportError
from selective_query.export._base_steps import base_program, joined
from selective_query.routers import EnergyRouter, PreRouter, Program, Steps
from tests.export.base_models import fitted, table

HYBRIDS = [
    ("logistic", "margin", None),
    ("logistic", "energy", "logits"),
    ("sgd", "benefit", None),
    ("gaussian", "boosted_benefit", StandardScaler()),
    ("forest", "max_probability", None),
    ("histogram", "benefit", PCA(2)),
    ("scaled_trees", "kernel_benefit", make_pipeline(StandardScaler(), PCA(2))),
    ("logistic", PreRouter(), None),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["iris", "cancer"])
@pytest.mark.parametrize(("kind", "router", "features"), HYBRIDS)
def test_a_joined_program_scores_as_the_hybrid(kind, router, features, name):
    X, y = table(name, strings=True)
    base = FrozenEstimator(fitted(kind, name, strings=True))
    big = FrozenEstimator(RandomForestClassifier(30, random_state=1).fit(X, y))
    if features is not None and not isinstance(features, str):
        features = clone(features).fit(X)
    hybrid = HybridClassifier(
        base, big, router=router, coverage=0.7, base_features=features
    ).fit(X, y)
    model, reads, rule, classes, _ = hybrid.edge_
    made = joined(base_program(model, classes, reads), rule.router.program())
    evidence = Evidence(X=X)
    np.testing.assert_allclose(
        made.program.run(evidence), hybrid.query_score(X), rtol=1e-9, atol=1e-9
    )
    proba = Program(made.steps[: made.proba + 1], "base").table(evidence)
    np.testing.assert_allclose(proba, model.predict_proba(X), atol=1e-12)
    assert made.score == len(made.steps) - 1
    used = {place for step in made.steps for place in step.inputs}
    assert used | {made.proba, made.score} == set(range(len(made.steps)))
    assert made.program.parts() == {"X": X.shape[1]}
    again = Program.from_dict(made.program.to_dict())
    np.testing.assert_array_equal(again.run(evidence), made.program.run(evidence))


def test_what_the_score_lacks_is_named():
    _, y = table("iris")
    forest = base_program(fitted("forest", "iris"), np.unique(y))
    with pytest.raises(ExportError, match="EnergyRouter reads base_logits, which this"):
        joined(forest, EnergyRouter().program())
    steps = Steps()
    steps.add("reduce", steps.read("base_proba", 4), function="max")
    with pytest.raises(
        ExportError, match="base_proba with 4 columns. The base makes 3"
    ):
        joined(forest, steps.program("mine"))
