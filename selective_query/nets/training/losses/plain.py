"""Losses for the base alone: cross-entropy, exits, distillation, confidence tuning."""

import math
from math import inf
from numbers import Real

import torch
from torch.nn.functional import kl_div

from selective_query.nets.training.losses.base import (
    SMALLEST_TEMPERATURE,
    HybridLoss,
    row_log_loss,
    tempered,
)


class CrossEntropy(HybridLoss):
    """Cross-entropy: the negative log-probability of the label.

    Parameters
    ----------
    smoothing : float, default=0.0
        Share of each label spread over all classes.
    """

    bounds = {"smoothing": (0, 1)}

    def __init__(self, smoothing=0.0):
        self.smoothing = smoothing

    def __call__(self, output, target):
        return row_log_loss(output.logits, target.label, self.smoothing)


class DeepSupervision(HybridLoss):
    r"""Cross-entropy of every exit of an :class:`~selective_query.nets.EarlyExitNet`.

    .. math:: \sum_k w_k\, \ell(p_k, y) \Big/ \sum_k w_k

    Parameters
    ----------
    weights : sequence of float or None, default=None
        :math:`w_k` of each exit, from first to last; None weighs all exits equally.

    References
    ----------
    Teerapittayanon, McDanel and Kung, "BranchyNet: fast inference via early exiting
    from deep neural networks", ICPR 2016.
    """

    reads_exits = True

    def __init__(self, weights=None):
        self.weights = weights

    def check(self, n_classes, n_epochs):
        super().check(n_classes, n_epochs)
        numbers = [] if self.weights is None else self.weights
        if not all(isinstance(w, Real) and w >= 0 for w in numbers) or (
            self.weights is not None and not sum(numbers) > 0
        ):
            raise ValueError(
                "weights must be numbers >= 0, one of them positive. Got "
                f"{self.weights!r}."
            )

    def __call__(self, output, target):
        weights = self.weights or [1.0] * len(output.exits)
        if len(weights) != len(output.exits):
            raise ValueError(
                f"weights must have one entry for each of the {len(output.exits)} "
                f"exits. Got {len(weights)}."
            )
        losses = [row_log_loss(logits, target.label) for logits in output.exits]
        charged = sum(w * loss for w, loss in zip(weights, losses, strict=True))
        return charged / sum(weights)


class Distillation(HybridLoss):
    r"""Learn from labels and from the global's probabilities.

    .. math:: (1 - \alpha)\, \ell(p, y) + \alpha\, T^2\,
              \mathrm{KL}\big(g^{1/T} \,\|\, p^{1/T}\big)

    Parameters
    ----------
    temperature : float, default=1.0
        The temperature T of both sides.
    share : float, default=0.5
        The weight :math:`\alpha` of the global's probabilities.

    References
    ----------
    Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015.
    """

    needs_global = True

    bounds = {"temperature": (SMALLEST_TEMPERATURE, inf), "share": (0, 1)}

    def __init__(self, temperature=1.0, share=0.5):
        self.temperature = temperature
        self.share = share

    def __call__(self, output, target):
        own = row_log_loss(output.logits, target.label)
        return (1 - self.share) * own + self.share * distance_to_global(
            output.logits, target.global_proba, self.temperature
        )


def distance_to_global(logits, global_proba, temperature):
    """Return the scaled KL divergence of each row from the global's probabilities."""
    ours = (logits / temperature).log_softmax(1)
    theirs = tempered(global_proba, temperature)
    return temperature**2 * kl_div(ours, theirs, reduction="none").sum(1)


class Gatekeeper(HybridLoss):
    r"""Confident where the base is right, uniform where it is wrong.

    .. math:: \alpha\, 1\{\hat y = y\}\, \ell(p, y)
              + (1 - \alpha)\, 1\{\hat y \ne y\}\,
              \mathrm{KL}(p \,\|\, \text{uniform})

    after some epochs of plain cross-entropy. It tunes the confidence, at some cost to
    the base's own accuracy.

    Parameters
    ----------
    share : float, default=0.5
        The weight :math:`\alpha` of rows that the base gets right.
    n_warm_up : int, default=4
        Epochs of plain cross-entropy.

    References
    ----------
    Rabanser, Rauschmayr, Kulshrestha, Poklukar, Jitkrittum, Augenstein, Wang and
    Tombari, "Gatekeeper: improving model cascades through confidence tuning", 2025.
    """

    bounds = {"share": (0, 1)}

    def __init__(self, share=0.5, n_warm_up=4):
        self.share = share
        self.n_warm_up = n_warm_up

    def __call__(self, output, target):
        log_p = output.logits.log_softmax(1)
        right = output.logits.argmax(1) == target.label
        doubt = (log_p.exp() * log_p).sum(1) + math.log(log_p.shape[1])
        own = -log_p.gather(1, target.label[:, None])[:, 0]
        return torch.where(right, self.share * own, (1 - self.share) * doubt)


class OneSidedPrediction(HybridLoss):
    r"""One detector per class, penalised for claiming inputs of other classes.

    .. math:: -\log \sigma(f_y) - \mu \sum_{k \ne y} \log\big(1 - \sigma(f_k)\big)

    The larger the price :math:`\mu` of a false claim, the fewer inputs are claimed. The
    query score is minus the largest logit.

    Parameters
    ----------
    price : float, default=1.0
        The factor :math:`\mu`; in the paper, the multiplier of the error constraint.

    References
    ----------
    Gangrade, Kag and Saligrama, "Selective classification via one-sided prediction",
    AISTATS 2021.
    """

    bounds = {"price": (0, inf)}

    def __init__(self, price=1.0):
        self.price = price

    def __call__(self, output, target):
        softplus = torch.nn.functional.softplus
        claim = output.logits.gather(1, target.label[:, None])[:, 0]
        false = softplus(output.logits).sum(1) - softplus(claim)
        return softplus(-claim) + self.price * false

    def query_score(self, output):
        return -output.logits.amax(1)
