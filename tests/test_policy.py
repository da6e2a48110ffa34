import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from selective_query import Evidence, Outcomes, RoutingPolicy, compare_routers
from selective_query.budgets import (
    All,
    GroupCoverage,
    MaxExcessError,
    MaxLatency,
    MinAccuracy,
    MinSelectiveAccuracy,
    QueryRate,
)
from selective_query.costs import ConstantCosts
from selective_query.datasets import make_selective_query
from selective_query.evaluation.inspection import evidence_importance
from selective_query.exceptions import (
    BoundRouterError,
    BudgetInfeasibleError,
    CalibrationWarning,
    CertificateError,
)
from selective_query.policy import UNCHANGED
from selective_query.routers import AutoRouter, BaseRouter, PreRouter


@pytest.fixture(scope="module")
def outcomes():
    return make_selective_query(600, regime="specialist", random_state=0).outcomes


def test_decides_by_the_threshold(outcomes):
    policy = RoutingPolicy("margin", coverage=0.7).fit(outcomes)
    kept = policy.decide(outcomes.evidence)
    score = policy.query_score(outcomes.evidence)
    np.testing.assert_array_equal(kept, score <= policy.operating_point_.threshold)
    assert kept.mean() == pytest.approx(policy.operating_point_.coverage)
    assert policy.operating_point_.certificate.exact


def test_certificate_needs_rows_that_nothing_learned_from(outcomes):
    RoutingPolicy("margin", confidence=0.9).fit(outcomes)
    with pytest.raises(CertificateError):
        RoutingPolicy("benefit", confidence=0.9).fit(outcomes)
    held_out = RoutingPolicy(
        "benefit", confidence=0.9, calibration=0.5, random_state=0
    ).fit(outcomes)
    assert held_out.operating_point_.certificate.n == 300
    extra = make_selective_query(50, regime="specialist", random_state=1).outcomes
    given = RoutingPolicy("benefit", confidence=0.9).fit(outcomes, held_out=extra)
    assert given.operating_point_.certificate.n == 50
    assert given.operating_point_.certificate.exact


def test_outcomes_with_folds_are_not_exact(outcomes):
    fields = {
        name: getattr(outcomes, name)
        for name in ("base_proba", "base_features", "global_pred", "y")
    }
    folded = Outcomes(**fields, fold=np.arange(600) % 3)
    policy = RoutingPolicy("margin").fit(folded)
    assert not policy.operating_point_.certificate.exact


def test_held_out_rows_do_not_reach_the_router(outcomes):
    policy = RoutingPolicy("benefit", calibration=0.5, random_state=3).fit(outcomes)
    order = np.random.RandomState(3).permutation(600)
    by_hand = RoutingPolicy("benefit").fit(outcomes.take(np.sort(order[300:])))
    np.testing.assert_allclose(policy.router_.coef_, by_hand.router_.coef_)


def test_at_is_a_shallow_copy(outcomes):
    policy = RoutingPolicy("benefit", coverage=0.9).fit(outcomes)
    moved = policy.at(0.6)
    assert moved.router_ is policy.router_
    assert (moved.coverage, policy.coverage) == (0.6, 0.9)
    assert moved.operating_point_.threshold < policy.operating_point_.threshold
    assert policy.at(None).operating_point_.threshold == 0
    assert UNCHANGED not in (moved.confidence, policy.confidence)


def test_router_trained_for_a_coverage_gets_it(outcomes):
    policy = RoutingPolicy("auto", coverage=0.7).fit(outcomes)
    assert policy.router_.target_coverage == 0.7
    assert policy.at(0.5).router_.target_coverage == 0.7


def test_graded_answers_need_no_probabilities():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    weak, strong = rng.uniform(size=(2, 400))
    strong = np.clip(strong * 0.5 + 0.5 * (X[:, 0] > 0), 0, 1)
    graded = Outcomes(X=X, base_utility=weak, global_utility=strong)
    policy = RoutingPolicy(coverage=0.5).fit(graded)
    queried = ~policy.decide(graded.evidence)
    assert X[queried, 0].mean() > 0.5


@pytest.mark.parametrize("bound", ["oracle", "always_base", "always_global"])
def test_bounds_are_refused(outcomes, bound):
    with pytest.raises(BoundRouterError, match=bound):
        RoutingPolicy(bound).fit(outcomes)


