"""The spending in a report, and whether it is within the budget."""

import json
from dataclasses import replace
from html import escape

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from selective_query import CascadeClassifier, HybridClassifier, RoutingPolicy
from selective_query.budgets import (
    All,
    BatteryLife,
    Coverage,
    MaxBytes,
    MaxEnergy,
    MaxLatency,
    MaxPrice,
    MaxQueryCost,
    MaxTierCost,
)
from selective_query.costs import CLOUD, STM32F746, WIFI, ConstantCosts, Deployment
from selective_query.datasets import make_selective_query

TRAIN, TEST = (make_selective_query(800, random_state=seed).outcomes for seed in (0, 1))
MONEY = ConstantCosts(query_price=0.004, base_price=0.001)
COSTS = Deployment(
    device=STM32F746.with_(battery_mah=1000, battery_v=3.7),
    base_ms=50,
    link=WIFI,
    cloud=CLOUD.with_(price_per_query=0.001),
    payload_bytes=3072,
    inputs_per_day=1000,
)


def report_on(budget, rows=TEST, **given):
    train = replace(TRAIN, query_cost=np.linspace(0, 2, 800))
    return RoutingPolicy("margin", budget).fit(train).report(rows, **given)


def test_money_is_reported_per_input_per_thousand_and_in_total():
    report = report_on(MaxPrice(0.002, MONEY))
    (spent,) = report.spending
    price = 0.001 + 0.004 * report.n_queried / 800
    assert spent == {
        "budget": "price <= 0.002",
        "unit": "",
        "spent": pytest.approx(price),
        "total": pytest.approx(800 * price),
        "is_kept": price <= 0.002,
    }
    said = (
        f"Budget price <= 0.002: {price:.4g} an input, {1000 * price:.4g} for 1,000 "
        f"and {800 * price:.4g} for these 800 rows, which"
    )
    assert said in str(report)
    assert escape(said) in report.to_html()
    assert report.to_dict()["spending"] == [spent]


@pytest.mark.parametrize(
    ("rows", "said"),
    [(slice(400), "keeps to it"), (slice(400, 800), "does not keep to it")],
)
def test_it_says_whether_the_budget_is_kept_to(rows, said):
    budget = MaxPrice(0.002, MONEY)
    surest_first = np.argsort(report_on(budget).rows.score)
    report = report_on(budget, TEST.take(surest_first[rows]))
    assert f"which {said}." in str(report)
    assert report.spending[0]["is_kept"] == (said == "keeps to it")


@pytest.mark.parametrize(
    ("budget", "unit", "cost"),
    [
        (MaxEnergy(50, COSTS), " mJ", lambda c: COSTS.energy_mj(c)),
        (MaxBytes(1500, COSTS), " bytes", lambda c: COSTS.bytes(c)),
        (MaxLatency(80, COSTS), " ms", lambda c: COSTS.latency_ms(c)),
        (MaxLatency(90, COSTS, "p95"), " ms", lambda c: COSTS.latency_ms(c, "p95")),
        (BatteryLife(50, COSTS), " days", lambda c: COSTS.battery_days(c)),
        (MaxTierCost(2, costs=(1, 4)), "", lambda c: 1 + 4 * (1 - c)),
    ],
)
def test_other_limits_are_reported_in_their_units(budget, unit, cost):
    report = report_on(budget)
    (spent,) = report.spending
    assert spent["spent"] == pytest.approx(cost(report.coverage))
    assert f"Budget {budget}: {spent['spent']:.4g}{unit}" in str(report)
    adds_up = not isinstance(budget, MaxLatency | BatteryLife)
    assert ("for these 800 rows" in str(report)) == adds_up
    assert (spent["total"] is not None) == adds_up


def test_queries_that_differ_in_cost_are_added_up():
    cost = np.linspace(0, 2, 800)
    report = report_on(MaxQueryCost(0.1), replace(TEST, query_cost=cost))
    (spent,) = report.spending
    assert spent["total"] == pytest.approx(cost[~report.rows.kept].sum())
    assert spent["spent"] == pytest.approx(spent["total"] / 800)
    assert spent["is_kept"] == (spent["spent"] <= 0.1)


def test_a_cost_that_the_rows_do_not_tell_is_not_known():
    report = report_on(MaxQueryCost(0.1))
    (spent,) = report.spending
    assert spent["budget"] == str(MaxQueryCost(0.1))
    assert spent["spent"] is spent["total"] is spent["is_kept"] is None
    assert "unknown, because these rows have no query costs" in str(report)
    json.dumps(report.to_dict(), allow_nan=False)


def test_several_limits_and_weights():
    budget = All(Coverage(0.5), MaxPrice(0.004, MONEY), MaxEnergy(80, COSTS))
    weight = np.where(np.arange(800) < 400, 1.0, 3.0)
    report = report_on(budget, replace(TEST, sample_weight=weight))
    assert [of["budget"] for of in report.spending] == [
        "price <= 0.004",
        "energy <= 80 mJ",
    ]
    assert report.spending[0]["spent"] == pytest.approx(MONEY.price(report.coverage))


@pytest.mark.parametrize("budget", [0.8, None])
def test_a_budget_without_costs_spends_nothing(budget):
    policy = RoutingPolicy("benefit", budget).fit(TRAIN)
    assert policy.report(TEST).spending == []
    assert "Budget" not in str(policy.report(TEST))
    assert policy.report(TEST.take([])).spending == []


def test_a_hybrid_reads_the_cost_of_its_rows():
    X, y = make_classification(600, n_informative=6, n_features=8, random_state=0)
    budget = MaxQueryCost(0.2, cost=lambda X: np.abs(X[:, 0]))
    model = HybridClassifier(
        GaussianNB(), DecisionTreeClassifier(random_state=0), coverage=budget, cv=3
    ).fit(X[:300], y[:300])
    (spent,) = model.report(X[300:], y[300:]).spending
    queried = ~model.predict_coverage(X[300:])
    assert spent["total"] == pytest.approx(np.abs(X[300:, 0])[queried].sum())


@pytest.mark.filterwarnings("ignore:Many rows share the score")
@pytest.mark.parametrize("own_costs", [None, (1, 4, 16)])
def test_a_chain_says_what_its_tiers_spent(own_costs):
    X, y = make_classification(600, n_informative=6, n_features=8, random_state=0)
    tiers = [
        ("first", DummyClassifier()),
        ("second", GaussianNB()),
        ("last", DecisionTreeClassifier(random_state=0)),
    ]
    budget = MaxTierCost(6, costs=own_costs)
    costs = (1, 2, 8) if own_costs is None else None
    chain = CascadeClassifier(tiers, coverage=budget, costs=costs, cv=3)
    report = chain.fit(X[:300], y[:300]).report(X[300:], y[300:])
    (spent,) = report.spending
    total = np.dot(report.n_asked, own_costs or costs)
    assert spent["total"] == pytest.approx(total)
    assert spent["spent"] == pytest.approx(total / 300)
    assert spent["is_kept"] == (total / 300 <= 6)
    assert f"Budget {budget}: {total / 300:.4g} an input" in str(report)
    assert report.to_dict()["spending"] == [spent]
    assert chain.set_params(coverage=(0.8, 0.8)).fit(X, y).report(X, y).spending == []
