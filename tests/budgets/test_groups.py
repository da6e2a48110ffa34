import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from selective_query import Evidence, HybridClassifier, Outcomes, RoutingPolicy
from selective_query.budgets import (
    All,
    Coverage,
    GroupCoverage,
    MaxQueryCost,
    MinAccuracy,
    Mixed,
    StayLocal,
)
from selective_query.budgets._solving.group_program import expected_benefit, plan_groups
from selective_query.budgets._solving.groups import PLAN_SHARE
from selective_query.exceptions import (
    CalibrationWarning,
    CertificateError,
    MissingEvidenceError,
)


def draw(n, seed, **fields):
    """Draw outcomes at three sites; the base is weak at "a" and strong at "c"."""
    rng = np.random.default_rng(seed)
    site = rng.choice(["a", "b", "c"], size=n, p=[0.5, 0.3, 0.2])
    doubt = rng.uniform(size=n) * np.where(
        site == "a", 1.0, np.where(site == "b", 0.7, 0.4)
    )
    y = np.zeros(n, dtype=int)
    return Outcomes(
        base_proba=np.column_stack([1 - doubt / 2, doubt / 2]),
        base_pred=(rng.uniform(size=n) < 0.7 * doubt).astype(int),
        global_pred=(rng.uniform(size=n) < 0.05).astype(int),
        y=y,
        group=site,
        query_cost=rng.exponential(size=n),
        **fields,
    )


def shares(policy, outcomes):
    kept = policy.decide(outcomes.evidence)
    by_group = {g: kept[outcomes.group == g].mean() for g in np.unique(outcomes.group)}
    right = np.where(kept, outcomes.base_utility, outcomes.global_utility)
    return kept, by_group, right.mean()


def fitted(budget, seed=0, n=4000, **params):
    return RoutingPolicy("max_probability", budget, **params).fit(draw(n, seed))


def test_every_group_keeps_its_share():
    fresh = draw(20_000, 1)
    plain = fitted(0.7)
    assert shares(plain, fresh)[1]["a"] < 0.55
    policy = fitted(All(Coverage(0.7), GroupCoverage(0.65)))
    kept, by_group, _ = shares(policy, fresh)
    assert kept.mean() == pytest.approx(0.7, abs=0.02)
    assert min(by_group.values()) > 0.63
    named = fitted(All(Coverage(0.7), GroupCoverage({"a": 0.6})))
    assert shares(named, fresh)[1]["a"] == pytest.approx(0.6, abs=0.03)


def test_without_a_binding_group_it_is_one_threshold():
    policy = fitted(All(Coverage(0.7), GroupCoverage(0.1)))
    same = shares(policy, draw(20_000, 2))
    plain = shares(fitted(0.7), draw(20_000, 2))
    assert same[2] == pytest.approx(plain[2], abs=0.004)


def test_gap_between_groups_is_bounded():
    policy = fitted(All(Coverage(0.7), GroupCoverage(0.0, max_gap=0.05)))
    _, by_group, _ = shares(policy, draw(20_000, 3))
    assert max(by_group.values()) - min(by_group.values()) < 0.09


def test_groups_by_predicted_class_and_by_a_column_of_X():
    outcomes = draw(4000, 4)
    frame = pd.DataFrame({"site": outcomes.group})
    fields = {
        name: getattr(outcomes, name)
        for name in ("base_proba", "base_pred", "global_pred", "y")
    }
    by_field = RoutingPolicy("margin", GroupCoverage(0.6)).fit(outcomes)
    with_x = Outcomes(**fields, X=frame)
    for by in ("site", lambda X: X["site"].to_numpy()):
        policy = RoutingPolicy("margin", GroupCoverage(0.6, by=by)).fit(with_x)
        found = policy.operating_point_.thresholds
        assert found == by_field.operating_point_.thresholds
    proba = np.vstack([outcomes.base_proba[:2000], outcomes.base_proba[2000:, ::-1]])
    two = Outcomes(**{**fields, "base_proba": proba})
    policy = RoutingPolicy("margin", GroupCoverage(0.6, by="predicted_class")).fit(two)
    kept = policy.decide(two.evidence)
    for column in (0, 1):
        assert kept[proba.argmax(axis=1) == column].mean() >= 0.59


