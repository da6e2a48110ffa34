"""The paper's loss: router head, weighted base, scaffolded distillation."""

from math import inf

import torch
from torch.nn.functional import softplus

from selective_query.nets.training.losses.base import (
    SMALLEST_TEMPERATURE,
    HybridLoss,
    row_log_loss,
)
from selective_query.nets.training.losses.plain import distance_to_global
from selective_query.routers._primal_dual import Multiplier


class SelectiveQuery(HybridLoss):
    r"""Base with weights (2 - r) and router head with label o, at a minimum coverage.

    .. math:: \big(2 - r(x)\big)\,\ell(p, y) + \beta\,\big[
              o\,\varsigma(-s) + (1 - o)\,\varsigma(s)
              + \lambda\,\varsigma(s)\big]

    with the head s, :math:`r = 1\{s > 0\}`, the label
    :math:`o = 1\{b \ne g = y\}` of the current base, and
    :math:`\varsigma(s) = \log_2(1 + e^s)`. The multiplier :math:`\lambda` rises while
    more than the share 1 - c is queried, and falls otherwise. Weights are normalised to
    mean one in each batch, so that they do not change the learning rate.

    Parameters
    ----------
    coverage : float or None, default=None
        The target c; None uses the classifier's coverage.
    weighted : bool, default=True
        Whether the base is weighted by (2 - r).
    router_share : float, default=1.0
        The factor :math:`\beta`.
    distillation : float, default=0.0
        Share of distillation in the base's loss.
    temperature : float, default=1.0
        Temperature of the distillation.
    scaffolded : bool, default=False
        Whether to distil only on rows that the router keeps, in the spirit of DiSK:
        the base need not imitate the global on rows that it does not answer.
    smoothing : float, default=0.0
        Label smoothing of the base's cross-entropy.
    dual_learning_rate : float, default=0.05
        Step size of the multiplier per batch.

    References
    ----------
    Kag et al., "Efficient Edge Inference by Selective Query", ICLR 2023. Kag, Acar,
    Gangrade and Saligrama, "Scaffolding a student to instill knowledge", ICLR 2023, for
    DiSK.
    """

    has_head = True

    bounds = {
        "coverage": (0, 1),
        "router_share": (0, inf),
        "distillation": (0, 1),
        "temperature": (SMALLEST_TEMPERATURE, inf),
        "smoothing": (0, 1),
        "dual_learning_rate": (0, inf),
    }

    def __init__(
        self,
        coverage=None,
        weighted=True,
        router_share=1.0,
        distillation=0.0,
        temperature=1.0,
        scaffolded=False,
        smoothing=0.0,
        dual_learning_rate=0.05,
    ):
        self.coverage = coverage
        self.weighted = weighted
        self.router_share = router_share
        self.distillation = distillation
        self.temperature = temperature
        self.scaffolded = scaffolded
        self.smoothing = smoothing
        self.dual_learning_rate = dual_learning_rate

    @property
    def needs_global(self):
        return self.distillation > 0

    def start(self, n_rows, n_classes, torch_device):
        self._price = Multiplier(self.dual_learning_rate)

    def __call__(self, output, target):
        queried = (output.head.detach() > 0).float()
        own = self._base_loss(output, target, queried)
        if self.weighted:
            factor = 2 - queried
            mean = (target.weight * factor).sum() / target.weight.sum()
            own = own * factor / mean
        return own + self.router_share * self._router_loss(output, target)

    def _base_loss(self, output, target, queried):
        own = row_log_loss(output.logits, target.label, self.smoothing)
        if not self.distillation:
            return own
        far = distance_to_global(output.logits, target.global_proba, self.temperature)
        share = self.distillation * (1 - queried if self.scaffolded else 1)
        return (1 - share) * own + share * far

    def _router_loss(self, output, target):
        wrong = (output.logits.argmax(1) != target.label).float()
        label = wrong * target.global_right
        up, down = softplus(output.head), softplus(-output.head)
        loss = label * down + (1 - label) * up + self._price.value * up
        return loss / torch.log(torch.tensor(2.0))

    def step(self, output, target):
        rate = (target.weight * (output.head > 0)).sum() / target.weight.sum()
        self._price.ascend(float(rate) - (1 - self.coverage))

    def query_score(self, output):
        return output.head
