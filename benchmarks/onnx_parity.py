"""Does an ONNX file decide as the classifier that it was made of?

Every router that has a program, on bases of several kinds; some under budgets of four
kinds, and with labels that are text. Of rows that neither base, router nor
threshold has seen: labels and decisions equal, rows within the largest score difference
of the threshold, seconds of an export with its comparison.
"""

import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from _harness import Benchmark, print_table
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from selective_query import HybridClassifier, list_routers
from selective_query.budgets import All, Coverage, GroupCoverage, StayLocal
from selective_query.datasets import load_dataset
from selective_query.exceptions import ExportError
from selective_query.export import export_onnx
from selective_query.nets.training import NetClassifier

DATASETS = "digits", "letter", "covertype"
N_TRAIN, N_FIT, N_TEST = 600, 1500, 20_000
BASES = "linear", "bayes", "perceptron", "forest", "boosted", "bins", "scaled", "net"
# Routers that are tried under every budget, and with labels that are text.
FEW = "entropy", "benefit", "boosted_benefit"
# Routers that need evidence of a kind of their own.
FEATURES = {"energy": "logits", "mahalanobis": "pca"}


def halves(X):
    """Two groups of about the same size, told by one column."""
    return np.where(X[:, 2] > HALF, "large", "small")


def is_marked(X):
    return X[:, 3] > 3 * HALF


HALF = 5.0
BUDGETS = {
    "coverage": 0.8,
    "groups": All(Coverage(0.7), GroupCoverage(0.5, by=halves)),
    "classes": GroupCoverage(0.7, by="predicted_class"),
    "must stay": All(Coverage(0.7), StayLocal(is_marked)),
}


def rows_of(name):
    """Rows for the models, for router and threshold, and for the comparison."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        sizes = 300, 600, len(y) - 900
    else:
        data = load_dataset(name)
        X, y = np.asarray(data.X, dtype=float), data.y
        sizes = N_TRAIN, N_FIT, min(N_TEST, len(y) - N_TRAIN - N_FIT)
    order = np.random.default_rng(0).permutation(len(y))[: sum(sizes)]
    return [(X[rows], y[rows]) for rows in np.split(order, np.cumsum(sizes)[:-1])]


def make_base(name, n_columns, n_classes):
    if name == "net":
        layers = nn.Sequential(
            nn.Linear(n_columns, 32), nn.ReLU(), nn.Linear(32, n_classes)
        )
        net = NetClassifier(layers, n_epochs=20, learning_rate=0.05, random_state=0)
        return make_pipeline(StandardScaler(), net)
    return {
        "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)),
        "bayes": GaussianNB(),
        "perceptron": make_pipeline(
            StandardScaler(), MLPClassifier((32,), max_iter=100, random_state=0)
        ),
        "forest": RandomForestClassifier(20, max_depth=8, random_state=0),
        "boosted": GradientBoostingClassifier(n_estimators=5, random_state=0),
        "bins": HistGradientBoostingClassifier(max_iter=5, random_state=0),
        "scaled": make_pipeline(StandardScaler(), PCA(8), LogisticRegression()),
    }[name]


def compared(base, global_, router, budget, fit, test, pca):
    features = FEATURES.get(router)
    hybrid = HybridClassifier(
        base, global_, router=router, coverage=budget, random_state=0,
        base_features=pca if features == "pca" else features,
    )  # fmt: skip
    try:
        hybrid.fit(*fit)
    except ValueError as error:
        return {"refused": f"fit: {str(error)[:120]}"}
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        try:
            report = export_onnx(hybrid, Path(folder) / "e.onnx", example=test)
        except ExportError as error:
            return {"refused": str(error)[:200]}
        seconds = time.perf_counter() - start
    return {
        "rows": report.rows,
        "labels": report.labels_equal / report.rows,
        "decisions": report.decisions_equal / report.rows,
        "difference": report.score_difference,
        "near": report.near_threshold,
        "coverage": report.coverage_after,
        "export seconds": round(seconds, 3),
        "refused": None,
    }


def runs(args):
    """Key of each run, and how it is made."""
    for name in DATASETS[:1] if args.quick else DATASETS:
        train, fit, test = rows_of(name)
        pca = PCA(5).fit(train[0])
        for as_text in (False, True):
            labels = [
                np.array([f"c{label}" for label in y]) if as_text else y
                for _, y in (train, fit)
            ]
            global_ = FrozenEstimator(
                ExtraTreesClassifier(100, random_state=0).fit(train[0], labels[0])
            )
            for base in BASES:
                model = make_base(base, train[0].shape[1], len(np.unique(labels[0])))
                frozen = FrozenEstimator(model.fit(train[0], labels[0]))
                for router in list_routers(without_program=False):
                    if router == "agreement" or (as_text and router not in FEW):
                        continue
                    for budget, asked in BUDGETS.items():
                        if budget != "coverage" and (as_text or router not in FEW):
                            continue
                        key = {"data": name, "labels": "text" if as_text else "numbers"}
                        key |= {"base": base, "router": router, "budget": budget}
                        given = (frozen, global_, router, asked)
                        rows = (fit[0], labels[1]), test[0], pca
                        yield key, lambda g=given, r=rows: compared(*g, *r)


def summary(rows):
    """Of each dataset and base: how many combinations, and how far they agree."""
    made = []
    for data, base in dict.fromkeys((row["data"], row["base"]) for row in rows):
        chosen = [r for r in rows if (r["data"], r["base"]) == (data, base)]
        done = [row for row in chosen if row["refused"] is None]
        if done:
            seconds = [row["export seconds"] for row in done]
            made.append(
                {
                    "data": data,
                    "base": base,
                    "combinations": len(done),
                    "refused": len(chosen) - len(done),
                    "labels": min(row["labels"] for row in done),
                    "all decisions equal": sum(row["decisions"] == 1 for row in done),
                    "least decisions": min(row["decisions"] for row in done),
                    "median difference": float(
                        np.median([row["difference"] for row in done])
                    ),
                    "median near": float(np.median([row["near"] for row in done])),
                    "export seconds": float(np.median(seconds)),
                }
            )
    return made


def main():
    benchmark = Benchmark("onnx_parity", __doc__, ["onnx", "onnxruntime", "skl2onnx"])
    args = benchmark.parse()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for key, compute in runs(args):
            benchmark.row(key, compute)
    print_table(
        benchmark.summarise(summary(benchmark.rows)),
        {
            "data": "", "base": "", "combinations": "d", "refused": "d",
            "labels": ".5f", "all decisions equal": "d", "least decisions": ".5f",
            "median difference": ".1e", "median near": ".1f", "export seconds": ".2f",
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