def test_rows_that_must_stay_are_never_queried():
    rng = np.random.default_rng(5)
    mask = rng.uniform(size=4000) < 0.3
    outcomes = draw(4000, 5, local_only=mask)
    policy = RoutingPolicy("max_probability", 0.6).fit(outcomes)
    kept = policy.decide(outcomes.evidence)
    assert kept[mask].all()
    assert kept.mean() == pytest.approx(0.6, abs=0.01)
    everything = policy.at(0.0).decide(outcomes.evidence)
    np.testing.assert_array_equal(everything, mask)
    named = RoutingPolicy("max_probability", All(0.6, StayLocal(lambda X: X > 0)))
    plain = {
        name: getattr(outcomes, name)
        for name in ("base_proba", "base_pred", "global_pred", "y")
    }
    named.fit(Outcomes(**plain, X=mask.astype(float)))
    assert named.operating_point_.threshold == policy.operating_point_.threshold
    with pytest.raises(ValueError, match="StayLocal must be among the budgets already"):
        named.at(0.5)


def test_mean_cost_of_queries_is_kept():
    fresh = draw(20_000, 6)
    policy = fitted(MaxQueryCost(0.2))
    kept = policy.decide(fresh.evidence)
    assert (fresh.query_cost * ~kept).mean() == pytest.approx(0.2, abs=0.02)
    both = fitted(All(MaxQueryCost(0.2), Coverage(0.9)))
    assert both.decide(fresh.evidence).mean() == pytest.approx(0.9, abs=0.01)


def test_mixtures_meet_a_budget_that_ties_cannot_and_repeat_themselves():
    rng = np.random.default_rng(7)
    doubt = rng.choice([0.1, 0.5, 0.9], size=6000)
    outcomes = Outcomes(
        base_proba=np.column_stack([1 - doubt / 2, doubt / 2]),
        base_features=rng.normal(size=(6000, 1)),  # what distinguishes the rows
        base_pred=(rng.uniform(size=6000) < doubt).astype(int),
        global_pred=np.zeros(6000, dtype=int),
        y=np.zeros(6000, dtype=int),
        group=np.zeros(6000, dtype=int),
    )
    budget = All(Coverage(0.8), GroupCoverage(0.5))
    with pytest.warns(CalibrationWarning, match="above that of a mixture"):
        whole = RoutingPolicy("max_probability", budget).fit(outcomes)
    mixed = RoutingPolicy("max_probability", Mixed(*budget.parts)).fit(outcomes)
    plain = RoutingPolicy("max_probability", Mixed(0.8)).fit(outcomes)
    assert plain.decide(outcomes.evidence).mean() == pytest.approx(0.8, abs=0.02)
    assert whole.decide(outcomes.evidence).mean() > 0.95
    kept = mixed.decide(outcomes.evidence)
    assert kept.mean() == pytest.approx(0.8, abs=0.02)
    np.testing.assert_array_equal(kept[10:20], mixed.decide(
        outcomes.evidence.take(np.arange(10, 20))))  # fmt: skip
    other = RoutingPolicy("max_probability", Mixed(*budget.parts, seed=1)).fit(outcomes)
    assert (other.decide(outcomes.evidence) != kept).any()
    gain = whole.operating_point_.accuracy + whole.operating_point_.rounding_loss
    reached = np.where(kept, outcomes.base_utility, outcomes.global_utility).mean()
    assert gain == pytest.approx(reached, abs=0.02)
    assert whole.operating_point_.rounding_loss > 0.05


@pytest.mark.slow
def test_certified_groups_fail_as_seldom_as_they_say():
    budget = All(Coverage(0.7), GroupCoverage({"a": 0.6, "b": 0.6}))
    population = draw(200_000, 8)
    failed, draws = 0, 150
    for seed in range(draws):
        policy = RoutingPolicy(
            "max_probability", budget, confidence=0.9, random_state=seed
        ).fit(draw(600, 100 + seed))
        kept, by_group, _ = shares(policy, population)
        failed += kept.mean() < 0.7 or by_group["a"] < 0.6 or by_group["b"] < 0.6
    assert policy.operating_point_.certificate.exact
    assert failed / draws <= 0.1 + 3 * np.sqrt(0.09 / draws)


def test_a_certificate_covers_all_rows_as_well():
    budget = All(Coverage(0.7), GroupCoverage({"c": 0.1}))
    reached = [
        fitted(
            budget, seed, n=600, confidence=0.95, random_state=seed
        ).operating_point_.coverage
        for seed in range(8)
    ]
    # 420 rows certify 0.7 if their own coverage is 1.6 standard errors above it.
    assert np.mean(reached) > 0.72
    with pytest.raises(ValueError, match="30% make a plan"):
        fitted(GroupCoverage(0.5), n=1, confidence=0.9)


