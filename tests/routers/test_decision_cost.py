import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from selective_query import Evidence, Outcomes
from selective_query.routers import (
    AutoRouter,
    BaseRouter,
    BenefitRouter,
    ConstrainedRouter,
    EntropyRouter,
    MarginRouter,
    MaxLogitRouter,
    MaxProbabilityRouter,
)
from selective_query.routers._evidence_columns import columns_cost
from selective_query.routers.auto import FEWEST_ROWS_FOR_TREES
from selective_query.routers.checks import sample_outcomes
from selective_query.routers.decision_cost import DecisionCost


def many_classes(n_classes):
    """Draw outcomes in which class and feature matter, so no effect is shrunk."""
    rng = np.random.default_rng(0)
    n = 6 * n_classes + 400
    predicted = np.arange(n) % n_classes
    confidence = rng.uniform(0.5, 1, size=n)
    proba = np.repeat((1 - confidence)[:, None] / (n_classes - 1), n_classes, axis=1)
    proba[np.arange(n), predicted] = confidence
    features = rng.normal(size=(n, 6))
    chance = 0.5 + 0.3 * np.tanh(features[:, 0])
    return Outcomes(
        base_proba=proba,
        base_features=features,
        base_utility=(rng.random(n) < chance).astype(float),
        global_utility=np.ones(n),
    )


@pytest.mark.parametrize(
    ("n_classes", "macs"),
    [
        (10, {"max_probability": 10, "margin": 28, "entropy": 20, "benefit": 117}),
        (
            1000,
            {
                "max_probability": 1000,
                "margin": 2998,
                "entropy": 2000,
                "benefit": 7005,
            },
        ),
    ],
)
def test_default_portfolio_fits_in_16_kilobytes_of_flash(n_classes, macs):
    outcomes = many_classes(n_classes)
    candidates = {
        "max_probability": MaxProbabilityRouter(),
        "margin": MarginRouter(),
        "entropy": EntropyRouter(),
        # With an effect of each class, which costs most of the flash.
        "benefit": BenefitRouter(class_smoothing=10.0).fit(outcomes),
    }
    found = AutoRouter(target_coverage=0.8).fit(outcomes)
    trees = {"boosted_benefit"} if outcomes.n_rows >= FEWEST_ROWS_FOR_TREES else set()
    assert found.selection_["candidates"].keys() == candidates.keys() | trees
    assert not found.selection_["left_out"]
    costs = {name: r.decision_cost(outcomes) for name, r in candidates.items()}
    assert {name: cost.macs for name, cost in costs.items()} == macs
    assert max(cost.flash_bytes for cost in costs.values()) < 16 * 1024
    n_columns = len(candidates["benefit"].coef_)
    assert costs["benefit"].flash_bytes == 4 * (n_columns + 1 + n_classes)
    assert found.decision_cost(outcomes).flash_bytes < 16 * 1024


def test_auto_costs_what_it_chose():
    outcomes = sample_outcomes()
    auto = AutoRouter([("margin", MarginRouter())], 0.8, 0.0).fit(outcomes)
    chosen = auto.selected_.decision_cost(outcomes)
    assert auto.decision_cost(outcomes) == chosen


def test_shrunken_class_effects_are_not_stored():
    outcomes = sample_outcomes()
    with_effect, without = (
        BenefitRouter(alpha=1.0, class_smoothing=s)
        .fit(outcomes)
        .decision_cost(outcomes)
        for s in (10.0, np.inf)
    )
    assert with_effect.flash_bytes - without.flash_bytes == 4 * 4
    assert with_effect.macs - without.macs == 1 + 1  # one look-up and one addition


def test_max_logit_costs_what_it_chose():
    row = Evidence(base_logits=np.zeros((1, 10)), base_proba=np.full((1, 10), 0.1))
    # Mean, centring, comparison, power, sum; the root and the sign.
    assert MaxLogitRouter(p=3).decision_cost(row) == DecisionCost(64, 4, 48)
    router = MaxLogitRouter().fit(sample_outcomes())
    router.p_ = None
    assert router.decision_cost(row) == MaxProbabilityRouter().decision_cost(row)


