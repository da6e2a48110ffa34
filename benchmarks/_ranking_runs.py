"""One training of a base, and all that is read from it for the ranking benchmark.

The raw weights and running means of them are kept of the same training, which they do
not change, and each looks at every row twice: as it is, and mirrored or moved.
"""

import re
from dataclasses import dataclass, field

import numpy as np
import torch
from _harness import CACHE
from _training_tasks import find_task, global_answers
from skorch.callbacks import Callback

from selective_query._models.answers import ask
from selective_query.nets.training import NetClassifier
from selective_query.nets.training._averaging import WeightAverage
from selective_query.nets.training._engine import Rows, ShuffledBatches
from selective_query.nets.training._routed_net import EVIDENCE
from selective_query.nets.training.losses import (
    CrossEntropy,
    Distillation,
    LogitNormalisation,
)

# Horizons of the running means, as shares of all steps.
HORIZONS = (0.01, 0.03, 0.1)
RAW = "raw"
WEIGHTS = (RAW, *HORIZONS)


def mirrored(X):
    return X[..., ::-1].copy()


def moved(X):
    """Spectrograms two frames later."""
    return np.roll(X, 2, axis=-1)


SECOND_LOOK = {"cifar10": mirrored, "fashion_mnist": mirrored, "spoken_digits": moved}


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


@dataclass(frozen=True)
class Training:
    """What a net is trained by: a loss, and perhaps the radius of flat minima."""

    loss: object = field(default_factory=CrossEntropy)
    radius: float | None = None


@dataclass(frozen=True)
class Run:
    """One training, seed and rate on one dataset; its outputs are kept in a file."""

    dataset: str
    training: str
    seed: int
    rate: float
    epochs_factor: int = 1

    @property
    def path(self):
        parts = [re.sub("[ ,=]+", "-", str(value)) for value in vars(self).values()]
        return CACHE / "ranking" / f"{'_'.join(parts)}.npz"

    def outputs(self, trainings):
        """Arrays by "part weights view", views being proba, evidence and second."""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial = self.path.with_suffix(".partial.npz")
            np.savez(partial, **self._train(trainings[self.training]))
            partial.replace(self.path)
        return np.load(self.path)

    def _train(self, training):
        torch.set_num_threads(1)  # a run is repeated bit for bit
        task = find_task(self.dataset)
        fit, *parts = task.load()
        n_epochs = round(self.epochs_factor * task.n_epochs)
        batches = ShuffledBatches(Rows(torch.from_numpy(fit[0])), task.batch_size)
        means = {share: WeightAverage(share, batches) for share in HORIZONS}
        callbacks = list(means.values())
        if training.radius is not None:
            callbacks.append(FlatMinima(training.radius))
        net = NetClassifier(
            task.base, loss=training.loss, n_epochs=n_epochs, learning_rate=self.rate,
            batch_size=task.batch_size, augment=task.augment, callbacks=callbacks,
            random_state=self.seed,
        )  # fmt: skip
        net.fit(*fit, global_proba=global_answers(self.dataset)[0])
        found = {}
        for weights in WEIGHTS:
            if weights in means:
                means[weights].load_into(net.module_)
            for part, (X, _) in zip(("router", "test"), parts, strict=True):
                answers = ask(net, X, net.classes_, EVIDENCE)
                second = net.predict_proba(SECOND_LOOK[self.dataset](X))
                found[f"{part} {weights} proba"] = answers.proba
                found[f"{part} {weights} second"] = second
                found[f"{part} {weights} evidence"] = answers.features.astype("f2")
        return found


TRAININGS = {
    "plain": Training(),
    "distillation": Training(Distillation(temperature=2.0, share=0.7)),
    "warmer distillation": Training(Distillation(temperature=4.0, share=0.9)),
    "label smoothing": Training(CrossEntropy(smoothing=0.1)),
    "logit normalisation": Training(LogitNormalisation(0.1)),
    "logit normalisation, sharper": Training(LogitNormalisation(0.04)),
    "logit normalisation, milder": Training(LogitNormalisation(0.25)),
    "flat minima": Training(radius=0.05),
    "distillation, flat minima": Training(
        Distillation(temperature=2.0, share=0.7), radius=0.05
    ),
}