def test_bad_input(outcomes):
    with pytest.raises(TypeError, match="takes Outcomes"):
        RoutingPolicy().fit(outcomes.evidence)
    with pytest.raises((TypeError, ValueError), match="router"):
        RoutingPolicy(router=3).fit(outcomes)
    with pytest.raises(ValueError, match=r"Did you mean 0\.9"):
        RoutingPolicy(coverage=90).fit(outcomes)
    with pytest.raises(ValueError, match="leaves one side empty"):
        RoutingPolicy("margin", calibration=0.001).fit(outcomes.take(np.arange(20)))
    with pytest.raises(NotFittedError):
        RoutingPolicy().decide(outcomes.evidence)


def test_budgets_on_quality_hold_on_new_data(outcomes):
    fresh = make_selective_query(20_000, regime="specialist", random_state=9).outcomes
    policy = RoutingPolicy("benefit", MinAccuracy(0.65)).fit(outcomes)
    kept = policy.decide(fresh.evidence)
    reached = np.where(kept, fresh.base_utility, fresh.global_utility).mean()
    assert abs(reached - 0.65) < 0.04
    assert policy.operating_point_.budget == MinAccuracy(0.65)
    fewer = policy.at(MinAccuracy(0.635))
    assert fewer.operating_point_.coverage > policy.operating_point_.coverage


def test_a_router_for_a_coverage_gets_the_one_a_budget_ends_at(outcomes):
    assert RoutingPolicy(coverage=QueryRate(0.3)).fit(
        outcomes
    ).router_.target_coverage == pytest.approx(0.7)
    uniform = make_selective_query(600, random_state=0).outcomes
    policy = RoutingPolicy(coverage=MinAccuracy(0.78)).fit(uniform)
    reached = policy.operating_point_.coverage
    assert 0 < reached < 1
    assert abs(policy.router_.target_coverage - reached) < 0.2


def test_a_router_is_told_a_likely_coverage_where_rows_are_held_out():
    uniform = make_selective_query(600, random_state=0).outcomes
    policy = RoutingPolicy(coverage=MinAccuracy(0.78), calibration=0.5, random_state=0)
    told = policy.fit(uniform).router_.target_coverage
    assert told > 0
    assert abs(told - policy.operating_point_.coverage) < 0.3


def test_certified_quality_with_held_out_outcomes(outcomes):
    held_out = make_selective_query(3000, regime="specialist", random_state=2).outcomes
    policy = RoutingPolicy("benefit", MaxExcessError(0.05), confidence=0.9)
    policy.fit(outcomes, held_out=held_out)
    certificate = policy.operating_point_.certificate
    assert certificate.exact
    assert certificate.n == 3000  # the training rows determine the sequence
    assert certificate.bound <= 0.05
    with pytest.raises(ValueError, match="Pass Outcomes as held_out="):
        policy.fit(outcomes, held_out=held_out.evidence)


def test_joint_certificates_are_stricter(outcomes):
    policy = RoutingPolicy("margin", 0.8, confidence=0.9).fit(outcomes)
    joint = policy.certify_jointly([0.8, 0.7], confidence=0.9)[1].operating_point_
    alone = policy.at(0.7).operating_point_
    assert joint.threshold > alone.threshold
    assert joint.certificate.confidence == pytest.approx(0.95)
    for none in ([], 0.8):
        with pytest.raises(ValueError, match="at least one budget"):
            policy.certify_jointly(none, confidence=0.9)
    with pytest.raises(ValueError, match="confidence must be"):
        policy.certify_jointly([0.8], confidence=2)


def test_of_joint_certificates_those_that_fail_leave_the_others(outcomes):
    policy = RoutingPolicy("margin", 0.8, confidence=0.9).fit(outcomes)
    hopeless = MinAccuracy(0.999)
    first, failed, last = policy.certify_jointly(
        [0.8, hopeless, QueryRate(0.4)], confidence=0.9
    )
    assert isinstance(failed, BudgetInfeasibleError)
    assert failed.budget == hopeless
    for found in (first, last):
        assert found.operating_point_.certificate.confidence == pytest.approx(
            1 - 0.1 / 3
        )


def test_abstention_knows_no_hybrid_accuracy():
    outcomes = make_selective_query(600, random_state=0).outcomes
    alone = Outcomes(base_proba=outcomes.base_proba, y=outcomes.y)
    with pytest.raises(ValueError, match="MinSelectiveAccuracy"):
        RoutingPolicy("margin", MinAccuracy(0.9)).fit(alone)
    policy = RoutingPolicy("margin", MinSelectiveAccuracy(0.8)).fit(alone)
    kept = policy.decide(alone.evidence)
    assert alone.base_utility[kept].mean() >= 0.8


