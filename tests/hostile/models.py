"""Valid calls that use models or their predictions."""

import inspect

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB

from selective_query import (
    AbstainingClassifier,
    Outcomes,
    RoutingPolicy,
    compare_routers,
    cross_fit_outcomes,
    diagnose,
    outcomes_from_models,
)
from selective_query.budgets import selective_guaranteed_risk
from selective_query.budgets._solving.sweep import JudgedRows
from selective_query.costs._query import with_lost_queries
from selective_query.datasets import make_selective_query
from selective_query.displays import (
    AccuracyCoverageDisplay,
    BenefitReliabilityDisplay,
    CostQualityDisplay,
    RiskCoverageDisplay,
    ScoreHistogramDisplay,
)
from selective_query.evaluation.inspection import (
    evidence_importance,
    routing_by_class,
    routing_examples,
)
from selective_query.nets.compression import drift_report
from selective_query.scale import curve_in_chunks, predict_in_chunks, report_in_chunks
from tests.hostile.calls import (
    BASE,
    COST,
    GLOBAL,
    LABEL,
    PROBA,
    ROWS,
    SCORE,
    SHARE,
    WEIGHT,
    N,
    by_name,
    of,
)
from tests.hostile.values import (
    Choice,
    Instance,
    Labels,
    Number,
    Rows,
    Seed,
    Weights,
    Whole,
)

RNG = np.random.default_rng(1)
X = RNG.normal(size=(N, 2))
MODEL = GaussianNB().fit(X, LABEL)
FITTED = AbstainingClassifier(
    FrozenEstimator(MODEL), router="entropy", coverage=0.5
).fit(X, LABEL)
OUTCOMES = Outcomes(
    base_proba=PROBA, global_utility=GLOBAL, base_utility=BASE, base_features=X
)
POLICY = RoutingPolicy("entropy", coverage=0.5).fit(OUTCOMES)
CLASSES = Labels(), LABEL
CHANCE = Number(0, 1, between=True)
KNOWN = {
    **ROWS,
    "model": (Instance(), FITTED),
    "router": (Instance(), POLICY),
    "policy": (Instance(), POLICY),
    "outcomes": (Instance(), OUTCOMES),
    "base_estimator": (Instance(), MODEL),
    "global_estimator": (Instance(optional=True), MODEL),
    "X": (None, X),
    "y": CLASSES,
    "n_repeats": (Whole(2), 2),
    "n": (Whole(0), 3),
    "n_bootstrap": (Whole(0), 2),
    "confidence": (CHANCE, 0.75),
    "groups": (Instance(optional=True), {"mine": {"base_proba": None}}),
    "bounds": (Choice(), True),
    "bins": (Whole(1), 4),
    "n_bins": (Whole(1), 4),
    "name": (None, "router"),
    "score_name": (None, "score"),
    "bands": (None, None),
    "point": (Instance(optional=True), (0.5, 0.75)),
    "unit": (None, None),
    "quantity": (Choice(), "price"),
    "cost": (Rows(0), COST),
    "predicted_benefit": (Rows(), SCORE),
    "chunk_rows": (Whole(1), 5),
    "max_points": (Whole(16), 16),
}


def looked(function, title=None, /, **others):
    return by_name(function, title, known=KNOWN, **others)


def of_models(base_estimator, global_estimator, X, y, sample_weight):
    return outcomes_from_models(
        base_estimator, global_estimator, X, y, sample_weight=sample_weight
    )


def cross_fitted(X, y, sample_weight):
    return cross_fit_outcomes(GaussianNB(), None, X, y, sample_weight=sample_weight)


def report(model, X, y, sample_weight, chunk_rows):
    return report_in_chunks(
        model, X, y, sample_weight=sample_weight, chunk_rows=chunk_rows
    )


def curve(model, X, y, sample_weight, chunk_rows, max_points):
    found = curve_in_chunks(
        model,
        X,
        y,
        sample_weight=sample_weight,
        chunk_rows=chunk_rows,
        max_points=max_points,
    )
    return found.curve


