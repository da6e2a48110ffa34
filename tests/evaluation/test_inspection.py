import dataclasses

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from selective_query import (
    Evidence,
    HybridClassifier,
    Outcomes,
    RoutingPolicy,
    TopKProba,
)
from selective_query.budgets import GroupCoverage
from selective_query.datasets import make_selective_query
from selective_query.evaluation.inspection import (
    evidence_importance,
    routing_by_class,
    routing_examples,
)
from selective_query.metrics import deferral_area
from selective_query.routers import (
    BaseRouter,
    BenefitRouter,
    EnergyRouter,
    MarginRouter,
    RandomRouter,
)


def one_telling_feature(n, seed):
    """Draw outcomes where only the third feature shows whether the base is right."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 5))
    right = rng.random(n) < 1 / (1 + np.exp(3 * features[:, 2]))
    top = rng.uniform(0.5, 1, size=n)
    return Outcomes(
        base_proba=np.stack([top, 1 - top], axis=1),
        base_features=features,
        base_utility=right * 1.0,
        global_utility=np.ones(n),
    )


@pytest.fixture(scope="module")
def halves():
    return one_telling_feature(3000, 0), one_telling_feature(2000, 1)


def test_only_the_telling_feature_matters(halves):
    train, test = halves
    router = BenefitRouter().fit(train)
    found = {p.name: p for p in evidence_importance(router, test, random_state=0)}
    names = {"base_proba", "base_features", *(f"base_features[{i}]" for i in range(5))}
    assert found.keys() == names
    telling = found["base_features[2]"]
    # Shuffled, the router is as good as chance.
    score = router.query_score(test.evidence)
    chance = (test.base_utility.mean() + 1) / 2
    lost = deferral_area(score, test.base_utility, test.global_utility) - chance
    assert lost > 0.1
    assert telling.importance == pytest.approx(lost, abs=4 * telling.standard_error)
    assert telling.importance == pytest.approx(
        found["base_features"].importance, abs=0.01
    )
    for name in names - {"base_features", "base_features[2]"}:
        assert abs(found[name].importance) < 0.005
    order = [p.importance for p in evidence_importance(router, test, random_state=0)]
    assert order == sorted(order, reverse=True)


def test_drops_are_those_of_the_deferral_area(halves):
    _, test = halves
    weighted = dataclasses.replace(
        test, sample_weight=np.arange(test.n_rows) % 3, base_features=None
    )

    class Coarse(MarginRouter):
        seen = []

        def query_score(self, evidence):
            score = np.round(5 * super().query_score(evidence))
            self.seen.append(score)
            return score

    (part,) = evidence_importance(Coarse(), weighted, n_repeats=3, random_state=0)
    before, *after = (
        deferral_area(
            score,
            weighted.base_utility,
            weighted.global_utility,
            sample_weight=weighted.weight,
        )
        for score in Coarse.seen
    )
    np.testing.assert_allclose(part.drops, before - np.array(after), atol=1e-12)
    assert part.importance == pytest.approx(part.drops.mean())


class Reads(BaseRouter):
    def query_score(self, evidence):
        return evidence.base_features[:, 2]


def test_standard_error_covers_the_truth():
    """The spread of estimates over many samples matches their standard errors."""
    router = Reads()
    group = {"telling": {"base_features": [2]}}
    parts = [
        evidence_importance(
            router, one_telling_feature(400, seed), groups=group, random_state=seed
        )[0]
        for seed in range(200)
    ]
    spread = np.std([part.importance for part in parts], ddof=1)
    stated = np.sqrt(np.mean([part.standard_error**2 for part in parts]))
    assert stated == pytest.approx(spread, rel=0.2)
    truth = np.mean([part.importance for part in parts])
    inside = [abs(p.importance - truth) < 1.96 * p.standard_error for p in parts]
    assert 0.9 < np.mean(inside) < 0.99


def test_weights_count_as_rows(halves):
    _, test = halves
    few = test.take(np.arange(300))
    weight = np.random.default_rng(0).integers(1, 4, size=300)
    repeated = few.take(np.repeat(np.arange(300), weight))
    weighted = dataclasses.replace(few, sample_weight=weight)
    group = {"telling": {"base_features": [2]}}
    one, other = (
        evidence_importance(
            Reads(), outcomes, groups=group, n_repeats=200, random_state=0
        )[0]
        for outcomes in (weighted, repeated)
    )
    assert one.importance == pytest.approx(other.importance, abs=0.005)
    assert one.standard_error == pytest.approx(other.standard_error, rel=0.1)


def test_groups_move_together_and_probabilities_with_logits():
    rng = np.random.default_rng(0)
    half = rng.normal(size=2000)
    noise = rng.normal(size=2000)

    class Difference(BaseRouter):
        def query_score(self, evidence):
            return evidence.base_features[:, 0] - evidence.base_features[:, 1]

    outcomes = Outcomes(
        base_features=np.stack([noise + half, noise], axis=1),
        base_logits=rng.normal(size=(2000, 2)),
        base_proba=np.full((2000, 2), 0.5),
        base_utility=(half < 0) * 1.0,
    )
    together = {"both": {"base_features": [0, 1]}, "all": {"base_features": None}}
    found = evidence_importance(Difference(), outcomes, groups=together, random_state=0)
    assert {part.name for part in found} == {"both", "all"}
    # A perfect order gains an eighth over chance where half of the rows are wrong.
    assert min(part.importance for part in found) > 0.11
    names = {p.name for p in evidence_importance(EnergyRouter(), outcomes)}
    assert names == {
        "base_proba", "base_logits", "base_proba and base_logits", "base_features",
    }  # fmt: skip


def test_a_group_keeps_its_rows_together():
    rng = np.random.default_rng(0)
    twin = np.repeat(rng.random((300, 1)), 2, axis=1)
    proba = np.hstack([twin[:, :1], 1 - twin[:, :1]])

    class Apart(BaseRouter):
        """Scores only whether two parts come from the same row."""

        def query_score(self, evidence):
            features = np.abs(np.diff(evidence.base_features, axis=1)[:, 0])
            outputs = np.abs(evidence.base_proba - evidence.base_logits).sum(axis=1)
            return features + outputs

    outcomes = Outcomes(
        base_features=twin,
        base_proba=proba,
        base_logits=proba,
        base_utility=rng.integers(2, size=300),
    )
    groups = {
        "twins": {"base_features": [0, 1]},
        "twin": {"base_features": [1]},
        "outputs": {"base_proba": None, "base_logits": None},
        "output": {"base_proba": None},
    }
    found = {
        part.name: part
        for part in evidence_importance(
            Apart(), outcomes, groups=groups, random_state=0
        )
    }
    for name in ("twins", "outputs"):
        np.testing.assert_array_equal(found[name].drops, 0)
    for name in ("twin", "output"):
        assert found[name].drops.any()


def test_inputs_by_column_where_the_router_reads_them():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 2))
    wrong = (rng.random(1500) < 1 / (1 + np.exp(-3 * X[:, 1]))) * 1.0
    for table in (X, pd.DataFrame(X, columns=["noise", "hint"])):
        outcomes = Outcomes(X=table, base_utility=1 - wrong)
        router = BenefitRouter().fit(outcomes)
        found = evidence_importance(router, outcomes, random_state=0)
        names = ["noise", "hint"] if table is not X else [0, 1]
        assert {p.name for p in found} == {"X", *(f"X[{name}]" for name in names)}
        assert found[-1].name == f"X[{names[0]}]"
        assert abs(found[-1].importance) < 0.01
        if table is not X:
            np.testing.assert_array_equal(table, X, "the inputs were changed")
    texts = Outcomes(X=["a", "b", "c"] * 10, base_utility=[0, 1, 1] * 10)
    assert [p.name for p in evidence_importance(RandomRouter(), texts)] == ["X"]


def test_topk_probabilities_and_policies():
    rng = np.random.default_rng(0)
    top = rng.uniform(0.5, 1, size=(400, 1))
    outcomes = Outcomes(
        base_proba=TopKProba(np.zeros((400, 1), dtype=int), top, 3),
        base_utility=(rng.random(400) < top[:, 0]) * 1.0,
    )
    policy = RoutingPolicy("max_probability", coverage=0.8).fit(outcomes)
    (part,) = evidence_importance(policy, outcomes, random_state=0)
    assert part.importance > 2 * part.standard_error


def test_mistakes_are_named(halves):
    _, test = halves
    with pytest.raises(ValueError, match="'base_logits', which is not there"):
        evidence_importance(Reads(), test, groups={"z": {"base_logits": None}})
    with pytest.raises(ValueError, match="n_repeats must be"):
        evidence_importance(Reads(), test, n_repeats=1)


@pytest.mark.parametrize("labels", [np.array(["owl", "cat", "dog"]), None])
def test_routing_by_class_counts_by_hand(labels):
    proba = [[0.9, 0.05, 0.05], [0.4, 0.3, 0.3], [0.1, 0.8, 0.1], [0.36, 0.32, 0.32]]
    outcomes = Outcomes(
        base_proba=proba,
        base_utility=[1, 0, 1, 0.5],
        global_utility=[0, 1, 1, 1],
        sample_weight=[1, 2, 3, 1],
        classes=labels,
    )
    policy = RoutingPolicy("max_probability", coverage=0.5).fit(outcomes)
    np.testing.assert_array_equal(
        policy.decide(outcomes.evidence), [True, False, True, False]
    )
    first, second = sorted(routing_by_class(policy, outcomes), key=lambda r: -r.n)
    if labels is not None:
        assert [row.label for row in routing_by_class(policy, outcomes)] == [
            "cat",
            "owl",
        ]
    assert {first.n, second.n} == {4.0, 3.0}
    assert first.coverage == pytest.approx(1 / 4)
    assert first.base_accuracy == pytest.approx(1.5 / 4)
    assert first.global_accuracy == pytest.approx(3 / 4)
    assert first.benefit == pytest.approx(2.5 / 4)
    assert first.benefit_per_query == pytest.approx(2.5 / 3)
    assert second.coverage == 1
    assert second.benefit == 0
    assert np.isnan(second.benefit_per_query)


def test_gains_by_class_add_up_to_the_gain_of_the_hybrid():
    train, test = (
        make_selective_query(2000, regime="specialist", random_state=seed).outcomes
        for seed in (0, 1)
    )
    policy = RoutingPolicy("benefit", coverage=0.7).fit(train)
    rows = routing_by_class(policy, test)
    queried = ~policy.decide(test.evidence)
    total = (queried * test.benefit).mean()
    assert sum(row.n * row.benefit for row in rows) / test.n_rows == pytest.approx(
        total
    )
    assert sum(row.n * row.coverage for row in rows) == pytest.approx((~queried).sum())


@pytest.mark.parametrize("coverage", [0.0, 0.3, 0.8, 1.0])
def test_examples_are_the_extremes_and_those_at_the_threshold(coverage):
    outcomes = make_selective_query(500, random_state=0).outcomes
    policy = RoutingPolicy("margin", coverage=coverage).fit(outcomes)
    kept = policy.decide(outcomes.evidence)
    score = policy.query_score(outcomes.evidence)
    found = routing_examples(policy, outcomes, n=6)
    assert kept[found.kept].all()
    assert not kept[found.queried].any()
    assert len(found.kept) == min(6, kept.sum())
    assert len(found.queried) == min(6, (~kept).sum())
    near = score[found.borderline]
    assert (np.diff(near) >= 0).all()
    if 0 < coverage < 1:
        assert (np.sort(score[kept])[-3:] == near[:3]).all()
        assert (np.sort(score[~kept])[:3] == near[3:]).all()
        assert score[found.kept].max() == np.sort(score)[5]
        assert score[found.queried].min() == np.sort(score)[-6]


def test_examples_take_evidence_alone_and_refuse_group_thresholds():
    outcomes = make_selective_query(300, random_state=0).outcomes
    policy = RoutingPolicy("margin", coverage=0.5).fit(outcomes)
    evidence = Evidence(base_proba=outcomes.base_proba)
    assert len(routing_examples(policy, evidence, n=4).borderline) == 4
    grouped = dataclasses.replace(outcomes, group=np.arange(300) % 2)
    policy = RoutingPolicy("margin", coverage=GroupCoverage({0: 0.5, 1: 0.9}))
    with pytest.raises(ValueError, match="each group has its own"):
        routing_examples(policy.fit(grouped), grouped)


def test_a_classifier_is_inspected_by_its_outcomes(digits):
    X, y = digits
    base = GaussianNB(var_smoothing=0.1)
    hybrid = HybridClassifier(
        base, KNeighborsClassifier(), router="margin", coverage=0.7, cv=3
    ).fit(X[:600], y[:600])
    outcomes = hybrid.outcomes(X[600:], y[600:])
    importance = evidence_importance(hybrid, outcomes, random_state=0)
    assert importance[0].name == "base_proba"
    queried = ~hybrid.predict_coverage(X[600:])
    rows = routing_by_class(hybrid, outcomes)
    assert sum(row.n * (1 - row.coverage) for row in rows) == pytest.approx(
        queried.sum()
    )
    assert queried[routing_examples(hybrid, outcomes).queried].all()
