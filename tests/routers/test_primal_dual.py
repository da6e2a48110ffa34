import numpy as np
import pytest
import torch

from selective_query.routers._primal_dual import Multiplier, minimise


class Weights(torch.nn.Module):
    def __init__(self, n):
        super().__init__()
        self.values = torch.nn.Parameter(torch.zeros(n))


class NearestPoint:
    """The point nearest to `goal` whose coordinates sum to at most `limit`."""

    n_batches = 1

    def __init__(self, goal, limit):
        self.goal = torch.tensor(goal)
        self.limit = limit
        self.point = Weights(len(goal))

    def terms(self):
        point = self.point.values
        return ((point - self.goal) ** 2).sum(), point.sum() - self.limit

    def batches(self):
        yield self.terms()

    def measure(self):
        objective, violation = self.terms()
        return objective.item(), violation.item()


class Selection:
    """The largest total value of at most a share of the items: a step constraint."""

    n_batches = 4

    def __init__(self, value, share):
        self.value = torch.tensor(value)
        self.share = share
        self.score = Weights(len(value))

    def batches(self):
        for _ in range(self.n_batches):
            score = self.score.values
            lost = (self.value * torch.nn.functional.softplus(-score)).mean()
            yield lost, torch.nn.functional.softplus(score).mean() - self.share

    def measure(self):
        chosen = (self.score.values > 0).float()
        lost = (self.value * (1 - chosen)).mean().item()
        return lost, chosen.mean().item() - self.share


NEAREST = {
    "n_epochs": 2000,
    "learning_rate": 0.05,
    "dual_learning_rate": 0.05,
    "damping": 0.5,
    "tolerance": 1e-3,
}


def test_binding_constraint_reaches_the_exact_point_and_price():
    goal, limit = [1.0, 2.0, 3.0], 3.0
    problem = NearestPoint(goal, limit)
    trace = minimise(problem, problem.point, **NEAREST)
    surplus = (sum(goal) - limit) / len(goal)
    exact = np.array(goal) - surplus
    np.testing.assert_allclose(problem.point.values.detach(), exact, atol=5e-3)
    assert trace.multiplier[trace.kept] == pytest.approx(2 * surplus, abs=0.02)
    assert trace.violation[trace.kept] <= 1e-6


def test_slack_constraint_costs_nothing():
    problem = NearestPoint([1.0, 2.0, 3.0], 7.0)
    trace = minimise(problem, problem.point, **NEAREST)
    np.testing.assert_allclose(problem.point.values.detach(), [1, 2, 3], atol=5e-3)
    assert trace.multiplier[trace.kept] == 0
    assert trace.objective[trace.kept] < 1e-3


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_step_constraint_selects_what_sorting_would(share):
    value = np.random.default_rng(0).permutation(np.linspace(0.025, 0.975, 20))
    problem = Selection(value.astype(np.float32), share)
    trace = minimise(
        problem,
        problem.score,
        n_epochs=300,
        learning_rate=0.05,
        dual_learning_rate=0.02,
        damping=0.1,
    )
    n_best = round(share * len(value))
    ranked = np.sort(value)[::-1]
    chosen = problem.score.values.detach().numpy() > 0
    assert set(value[chosen]) == set(ranked[:n_best])
    price = trace.multiplier[trace.kept]
    assert ranked[n_best] - 0.05 <= price <= ranked[n_best - 1] + 0.05


def test_measurements_are_recorded_and_the_last_step_is_one_of_them():
    problem = Selection(np.linspace(0, 1, 5, dtype=np.float32), 0.4)
    trace = minimise(
        problem,
        problem.score,
        n_epochs=5,
        learning_rate=0.01,
        dual_learning_rate=0.1,
        measure_every=6,
    )
    assert trace.multiplier.shape == trace.violation.shape == (4,)  # 6, 12, 18, 20
    assert trace.objective.shape == (4,)
    assert (trace.multiplier >= 0).all()
    assert not problem.score.training


class Scripted:
    """Measurements come from a list; weights count the steps."""

    n_batches = 1

    def __init__(self, measurements):
        self.measurements = iter(measurements)
        self.weights = Weights(1)

    def batches(self):
        total = self.weights.values.sum()
        yield -total, 0 * total

    def measure(self):
        return next(self.measurements)


@pytest.mark.parametrize(
    ("measurements", "kept"),
    [
        pytest.param([(0.1, 0.5), (0.2, 0.3), (0.3, 0.4)], 1, id="least violation"),
        pytest.param([(0.3, 0.5), (0.1, -0.3), (0.2, -0.01)], 2, id="least slack"),
        pytest.param([(0.3, 0.5), (0.2, -0.01), (0.1, -0.02)], 2, id="objective"),
        pytest.param([(0.3, -0.1), (0.1, -0.5), (0.2, -0.2)], 1, id="free slack"),
    ],
)
def test_kept_weights_meet_the_constraint_and_pay_for_no_slack(measurements, kept):
    problem = Scripted(measurements)
    trace = minimise(
        problem,
        problem.weights,
        n_epochs=len(measurements),
        learning_rate=0.1,
        dual_learning_rate=1.0,
        tolerance=0.05,
        burn_in=0.0,
    )
    assert trace.kept == kept
    np.testing.assert_array_equal(trace.violation, [v for _, v in measurements])
    share_of_rate = 0.5 * (1 + np.cos(np.pi * np.arange(kept + 1) / len(measurements)))
    at_kept = 0.1 * share_of_rate.sum()
    assert problem.weights.values.item() == pytest.approx(at_kept, rel=1e-3)


def test_weights_before_the_burn_in_are_not_kept():
    problem = Scripted([(0.1, -0.1), (0.3, -0.1), (0.2, -0.1), (0.4, -0.1)])
    trace = minimise(
        problem,
        problem.weights,
        n_epochs=4,
        learning_rate=0.1,
        dual_learning_rate=1.0,
        burn_in=0.75,
    )
    assert trace.kept == 2


def test_matrices_decay_and_vectors_do_not():
    class Still:
        n_batches = 1

        def batches(self):
            total = sum(p.sum() for p in layer.parameters())
            yield 0 * total, 0 * total

        def measure(self):
            return 0.0, 0.0

    layer = torch.nn.Linear(2, 2)
    before = {name: p.detach().clone() for name, p in layer.named_parameters()}
    minimise(
        Still(),
        layer,
        n_epochs=3,
        learning_rate=0.1,
        dual_learning_rate=0.1,
        weight_decay=1.0,
    )
    assert (layer.weight.abs() < 0.95 * before["weight"].abs()).all()
    assert torch.equal(layer.bias, before["bias"])


def test_multiplier_rises_falls_and_stays_at_zero():
    price = Multiplier(learning_rate=0.5, damping=1.0)
    price.ascend(0.2)
    assert price.value == pytest.approx(0.1 + 0.2)
    price.ascend(0.0)
    assert price.value == pytest.approx(0.1)
    price.ascend(-0.4)
    assert price.value == 0
    price.ascend(0.1)
    assert price.value == pytest.approx(0.05 + 0.1)


def test_works_where_the_caller_switched_gradients_off():
    problem = NearestPoint([1.0, 2.0], 1.0)
    with torch.no_grad():
        minimise(problem, problem.point, **{**NEAREST, "n_epochs": 10})
    assert problem.point.values.abs().sum() > 0
