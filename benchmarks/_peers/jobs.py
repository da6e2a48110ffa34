"""A job: everything that each method is given."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

HELD_OUT = 0.2  # for a method that must set rows aside by itself


@dataclass(frozen=True)
class Job:
    """Two models, rows to learn from, and the requested coverage.

    Attributes
    ----------
    base, global_ : classifier; ``global_`` is None for abstention
    X, y : rows to learn from
    coverage : float
    frozen : bool
        Whether the models are fitted already, and the rows new to them.
    n_classes : int or None
        For saved outputs, where columns of X contain the outputs of both models.
    seed : int
    """

    base: object
    global_: object
    X: np.ndarray
    y: np.ndarray
    coverage: float = 0.8
    frozen: bool = False
    n_classes: int | None = None
    seed: int = 0

    def parts(self):
        """Return rows for the models and rows for the threshold; the same if frozen."""
        if self.frozen:
            return (self.X, self.y), (self.X, self.y)
        X, X_held_out, y, y_held_out = train_test_split(
            self.X, self.y, test_size=HELD_OUT, random_state=self.seed
        )
        return (X, y), (X_held_out, y_held_out)

    def at(self, coverage):
        return replace(self, coverage=coverage)

    def seen_on_device(self):
        """Return the columns of X without the global's outputs."""
        columns = np.arange(self.X.shape[1])
        if self.n_classes is None:
            return columns
        return columns[columns // self.n_classes != 1]

    @property
    def has_features(self):
        """Whether saved outputs include features of the base."""
        return self.n_classes is not None and self.X.shape[1] > 2 * self.n_classes

    def features(self, _, X):
        """Return the feature columns of saved outputs; for ``base_features=``."""
        return X[:, 2 * self.n_classes :]


class SavedAnswers(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose probabilities are columns of X."""

    def __init__(self, start, classes):
        self.start = start
        self.classes = classes

    @property
    def classes_(self):
        return np.asarray(self.classes)

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return np.asarray(X)[:, self.start : self.start + len(self.classes)]

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def saved_job(outcomes, coverage, abstaining):
    """Return a job on outcomes, and their rows in the form that its models accept."""
    n_classes = outcomes.base_proba.shape[1]
    classes = tuple(range(n_classes))
    return Job(
        base=FrozenEstimator(SavedAnswers(0, classes)),
        global_=None
        if abstaining
        else FrozenEstimator(SavedAnswers(n_classes, classes)),
        X=saved_rows(outcomes),
        y=saved_labels(outcomes),
        coverage=coverage,
        frozen=True,
        n_classes=n_classes,
    )


class Adapter:
    """A method with its name, and the interface that the benchmarks use.

    ``fit(job)`` sets ``base`` and ``global_``, the fitted models; ``kept(X)`` is True
    where the base answers; ``predict(X)``; ``score(X)``, higher = query first.
    """

    package = None
    global_ = None

    def at(self, job):
        """After `fit`, return the same method at the coverage of this job."""
        return self.fit(job)


def saved_rows(outcomes):
    """Return the outputs of both models and the features side by side."""
    parts = (outcomes.base_proba, outcomes.global_proba, outcomes.base_features)
    parts = [np.asarray(part, dtype=float) for part in parts if part is not None]
    return np.concatenate(parts, axis=1)


def saved_labels(outcomes):
    """Return labels as column numbers."""
    classes = outcomes.classes
    if classes is None:
        return np.asarray(outcomes.y)
    return np.searchsorted(classes, outcomes.y)
