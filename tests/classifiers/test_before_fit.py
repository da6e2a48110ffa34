"""A router that cannot work is refused before any model is fitted."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from selective_query import AbstainingClassifier, BaseRouter, HybridClassifier
from selective_query.exceptions import MissingEvidenceError
from selective_query.routers import (
    AutoRouter,
    BoostedBenefitRouter,
    CrossEntropyDeferralRouter,
    KNNBenefitRouter,
    KNNDistanceRouter,
    LearnedRouter,
    MahalanobisRouter,
    MaxProbabilityRouter,
    PreRouter,
)

Y = (np.arange(120) % 7 > 3).astype(int)
TEXTS = [f"a{i % 7} b{i % 5} c{i % 3}" for i in range(120)]
NUMBERS = np.random.default_rng(0).normal(size=(120, 3))
WITH_NAN = np.where(np.arange(120)[:, None] == 60, np.nan, NUMBERS)


class Dear(ClassifierMixin, BaseEstimator):
    """A model that must not be fitted."""

    def fit(self, X, y):
        raise AssertionError("a model was fitted")

    def predict_proba(self, X): ...

    def predict(self, X): ...


class OfTexts(BaseRouter):
    """A user's router: the longer a text, the more a query gains."""

    learns = True

    def fit(self, outcomes):
        self.usual_ = np.mean([len(text) for text in outcomes.X])
        return self

    def query_score(self, evidence):
        return np.array([len(text) for text in evidence.X]) - self.usual_


@pytest.mark.parametrize("make", [
    lambda **kind: HybridClassifier(Dear(), Dear(), **kind),
    lambda **kind: HybridClassifier(Dear(), Dear(), calibration=0.3, **kind),
    lambda **kind: AbstainingClassifier(Dear(), **kind),
])  # fmt: skip
@pytest.mark.parametrize(
    ("router", "X", "kind", "message"),
    [
        (PreRouter(), TEXTS, MissingEvidenceError, "PreRouter.features=Tfidf"),
        (PreRouter(), WITH_NAN, ValueError, "Row 60 holds NaN"),
        (PreRouter(AutoRouter()), TEXTS, MissingEvidenceError, "an X of numbers"),
        (PreRouter(BoostedBenefitRouter()), TEXTS, MissingEvidenceError, "numbers"),
        (PreRouter(LearnedRouter(LinearRegression())), TEXTS, ValueError, "numbers"),
        (PreRouter(KNNBenefitRouter(space="X")), TEXTS, MissingEvidenceError, "numb"),
        (PreRouter(MaxProbabilityRouter()), NUMBERS, ValueError, "base_proba"),
        (PreRouter(CrossEntropyDeferralRouter()), NUMBERS, ValueError, "base_proba"),
        (PreRouter(features=str.lower), TEXTS, TypeError, "takes as features"),
        (PreRouter("benefit"), NUMBERS, TypeError, "takes as router"),
        (KNNDistanceRouter(space="X"), TEXTS, ValueError, "KNNDistanceRouter needs"),
        (KNNBenefitRouter(space="x"), NUMBERS, ValueError, "space must be one of"),
        (KNNBenefitRouter(0), NUMBERS, ValueError, "n_neighbors must be"),
        ("knn_benefit", NUMBERS, MissingEvidenceError, "needs base_features, and with"),
        ("mahalanobis", NUMBERS, MissingEvidenceError, "base_features=None there is"),
        ("agreement", NUMBERS, MissingEvidenceError, "Give base_features= a transf"),
        ("energy", NUMBERS, MissingEvidenceError, "Set base_features='logits'"),
        (AutoRouter([("far", MahalanobisRouter())]), NUMBERS, MissingEvidenceError,
         "needs base_features"),
        (AutoRouter([("near", KNNBenefitRouter(0))]), NUMBERS, ValueError, "n_neigh"),
        (AutoRouter(n_standard_errors=-1), NUMBERS, ValueError, "n_standard_errors"),
    ],
)  # fmt: skip
def test_impossible_combinations_cost_no_fit(make, router, X, kind, message):
    with pytest.raises(kind, match=message):
        make(router=router).fit(X, Y)


@pytest.mark.parametrize(
    ("router", "features", "message"),
    [
        ("energy", lambda base, X: X, "is only X, base_proba, base_features"),
        ("mahalanobis", "logits", "is only X, base_proba, base_logits"),
    ],
)
def test_features_of_the_other_kind_do_not_help(router, features, message):
    hybrid = HybridClassifier(Dear(), Dear(), router=router, base_features=features)
    with pytest.raises(MissingEvidenceError, match=message):
        hybrid.fit(NUMBERS, Y)


@pytest.mark.filterwarnings("ignore:Many rows share")
@pytest.mark.parametrize(
    "router",
    [
        PreRouter(features=CountVectorizer()),
        PreRouter(OfTexts()),
        PreRouter(AutoRouter([("own", OfTexts())], target_coverage=0.5)),
        OfTexts(),
    ],
)
def test_combinations_that_may_work_are_accepted(router):
    base = make_pipeline(CountVectorizer(), MultinomialNB())
    hybrid = HybridClassifier(base, base, router=router, coverage=0.5).fit(TEXTS, Y)
    assert hybrid.predict_coverage(TEXTS).shape == (120,)
