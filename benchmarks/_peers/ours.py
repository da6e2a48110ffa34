"""Our classifiers as in the README, and our implementations of published methods."""

from _peers.jobs import Adapter
from selective_query import (
    AbstainingClassifier,
    HybridClassifier,
    outcomes_from_models,
)
from selective_query.routers.registry import make_router


class Ours(Adapter):
    """A hybrid, or an abstaining classifier, with one of the routers."""

    def __init__(self, router="auto"):
        self.router = router
        self.name = f"selective_query, {router}"

    def fit(self, job):
        settings = {
            "router": self.router,
            "coverage": job.coverage,
            "base_features": job.features if job.has_features else None,
            "random_state": job.seed,
        }
        if job.global_ is None:
            self.model = AbstainingClassifier(job.base, **settings)
        else:
            self.model = HybridClassifier(job.base, job.global_, **settings)
        self.model.fit(job.X, job.y)
        self.base = self.model.base_estimator_
        self.global_ = getattr(self.model, "global_estimator_", None)
        return self

    def at(self, job):
        self.model = self.model.at(job.coverage)
        return self

    def score(self, X):
        return self.model.query_score(X)

    def kept(self, X):
        return self.model.predict_coverage(X)

    def predict(self, X):
        return self.model.predict(X)


class PublishedOrder(Adapter):
    """A published method in this library's implementation, for its ranking alone."""

    kept = None

    def __init__(self, router, name):
        self.router = router
        self.name = name

    def fit(self, job):
        self.base, self.global_ = job.base, job.global_
        self._features = job.features if job.has_features else None
        self.fitted = make_router(
            self.router, target_coverage=job.coverage, random_state=job.seed
        ).fit(self._outcomes(job.X, job.y))
        return self

    def at(self, job):
        trained_for_it = hasattr(self.fitted, "target_coverage")
        return self.fit(job) if trained_for_it else self

    def score(self, X):
        unused = self.base.classes_[:1].repeat(len(X))
        return self.fitted.query_score(self._outcomes(X, unused).evidence)

    def _outcomes(self, X, y):
        return outcomes_from_models(
            self.base, self.global_, X, y, base_features=self._features
        )
