"""Reports match their rows, in figures, in text and in JSON."""

import copy
import json
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from selective_query import AbstainingClassifier, HybridClassifier, RoutingPolicy
from selective_query.budgets import All, Coverage, GroupCoverage, MaxLatency, StayLocal
from selective_query.costs import CLOUD, STM32F746, WIFI, Deployment
from selective_query.datasets import make_selective_query
from selective_query.exceptions import CalibrationWarning
from selective_query.metrics import accuracy_at_coverage, paired_difference
from selective_query.reports import RoutingReport
from selective_query.reports._rows import DecidedRows

TRAIN, TEST = (make_selective_query(800, random_state=seed).outcomes for seed in (0, 1))
FIELDS = {
    "accuracy",
    "coverage",
    "n",
    "n_queried",
    "n_unavailable",
    "base_accuracy",
    "global_accuracy",
    "base_accuracy_on_kept",
    "global_accuracy_on_queried",
}
COSTS = Deployment(
    device=STM32F746.with_(battery_mah=1000, battery_v=3.7),
    base_ms=50,
    link=WIFI,
    cloud=CLOUD.with_(price_per_query=0.001),
    payload_bytes=3072,
    inputs_per_day=1000,
)


def _texts(page):
    """Return the texts of a page without styles, scripts and the model diagram."""
    shown = re.sub("<(style|script|details)[^>]*>.*?</\\1>", "", page, flags=re.S)
    return re.sub("<[^>]*>", " ", shown)


@pytest.fixture(scope="module")
def policy():
    return RoutingPolicy("margin", coverage=0.8).fit(TRAIN)


@pytest.fixture(scope="module")
def report(policy):
    return policy.report(TEST, deployment=COSTS, value=0.01)


@pytest.fixture(scope="module")
def hybrid():
    X, y = make_classification(900, n_informative=6, n_features=8, random_state=0)
    sides = GaussianNB().fit(X[:200], y[:200]), DecisionTreeClassifier(random_state=0)
    model = HybridClassifier(
        FrozenEstimator(sides[0]), FrozenEstimator(sides[1].fit(X[:200], y[:200]))
    )
    return model.set_params(router="margin", coverage=0.7).fit(X[200:600], y[200:600])


@pytest.fixture(scope="module")
def new_rows():
    X, y = make_classification(900, n_informative=6, n_features=8, random_state=0)
    return X[600:], y[600:]


def test_it_is_a_mapping_of_the_same_figures(policy, report):
    assert set(report) == FIELDS
    kept = policy.decide(TEST)
    right = np.where(kept, TEST.base_utility, TEST.global_utility)
    assert report["accuracy"] == report.accuracy == pytest.approx(right.mean())
    assert report.coverage == kept.mean()
    assert dict(policy.rule_.report(TEST)) == dict(report)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickle.loads])
def test_copies_say_the_same(report, again):
    made = again(pickle.dumps(report) if again is pickle.loads else report)
    assert type(made) is RoutingReport
    assert str(made) == str(report) == repr(report)


def test_the_verdict_is_one_sentence_with_the_share_of_the_gain(report):
    gain = report.global_accuracy - report.base_accuracy
    share = (report.accuracy - report.base_accuracy) / gain
    assert f"{100 * share:.0f} % of the global's gain" in report.verdict
    assert str(report).startswith(report.verdict)
    assert report.verdict.count(".") - report.verdict.count("0.") <= 4


def test_leads_are_paired_differences(report, policy):
    kept = policy.decide(TEST)
    right = np.where(kept, TEST.base_utility, TEST.global_utility)
    expected = paired_difference(right, TEST.base_utility)
    assert report.leads["base alone"] == expected


def test_a_pair_that_gains_nothing_is_reported(policy):
    same = copy.copy(TEST)
    object.__setattr__(same, "global_utility", TEST.base_utility)
    said = policy.report(same)
    assert "a gain over the base alone is not shown" in said.verdict
    assert said.verdict.endswith("the global alone is no better than the base alone.")
    assert "no better" not in policy.report(TEST).verdict
    assert "No significant difference to the base alone" in str(said)


