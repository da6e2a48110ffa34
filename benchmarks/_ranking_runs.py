"""One training of a base, and all that is read from it for the ranking benchmark.

The raw weights and running means of them are kept of the same training, which they do
not change, and each looks at every row twice: as it is, and mirrored or moved.
"""

import re
from dataclasses import dataclass

import numpy as np
import torch
from _harness import CACHE
from _ranking_trainings import TRAININGS
from _training_tasks import (
    answers_by_part,
    find_task,
    global_answers,
    train_global,
)

from selective_query._models.answers import ask
from selective_query.nets.training import NetClassifier
from selective_query.nets.training._averaging import WeightAverage
from selective_query.nets.training._engine import Rows, ShuffledBatches
from selective_query.nets.training._routed_net import EVIDENCE

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


def second_looks_path(dataset):
    return CACHE / "ranking" / f"{dataset}_global_second.npz"


def global_second_looks(dataset):
    """What the global says of the other view, by part; it is trained for that anew."""
    path = second_looks_path(dataset)
    if not path.exists():
        task = find_task(dataset)
        parts = task.load()
        net = train_global(task, parts)
        views = [(SECOND_LOOK[dataset](X), y) for X, y in parts]
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **answers_by_part(net, views))
    with np.load(path) as stored:
        return dict(stored)


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

    def outputs(self):
        """Arrays by "part weights view", views being proba, evidence and second."""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial = self.path.with_suffix(".partial.npz")
            np.savez(partial, **self._train(TRAININGS[self.training]))
            partial.replace(self.path)
        return np.load(self.path)

    def _train(self, training):
        torch.set_num_threads(1)  # a run is repeated bit for bit
        task = find_task(self.dataset)
        fit, *parts = task.load()
        n_epochs = round(self.epochs_factor * task.n_epochs)
        batches = ShuffledBatches(Rows(torch.from_numpy(fit[0])), task.batch_size)
        means = {share: WeightAverage(share, batches) for share in HORIZONS}
        callbacks = [*means.values(), *training.callbacks()]
        net = NetClassifier(
            training.base or task.base, loss=training.loss, n_epochs=n_epochs,
            learning_rate=self.rate, batch_size=task.batch_size, augment=task.augment,
            callbacks=callbacks, random_state=self.seed,
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
