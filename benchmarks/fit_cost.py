"""What does the fit of a hybrid cost beyond the fits of its models?

With five folds both models are fitted on each fold and on all rows, and the fold models
predict the rows that they did not see. This alone, by hand, is compared with `fit` with
the default router, alternately in one run. The default threshold needs three more fits
of the base, on fewer rows; `over those fits` includes them, `over six fits` does not.

Seconds are CPU seconds on one thread, which other work on the machine affects little.
"""

import time

import numpy as np
from _harness import Benchmark, print_table
from predict_cost import medians_in_turn
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from selective_query import HybridClassifier

LINEAR = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
FOREST = RandomForestClassifier(50, random_state=0)
PAIRS = {
    "naive Bayes, forest": (GaussianNB(), FOREST),
    "logistic regression, forest": (LINEAR, FOREST),
    "two forests": (RandomForestClassifier(50, max_depth=4, random_state=0), FOREST),
    "logistic regression, boosted trees": (
        LINEAR,
        HistGradientBoostingClassifier(random_state=0),
    ),
}


def digits():
    return load_digits(return_X_y=True)


def simulated(n_rows):
    return make_classification(
        n_rows, 20, n_informative=10, n_classes=4, flip_y=0.1, random_state=0
    )


DATA = {
    "digits": digits,
    "simulated, 2,000 rows": lambda: simulated(2_000),
    "simulated, 10,000 rows": lambda: simulated(10_000),
}


def models_alone(pair, X, y, coarser=False):
    """Run the unavoidable fits and predictions, one after the other."""
    splits = list(StratifiedKFold(5).split(X, y))
    for model in pair:
        for train, test in splits:
            clone(model).fit(X[train], y[train]).predict_proba(X[test])
        clone(model).fit(X, y)
    for fold in range(0, 5, 2) if coarser else ():
        (train, test), (_, next_test) = splits[fold], splits[(fold + 1) % 5]
        fewer = np.setdiff1d(train, next_test, assume_unique=True)
        fitted = clone(pair[0]).fit(X[fewer], y[fewer])
        fitted.predict_proba(X[np.concatenate([test, next_test])])


@threadpool_limits.wrap(limits=1)
def cost(pair, X, y, repeats):
    def fit(calibration):
        HybridClassifier(*pair, coverage=0.8, calibration=calibration).fit(X, y)

    default, plain, all_fits, six_fits = medians_in_turn(
        [
            lambda: fit(None),
            lambda: fit("out_of_fold"),
            lambda: models_alone(pair, X, y, coarser=True),
            lambda: models_alone(pair, X, y),
        ],
        repeats,
        clock=time.process_time,
    )
    return {
        "seconds of six fits": float(six_fits),
        "default over those fits": float(default / all_fits),
        "default over six fits": float(default / six_fits),
        "out of fold over six fits": float(plain / six_fits),
    }


def main():
    benchmark = Benchmark("fit_cost", __doc__)
    quick = benchmark.parse().quick
    for data, make in DATA.items():
        if quick and "10,000" in data:
            continue
        X, y = make()
        for models, pair in PAIRS.items():
            if quick and "boosted" in models:
                continue
            benchmark.row(
                {"data": data, "models": models},
                lambda pair=pair, X=X, y=y: cost(pair, X, y, 1 if quick else 3),
            )
    columns = {
        "data": "",
        "models": "",
        "seconds of six fits": ".1f",
        "default over those fits": ".2f",
        "default over six fits": ".2f",
        "out of fold over six fits": ".2f",
    }
    print_table(benchmark.rows, columns)


if __name__ == "__main__":
    main()
