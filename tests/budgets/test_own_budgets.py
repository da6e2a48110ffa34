"""Budgets written by users are solved or refused, never ignored."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from selective_query import HybridClassifier, Outcomes, RoutingPolicy
from selective_query.budgets import (
    All,
    Budget,
    Calibration,
    CalibrationScores,
    Coverage,
    Floor,
    Limit,
    RowBudget,
)
from selective_query.budgets._p_values import binomial_p_value
from selective_query.costs import CLOUD, STM32F746, WIFI, Deployment
from selective_query.evaluation.scorers import at_budget
from selective_query.exceptions import BudgetInfeasibleError, CertificateError
from selective_query.planning import plan


class Wish(Budget):
    """A budget that does not define how it is met."""


class Nothing(Limit):
    """A limit without a coverage."""


class Unmeasured(Floor):
    """A floor without a quality."""


class OwnColumn(RowBudget):
    """A kind of row budget that no solver supports."""


@dataclass(frozen=True)
class LevelIsNotFirst(Floor):
    """A floor whose first field is not the level."""

    name: str = "ours"
    accuracy: float = 0.9

    def measured(self, sweep):
        return sweep.accuracy


@dataclass(frozen=True)
class NeverMeasured(Floor):
    """A quality that cannot be measured on these rows."""

    level_: float

    def measured(self, sweep):
        return [np.nan] * len(sweep.thresholds)


@dataclass(frozen=True)
class AtMostOneIn(Limit):
    """At most one query per n inputs."""

    inputs: float

    def least_coverage(self):
        return 1 - 1 / self.inputs


@dataclass(frozen=True)
class MaxErrorAmongKept(Floor):
    """An upper limit on the base's error rate on kept rows."""

    error: float

    needs_global = False
    is_minimum = False

    def measured(self, sweep):
        return 1 - sweep.selective_accuracy


@dataclass(frozen=True)
class ShownError(MaxErrorAmongKept):
    """The same with a certificate."""

    def p_value(self, sweep, i, error):
        return binomial_p_value(sweep.kept_right[i], sweep.kept[i], 1 - self.error)


@dataclass(frozen=True)
class OfOneNumber(Floor):
    """Measures everything at once."""

    share: float

    def measured(self, sweep):
        return 0.9


