"""What the ranking benchmark trains by: losses, teachers, steps and nets."""

from dataclasses import dataclass, field

import torch
from _teachers import both_looks, folds, the_global, unseen
from _training_tasks import CIFAR10_BASE, _image_net
from skorch.callbacks import Callback
from torch.nn.functional import cross_entropy, normalize

from selective_query.nets.training.losses import (
    CrossEntropy,
    Distillation,
    HybridLoss,
)


class StepCallback(Callback):
    """Takes the place of a training step's gradient.

    `gradient` sets the gradients of all weights, and returns what `once` did.
    """

    def on_train_begin(self, net, **kwargs):
        once = net.train_step_single
        net.train_step_single = lambda batch, **kwargs: self.gradient(net, batch, once)

    def gradient(self, net, batch, once):
        raise NotImplementedError


class FlatMinima(StepCallback):
    """Take each gradient where the loss is highest nearby (SAM, Foret et al., 2021).

    Parameters
    ----------
    radius : float
        Length of the step uphill, of all weights together.
    """

    def __init__(self, radius):
        self.radius = radius

    def gradient(self, net, batch, once):
        weights = [w for w in net.module_.parameters() if w.requires_grad]
        step = once(batch)
        with torch.no_grad():
            uphill = [w.grad.clone() for w in weights]
            length = torch.stack([g.norm() for g in uphill]).norm() + 1e-12
            for weight, slope in zip(weights, uphill, strict=True):
                weight.add_(slope, alpha=self.radius / length)
                weight.grad = None
        once(batch)
        with torch.no_grad():
            for weight, slope in zip(weights, uphill, strict=True):
                weight.sub_(slope, alpha=self.radius / length)
        return step


class RegMixup(StepCallback):
    """Charge mixtures of two rows beside the rows (Pinto et al., NeurIPS 2022).

    Parameters
    ----------
    alpha : float
        Shares are drawn from Beta(alpha, alpha): the larger, the nearer to halves.
    """

    def __init__(self, alpha):
        self.alpha = alpha

    def gradient(self, net, batch, once):
        step = once(batch)
        x, target = batch[0].to(net.device), batch[1].to(net.device)
        share = torch.distributions.Beta(self.alpha, self.alpha).sample().item()
        order = torch.randperm(len(x))
        output = net.module_(share * x + (1 - share) * x[order])
        loss = share * net.get_loss(output, target)
        loss = loss + (1 - share) * net.get_loss(output, target.pick(order))
        loss.backward()
        return step


class LogitNormalisation(HybridLoss):
    r"""Cross-entropy of logits of one length, so that certainty is not learned by size.

    .. math:: \ell\Big(\mathrm{softmax}\big(f / (\tau \lVert f \rVert)\big), y\Big)

    Parameters
    ----------
    temperature : float, default=0.1
        The :math:`\tau`: the smaller, the surer a net can be. Of ten classes, with 1
        no probability exceeds a third.

    References
    ----------
    Wei, Xie, Cheng, Feng, An and Li, "Mitigating neural network overconfidence with
    logit normalization", ICML 2022.
    """

    def __init__(self, temperature=0.1):
        self.temperature = temperature

    def __call__(self, output, target):
        return cross_entropy(
            self._normalised(output.logits), target.label, reduction="none"
        )

    def query_score(self, output):
        return 1 - self._normalised(output.logits).softmax(1).amax(1)

    def _normalised(self, logits):
        return normalize(logits, dim=1) / self.temperature


@dataclass(frozen=True)
class Training:
    """What a net is trained by: a loss, and perhaps steps, a teacher and its own net.

    Parameters
    ----------
    loss : HybridLoss
    callbacks : callable
        To a list of callbacks.
    teacher : callable
        From a dataset's name to probabilities of the rows that are trained on.
    base : callable or None
        Makes an untrained net.
    """

    loss: object = field(default_factory=CrossEntropy)
    callbacks: object = list
    teacher: object = the_global
    base: object = None


DISTILLATION = Distillation(temperature=2.0, share=0.7)
TRAININGS = {
    "plain": Training(),
    "distillation": Training(DISTILLATION),
    "warmer distillation": Training(Distillation(temperature=4.0, share=0.9)),
    "distillation from both looks": Training(DISTILLATION, teacher=both_looks),
    "distillation from folds": Training(DISTILLATION, teacher=folds),
    "distillation from the unseen fold": Training(DISTILLATION, teacher=unseen),
    "label smoothing": Training(CrossEntropy(smoothing=0.1)),
    "logit normalisation": Training(LogitNormalisation(0.1)),
    "mixtures": Training(callbacks=lambda: [RegMixup(10.0)]),
    "distillation, mixtures": Training(DISTILLATION, lambda: [RegMixup(10.0)]),
    "flat minima": Training(callbacks=lambda: [FlatMinima(0.05)]),
    # Twice the operations, and the flash, of CIFAR-10's base.
    "plain, a net twice as large": Training(
        base=_image_net((23, 46, 92), *CIFAR10_BASE[1:])
    ),
}
