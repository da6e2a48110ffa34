"""How far is coverage on new data from what was asked for?

Each draw takes 1,000 training rows, fits an AbstainingClassifier (coverage concerns the
base and the router alone), and measures coverage on rows that nothing was fitted on.
"""

import warnings

import numpy as np
from _harness import Benchmark, print_table
from joblib import Parallel, delayed
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from selective_query import AbstainingClassifier
from selective_query.exceptions import CalibrationWarning

N_TRAIN = 1000
MODELS = {
    "logistic regression": LogisticRegression(max_iter=300),
    "forest": RandomForestClassifier(n_estimators=100, random_state=0),
    "boosted trees": HistGradientBoostingClassifier(max_iter=50, random_state=0),
    "tree": DecisionTreeClassifier(max_depth=6, random_state=0),
}
SCHEMES = {"extrapolated": None, "out of fold": "out_of_fold", "held out 20 %": 0.2}


def draw_data(dataset, seed):
    if dataset == "digits":
        X, y = load_digits(return_X_y=True)
        X = X / 16
    else:
        X, y = make_classification(
            n_samples=6000,
            n_features=20,
            n_informative=8,
            n_classes=4,
            flip_y=0.05,
            random_state=seed,
        )
    return train_test_split(X, y, train_size=N_TRAIN, random_state=seed)


def realised(dataset, model, calibration, router, coverages, seed):
    warnings.simplefilter("ignore", CalibrationWarning)
    X, X_new, y, _ = draw_data(dataset, seed)
    classifier = AbstainingClassifier(
        MODELS[model],
        router=router,
        coverage=coverages[0],
        calibration=calibration,
        random_state=seed,
    ).fit(X, y)
    return [classifier.at(c).predict_coverage(X_new).mean() for c in coverages]


def main():
    benchmark = Benchmark("coverage_error", __doc__)
    benchmark.parser.add_argument("--router", default="auto")
    benchmark.parser.add_argument("--seeds", type=int, default=60)
    benchmark.parser.add_argument("--models", nargs="*", default=list(MODELS))
    args = benchmark.parse()
    n_seeds = 2 if args.quick else args.seeds
    coverages = (0.9, 0.7)
    for dataset in ("digits", "simulated"):
        for model in args.models:
            for scheme, calibration in SCHEMES.items():

                def compute(d=dataset, m=model, c=calibration):
                    drawn = Parallel(n_jobs=2)(
                        delayed(realised)(d, m, c, args.router, coverages, seed)
                        for seed in range(n_seeds)
                    )
                    error = 100 * (np.array(drawn) - coverages)
                    return {
                        f"{name} {100 * c:.0f}": round(float(value), 2)
                        for name, values in (
                            ("mean error", error.mean(axis=0)),
                            ("SD", error.std(axis=0, ddof=1)),
                        )
                        for c, value in zip(coverages, values, strict=True)
                    }

                key = {
                    "dataset": dataset,
                    "base": model,
                    "scheme": scheme,
                    "router": args.router,
                    "n_seeds": n_seeds,
                }
                benchmark.row(key, compute)
    text = {"dataset": "", "base": "", "scheme": "", "router": ""}
    numbers = {f"{n} {c}": "+.2f" for c in (90, 70) for n in ("mean error", "SD")}
    print("Coverage on new data minus coverage asked for, in points")
    print_table(benchmark.rows, {**text, **numbers})


if __name__ == "__main__":
    main()