def test_significant_leads_are_reported_with_their_sign(policy):
    report = policy.report(TEST)
    assert "points more accurate than the base alone" in str(report)
    assert "not shown" not in report.verdict
    wrong = copy.copy(TEST)
    object.__setattr__(wrong, "global_utility", np.zeros(TEST.n_rows))
    said = policy.report(wrong)
    assert said.verdict.endswith(
        ", which is worse than the base alone; the global alone is no better than the "
        "base alone."
    )
    assert "points less accurate than the base alone" in str(said)


@pytest.mark.parametrize("name", sorted(FIELDS - {"n", "n_queried", "n_unavailable"}))
def test_intervals_hold_their_figure(report, name):
    low, high = report.intervals[name]
    assert 0 <= low < report[name] < high <= 1


def test_costs_are_those_of_the_deployment(report):
    charged = report.deployment
    assert charged.router_macs > 0
    expected = charged.latency_ms(report.coverage, "p95")
    assert report.costs["pair"]["p95_latency_ms"] == expected
    assert report.costs["base alone"]["latency_ms"] == 50
    assert report.costs["base alone"]["price"] == 0
    assert report.costs["global alone"]["price"] == pytest.approx(COSTS.price(0.0))
    assert report.costs["pair"]["battery_days"] == charged.battery_days(report.coverage)
    assert "battery lasts (days)" in str(report)


@pytest.mark.parametrize(
    ("value", "price", "verdict"),
    [(10.0, 0.0, "global alone"), (1e-5, 0.1, "base alone")],
)
def test_it_may_say_that_one_side_alone_is_better(policy, value, price, verdict):
    costs = COSTS.__class__(
        device=STM32F746, base_ms=50, link=WIFI, payload_bytes=3072,
        cloud=CLOUD.with_(price_per_query=price),
    )  # fmt: skip
    found = policy.report(TEST, deployment=costs, value=value)
    assert found.routing_verdict.verdict == verdict
    assert f"Verdict: {verdict}" in str(found)


def test_systems_have_one_name_each(report):
    assert set(report.costs) == set(report.routing_verdict.net)
    for said in (str(report), _texts(report.to_html())):
        assert "pair" in said
        assert "hybrid" not in said
        assert "cloud alone" not in said


def test_limits_on_costs_go_into_the_verdict():
    costs = Deployment(
        device=STM32F746, base_ms=50, router_macs=7, link=WIFI, cloud=CLOUD,
        payload_bytes=3072,
    )  # fmt: skip
    limited = RoutingPolicy("margin", MaxLatency(75, costs)).fit(TRAIN)
    found = limited.report(TEST, deployment=costs, value=10).routing_verdict
    assert "global alone" in found.excluded


def test_the_global_is_not_asked_about_kept_rows(hybrid, new_rows):
    report = hybrid.report(*new_rows)
    assert np.isnan(report.global_accuracy)
    assert "query_all=True" in str(report)
    assert report.gap is None
    assert report.curve.coverage[0] == pytest.approx(report.coverage)
    assert set(report.leads) == {"base alone"}
    whole = hybrid.report(*new_rows, query_all=True)
    assert whole.gap is not None
    rows, curve = whole.rows, report.curve
    expected = accuracy_at_coverage(
        rows.score, rows.base_utility, rows.global_utility, coverage=curve.coverage
    )
    np.testing.assert_allclose(curve.accuracy, expected)


def test_abstentions_are_not_called_queries(new_rows):
    X, y = new_rows
    model = AbstainingClassifier(GaussianNB(), coverage=0.8, cv=3).fit(X[:150], y[:150])
    report = model.report(X[150:], y[150:])
    assert report.n_abstained == report.n_queried > 0
    assert set(report) == FIELDS
    said = str(report)
    assert "quer" not in said.lower()
    assert "hybrid" not in said
    assert "quer" not in _texts(report.to_html()).lower()
    assert "Most abstained on" in said
    assert "are answered" in report.verdict
    assert not report.leads
    curve = report.curve
    assert curve.accuracy[-1] == pytest.approx(report.base_accuracy)
    assert np.interp(report.coverage, curve.coverage, curve.accuracy) == pytest.approx(
        report.accuracy, abs=1e-9
    )
    with pytest.raises(ValueError, match="an abstaining classifier makes none"):
        RoutingReport(report.rows, deployment=COSTS)


