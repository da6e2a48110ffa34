"""Budgets that users write themselves are solved or refused, never passed over."""

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from selective_query import HybridClassifier, Outcomes, RoutingPolicy
from selective_query.budgets import All, Calibration, CalibrationScores, Coverage
from selective_query.budgets._p_values import binomial_p_value
from selective_query.budgets.base import Budget, Floor, Limit
from selective_query.budgets.row_budgets import RowBudget
from selective_query.costs import CLOUD, STM32F746, WIFI, Deployment
from selective_query.evaluation.scorers import at_budget
from selective_query.exceptions import BudgetInfeasibleError, CertificateError
from selective_query.planning import plan


class Wish(Budget):
    """Says nothing about how it is to be met."""


class Nothing(Limit):
    """Says no coverage."""


class Unmeasured(Floor):
    """Says no quality."""


class OwnColumn(RowBudget):
    """A kind of column that nothing solves."""


@dataclass(frozen=True)
class LevelIsNotFirst(Floor):
    """Its first field is another one."""

    name: str = "ours"
    accuracy: float = 0.9

    def measured(self, sweep):
        return sweep.accuracy


@dataclass(frozen=True)
class NeverMeasured(Floor):
    """A quality that these rows say nothing of."""

    level_: float

    def measured(self, sweep):
        return np.full(len(sweep.thresholds), np.nan)


@dataclass(frozen=True)
class AtMostOneIn(Limit):
    """One query in so many inputs."""

    inputs: float

    def least_coverage(self):
        return 1 - 1 / self.inputs


@dataclass(frozen=True)
class MaxErrorAmongKept(Floor):
    """The base errs at most so often on what it answers."""

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
def test_a_kind_that_nothing_solves_is_refused_by_name(budget):
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


def test_a_limit_of_ones_own_is_kept():
    own = policy(AtMostOneIn(4)).fit(draw()).operating_point_
    assert own.threshold == policy(0.75).fit(draw()).operating_point_.threshold
    certified = policy(AtMostOneIn(4), confidence=0.9).fit(draw()).operating_point_
    assert certified.certificate.bound >= 0.75


def test_a_floor_of_ones_own_is_reached_and_certified():
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


def test_a_floor_of_which_nothing_is_measured_cannot_be_met():
    with pytest.raises(BudgetInfeasibleError, match="NeverMeasured.*cannot be met"):
        policy(NeverMeasured(0.5)).fit(draw())


def test_coverage_zero_is_a_coverage():
    assert policy(All(Coverage(0), AtMostOneIn(1))).fit(draw()).operating_point_
