"""Rows that must stay: no curve, cost or verdict of a report sends them."""

from dataclasses import replace

import numpy as np
import pytest

from selective_query import RoutingPolicy
from tests.reports.test_routing_report import COSTS, TEST, TRAIN, _texts


@pytest.fixture(scope="module")
def policy():
    return RoutingPolicy("margin", coverage=0.8).fit(TRAIN)


def test_no_point_of_the_curve_sends_rows_that_must_stay():
    stays = np.arange(TEST.n_rows) % 2 == 0
    marked = replace(TEST, local_only=stays)
    report = RoutingPolicy("margin", coverage=0.7).fit(TRAIN).report(marked)
    best = np.where(stays, TEST.base_utility, TEST.query_utility).mean()
    assert report.curve.accuracy[0] == pytest.approx(best)
    assert report.global_alone == pytest.approx(best)


def test_the_global_alone_is_costed_and_judged_as_what_is_possible(policy):
    stays = np.arange(TEST.n_rows) % 2 == 0
    marked = replace(TEST, local_only=stays)
    report = policy.report(marked, deployment=COSTS, value=0.01)
    price = report.costs["global alone"]["price"]
    assert price == pytest.approx(COSTS.price(0.0) / 2)
    assert price == pytest.approx(report.curve.costs["price"][0])
    lost = COSTS.chance_lost
    accuracy = (1 - lost) * report.global_alone + lost * report.base_accuracy
    net = report.routing_verdict.net["global alone"]
    assert net == pytest.approx(0.01 * accuracy - price)
    said = "the base answers the 50 % of the rows that must stay"
    assert said in str(report)
    assert said in _texts(report.to_html()).replace("\u00a0", " ")
    assert "must stay" not in str(policy.report(TEST))
