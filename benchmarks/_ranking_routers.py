"""Routers of the ranking benchmark, and what the default one reads beside features."""

import numpy as np
from _ranking_gains import BOTH, ONE, TWO
from _ranking_runs import NEW_PARTS
from sklearn.covariance import LedoitWolf
from training import TUNED_AT, Head, accuracy_of

from selective_query.routers import BaseRouter, EntropyRouter, MaxProbabilityRouter

N_TOP = 3


class NormedLogit(BaseRouter):
    """The largest logit over the p-norm of all, centred (Cattelan and Silva, 2024)."""

    learns = True
    norms = (1, 2, 3, 4, 5, 6, 8, 10)

    def fit(self, outcomes):
        gains = [
            accuracy_of(_normed(outcomes.base_proba, p), outcomes, TUNED_AT)
            for p in self.norms
        ]
        self.norm_ = self.norms[int(np.argmax(gains))]
        return self

    def query_score(self, evidence):
        return _normed(evidence.base_proba, self.norm_)


def _normed(proba, p):
    return -normed_logits(proba, p).max(axis=1)


def normed_logits(proba, p):
    logits = np.log(np.maximum(proba, 1e-12))
    logits = logits - logits.mean(axis=1, keepdims=True)
    return logits / np.linalg.norm(logits, ord=p, axis=1, keepdims=True)


class MahalanobisDifference(BaseRouter):
    """Distance to the mean of right rows minus that to the mean of wrong ones.

    Of the rows with the same answer, by one covariance for all.
    """

    learns = True

    def fit(self, outcomes):
        features, answer = _features(outcomes), outcomes.base_proba.argmax(axis=1)
        is_right = outcomes.base_utility > 0
        overall = [features[is_right == right].mean(axis=0) for right in (True, False)]
        self.means_ = np.empty((2, outcomes.base_proba.shape[1], features.shape[1]))
        residuals = features.copy()
        for kind, right in enumerate((True, False)):
            for label in range(self.means_.shape[1]):
                rows = (answer == label) & (is_right == right)
                mean = features[rows].mean(axis=0) if rows.any() else overall[kind]
                self.means_[kind, label] = mean
                residuals[rows] -= mean
        self.precision_ = LedoitWolf(assume_centered=True).fit(residuals).precision_
        return self

    def query_score(self, evidence):
        features, answer = _features(evidence), evidence.base_proba.argmax(axis=1)
        to_right, to_wrong = (features - means[answer] for means in self.means_)
        squares = [
            np.einsum("ij,jk,ik->i", d, self.precision_, d)
            for d in (to_right, to_wrong)
        ]
        return squares[0] - squares[1]


def _features(evidence):
    return evidence.base_features[:, 1:]


# Plain confidences and rules, of which the last two learn.
ROUTERS = {
    "entropy": EntropyRouter(),
    "max_probability": MaxProbabilityRouter(),
    "head": Head(),
    "normed_logit": NormedLogit(),
    "mahalanobis": MahalanobisDifference(),
}
# Of the default router with the last weights, which takes longest: what it reads beside
# the net's features. It scores rows that it learned from, and so has the settings of
# max-probability.
FURTHER = {
    ("plain", ONE): ("norms", "logits", "exits"),
    ("distillation", ONE): ("exits",),
    ("distillation", TWO): ("agreement",),
}
WITH_AUTO = {
    "plain": (ONE, TWO),
    "distillation": (ONE, TWO, BOTH),
    "distillation from both looks": (TWO,),
    "distillation from folds": (TWO,),
    "distillation from the unseen fold": (TWO,),
    "distillation, mixtures": (TWO,),
}


def autos_of(training, look, epochs_factor):
    """Names of the default routers of an arm, and the columns that each reads."""
    if look not in WITH_AUTO.get(training, ()):
        return {}
    further = FURTHER.get((training, look), ()) if epochs_factor == 1 else ()
    return {"auto": None} | {f"auto, {column}": column for column in further}


def columns(name, run, part, first, second, proba, features):
    """What a default router reads beside the features of some rows."""
    if name == "agreement":
        return np.abs(first - second).sum(axis=1, keepdims=True) / 2
    if name == "norms":
        lengths = np.linalg.norm(features[:, 1:], axis=1)
        return np.stack([lengths, _normed(proba, 2)], axis=1)
    if name == "logits":
        return np.sort(normed_logits(proba, 2), axis=1)[:, -N_TOP:]
    stored = run.exits()
    answer, found = proba.argmax(axis=1)[:, None], []
    for block in range(len(stored.files) // len(NEW_PARTS)):
        early = stored[f"{part} {block}"]
        two = np.partition(early, -2, axis=1)[:, -2:]
        found += [
            np.take_along_axis(early, answer, axis=1),
            two.max(axis=1, keepdims=True) - two.min(axis=1, keepdims=True),
            np.abs(early - proba).sum(axis=1, keepdims=True) / 2,
        ]
    return np.hstack(found)