def test_unfitted_router_has_no_cost_yet():
    with pytest.raises(ValueError, match="not fitted"):
        BenefitRouter().decision_cost(sample_outcomes())


class Stores(BaseRouter):
    learns = True

    def fit(self, outcomes):
        rng = np.random.default_rng(0)
        self.coef_ = np.zeros(5)
        self.layers_ = [(np.zeros((3, 2)), np.zeros(2)), {"bias": 1.0}]
        self.tree_ = DecisionTreeRegressor(max_leaf_nodes=4).fit(
            rng.normal(size=(50, 2)), rng.normal(size=50)
        )
        return self


def test_numbers_are_found_in_lists_and_compiled_trees():
    router = Stores().fit(None)
    nodes = router.tree_.tree_.__getstate__()["nodes"].nbytes
    least = 4 * (5 + 6 + 2 + 1) + nodes
    assert least < router.decision_cost(sample_outcomes()).flash_bytes < least + 200


class Impurity(BaseRouter):
    def query_score(self, evidence):
        return 1 - (evidence.base_proba**2).sum(axis=1)


def test_a_user_defined_score_costs_what_it_may_read():
    row = row_of(10, features=3)
    assert Impurity().decision_cost(row) == DecisionCost(13, 0, 0)


def row_of(n_classes, *, logits=False, features=0):
    return Evidence(
        base_proba=np.full((1, n_classes), 1 / n_classes),
        base_logits=np.zeros((1, n_classes)) if logits else None,
        base_features=np.zeros((1, features)) if features else None,
    )


def test_columns_of_logits_are_made_where_there_are_none():
    # A floor and a logarithm instead of the entropy's own logarithm; then centring.
    made = columns_cost(row_of(10)).macs - columns_cost(row_of(10, logits=True)).macs
    assert made == 2 * 10 + 10 + 1 - 2 * 10 + 2 * 10 + 1
    assert columns_cost(row_of(100)).macs == columns_cost(row_of(100, logits=True)).macs
    # Features are copied next to the six columns from probabilities.
    with_features = columns_cost(row_of(100, features=7)).ram_bytes
    assert with_features - columns_cost(row_of(100)).ram_bytes == 4 * 7
    alone = columns_cost(Evidence(base_features=np.zeros((1, 7))))
    assert alone == DecisionCost(0, 0, 0), "nothing is made of features alone"


def test_a_router_of_inputs_alone_needs_no_base():
    rng = np.random.default_rng(0)
    X, benefit = rng.normal(size=(60, 2)), rng.integers(2, size=60)
    graded = {"base_utility": 1 - benefit, "global_utility": np.ones(60)}
    alone = BenefitRouter().fit(Outcomes(X=X, **graded))
    assert not alone.needs_base
    features = BenefitRouter().fit(Outcomes(base_features=X, **graded))
    assert features.needs_base
    assert MarginRouter().needs_base
    assert BenefitRouter().needs_base, "before fit nobody knows better"


def test_a_net_costs_its_layers_and_its_inputs():
    router = ConstrainedRouter(k=3)
    router.n_top_, router.n_confidence_ = 3, 4
    router.layout_ = (("base_proba", 10), ("base_features", 5))
    router.centre_ = router.scale_ = np.ones(9)
    router.feature_layers_ = [(np.zeros((5, 8)), np.zeros(8))]
    router.head_layers_ = [(np.zeros((12, 1)), np.zeros(1))]
    router.multiplier_history_ = np.zeros(1000)
    stored = 2 * 9 + 5 * 8 + 8 + 12 + 1
    # The top three of ten, their differences, the entropy, and a rectifier.
    made = 3 * 10 - 6 + 3 + 2 * 10 + 8
    cost = router.decision_cost(row_of(10, features=5))
    assert cost == DecisionCost(stored + made, 4 * stored, 4 * (9 + 8))
