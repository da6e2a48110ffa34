"""Minimise a function of some weights subject to a constraint on another function."""

import copy
import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch


class ConstrainedProblem(Protocol):
    """What :func:`minimise` needs: the problem in a smooth and in a true form.

    The smooth form drives the weights, the true form the multiplier. The true violation
    may be a step function, because nothing is differentiated through it.
    """

    n_batches: int

    def batches(self):
        """Yield (objective, surrogate violation), scalar tensors, ``n_batches`` times.

        Each pair is computed on demand, with the current weights.
        """

    def measure(self):
        """Return the true objective and the true violation, as floats."""


class Multiplier:
    r"""A nonnegative price for violating a constraint, learned by projected ascent.

    .. math:: \lambda_t = \max(0,\ I_t + \kappa v_t), \qquad
              I_t = \max(0,\ I_{t-1} + \eta v_t)

    The integral :math:`I` alone is gradient ascent in the dual. The term proportional
    to the violation :math:`v` damps the oscillations of this ascent when the weights
    respond late (Sohrabi et al., "On PI controllers for updating Lagrange multipliers
    in constrained optimization", ICML 2024).

    Parameters
    ----------
    learning_rate : float
        The step :math:`\eta`.
    damping : float, default=0.0
        The weight :math:`\kappa` of the current violation.

    Attributes
    ----------
    value : float
        The current multiplier; it starts at 0.
    """

    def __init__(self, learning_rate, damping=0.0):
        self.learning_rate = learning_rate
        self.damping = damping
        self.value = 0.0
        self._integral = 0.0

    def ascend(self, violation):
        """Rise while the constraint is violated; fall, but not below 0, while slack."""
        self._integral = max(0.0, self._integral + self.learning_rate * violation)
        self.value = max(0.0, self._integral + self.damping * violation)


@dataclass(frozen=True)
class Trace:
    """History of a minimisation, by measurement.

    Attributes
    ----------
    multiplier : ndarray of shape (n_measurements,)
        Value of the multiplier after its response to the measurement.
    violation, objective : ndarray of shape (n_measurements,)
        The true violation and objective.
    kept : int
        Index of the measurement whose weights were kept.
    """

    multiplier: np.ndarray
    violation: np.ndarray
    objective: np.ndarray
    kept: int


def minimise(
    problem,
    module,
    *,
    n_epochs,
    learning_rate,
    dual_learning_rate,
    damping=0.0,
    weight_decay=0.0,
    measure_every=1,
    tolerance=0.0,
    burn_in=0.5,
):
    r"""Search for a saddle point: weights descend while the price of violation ascends.

    The weights :math:`\theta` descend on :math:`f(\theta) + \lambda\,\tilde v(\theta)`
    with a smooth surrogate :math:`\tilde v`; the multiplier :math:`\lambda \ge 0`
    ascends on the true violation :math:`v`. This is the proxy-Lagrangian game of Cotter
    et al., "Two-player games for efficient non-convex constrained optimization", ALT
    2019. The learning rate of the weights decays to zero along a half cosine.

    Among the weights measured after the burn-in, those closest to feasibility and
    complementary slackness are kept (no violation, and no slack beyond the tolerance at
    a positive price); ties are broken by the lowest true objective.

    Parameters
    ----------
    problem : ConstrainedProblem
    module : torch.nn.Module
        Holds the weights. It is in training mode during updates and in evaluation mode
        during measurements, and ends with the kept weights.
    n_epochs : int
    learning_rate, dual_learning_rate : float
        Step sizes of the weights (AdamW) and of the multiplier.
    damping : float, default=0.0
        See :class:`Multiplier`.
    weight_decay : float, default=0.0
        For matrices only, not for biases and scales.
    measure_every : int, default=1
        Number of weight steps for each step of the multiplier.
    tolerance : float, default=0.0
        Slack that is allowed at a positive price.
    burn_in : float, default=0.5
        Share of the steps before weights may be kept.

    Returns
    -------
    Trace
    """
    optimiser = _optimiser(module, learning_rate, weight_decay)
    n_steps = n_epochs * problem.n_batches
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: 0.5 * (1 + math.cos(math.pi * step / n_steps))
    )
    multiplier = Multiplier(dual_learning_rate, damping)
    measured, kept, least = [], None, None
    module.train()
    for step, (objective, surrogate) in enumerate(_steps(problem, n_epochs), start=1):
        optimiser.zero_grad()
        (objective + multiplier.value * surrogate).backward()
        optimiser.step()
        schedule.step()
        if step % measure_every and step < n_steps:
            continue
        true_objective, violation = _measure(problem, module)
        multiplier.ascend(violation)
        measured.append((multiplier.value, violation, true_objective))
        rank = _residual(violation, multiplier.value, tolerance), true_objective
        if step >= burn_in * n_steps and (least is None or rank <= least):
            least, kept = rank, len(measured) - 1
            weights = copy.deepcopy(module.state_dict())
    module.load_state_dict(weights)
    module.eval()
    return Trace(*np.array(measured).T, kept=kept)


def _residual(violation, multiplier, tolerance):
    """Violation, or slack at a positive price, beyond the tolerance."""
    if violation > 0:
        return violation
    slack = -violation if multiplier > 0 else 0.0
    return slack if slack > tolerance else 0.0


def _steps(problem, n_epochs):
    with torch.enable_grad():
        for _ in range(n_epochs):
            yield from problem.batches()


def _measure(problem, module):
    module.eval()
    with torch.no_grad():
        measured = problem.measure()
    module.train()
    return measured


def _optimiser(module, learning_rate, weight_decay):
    matrices = [p for p in module.parameters() if p.ndim > 1]
    others = [p for p in module.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=learning_rate
    )