def test_statements_about_groups_share_the_error_probability():
    outcomes = draw(900, 0)
    for others, n_statements in (({}, 2), ({"b": 0.01}, 3), ({"b": 0.01, "c": 0.1}, 4)):
        budget = All(Coverage(0.01), GroupCoverage({"a": 0.6, **others}))
        policy = RoutingPolicy(
            "max_probability", budget, confidence=0.9, random_state=0
        ).fit(outcomes)
        seed = policy._calibration.seed
        rest = np.random.RandomState(seed).permutation(900)[round(PLAN_SHARE * 900) :]
        mine = np.sort(policy.query_score(outcomes)[rest][outcomes.group[rest] == "a"])
        rank = int(binom.ppf(1 - 0.1 / n_statements, len(mine), 0.6)) + 1
        threshold = dict(policy.operating_point_.thresholds)["a"]
        assert threshold == pytest.approx(mine[rank - 1], abs=1e-9)
        # A group without a requirement has no threshold of its own.
        assert dict(policy.operating_point_.thresholds)["c"] < np.inf


@pytest.mark.filterwarnings("ignore:Many rows share the score")
@pytest.mark.parametrize("seed", range(5))
def test_a_certificate_for_all_rows_keeps_the_whole_of_a_tie(seed):
    rng = np.random.default_rng(seed)
    doubt = rng.integers(1, 50, size=400) / 51
    outcomes = Outcomes(
        base_proba=np.column_stack([1 - doubt / 2, doubt / 2]),
        base_utility=rng.uniform(size=400) > doubt,
        global_utility=np.ones(400),
        group=np.zeros(400, dtype=int),
    )
    budget = All(Coverage(0.5), GroupCoverage(0.01))
    policy = RoutingPolicy("max_probability", budget, confidence=0.9).fit(outcomes)
    certificate = policy.operating_point_.certificate
    assert (certificate.confidence, certificate.n) == (0.9, 280)
    order = np.random.RandomState(policy._calibration.seed).permutation(400)
    kept = policy.decide(outcomes.take(order[round(PLAN_SHARE * 400) :]).evidence)
    assert kept.sum() >= binom.ppf(1 - 0.1 / 2, 280, 0.5) + 1


def test_what_is_not_certified_is_refused():
    for budget in (
        MaxQueryCost(0.2),
        GroupCoverage(0.5, max_gap=0.1),
        Mixed(GroupCoverage(0.5)),
    ):
        with pytest.raises(CertificateError, match="minimum coverages of groups"):
            fitted(budget, confidence=0.9)


def test_groups_with_few_rows_are_named():
    with pytest.warns(CalibrationWarning, match=r"groups .*c \("):
        policy = fitted(GroupCoverage(0.9), n=60, confidence=0.9)
    assert dict(policy.operating_point_.thresholds)["c"] == np.inf


def test_a_group_that_keeps_everything_needs_no_rows():
    policy = fitted(GroupCoverage({"a": 1.0}), n=60, confidence=0.9)
    thresholds = dict(policy.operating_point_.thresholds)
    assert thresholds["a"] == np.inf
    assert max(thresholds["b"], thresholds["c"]) < np.inf


def test_the_thresholds_of_few_groups_are_all_shown():
    few = fitted(GroupCoverage(0.5)).operating_point_
    assert str(few).startswith("thresholds a: ") and "..." not in str(few)
    outcomes = noisy_groups(7)
    many = RoutingPolicy("margin", GroupCoverage(0.5)).fit(outcomes).operating_point_
    assert ", ... for coverage of each group >= 0.5" in str(many)


def noisy_groups(n_groups):
    rng = np.random.default_rng(12)
    return Outcomes(
        base_proba=rng.dirichlet([1, 1], size=400),
        base_utility=rng.uniform(size=400) < 0.7,
        global_utility=rng.uniform(size=400) < 0.9,
        group=np.arange(400) % n_groups,
    )


@pytest.mark.parametrize("label", [None, 3, 1.5])
def test_labels_of_groups_that_differ_in_kind_are_named(label):
    group = np.array(["a", label, "b"], dtype=object)
    evidence = Evidence(base_proba=np.full((3, 2), 0.5), X=pd.DataFrame({"g": group}))
    with pytest.raises(ValueError, match=rf"{type(label).__name__}.*, str\. Give"):
        GroupCoverage(0.5, by=lambda X: group).column(evidence)


def test_at_moves_among_budgets_by_the_same_column():
    policy = fitted(GroupCoverage(0.5))
    moved = policy.at(All(Coverage(0.8), GroupCoverage(0.75)))
    assert dict(moved.operating_point_.coverages)["a"] >= 0.75
    assert policy.at(0.8).operating_point_.coverage == pytest.approx(0.8, abs=0.01)