def draw(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    doubt = rng.uniform(size=n)
    return Outcomes(
        base_proba=np.column_stack([1 - doubt / 2, doubt / 2]),
        base_utility=(rng.uniform(size=n) > 0.6 * doubt).astype(float),
        global_utility=(rng.uniform(size=n) > 0.1).astype(float),
    )


def policy(budget, **params):
    return RoutingPolicy("max_probability", budget, random_state=0, **params)


@pytest.mark.parametrize(
    "budget", [Wish(), Nothing(), Unmeasured(), OwnColumn(), LevelIsNotFirst()]
)
def test_a_row_budget_that_no_solver_supports_is_refused_by_name(budget):
    name = type(budget).__name__
    outcomes = draw()
    device = Deployment(
        device=STM32F746, base_ms=50, link=WIFI, cloud=CLOUD, payload_bytes=3072
    )
    score = outcomes.base_proba[:, 1]
    hybrid = HybridClassifier(LogisticRegression(), LogisticRegression())
    for ask in (
        lambda: policy(budget).fit(outcomes),
        lambda: policy(0.8).fit(outcomes).at(budget),
        lambda: policy(0.8).fit(outcomes).certify_jointly([budget], confidence=0.9),
        lambda: hybrid.set_params(coverage=budget).fit([[0.0], [1.0]] * 9, [0, 1] * 9),
        lambda: All(0.5, budget),
        lambda: at_budget(budget),
        lambda: plan(outcomes, score, device, budget),
        lambda: plan(outcomes, score, device, lambda costs: budget),
        lambda: Calibration(CalibrationScores([0.1, 0.2], exact=True)).solve(budget),
    ):
        with pytest.raises(ValueError, match=f"{name} .*[Ss]ubclass Limit"):
            ask()


@pytest.mark.parametrize("inputs", [0.5, np.nan, -1, "4"])
def test_a_limit_must_amount_to_a_coverage(inputs):
    budget = AtMostOneIn(4)
    object.__setattr__(budget, "inputs", inputs)
    if inputs == "4":
        object.__setattr__(budget, "least_coverage", lambda: inputs)
    with pytest.raises(ValueError, match=r"AtMostOneIn.least_coverage must .* share"):
        policy(All(0.3, budget)).fit(draw())


def test_a_user_defined_limit_is_kept():
    own = policy(AtMostOneIn(4)).fit(draw()).operating_point_
    assert own.threshold == policy(0.75).fit(draw()).operating_point_.threshold
    certified = policy(AtMostOneIn(4), confidence=0.9).fit(draw()).operating_point_
    assert certified.certificate.bound >= 0.75


def test_a_user_defined_floor_is_reached_and_certified():
    outcomes = draw(4000)
    fitted = policy(MaxErrorAmongKept(0.2)).fit(outcomes)
    point = fitted.operating_point_
    kept = fitted.decide(outcomes.evidence)
    assert 1 - outcomes.base_utility[kept].mean() <= 0.2
    with pytest.raises(CertificateError, match="MaxErrorAmongKept .*p_value"):
        fitted.at(MaxErrorAmongKept(0.2), confidence=0.9)
    certified = fitted.at(ShownError(0.2), confidence=0.9).operating_point_
    assert 0.3 < certified.coverage < point.coverage
    assert "a test of its own" in str(certified)


def test_querying_everything_reaches_no_floor_that_does_not_say_so():
    with pytest.raises(BudgetInfeasibleError, match="ShownError"):
        policy(ShownError(0.001), confidence=0.9).fit(draw(100))


def test_a_floor_measures_every_threshold():
    with pytest.raises(ValueError, match="OfOneNumber.measured must"):
        policy(OfOneNumber(0.5)).fit(draw())


def test_a_floor_that_is_never_measured_cannot_be_met():
    with pytest.raises(BudgetInfeasibleError, match="NeverMeasured.*cannot be met"):
        policy(NeverMeasured(0.5)).fit(draw())


def test_coverage_zero_is_a_coverage():
    assert policy(All(Coverage(0), AtMostOneIn(1))).fit(draw()).operating_point_


@dataclass(frozen=True)
class MaxQueriesOfGroup(RowBudget):
    """At most this share of all inputs is queried from one group."""

    maximum: float
    label: int = 0

    reads = "query_cost"

    def read(self, evidence):
        return evidence.require("group", "MaxQueriesOfGroup") == self.label


@dataclass(frozen=True)
class Steps(RowBudget):
    """Groups by the base's prediction, with increasing minimum coverages."""

    shares: tuple
    where: object = None

    reads, parameter = "group", "where"

    def least_coverages(self, groups):
        return self.shares


@dataclass(frozen=True)
class Stays(RowBudget):
    """The rows of one group must stay local."""

    label: int

    reads = "local_only"

    def read(self, evidence):
        return evidence.group == self.label


def grouped(n=1500):
    outcomes = draw(n)
    return replace(outcomes, group=np.random.default_rng(1).integers(0, 3, size=n))


def test_a_user_defined_cost_is_kept():
    outcomes = grouped()
    fitted = policy(MaxQueriesOfGroup(0.02, 1)).fit(outcomes)
    queried = ~fitted.decide(outcomes.evidence)
    assert 0.018 < np.mean(queried & (outcomes.group == 1)) <= 0.02
    assert np.mean(queried) > 0.05, "those of other groups cost nothing"
    assert fitted.at(MaxQueriesOfGroup(0.02, 1)).operating_point_
    with pytest.raises(ValueError, match="MaxQueriesOfGroup.* was not kept in fit"):
        fitted.at(MaxQueriesOfGroup(0.02, 2))


def test_user_defined_groups_are_kept_and_certified():
    outcomes = grouped()
    fitted = policy(Steps((0.5, 0.7, 0.9))).fit(outcomes)
    kept = fitted.decide(outcomes.evidence)
    shares = [kept[outcomes.group == g].mean() for g in range(3)]
    np.testing.assert_array_less([0.5, 0.7, 0.9], np.add(shares, 1e-9))
    assert shares[2] < 0.95
    certified = fitted.at(Steps((0.5, 0.7, 0.9)), confidence=0.9)
    assert np.mean(certified.decide(outcomes.evidence)) > np.mean(kept)
    for wrong in ((0.5, 0.7), (0.5, 0.7, 1.9), (0.5, 0.7, np.nan)):
        with pytest.raises(ValueError, match="Steps.least_coverages must .* 3 groups"):
            fitted.at(Steps(wrong))


def test_user_defined_local_rows_stay():
    outcomes = grouped()
    fitted = policy(All(0.5, Stays(2))).fit(outcomes)
    kept = fitted.decide(outcomes.evidence)
    assert kept[outcomes.group == 2].all()
    assert kept.mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("reads", [None, "X", "group", "query_cost"])
def test_an_incomplete_row_budget_is_refused(reads):
    own = type("Own", (RowBudget,), {"reads": reads, "read": lambda self, evidence: 0})
    with pytest.raises(ValueError, match="Own is no budget that can be solved"):
        policy(own()).fit(grouped())


@pytest.mark.parametrize(
    ("budget", "column", "says"),
    [
        (Steps((0.5, 0.5)), [0.0, np.nan], "Steps: a label of a group is NaN"),
        (MaxQueriesOfGroup(1), [1.0, -1.0], "MaxQueriesOfGroup: the cost .* >= 0"),
        (MaxQueriesOfGroup(1), ["a", "b"], "MaxQueriesOfGroup: the cost .* number"),
        (Stays(1), [0.5, 1.0], "Stays: read must say true or false"),
        (Stays(1), [True], "Stays: read must give one value for each of the 2 rows"),
    ],
)
def test_values_read_by_a_user_defined_row_budget_are_checked(budget, column, says):
    object.__setattr__(budget, "read", lambda evidence: column)
    with pytest.raises(ValueError, match=says):
        budget.column(draw(2).evidence)


def test_a_user_defined_cost_needs_a_valid_bound():
    with pytest.raises(ValueError, match="MaxQueriesOfGroup: maximum must be a number"):
        policy(MaxQueriesOfGroup(-0.5)).fit(grouped())