def predicted(model, X, chunk_rows):
    return list(predict_in_chunks(model, X, chunk_rows=chunk_rows))


def judged(score, base_utility, query_utility, weight):
    return JudgedRows(score, base_utility, query_utility, weight).sweep().accuracy


def drawn(n_samples, regime, n_classes, n_features, random_state):
    return make_selective_query(
        n_samples,
        regime=regime,
        n_classes=n_classes,
        n_features=n_features,
        random_state=random_state,
    ).outcomes.base_proba


def compared(train, test, coverages, n_bootstrap, confidence, random_state):
    return compare_routers(
        train,
        test,
        ["entropy", "margin"],
        coverages,
        n_bootstrap=n_bootstrap,
        confidence=confidence,
        random_state=random_state,
    ).rows


def seen(display, names, **others):
    """Return the data of a display made from predictions."""

    def call(**arguments):
        made = display.from_predictions(**arguments)
        return [getattr(made, name) for name in names]

    call.__signature__ = inspect.signature(display.from_predictions)
    return looked(call, f"{display.__name__}.from_predictions", **others)


CALLS = [
    looked(of_models, "outcomes_from_models"),
    looked(
        cross_fitted,
        "cross_fit_outcomes",
        y=(Labels(any_kind=True, whole=True), LABEL),
        sample_weight=(None, None),
    ),
    looked(FITTED.report, "report"),
    looked(FITTED.outcomes, "outcomes"),
    looked(report, "report_in_chunks"),
    looked(curve, "curve_in_chunks", sample_weight=(Weights(may_vanish=True), WEIGHT)),
    looked(predicted, "predict_in_chunks", model=(None, FITTED)),
    looked(drift_report, before=(Instance(), FITTED), after=(Instance(), FITTED)),
    looked(evidence_importance),
    looked(routing_by_class),
    looked(routing_examples),
    of(
        lambda model, X, n_bootstrap, confidence, random_state: diagnose(
            model,
            X,
            n_bootstrap=n_bootstrap,
            confidence=confidence,
            random_state=random_state,
        ),
        "diagnose",
        model=(Instance(), POLICY),
        X=(Instance(), OUTCOMES),
        n_bootstrap=(Whole(0), 2),
        confidence=(CHANCE, 0.75),
        random_state=(Seed(), 3),
    ),
    looked(
        compared,
        "compare_routers",
        train=(Instance(), OUTCOMES),
        test=(Instance(), OUTCOMES),
        coverages=(Instance(), [0.5]),
        n_bootstrap=(Whole(1), 3),
    ),
    of(
        drawn,
        "make_selective_query",
        n_samples=(Whole(1), 20),
        regime=(Choice(), "noisy"),
        n_classes=(Whole(2), 3),
        n_features=(Whole(2), 3),
        random_state=(Seed(), 3),
    ),
    of(
        judged,
        "JudgedRows",
        score=(Rows(infinite=True), SCORE),
        base_utility=(Rows(), BASE),
        query_utility=(Rows(), GLOBAL),
        weight=(Weights(optional=False), WEIGHT),
    ),
    of(
        selective_guaranteed_risk,
        score=(Rows(infinite=True), SCORE),
        base_utility=(Rows(0, 1), LABEL / 1),
        risk=(CHANCE, 0.25),
        confidence=(CHANCE, 0.75),
    ),
    of(with_lost_queries, outcomes=(None, OUTCOMES), chance_lost=(SHARE, 0.5)),
    seen(AccuracyCoverageDisplay, ["curves"]),
    seen(RiskCoverageDisplay, ["curves"]),
    seen(BenefitReliabilityDisplay, ["predicted", "observed", "low", "high"]),
    seen(CostQualityDisplay, ["curves", "points"]),
    seen(
        ScoreHistogramDisplay,
        ["edges"],
        base_utility=(Rows(0, 1), LABEL / 1),
        global_utility=(Rows(0, 1, optional=True), 1 - LABEL / 1),
    ),
]
