"""One training of a base, and all that is read from it for the ranking benchmark.

Running means of the weights are kept of the same training, which they do not change;
all weights look at every row twice: as it is, and mirrored or moved.
"""

import re
from dataclasses import dataclass

import numpy as np
import torch
from _averaging import WeightAverage
from _harness import CACHE
from _ranking_trainings import TRAININGS
from _training_tasks import find_task
from _views import SECOND_VIEW
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from selective_query._models.answers import ask
from selective_query.nets.training import NetClassifier
from selective_query.nets.training._engine import Rows, ShuffledBatches, outputs_of
from selective_query.nets.training._routed_net import EVIDENCE

# Horizons of the running means, as shares of all steps.
HORIZONS = (0.01, 0.03, 0.1)
RAW = "raw"
WEIGHTS = (RAW, *HORIZONS)
AVERAGED = "plain", "distillation"
NEW_PARTS = "router", "test"


def weights_of(training, epochs_factor=1):
    """All that are kept of a training."""
    return WEIGHTS if training in AVERAGED and epochs_factor == 1 else (RAW,)


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
        return self._kept(self.path, self._answers)

    def exits(self):
        """Probabilities of heads on the means after each block but the last, by part.

        The net is trained once more, bit for bit.
        """
        path = self.path.with_suffix(".exits.npz")
        return self._kept(path, self._answers_of_exits)

    def _kept(self, path, make):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial.npz")
            np.savez(partial, **make())
            partial.replace(path)
        return np.load(path)

    def _trained(self, callbacks=()):
        torch.set_num_threads(1)  # a run is repeated bit for bit
        task, training = find_task(self.dataset), TRAININGS[self.training]
        net = NetClassifier(
            training.base or task.base, loss=training.loss,
            n_epochs=round(self.epochs_factor * task.n_epochs),
            learning_rate=self.rate, batch_size=task.batch_size, augment=task.augment,
            callbacks=[*callbacks, *training.callbacks()], random_state=self.seed,
        )  # fmt: skip
        return net.fit(*task.load()[0], global_proba=training.teacher(self.dataset))

    def _answers(self):
        task = find_task(self.dataset)
        (X, _), *parts = task.load()
        batches = ShuffledBatches(Rows(torch.from_numpy(X)), task.batch_size)
        weights = weights_of(self.training, self.epochs_factor)
        means = {share: WeightAverage(share, batches) for share in weights[1:]}
        net = self._trained(means.values())
        found = {}
        for kind in weights:
            torch.manual_seed(self.seed)
            if kind in means:
                means[kind].load_into(net.module_)
            for part, (X, _) in zip(NEW_PARTS, parts, strict=True):
                answers = ask(net, X, net.classes_, EVIDENCE)
                second = net.predict_proba(SECOND_VIEW[self.dataset](X))
                found[f"{part} {kind} proba"] = answers.proba
                found[f"{part} {kind} second"] = second
                found[f"{part} {kind} evidence"] = answers.features.astype("f2")
        return found

    def _answers_of_exits(self):
        net = self._trained()
        (X_fit, y_fit), *parts = find_task(self.dataset).load()
        means = {"fit": block_means(net, X_fit)}
        for part, (X, _) in zip(NEW_PARTS, parts, strict=True):
            means[part] = block_means(net, X)
        found = {}
        for block in range(len(means["fit"])):
            scaler = StandardScaler().fit(means["fit"][block])
            head = LogisticRegression(max_iter=300)
            head.fit(scaler.transform(means["fit"][block]), y_fit)
            for part in NEW_PARTS:
                rows = scaler.transform(means[part][block])
                found[f"{part} {block}"] = head.predict_proba(rows)
        return found


@torch.no_grad()
def block_means(net, X):
    """The mean over all positions after each block but the last."""
    ends = [m for m in net.module_.modules() if isinstance(m, nn.ReLU)][:-1]
    seen = [[] for _ in ends]
    hooks = [
        end.register_forward_hook(
            lambda _, __, out, kept=kept: kept.append(out.flatten(2).mean(2).numpy())
        )
        for end, kept in zip(ends, seen, strict=True)
    ]
    for _ in outputs_of(net.module_, Rows(torch.from_numpy(X)), "cpu"):
        pass
    for hook in hooks:
        hook.remove()
    return [np.concatenate(kept) for kept in seen]
