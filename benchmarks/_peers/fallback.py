"""scikit-fallback: a cascade, a fallback rate, and a learned router."""

import numpy as np
from skfb.ensemble import RoutingClassifier, ThresholdCascadeClassifierCV
from skfb.estimators import RateFallbackClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from _peers.jobs import Adapter

N_THRESHOLDS = 20  # its default of 10 is too coarse for a coverage
ROUTERS = {
    "logistic": lambda: LogisticRegression(max_iter=300),
    "boosted": lambda: HistGradientBoostingClassifier(random_state=0),
}


class FallbackRate(Adapter):
    """``RateFallbackClassifierCV``: the mean of the folds' quantiles."""

    name = "scikit-fallback, rate"
    package = "scikit-fallback"

    def fit(self, job):
        self.model = RateFallbackClassifierCV(
            job.base, fallback_rate=1 - job.coverage, cv=5
        ).fit(job.X, job.y)
        self.base = self.model.estimator_
        return self

    def score(self, X):
        return 1 - np.asarray(self.model.predict_proba(X)).max(axis=1)

    def kept(self, X):
        return self.model.predict(X).get_dense_neg_fallback_mask()

    def predict(self, X):
        return np.asarray(self.model.predict(X))


class FallbackCascade(Adapter):
    """``ThresholdCascadeClassifierCV``: the best accuracy within a share of queries.

    It has a ceiling for the cost but no target, and stays below it if further queries
    gain nothing in its folds.
    """

    name = "scikit-fallback, cascade"
    package = "scikit-fallback"

    def fit(self, job):
        self.model = ThresholdCascadeClassifierCV(
            [job.base, job.global_],
            costs=[0.0, 1.0],
            max_cost=1 - job.coverage,
            strategy="min_score",
            cv_thresholds=N_THRESHOLDS,
        ).fit(job.X, job.y)
        self.base, self.global_ = self.model.estimators_
        return self

    def score(self, X):
        return 1 - self.base.predict_proba(X).max(axis=1)

    def kept(self, X):
        return _answered_by_first(self.model.predict(X))

    def predict(self, X):
        return np.asarray(self.model.predict(X))


class FallbackRouting(Adapter):
    """``RoutingClassifier``: a classifier predicts the model of smaller log loss.

    It does not take a coverage; its ranking is read off the probabilities of its
    router.
    """

    package = "scikit-fallback"

    def __init__(self, router):
        self.router = router
        self.name = f"scikit-fallback, {router} routing"

    def fit(self, job):
        seen = ColumnTransformer([("seen", StandardScaler(), job.seen_on_device())])
        router = make_pipeline(seen, ROUTERS[self.router]())
        self.model = RoutingClassifier(
            [job.base, job.global_], router, cv=5, return_earray=True
        ).fit(job.X, job.y)
        self.base, self.global_ = self.model.estimators_
        return self

    def at(self, job):
        return self

    def score(self, X):
        router = self.model.router_
        return router.predict_proba(X) @ (router.classes_ == 1)

    def kept(self, X):
        return _answered_by_first(self.model.predict(X))

    def predict(self, X):
        return np.asarray(self.model.predict(X))


def _answered_by_first(answers):
    return answers.ensemble_mask.toarray()[:, 0].astype(bool)