def test_warnings_point_at_the_line_that_called(outcomes):
    with pytest.warns(CalibrationWarning, match="too few") as caught:
        RoutingPolicy("margin", 0.99).fit(outcomes.take(np.arange(20)))
    assert caught[0].filename == __file__


@pytest.mark.filterwarnings("ignore::selective_query.exceptions.CalibrationWarning")
def test_at_gives_the_same_each_time(outcomes):
    policy = RoutingPolicy("margin", 0.8).fit(outcomes)
    moves = [policy.at(MaxExcessError(0.2), confidence=0.9) for _ in range(3)]
    points = {move.operating_point_ for move in moves}
    assert len(points) == 1


def test_invalid_evidence_is_named(outcomes):
    policy = RoutingPolicy("margin").fit(outcomes)
    rows = outcomes.base_proba
    for use in (policy.recalibrated, lambda rows: policy.fit(outcomes, rows)):
        with pytest.raises(TypeError, match="held_out must be Outcomes .* Got ndarray"):
            use(rows)


def test_an_unfitted_policy_says_so(outcomes):
    policy = RoutingPolicy("margin")
    for use in (
        lambda: policy.calibration_rows_,
        lambda: policy.decide(outcomes),
        lambda: policy.at(0.5),
        lambda: policy.certify_jointly([0.5], confidence=0.9),
        lambda: policy.recalibrated(outcomes),
    ):
        with pytest.raises(NotFittedError):
            use()


@pytest.mark.parametrize(
    "router", ["max_probability", "entropy", "benefit", "max_logit"]
)
def test_evidence_of_other_classes_is_refused(router):
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(4), 200)
    fitted_on = Outcomes(
        base_proba=proba, base_logits=np.log(proba), y=rng.integers(0, 4, 200)
    )
    policy = RoutingPolicy(router, coverage=0.8).fit(fitted_on)
    fewer = rng.dirichlet(np.ones(3), 5)
    evidence = Evidence(base_proba=fewer, base_logits=np.log(fewer))
    for method in (policy.decide, policy.query_score, policy.recalibrated):
        with pytest.raises(ValueError, match="fitted on 4 classes.*Got 3"):
            method(evidence)


def repeated(outcomes, weight):
    rows = np.repeat(np.arange(outcomes.n_rows), weight)
    return outcomes.take(rows)


def weighted(outcomes, weight):
    fields = ("base_proba", "base_features", "global_pred", "y")
    return Outcomes(
        **{name: getattr(outcomes, name) for name in fields}, sample_weight=weight
    )


@pytest.mark.parametrize("budget", [0.7, MinAccuracy(0.62)], ids=repr)
def test_weights_of_held_out_rows_are_repeated_rows(outcomes, budget):
    weight = np.random.default_rng(0).integers(0, 4, size=400)
    held_out = make_selective_query(400, regime="specialist", random_state=3).outcomes
    fitted = [
        RoutingPolicy("benefit", budget).fit(outcomes, held_out=rows)
        for rows in (weighted(held_out, weight), repeated(held_out, weight), held_out)
    ]
    a, b, without = (policy.operating_point_ for policy in fitted)
    assert a.threshold == pytest.approx(b.threshold)
    assert (a.coverage, a.accuracy) == pytest.approx((b.coverage, b.accuracy))
    assert a.certificate.n == b.certificate.n == weight.sum()
    assert a.threshold != without.threshold
    moved = RoutingPolicy("benefit", budget).fit(outcomes)
    moved = moved.recalibrated(weighted(held_out, weight))
    assert moved.operating_point_.threshold == pytest.approx(a.threshold)


@pytest.mark.parametrize("budget", [0.7, MinAccuracy(0.62)], ids=repr)
def test_weights_of_all_rows_are_repeated_rows(outcomes, budget):
    weight = np.random.default_rng(1).integers(0, 4, size=600)
    a, b = (
        RoutingPolicy("margin", budget).fit(rows).operating_point_
        for rows in (weighted(outcomes, weight), repeated(outcomes, weight))
    )
    assert a.threshold == pytest.approx(b.threshold)
    assert (a.coverage, a.accuracy) == pytest.approx((b.coverage, b.accuracy))
    assert a.certificate.n == b.certificate.n == weight.sum()


