"""Losses for a net that may abstain."""

from math import inf
from numbers import Real

import torch

from selective_query.nets.training.losses.base import (
    HybridLoss,
    row_log_loss,
    with_deferral,
)


class SelectiveNet(HybridLoss):
    r"""Selective risk, a penalty on missing coverage, and an auxiliary classifier.

    .. math:: \alpha \Big( \frac{\sum_i \ell_i\, s_i}{\sum_i s_i}
              + \lambda \max(0, c - \bar s)^2 \Big)
              + (1 - \alpha) \frac1n \sum_i \ell^{\text{second}}_i

    with the selection :math:`s = \sigma(\text{head})`.

    Parameters
    ----------
    coverage : float or None, default=None
        The target c; None uses the classifier's coverage.
    penalty : float, default=32.0
        The factor :math:`\lambda`.
    share : float, default=0.5
        The weight :math:`\alpha`.

    References
    ----------
    Geifman and El-Yaniv, "SelectiveNet: a deep neural network with an integrated reject
    option", ICML 2019.
    """

    has_head = True
    has_second = True

    bounds = {"coverage": (0, 1), "penalty": (0, inf), "share": (0, 1)}

    def __init__(self, coverage=None, penalty=32.0, share=0.5):
        self.coverage = coverage
        self.penalty = penalty
        self.share = share

    def __call__(self, output, target):
        weight = target.weight / target.weight.mean()
        selected = torch.sigmoid(output.head)
        reached = (weight * selected).mean()
        own = row_log_loss(output.logits, target.label) * selected / reached
        missing = self.penalty * (self.coverage - reached).clamp_min(0) ** 2
        second = row_log_loss(output.second, target.label)
        return self.share * (own + missing) + (1 - self.share) * second

    def query_score(self, output):
        return -output.head


class DeepGamblers(HybridLoss):
    r"""Bet on the classes, or keep part of the stake in reserve.

    .. math:: -\log\big(p_y + p_\perp / o\big)

    Parameters
    ----------
    payoff : float or None, default=None
        The odds o, above 1 and at most the number of classes. The net keeps its stake
        if no class is more probable than 1 / o, so lower odds make it abstain more
        often. None uses 2.2, or 1.5 for two classes, one of which is always more
        probable than 1 / 2.2.
    n_warm_up : int, default=4
        Epochs of plain cross-entropy, without which the net may never start to bet.

    References
    ----------
    Liu, Wang, Liang, Salakhutdinov, Morency and Ueda, "Deep gamblers: learning to
    abstain with portfolio theory", NeurIPS 2019.
    """

    has_head = True

    def __init__(self, payoff=None, n_warm_up=4):
        self.payoff = payoff
        self.n_warm_up = n_warm_up

    def check(self, n_classes, n_epochs):
        super().check(n_classes, n_epochs)
        if n_classes < 2:
            raise ValueError("DeepGamblers needs two classes to bet on. Got one.")
        payoff = self._odds(n_classes)
        if not (isinstance(payoff, Real) and 1 < payoff <= n_classes):
            raise ValueError(
                f"DeepGamblers: payoff must be above 1 and at most the {n_classes} "
                f"classes. Got {payoff!r}. With lower odds the net never bets, with "
                "higher odds it never keeps its stake. Leave it None for "
                f"{DeepGamblers()._odds(n_classes)}."
            )

    def _odds(self, n_classes):
        if self.payoff is not None:
            return self.payoff
        return 2.2 if n_classes > 2 else 1.5

    def __call__(self, output, target):
        log_p = with_deferral(output)
        own = log_p.gather(1, target.label[:, None])[:, 0]
        odds = torch.tensor(self._odds(output.logits.shape[1]))
        reserve = log_p[:, -1] - odds.log().to(own)
        return -torch.logaddexp(own, reserve)

    def query_score(self, output):
        return with_deferral(output)[:, -1]


class SelfAdaptive(HybridLoss):
    r"""Self-adaptive training (SAT): trust a label as far as the net agrees with it.

    .. math:: -t_y \log p_y - (1 - t_y) \log p_\perp,
              \qquad t \leftarrow m\,t + (1 - m)\,p

    The target t of a row starts at its label and follows the net's own predictions.

    Parameters
    ----------
    momentum : float, default=0.9
        The factor m.
    n_warm_up : int, default=4
        Epochs of plain cross-entropy.

    References
    ----------
    Huang, Zhang and Zhang, "Self-adaptive training: beyond empirical risk
    minimization", NeurIPS 2020.
    """

    has_head = True

    bounds = {"momentum": (0, 1)}

    def __init__(self, momentum=0.9, n_warm_up=4):
        self.momentum = momentum
        self.n_warm_up = n_warm_up

    def start(self, n_rows, n_classes, torch_device):
        # Probability of each row's label in its target.
        self._trust = torch.ones(n_rows, device=torch_device)

    def finish(self):
        del self._trust

    def __call__(self, output, target):
        log_p = with_deferral(output)
        own = log_p.gather(1, target.label[:, None])[:, 0]
        trust = self._next_trust(output, target)
        return -trust * own - (1 - trust) * log_p[:, -1]

    def step(self, output, target):
        self._trust[target.row] = self._next_trust(output, target)

    def _next_trust(self, output, target):
        believed = output.logits.detach().softmax(1)
        believed = believed.gather(1, target.label[:, None])[:, 0]
        return self.momentum * self._trust[target.row] + (1 - self.momentum) * believed

    def query_score(self, output):
        return with_deferral(output)[:, -1]
