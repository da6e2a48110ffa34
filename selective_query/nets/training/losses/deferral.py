"""Surrogate losses of learning to defer, for a net with a router head."""

import torch
from torch.nn.functional import softplus

from selective_query.nets.training.losses.base import (
    HybridLoss,
    row_log_loss,
    with_deferral,
)


class DeferralCrossEntropy(HybridLoss):
    r"""Cross-entropy with a deferral class, correct where the global is (LCE).

    .. math:: -\big(\alpha\, 1\{g = y\} + 1\{g \ne y\}\big) \log p_y
              - 1\{g = y\} \log p_\perp

    Parameters
    ----------
    share : float, default=1.0
        The factor :math:`\alpha`; below 1, rows that the global gets right weigh less.

    References
    ----------
    Mozannar and Sontag, "Consistent estimators for learning to defer to an expert",
    ICML 2020.
    """

    has_head = True

    bounds = {"share": (0, 1)}

    def __init__(self, share=1.0):
        self.share = share

    def __call__(self, output, target):
        log_p = with_deferral(output)
        own = log_p.gather(1, target.label[:, None])[:, 0]
        right = target.global_right
        return -(self.share * right + 1 - right) * own - right * log_p[:, -1]

    def query_score(self, output):
        return output.head - output.logits.amax(1)


class DeferralOneVsAll(HybridLoss):
    r"""One sigmoid for each class and one for "the global is right" (OvA).

    .. math:: \phi(f_y) + \sum_{k \ne y} \phi(-f_k) + \phi(-f_\perp)
              + 1\{g = y\}\big(\phi(f_\perp) - \phi(-f_\perp)\big),
              \qquad \phi(t) = \log(1 + e^{-t})

    References
    ----------
    Verma and Nalisnick, "Calibrated learning to defer with one-vs-all classifiers",
    ICML 2022.
    """

    has_head = True

    def __call__(self, output, target):
        claim = output.logits.gather(1, target.label[:, None])[:, 0]
        classes = softplus(output.logits).sum(1) - softplus(claim) + softplus(-claim)
        right = target.global_right
        return (
            classes
            + right * softplus(-output.head)
            + (1 - right) * softplus(output.head)
        )

    def query_score(self, output):
        return torch.sigmoid(output.head) - torch.sigmoid(output.logits.amax(1))


class DeferralRealizable(HybridLoss):
    r"""Loss only on rows that neither side gets right (realizable surrogate).

    .. math:: -\alpha \log \frac{e^{f_y} + 1\{g = y\}\, e^{f_\perp}}
              {\sum_k e^{f_k} + e^{f_\perp}}
              - (1 - \alpha) \log \frac{e^{f_y}}{\sum_k e^{f_k}}

    Without the second term, a net with a good global defers everything to it.

    Parameters
    ----------
    share : float, default=0.5
        The weight :math:`\alpha` of the surrogate.

    References
    ----------
    Mozannar, Lang, Wei, Sattigeri, Das and Sontag, "Who should predict? Exact
    algorithms for learning to defer to humans", AISTATS 2023.
    """

    has_head = True

    bounds = {"share": (0, 1)}

    def __init__(self, share=0.5):
        self.share = share

    def __call__(self, output, target):
        log_p = with_deferral(output)
        own = log_p.gather(1, target.label[:, None])[:, 0]
        deferred = log_p[:, -1] + target.global_right.clamp_min(1e-12).log()
        alone = row_log_loss(output.logits, target.label)
        return -self.share * torch.logaddexp(own, deferred) + (1 - self.share) * alone

    def query_score(self, output):
        return output.head - output.logits.amax(1)
