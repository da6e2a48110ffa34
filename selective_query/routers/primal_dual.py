"""Minimise an objective under one constraint, with a learned multiplier, in torch.

Weights descend on the Lagrangian with a differentiable surrogate of the constraint; the
multiplier ascends on the true violation, which need not be differentiable (Cotter et
al., "Two-player games for efficient non-convex constrained optimization", ALT 2019).
"""

from dataclasses import dataclass, field

import torch


@dataclass
class History:
    """What happened at each step.

    Attributes
    ----------
    multiplier, violation : list of float
        The multiplier in force, and the true violation it was moved by.
    """

    multiplier: list = field(default_factory=list)
    violation: list = field(default_factory=list)


def minimise_constrained(
    parameters,
    terms,
    violation,
    *,
    n_steps,
    learning_rate=0.01,
    dual_learning_rate=0.05,
    weight_decay=0.0,
):
    """Minimise ``objective`` subject to ``violation <= 0``.

    Parameters
    ----------
    parameters : list of torch.Tensor
        Weights, changed in place. Both step sizes fall to zero along a cosine.
    terms : callable
        ``terms(step)`` returns two scalar tensors: the objective, and a differentiable
        surrogate that falls when the violation falls.
    violation : callable
        ``violation()`` returns the true violation as a float; at most zero when the
        constraint holds.
    n_steps : int
    learning_rate, dual_learning_rate : float
        Of the weights (Adam), and of the multiplier (projected gradient ascent).
    weight_decay : float

    Returns
    -------
    multiplier : float
        Not negative; zero where the constraint never was violated for long.
    history : History
    """
    optimiser = torch.optim.AdamW(
        parameters, lr=learning_rate, weight_decay=weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)
    multiplier, history = 0.0, History()
    for step in range(n_steps):
        excess = violation()
        history.multiplier.append(multiplier)
        history.violation.append(excess)
        share_of_rate = optimiser.param_groups[0]["lr"] / learning_rate
        multiplier += dual_learning_rate * share_of_rate * excess
        multiplier = max(multiplier, 0.0)
        objective, surrogate = terms(step)
        optimiser.zero_grad()
        (objective + multiplier * surrogate).backward()
        optimiser.step()
        schedule.step()
    return multiplier, history
