"""Rows that must stay local are never sent to a remote global."""

import numpy as np
import pytest

from selective_query import CascadeClassifier, HybridClassifier, cross_fit_outcomes
from selective_query.budgets import All, MinAccuracy, RowBudget, StayLocal
from selective_query.costs import CLOUD, LTE_M, STM32F746, Deployment
from selective_query.evaluation import diagnose
from selective_query.metrics import accuracy_coverage_curve
from selective_query.scale import curve_in_chunks, report_in_chunks
from selective_query.serving import CallableClassifier, Outage, simulate_outages
from tests.serving.test_hybrid_unavailable import Switch

COSTS = Deployment(
    device=STM32F746, base_ms=2, link=LTE_M, cloud=CLOUD, payload_bytes=64
)


def stays(X):
    return X[:, 30] > 0.3


BUDGET = All(0.7, StayLocal(stays))


class SureOnesStay(RowBudget):
    """Depends on the base's output, not on the inputs."""

    reads = "local_only"

    def read(self, evidence):
        return evidence.require("base_proba", "SureOnesStay")[:, 3] > 0.5

    def __eq__(self, other):
        return type(other) is type(self)

    def __hash__(self):
        return 0


@pytest.fixture
def switch(frozen_pair):
    return Switch(frozen_pair[1])


@pytest.fixture
def make(frozen_pair, switch):
    def make(coverage=BUDGET, router="max_probability", **params):
        global_ = CallableClassifier(
            switch,
            classes=range(10),
            method="predict_proba",
            batch_rows=64,
            deadline_ms=60_000,
        )
        return HybridClassifier(
            frozen_pair[0], global_, router=router, coverage=coverage, **params
        )

    return make


@pytest.mark.parametrize("calibration", [None, 0.4])
@pytest.mark.parametrize("router", ["max_probability", "benefit", "auto"])
def test_fit_sends_no_local_rows(make, switch, digits, router, calibration):
    X, y = digits[0][600:1200], digits[1][600:1200]
    hybrid = make(router=router, calibration=calibration, random_state=0).fit(X, y)
    assert switch.rows and not stays(np.array(switch.rows)).any()
    if calibration is None:
        assert len(switch.rows) == (~stays(X)).sum()
    assert hybrid.predict_coverage(X)[stays(X)].all()


