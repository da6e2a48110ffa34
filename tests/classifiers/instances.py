"""Estimators for scikit-learn's common checks, and expected failures with reasons."""

from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression

from selective_query import (
    AbstainingClassifier,
    CascadeClassifier,
    HybridClassifier,
    SecondLook,
)

ROUTERS = ("auto", "entropy")
COVERAGES = (0.9, 0.7, 0.5)

ESTIMATORS = [
    make(router, coverage)
    for router in ROUTERS
    for coverage in COVERAGES
    for make in (
        lambda router, coverage: HybridClassifier(
            LogisticRegression(),
            LogisticRegression(C=10),
            router=router,
            coverage=coverage,
        ),
        lambda router, coverage: AbstainingClassifier(
            LogisticRegression(), router=router, coverage=coverage
        ),
    )
]

ESTIMATORS += [
    CascadeClassifier(
        [(f"c{c}", LogisticRegression(C=c)) for c in (1, 10, 100)],
        router=router,
        coverage=coverage,
        abstain=abstain,
    )
    for router in ROUTERS
    for coverage, abstain in (((0.7, 0.5), None), (0.8, None), ((0.6, 0.5), 0.1))
]


# Its repr, and so the test ids, must be the same in every process.
doubled = partial(np.multiply, 2)
ESTIMATORS += [
    SecondLook(LogisticRegression(), doubled, below=below) for below in (0.7, 1.0)
]

# Estimator class name -> {check name: reason}. Empty, and meant to stay so.
EXPECTED_FAILURES = {}
