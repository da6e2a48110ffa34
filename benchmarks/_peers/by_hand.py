"""What one would write without a library: a quantile of the largest probability."""

import numpy as np
from sklearn.base import clone

from _peers.jobs import Adapter


class ByHand(Adapter):
    """Keep the rows on which the base is most confident; query the others."""

    name = "threshold by hand"

    def fit(self, job):
        (X, y), (X_threshold, _) = job.parts()
        self.base = clone(job.base).fit(X, y)
        if job.global_ is not None:
            self.global_ = clone(job.global_).fit(X, y)
        self.threshold = np.quantile(self.score(X_threshold), job.coverage)
        return self

    def score(self, X):
        return 1 - self.base.predict_proba(X).max(axis=1)

    def kept(self, X):
        return self.score(X) <= self.threshold

    def predict(self, X):
        proba = self.base.predict_proba(X)
        label = self.base.classes_[proba.argmax(axis=1)]
        queried = ~(1 - proba.max(axis=1) <= self.threshold)
        if queried.any():
            label[queried] = self.global_.predict(X[queried])
        return label