def test_held_out_rows_with_folds_are_not_exact(outcomes):
    fields = ("base_proba", "base_features", "global_pred", "y")
    folded = Outcomes(
        **{name: getattr(outcomes, name) for name in fields}, fold=np.arange(600) % 3
    )
    for policy in (
        RoutingPolicy("margin").fit(outcomes, held_out=folded),
        RoutingPolicy("margin").fit(outcomes).recalibrated(folded),
    ):
        assert not policy.operating_point_.certificate.exact


def test_held_out_evidence_alone_gives_no_accuracy(outcomes):
    policy = RoutingPolicy("margin", 0.7).fit(outcomes, held_out=outcomes.evidence)
    assert policy.calibration_rows_ is None
    assert np.isnan(policy.operating_point_.accuracy)
    known = RoutingPolicy("margin", 0.7).fit(outcomes).calibration_rows_
    np.testing.assert_array_equal(known.base_utility, outcomes.base_utility)
    np.testing.assert_array_equal(known.query_utility, outcomes.global_utility)
    np.testing.assert_array_equal(known.score, policy.query_score(outcomes.evidence))


def test_ordering_rows_are_forgotten_on_recalibration(outcomes):
    held_out = make_selective_query(2000, regime="specialist", random_state=2).outcomes
    budget = MaxExcessError(0.08)
    policy = RoutingPolicy("margin", budget, confidence=0.9)
    policy.fit(outcomes, held_out=held_out)
    assert policy.operating_point_.certificate.n == 2000
    again = policy.recalibrated(held_out)
    # The old rows may belong to another base, so a fifth of the new rows replaces them.
    assert again.operating_point_.certificate.n == 1600
    assert policy.at(budget).operating_point_.certificate.n == 2000


def test_the_seed_of_a_policy_says_which_rows_order_thresholds():
    rows = make_selective_query(2000, regime="specialist", random_state=2).outcomes
    budget = MaxExcessError(0.02)

    def threshold(seed):
        policy = RoutingPolicy("margin", budget, confidence=0.9, random_state=seed)
        return policy.fit(rows).operating_point_.threshold

    found = [threshold(seed) for seed in range(4)]
    assert found == [threshold(seed) for seed in range(4)]
    assert len(set(found)) > 1


def test_at_keeps_the_confidence_and_may_drop_it(outcomes):
    policy = RoutingPolicy("margin", 0.8, confidence=0.9).fit(outcomes)
    moved = policy.at(0.6)
    assert moved.operating_point_.certificate.confidence == moved.confidence == 0.9
    dropped = policy.at(0.6, confidence=None)
    assert dropped.operating_point_.certificate.confidence is None
    assert dropped.operating_point_.threshold < moved.operating_point_.threshold


def test_rows_that_must_stay_do_so_among_held_out_ones(outcomes):
    local = np.arange(600) % 3 == 0
    fields = ("base_proba", "base_features", "global_pred", "y")
    marked = Outcomes(
        **{name: getattr(outcomes, name) for name in fields}, local_only=local
    )
    policy = RoutingPolicy("margin", 0.5).fit(outcomes, held_out=marked)
    assert np.isneginf(policy.query_score(marked.evidence)[local]).all()
    kept = policy.decide(marked.evidence)
    assert kept[local].all()
    assert kept.mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.filterwarnings("ignore::selective_query.exceptions.CalibrationWarning")
def test_which_policies_read_the_base(outcomes):
    by_class = GroupCoverage(0.5, by="predicted_class")
    for router, budget, reads in (
        ("margin", 0.8, True),
        (PreRouter(), 0.8, False),
        (PreRouter(), by_class, True),
        (PreRouter(), None, False),
    ):
        rows = Outcomes(
            base_proba=outcomes.base_proba, y=outcomes.y, X=outcomes.base_features
        )
        policy = RoutingPolicy(router, budget).fit(rows)
        assert policy.rule_.needs_base == reads, (router, budget)


def test_costs_of_a_router_that_comes_first_go_with_one_that_does(outcomes):
    rows = Outcomes(
        base_proba=outcomes.base_proba, y=outcomes.y, X=outcomes.base_features
    )
    times = {"base_latency_ms": 40, "query_latency_ms": 240}
    first = MaxLatency(150, ConstantCosts(**times, router_first=True))
    after = MaxLatency(150, ConstantCosts(**times))
    with pytest.raises(ValueError, match="reads the base's output for every input"):
        RoutingPolicy("margin", All(0.2, first)).fit(rows)
    with pytest.raises(ValueError, match="reads the base's output for every input"):
        RoutingPolicy("margin", after).fit(rows).at(first)
    policy = RoutingPolicy(PreRouter(), All(0.2, first)).fit(rows)
    assert policy.operating_point_.budget == All(0.2, first)
    RoutingPolicy(PreRouter(), after).fit(rows)