def test_ties_that_keep_the_coverage_off_are_named():
    score = np.repeat([0.4, 0.6], 200)
    outcomes = type(TEST)(
        base_proba=np.stack([1 - score, score], axis=1),
        global_utility=np.ones(400),
        y=np.ones(400, dtype=int),
    )
    with pytest.warns(CalibrationWarning, match="share the score"):
        tied = RoutingPolicy("max_probability", coverage=0.7).fit(outcomes)
    said = str(tied.report(outcomes))
    assert "70 % requested, 100 % on the calibration rows" in said
    assert "ties stay together" in said


def test_rows_of_another_source_are_named(policy):
    surer = TEST.take(TEST.base_proba.max(axis=1) > 0.5)
    assert "these rows differ" in str(policy.report(surer))
    assert "these rows differ" not in str(policy.report(TEST))


def test_queries_by_class(report, policy):
    kind, table = report.who_is_queried()
    assert kind == "true class"
    kept = policy.decide(TEST)
    for row in table:
        of_class = TEST.y == row["part"]
        assert row["n"] == of_class.sum()
        assert row["queried"] == pytest.approx((~kept)[of_class].mean())
        assert row["base"] == pytest.approx(TEST.base_utility[of_class].mean())
    shares = [row["queried"] for row in table]
    assert shares == sorted(shares, reverse=True)


def test_examples_are_rows_of_their_kind(report, policy):
    kept, base = policy.decide(TEST), TEST.base_utility
    found = report.examples(1000)
    rows = {
        "repaired": ~kept & (TEST.benefit > 0),
        "harmed": ~kept & (TEST.benefit < 0),
        "in vain": ~kept & (base == 0) & (TEST.global_utility == 0),
        "missed": kept & (TEST.benefit > 0),
    }
    for kind, mask in rows.items():
        of_kind = found.get(kind, {"names": [], "count": 0})
        assert sorted(of_kind["names"]) == np.flatnonzero(mask).tolist()
        assert of_kind["count"] == mask.sum()
    score = policy.query_score(TEST)
    missed = report.examples(3)["missed"]["names"]
    assert score[missed].tolist() == sorted(score[rows["missed"]])[:3]


def test_rows_are_called_by_their_ids(policy):
    named = copy.copy(TEST)
    object.__setattr__(named, "id", np.array([f"row {i}" for i in range(TEST.n_rows)]))
    names = policy.report(named).examples(1)["missed"]["names"]
    assert names[0].startswith("row ")


def test_groups_and_local_rows():
    half = np.arange(800) % 2
    rows = [copy.copy(part) for part in (TRAIN, TEST)]
    for part in rows:
        object.__setattr__(part, "group", half)
    found = RoutingPolicy("margin", GroupCoverage(0.8)).fit(rows[0]).report(rows[1])
    assert found.gap is None
    assert found.who_is_queried()[0] == "group"
    assert "Certificate" in str(found)


def test_no_rows_and_bad_values(policy):
    assert "no rows" in str(policy.report(TEST.take([])))
    with pytest.raises(ValueError, match="value= is weighed"):
        policy.report(TEST, value=1)
    with pytest.raises(ValueError, match="value must be"):
        policy.report(TEST, value=-1, deployment=COSTS)
    with pytest.raises(TypeError, match="deployment must be"):
        policy.report(TEST, deployment="Wi-Fi")


def test_it_is_plain_data_for_json(report):
    found = report.to_dict()
    assert {"verdict", "intervals", "costs", "advice", *FIELDS} <= set(found)
    json.dumps({name: found[name] for name in ("verdict", "costs", "advice")})


