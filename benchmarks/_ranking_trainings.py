"""What the ranking benchmark trains by: losses, flat minima, a net twice as large."""

from dataclasses import dataclass, field

import torch
from _training_tasks import CIFAR10_BASE, _image_net
from skorch.callbacks import Callback
from torch.nn.functional import cross_entropy, normalize

from selective_query.nets.training.losses import (
    CrossEntropy,
    Distillation,
    HybridLoss,
)


class FlatMinima(Callback):
    """Take each gradient where the loss is highest nearby (SAM, Foret et al., 2021).

    Parameters
    ----------
    radius : float
        Length of the step uphill, of all weights together.
    """

    def __init__(self, radius):
        self.radius = radius

    def on_train_begin(self, net, **kwargs):
        once = net.train_step_single
        weights = [w for w in net.module_.parameters() if w.requires_grad]

        def at_the_top(batch, **fit_params):
            step = once(batch, **fit_params)
            with torch.no_grad():
                uphill = [w.grad.clone() for w in weights]
                length = torch.stack([g.norm() for g in uphill]).norm() + 1e-12
                for weight, slope in zip(weights, uphill, strict=True):
                    weight.add_(slope, alpha=self.radius / length)
                    weight.grad = None
            once(batch, **fit_params)
            with torch.no_grad():
                for weight, slope in zip(weights, uphill, strict=True):
                    weight.sub_(slope, alpha=self.radius / length)
            return step

        net.train_step_single = at_the_top


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
    """What a net is trained by: a loss, and perhaps a radius or a net of its own.

    Parameters
    ----------
    loss : HybridLoss
    radius : float or None
        Of flat minima.
    base : callable or None
        Makes an untrained net.
    """

    loss: object = field(default_factory=CrossEntropy)
    radius: float | None = None
    base: object = None

    def callbacks(self):
        return [] if self.radius is None else [FlatMinima(self.radius)]


TRAININGS = {
    "plain": Training(),
    "distillation": Training(Distillation(temperature=2.0, share=0.7)),
    "warmer distillation": Training(Distillation(temperature=4.0, share=0.9)),
    "label smoothing": Training(CrossEntropy(smoothing=0.1)),
    "logit normalisation": Training(LogitNormalisation(0.1)),
    "logit normalisation, sharper": Training(LogitNormalisation(0.04)),
    "logit normalisation, milder": Training(LogitNormalisation(0.25)),
    # Twice the operations, and the flash, of CIFAR-10's base.
    "plain, a net twice as large": Training(
        base=_image_net((23, 46, 92), *CIFAR10_BASE[1:])
    ),
    "flat minima": Training(radius=0.05),
    "distillation, flat minima": Training(
        Distillation(temperature=2.0, share=0.7), radius=0.05
    ),
}