CALLS = {
    "outcomes": lambda hybrid, X, y: hybrid.outcomes(X, y),
    "report": lambda hybrid, X, y: hybrid.report(X, y),
    "report of all": lambda hybrid, X, y: hybrid.report(X, y, query_all=True),
    "plan": lambda hybrid, X, y: hybrid.plan(X, y, COSTS, 0.8),
    "with_base": lambda hybrid, X, y: hybrid.with_base(hybrid.base_estimator_, X, y),
    "refitted": lambda hybrid, X, y: hybrid.with_base(
        hybrid.base_estimator_, X, y, refit_router=True
    ),
    "diagnose": lambda hybrid, X, y: diagnose(hybrid, X, y),
    "chunks": lambda hybrid, X, y: report_in_chunks(
        hybrid, X, y, chunk_rows=99, query_all=True
    ),
    "curve": lambda hybrid, X, y: curve_in_chunks(hybrid, X, y, chunk_rows=99),
    "lab": lambda hybrid, X, y: simulate_outages(
        hybrid, X, y, COSTS, Outage("silent"), n_inputs=50
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_other_method_sends_local_rows(make, switch, digits, call):
    X, y = digits
    hybrid = make().fit(X[600:1200], y[600:1200])
    switch.rows.clear()
    call(hybrid, X[1200:], y[1200:])
    assert switch.rows and not stays(np.array(switch.rows)).any()


def test_rows_named_by_what_the_base_says(make, switch, digits, frozen_pair):
    X, y = digits
    hybrid = make(All(0.7, SureOnesStay())).fit(X[600:1200], y[600:1200])
    hybrid.outcomes(X[1200:], y[1200:])
    proba = frozen_pair[0].predict_proba(np.array(switch.rows))
    assert len(proba) and (proba[:, 3] <= 0.5).all()


def test_if_all_rows_must_stay_nothing_is_queried(make, switch, digits):
    X, y = digits
    hybrid = make(StayLocal(lambda X: np.ones(len(X), bool)))
    hybrid.fit(X[600:1200], y[600:1200])
    outcomes = hybrid.outcomes(X[1200:], y[1200:])
    report = hybrid.report(X[1200:], y[1200:], query_all=True)
    assert switch.rows == []
    assert outcomes.local_only.all() and (outcomes.benefit == 0).all()
    assert report.coverage == 1 and np.isnan(report.global_accuracy)


def test_forbidden_queries_change_nothing(make, digits):
    """The curve ends where all rows that may be sent are queried."""
    X, y = digits
    hybrid = make().fit(X[600:1200], y[600:1200])
    outcomes = hybrid.outcomes(X[1200:], y[1200:])
    assert (outcomes.local_only == stays(X[1200:])).all()
    assert (outcomes.benefit[outcomes.local_only] == 0).all()
    curve = accuracy_coverage_curve(
        hybrid.rule_.score(outcomes), outcomes.base_utility, outcomes.global_utility
    )
    share = outcomes.local_only.mean()
    below = np.array([0, share / 2, share])
    assert np.ptp(curve.accuracy_at(below)) < 1e-12


def test_the_summary_of_outcomes_counts_no_such_answer(make, digits, frozen_pair):
    X, y = digits
    hybrid = make().fit(X[600:1200], y[600:1200])
    outcomes = hybrid.outcomes(X[1200:], y[1200:])
    may_leave = ~stays(X[1200:])
    right = frozen_pair[1].predict(X[1200:]) == y[1200:]
    assert f"global accuracy {right[may_leave].mean():.4f}" in repr(outcomes)


@pytest.mark.parametrize("router", ["benefit", "two_stage"])
def test_routers_learn_from_rows_that_may_leave(digits, frozen_pair, make, router):
    """The global's answers to the other rows make no difference."""
    X, y = digits

    class Lies:
        def __init__(self, model):
            self.model, self.rows = model, []

        def __call__(self, X):
            proba = self.model.predict_proba(X)
            return np.where(stays(X)[:, None], proba[:, ::-1], proba)

    plain = make(router=router, random_state=0)
    lying = make(router=router, random_state=0)
    lying.global_estimator.set_params(function=Lies(frozen_pair[1]))
    found = [
        model.fit(X[600:1200], y[600:1200]).query_score(X[1200:])
        for model in (plain, lying)
    ]
    np.testing.assert_array_equal(*found)


def test_policies_learn_from_rows_that_may_leave(make, digits):
    X, y = digits
    hybrid = make(router="benefit", random_state=0).fit(X[600:1200], y[600:1200])
    outcomes = hybrid.outcomes(X[600:1200], y[600:1200])
    policy = hybrid.policy_
    rows = ~outcomes.local_only
    alone = policy.new_rule(outcomes).router.fit(outcomes.take(rows))
    again = policy.fit(outcomes).router_
    np.testing.assert_allclose(
        again.query_score(outcomes.evidence), alone.query_score(outcomes.evidence)
    )


def test_floors_are_those_of_what_can_be_reached(make, digits):
    X, y = digits
    hybrid = make(All(MinAccuracy(0.9), StayLocal(stays))).fit(X[600:1200], y[600:1200])
    assert hybrid.operating_point_.accuracy > 0.9 - 1e-9
    assert hybrid.predict_coverage(X[1200:])[stays(X[1200:])].all()


def test_two_models_alone_may_be_asked_with_rows_that_fail(frozen_pair, switch, digits):
    X, y = digits[0][600:700], digits[1][600:700]
    spoilt = CallableClassifier(
        lambda rows: (
            np.where(rows[:, :1] > -1, np.nan, 0) * np.ones(10)
            if stays(rows)[0]
            else switch(rows)
        ),
        classes=range(10),
        method="predict_proba",
        deadline_ms=60_000,
        failures_to_open=None,
    )
    with pytest.warns(UserWarning, match="gave no answer"):
        outcomes = cross_fit_outcomes(frozen_pair[0], spoilt, X, y)
    assert (outcomes.weight == ~stays(X)).all()


def test_parameters_set_after_a_fit_send_no_local_rows(make, switch, digits):
    X, y = digits
    hybrid = make()
    models = [("base", hybrid.base_estimator), ("global", hybrid.global_estimator)]
    chain = CascadeClassifier(models, router="max_probability", coverage=[BUDGET])
    for model, other in ((hybrid, 0.5), (chain, [0.5])):
        model.fit(X[600:1200], y[600:1200]).set_params(coverage=other)
        switch.rows.clear()
        model.outcomes(X[1200:], y[1200:])
        assert switch.rows and not stays(np.array(switch.rows)).any()
        switch.rows.clear()
        model.fit(X[600:1200], y[600:1200])
        assert stays(np.array(switch.rows)).any()