def test_scores_in_units_of_benefit_say_what_a_query_in_a_group_is_worth(outcomes):
    fields = ("base_proba", "base_features", "global_pred", "y")
    grouped = Outcomes(
        **{name: getattr(outcomes, name) for name in fields}, group=np.arange(600) % 2
    )
    policy = RoutingPolicy("benefit", GroupCoverage(0.0)).fit(grouped)
    score = policy.query_score(grouped.evidence)
    kept = policy.decide(grouped.evidence)
    # No other constraint binds, so every row with an expected gain is queried.
    assert 0.1 < kept.mean() < 0.9
    assert np.mean(kept == (score <= 0)) > 0.97


class Listing(BaseRouter):
    """A user's router that returns its scores in the form given by `form`."""

    def __init__(self, form=np.ndarray.tolist, learns=True):
        self.form, self.learns = form, learns

    def fit(self, outcomes):
        self.fitted_ = True
        return self

    def query_score(self, evidence):
        return self.form(1 - evidence.base_proba.max(axis=1))


@pytest.mark.parametrize("learns", [True, False])
@pytest.mark.parametrize("form", [np.ndarray.tolist, tuple], ids=["list", "tuple"])
def test_a_router_may_give_its_scores_as_a_list(outcomes, form, learns):
    own = Listing(form, learns)
    policy = RoutingPolicy(own, coverage=0.8).fit(outcomes)
    assert isinstance(policy.query_score(outcomes.evidence), np.ndarray)
    plain = RoutingPolicy("max_probability", coverage=0.8).fit(outcomes)
    kept = plain.decide(outcomes.evidence)
    assert (policy.decide(outcomes.evidence) == kept).mean() > 0.99
    auto = AutoRouter(portfolio=[("own", own)])
    assert RoutingPolicy(auto).fit(outcomes).decide(outcomes.evidence).any()
    (row,) = compare_routers(outcomes, outcomes, [own], coverages=[0.8]).rows
    assert row["realised_coverage"] == pytest.approx(0.8, abs=0.02)
    if learns:
        assert evidence_importance(policy, outcomes, random_state=0)


@pytest.mark.parametrize("learns", [True, False])
@pytest.mark.parametrize(
    ("form", "message"),
    [
        (lambda score: score[:, None], r"one number for each of the \d+ rows"),
        (lambda score: score.astype(str).tolist(), "must be real numbers"),
        (lambda score: None, "must be real numbers"),
    ],
    ids=["column", "text", "nothing"],
)
def test_invalid_scores_are_refused_by_the_name_of_the_router(
    outcomes, form, message, learns
):
    with pytest.raises(ValueError, match=f"Listing.query_score .*{message}"):
        RoutingPolicy(Listing(form, learns)).fit(outcomes)


def test_arguments_about_other_fits_are_never_ignored(outcomes):
    first, second = outcomes.take(np.arange(300)), outcomes.take(np.arange(300, 600))
    change = [(first.evidence, np.arange(300), np.zeros(300), 0)]
    for policy, held_out in (
        (RoutingPolicy("margin"), second),
        (RoutingPolicy("margin", calibration=0.5), None),
    ):
        with pytest.raises(ValueError, match="Leave out change=, or held_out="):
            policy.fit(first, held_out, change=change)
    certified = RoutingPolicy("margin", MinAccuracy(0.2), confidence=0.9)
    for held_out in (None, second):
        with pytest.raises(CertificateError, match="answers of the global that will"):
            certified.fit(first, held_out, answers_exact=False)


def test_a_report_is_of_rows_that_it_has_not_seen():
    train, test = (
        make_selective_query(1000, random_state=seed).outcomes for seed in (0, 1)
    )
    policy = RoutingPolicy("margin", coverage=0.8).fit(train)
    kept = policy.decide(test.evidence)
    found = policy.report(test)
    right = np.where(kept, test.base_utility, test.global_utility)
    assert found.accuracy == right.mean()
    assert found.coverage == kept.mean()
    assert found.base_accuracy_on_kept == test.base_utility[kept].mean()
    abstaining = Outcomes(base_proba=test.base_proba, y=test.y)
    assert policy.report(abstaining).accuracy == test.base_utility[kept].mean()
    with pytest.raises(TypeError, match="outcomes must be a Outcomes"):
        policy.report(test.evidence)
