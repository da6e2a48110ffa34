"""Each kind of report as plain data: strict JSON, with None for unknown values."""

import json
import uuid
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from selective_query import (
    AbstainingClassifier,
    CascadeClassifier,
    HybridClassifier,
    Outcomes,
    RoutingPolicy,
)
from selective_query.budgets import GroupCoverage
from selective_query.costs import CLOUD, STM32F746, WIFI, Deployment
from selective_query.datasets import make_selective_query

TRAIN, TEST = (make_selective_query(400, random_state=seed).outcomes for seed in (0, 1))
X, Y = make_classification(300, n_informative=6, n_features=8, random_state=0)
COSTS = Deployment(
    device=STM32F746, base_ms=50, link=WIFI, cloud=CLOUD, payload_bytes=3072
)


def of_policy(rows=TEST, **given):
    return RoutingPolicy("margin", coverage=0.8).fit(TRAIN).report(rows, **given)


def of_groups():
    half = np.arange(400) % 2
    train, test = (replace(part, group=half) for part in (TRAIN, TEST))
    return RoutingPolicy("margin", GroupCoverage(0.8)).fit(train).report(test)


def of_grades():
    grade = np.linspace(0, 1, 400)
    proba = np.stack([1 - grade / 2, grade / 2], axis=1)
    rows = Outcomes(base_proba=proba, base_utility=grade, global_utility=1 - grade**2)
    return RoutingPolicy("margin", coverage=0.8).fit(rows).report(rows)


def of_hybrid(**given):
    sides = GaussianNB(), DecisionTreeClassifier(random_state=0)
    model = HybridClassifier(*sides, router="margin", coverage=0.7, cv=3)
    return model.fit(X[:150], Y[:150]).report(X[150:], Y[150:], **given)


def of_abstention(coverage=0.7):
    model = AbstainingClassifier(GaussianNB(), coverage=coverage, cv=3)
    return model.fit(X[:150], Y[:150]).report(X[150:], Y[150:])


def of_chain(**given):
    tiers = [
        ("first", DummyClassifier()),
        ("second", GaussianNB()),
        ("last", GaussianNB()),
    ]
    model = CascadeClassifier(tiers, cv=3, **given)
    return model.fit(X[:150], Y[:150]).report(X[150:], Y[150:])


KINDS = {
    "policy": of_policy,
    "costs": lambda: of_policy(deployment=COSTS),
    "overload": lambda: of_policy(deployment=replace(COSTS, inputs_per_day=2e6)),
    "value": lambda: of_policy(deployment=COSTS, value=0.01),
    "nothing queried": lambda: (
        RoutingPolicy("margin", coverage=1.0)
        .fit(TRAIN)
        .report(TEST, deployment=COSTS, value=0.01)
    ),
    "no rows": lambda: of_policy(TEST.take([])),
    "no rows, costs": lambda: of_policy(TEST.take([]), deployment=COSTS, value=0.01),
    "one row": lambda: of_policy(TEST.take([0])),
    "rows that stay": lambda: of_policy(replace(TEST, local_only=np.ones(400, bool))),
    "ids of a kind of their own": lambda: of_policy(
        replace(TEST, id=np.array([uuid.uuid4() for _ in range(400)]))
    ),
    "groups": of_groups,
    "grades": of_grades,
    "hybrid": of_hybrid,
    "hybrid, all queried": lambda: of_hybrid(query_all=True),
    "abstention": of_abstention,
    "nothing answered": lambda: of_abstention(0.0),
    "chain": of_chain,
    "chain with costs": lambda: of_chain(costs=[1, 2, 3], coverage=[1.0, 0.5]),
    "chain that abstains": lambda: of_chain(abstain=0.2),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_strict_json(kind):
    report = KINDS[kind]()
    plain = report.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["verdict"] == report.verdict
    for name, figure in report.items():
        if isinstance(figure, float):
            assert plain[name] == (None if np.isnan(figure) else figure)


def test_unknown_values_are_none():
    plain = of_hybrid().to_dict()
    assert plain["global_accuracy"] is None
    assert plain["intervals"]["global_accuracy"] == [None, None]
    assert plain["costs"] is None
    assert of_abstention(0.0).to_dict()["accuracy"] is None
    chain = of_chain(coverage=[1.0, 0.5]).to_dict()
    assert chain["cost"] is None
    assert chain["tiers"] == ["first", "second", "last"]
    assert chain["accuracies"][1:] == [None, None]
