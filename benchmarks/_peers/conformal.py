"""MAPIE: prediction sets, and control of the accuracy on answered rows."""

import warnings

import numpy as np
from mapie.classification import SplitConformalClassifier
from mapie.risk_control import (
    BinaryRisk,
    MultiClassificationLTTController,
    abstention_rate,
)
from sklearn.base import clone

from _peers.jobs import Adapter

LEVELS = np.linspace(0.005, 0.995, 199)
ROWS_AT_ONCE = 5000  # the sets of all levels take one byte per class and level

# NaN, which marks an abstention, is the only value that differs from itself.
selective_accuracy = BinaryRisk(
    risk_occurrence=lambda y, answer: answer == y,
    risk_condition=lambda y, answer: answer == answer,
    higher_is_better=True,
)


class ConformalSets(Adapter):
    """``SplitConformalClassifier``: a row is answered if its set has a single label.

    It takes a level instead of a coverage; the level is the one among ``LEVELS`` at
    which the share of such calibration rows is closest to the coverage.
    """

    name = "MAPIE, sets"
    package = "mapie"

    def fit(self, job):
        (X, y), self._calibration = job.parts()
        self.base = clone(job.base).fit(X, y)
        if job.global_ is not None:
            self.global_ = clone(job.global_).fit(X, y)
        levels = _levels_for(len(self._calibration[1]))
        self._all_levels = self._conformal(levels.tolist())
        shares = np.mean(self._sizes(self._calibration[0]) <= 1, axis=0)
        level = levels[np.argmin(np.abs(shares - job.coverage))]
        self.model = self._conformal(float(level))
        return self

    def score(self, X):
        return np.sum(self._sizes(X) > 1, axis=1)

    def kept(self, X):
        return self.model.predict_set(X)[1].sum(axis=1).ravel() <= 1

    def predict(self, X):
        label, sets = self.model.predict_set(X)
        queried = sets.sum(axis=1).ravel() > 1
        if self.global_ is not None and queried.any():
            label[queried] = self.global_.predict(X[queried])
        return label

    def _conformal(self, level):
        model = SplitConformalClassifier(
            self.base, confidence_level=level, conformity_score="lac", prefit=True
        )
        return model.conformalize(*self._calibration)

    def _sizes(self, X):
        runs = np.split(X, range(ROWS_AT_ONCE, len(X), ROWS_AT_ONCE))
        sets = [self._all_levels.predict_set(run)[1].sum(axis=1) for run in runs]
        return np.concatenate(sets)


def _levels_for(n):
    """Return the levels that n rows can distinguish from 0 and 1."""
    return LEVELS[np.abs(LEVELS - 0.5) < 0.5 - 1 / n]


def risk_control(job, accuracy, confidence, fwer_method):
    """Return where it answers, as a function of X; None if nothing is certified."""
    controller = MultiClassificationLTTController(
        job.base.predict_proba,
        risks=[selective_accuracy],
        target_level=[accuracy],
        confidence_level=confidence,
        best_predict_param_choice=abstention_rate,
        fwer_method=fwer_method,
        classes=job.base.classes_,
    )
    with warnings.catch_warnings(record=True):  # None means the same
        warnings.simplefilter("always")
        controller.calibrate(job.X, job.y)
    if controller.best_predict_param is None:
        return None
    return lambda X: ~np.isnan(controller.predict(X).astype(float))