def test_weights_count_rows(policy):
    twice = policy.report(TEST.take(np.repeat(np.arange(TEST.n_rows), 2)))
    doubled = copy.copy(TEST)
    object.__setattr__(doubled, "sample_weight", np.full(TEST.n_rows, 2.0))
    weighted = policy.report(doubled)
    for name in ("accuracy", "base_accuracy"):
        assert weighted.intervals[name] == pytest.approx(twice.intervals[name])


def test_a_user_defined_cost_is_weighed(report):
    free = report.weigh(0.01, cost=lambda costs, coverage: 0.0)
    assert free.net["pair"] == pytest.approx(0.01 * report.accuracy, abs=1e-5)
    carbon = report.weigh(0.01, cost=lambda costs, c: 1e-3 * costs.energy_mj(c))
    assert carbon.verdict == "base alone"
    assert report.weigh(report.value) == report.routing_verdict


def test_a_verdict_without_all_answers_is_refused(hybrid, new_rows):
    with pytest.raises(ValueError, match="Set query_all=True"):
        hybrid.report(*new_rows, deployment=COSTS, value=1)
    found = hybrid.report(*new_rows, deployment=COSTS, value=1, query_all=True)
    assert found.routing_verdict is not None


def test_rows_that_must_stay_do_not_hide_the_rest(hybrid, new_rows):
    X, y = new_rows
    stays = StayLocal(lambda X: X[:, 0] > 1)
    model = (
        clone(hybrid)
        .set_params(coverage=All(stays, Coverage(0.5)))
        .fit(X[:200], y[:200])
    )
    report = model.report(X[200:], y[200:], query_all=True)
    assert not report.rows.judged.all()
    assert report.knows_all
    assert report.gap is not None
    alone = report.rows.query_utility.mean()
    assert report.global_alone == pytest.approx(alone) != report.global_accuracy
    gain = report.global_alone - report.base_accuracy
    share = (report.accuracy - report.base_accuracy) / gain
    assert f"{100 * share:.0f} % of the global's gain" in report.verdict
    assert "global on rows that may leave" in str(report)
    of_outcomes = model.rule_.report(model.outcomes(X[200:], y[200:]))
    assert dict(of_outcomes) == pytest.approx(dict(report))


def _rows(**known):
    """Return six rows of three classes, of which the last four are queried."""
    return DecidedRows(
        score=np.arange(6.0),
        kept=np.arange(6) < 2,
        base_utility=np.array([1.0, 0, 1, 0, 1, 0]),
        global_utility=np.array([1.0, 1, 1, 1, 0, 1]),
        truth=np.array([0, 1, 2, 0, 1, 2]),
        **known,
    )


def test_rows_without_an_answer_are_no_examples():
    missing = np.isin(np.arange(6), [2, 3])
    found = RoutingReport(_rows(judged=np.zeros(6, bool), missing=missing)).examples()
    assert {kind: of["names"] for kind, of in found.items()} == {
        "repaired": [5], "harmed": [4], "missed": [1],
    }  # fmt: skip


def test_rows_of_no_weight_are_neither_examples_nor_a_part():
    report = RoutingReport(_rows(weight=np.array([1.0, 0, 1, 1, 0, 1])))
    assert {row["part"] for row in report.who_is_queried()[1]} == {0, 2}
    assert {kind: of["names"] for kind, of in report.examples().items()} == {
        "repaired": [5, 3],
    }
    assert "nan" not in _texts(report.to_html())


def test_a_verdict_where_nothing_is_queried_names_no_price(policy):
    report = policy.at(1.0).report(TEST, deployment=COSTS, value=0.01)
    assert "Nothing is queried." in str(report)
    assert "nan" not in _texts(report.to_html())


@pytest.mark.parametrize("unit", ["D", "s", "ns"])
def test_dates_are_plain_data_too(policy, unit):
    days = np.datetime64("2026-01-01") + np.arange(TEST.n_rows) % 3
    days = days.astype(f"datetime64[{unit}]")
    report = policy.report(replace(TEST, group=days, id=days))
    parts = {row["part"] for row in report.who_is_queried()[1]}
    assert parts == set(days[:3].astype(str))
    json.dumps(report.to_dict())
