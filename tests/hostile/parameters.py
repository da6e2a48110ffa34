"""Parameters of classifiers, policies, routers and budgets, for invalid values."""

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB

from selective_query import (
    AbstainingClassifier,
    HybridClassifier,
    Outcomes,
    RoutingPolicy,
    budgets,
    list_routers,
)
from selective_query.routers.registry import make_router
from tests.hostile.calls import Call
from tests.hostile.values import Choice, Number, Seed, Whole

RNG = np.random.default_rng(2)
N = 60
X = RNG.normal(size=(N, 2))
Y = (X[:, 0] + RNG.normal(size=N) > 0).astype(int)
MODEL = FrozenEstimator(GaussianNB().fit(X, Y))
P = MODEL.predict_proba(X)
ROWS = Outcomes(
    base_proba=P,
    base_logits=np.log(P),
    base_features=X,
    X=X,
    y=Y,
    global_pred=np.where(RNG.random(N) < 0.9, Y, 1 - Y),
)
# It trains a net; it reads votes; its only parameter is a seed.
LEFT_OUT = {"constrained", "agreement", "random"}
# Any value is valid, or the parameter is used only if another one requires it.
FREE = {"abstain_label", "base_features", "cv", "n_jobs", "space", "verbose"}
NUMBERS = {"alpha", "base_macs", "class_smoothing", "p", "width", "query_cost"}


def kind_of(name, default):
    """Return the kind of a parameter, from its name or its default."""
    if name == "random_state":
        return Seed()
    if name in NUMBERS or name == "target_coverage":
        return Number(optional=True, infinite=True)
    if isinstance(default, bool):
        return Choice()
    if isinstance(default, int):
        return Whole(-np.inf, optional=True)
    if isinstance(default, float):
        return Number(optional=True, infinite=True)
    return Choice()


def fitted(estimator, name, *data):
    """Return a call that sets one parameter and fits, without a result."""
    parameters = {
        parameter: value
        for parameter, value in estimator.get_params(deep=False).items()
        if parameter not in FREE
    }

    def call(**changed):
        clone(estimator).set_params(**changed).fit(*data)

    kinds = {n: kind_of(n, default) for n, default in parameters.items()}
    return Call(name, call, parameters, kinds)


def made(kind, **valid):
    """Return a call that creates a budget from numbers."""
    return Call(
        kind.__name__, kind, valid, {n: Number(0, infinite=True) for n in valid}
    )


CALLS = [
    *(
        fitted(make_router(name), f"{name} router", ROWS)
        for name in list_routers()
        if name not in LEFT_OUT
    ),
    fitted(RoutingPolicy("entropy", coverage=0.5), "RoutingPolicy", ROWS),
    fitted(
        AbstainingClassifier(GaussianNB(), router="entropy", coverage=0.5, cv=2),
        "AbstainingClassifier",
        X,
        Y,
    ),
    fitted(
        HybridClassifier(MODEL, MODEL, router="entropy", coverage=0.5),
        "HybridClassifier",
        X,
        Y,
    ),
    made(budgets.Coverage, minimum=0.5),
    made(budgets.MinAccuracy, accuracy=0.5),
    made(budgets.MinSelectiveAccuracy, accuracy=0.5),
    made(budgets.MaxExcessError, excess=0.5),
    made(budgets.MaxQueryCost, maximum=0.5),
]