def test_strange_groups_are_refused():
    policy = fitted(GroupCoverage(0.5))
    strange = Evidence(base_proba=[[0.9, 0.1]], group=["d"])
    with pytest.raises(ValueError, match="no calibration row belonged to.*'d'"):
        policy.decide(strange)
    with pytest.raises(ValueError, match="names groups that no calibration row"):
        fitted(GroupCoverage({"z": 0.5}))
    with pytest.raises(MissingEvidenceError, match="group"):
        policy.decide(Evidence(base_proba=[[0.9, 0.1]]))


def test_contradictions_and_missing_columns():
    with pytest.raises(ValueError, match="cannot go together"):
        fitted(All(GroupCoverage(0.5), MinAccuracy(0.9)))
    with pytest.raises(ValueError, match="Only one GroupCoverage"):
        fitted(All(GroupCoverage(0.5), GroupCoverage(0.6, by="predicted_class")))
    with pytest.raises(ValueError, match="Fit with this budget first"):
        fitted(0.8).at(GroupCoverage(0.5))
    with pytest.raises(MissingEvidenceError, match="no column of X"):
        RoutingPolicy("margin", GroupCoverage(0.5, by="site")).fit(
            Outcomes(base_proba=[[0.9, 0.1]] * 30, y=[0] * 30, X=np.zeros((30, 2)))
        )
    with pytest.raises(ValueError, match="minimum must be a number"):
        GroupCoverage({"a": 2})


def test_program_is_no_worse_than_the_best_pair_of_thresholds():
    rng = np.random.default_rng(9)
    score, benefit = rng.uniform(size=60), rng.choice([-1, 0, 1], size=60)
    group = rng.integers(0, 2, size=60)
    weight = np.ones(60)
    value = expected_benefit(score, benefit, weight)
    assert (np.diff(value[np.argsort(score)]) >= 0).all()
    plan = plan_groups(
        score, value, weight, group, 2, least=np.array([0.3, 0.6]), overall=0.5,
        max_gap=None, cost=None, max_cost=None,
    )  # fmt: skip
    best = -np.inf
    for cuts in itertools.product(np.append(-np.inf, np.sort(score)), repeat=2):
        kept = score <= np.array(cuts)[group]
        enough = (
            kept.mean() >= 0.5
            and kept[group == 0].mean() >= 0.3
            and kept[group == 1].mean() >= 0.6
        )
        if enough:
            best = max(best, (value * ~kept).mean())
    assert best - 1e-9 <= plan.value <= best + 1 / 60


def test_classifier_with_a_column_of_its_frame(digits):
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    X, y = digits
    frame = pd.DataFrame(X[:, 10:30]).rename(columns=str)
    frame["site"] = np.where(X[:, 20] > 0.5, "dark", "light")
    pixels = FunctionTransformer(lambda f: f.drop(columns="site"))
    hybrid = HybridClassifier(
        make_pipeline(pixels, GaussianNB(var_smoothing=0.1)),
        make_pipeline(pixels, LogisticRegression(max_iter=200)),
        router="margin",
        coverage=All(Coverage(0.6), GroupCoverage(0.55, by="site")),
        cv=3,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        hybrid.fit(frame[:1200], y[:1200])
    kept = hybrid.predict_coverage(frame[1200:])
    for site in ("dark", "light"):
        assert kept[(frame["site"] == site)[1200:]].mean() > 0.45


def test_routers_trained_for_a_coverage_receive_a_likely_one():
    for budget, target in (
        (GroupCoverage({"a": 0.6, "b": 0.7}), 0.7),
        (All(0.8, GroupCoverage(0.5)), 0.8),
        (MaxQueryCost(0.2), 0.5),
    ):
        policy = RoutingPolicy("auto", budget).fit(draw(500, 11))
        assert policy.router_.target_coverage == target


def test_a_cost_without_limit_is_refused():
    with pytest.raises(ValueError, match="maximum must be finite. Got inf"):
        MaxQueryCost(np.inf)


def test_a_certificate_of_groups_is_vacuous_where_nothing_is_queried():
    with pytest.warns(CalibrationWarning, match="Nothing will be"):
        few = fitted(GroupCoverage(0.9), n=60, confidence=0.9)
    assert few.operating_point_.certificate.vacuous
    enough = fitted(GroupCoverage(0.5), n=4000, confidence=0.9)
    assert not enough.operating_point_.certificate.vacuous
