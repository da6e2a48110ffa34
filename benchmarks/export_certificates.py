"""How often does an artefact keep the coverage that was certified on it?

Calibration rows are drawn with replacement from rows that neither models nor router
have seen. These rows serve as the population, so the true coverage of a threshold is
known without error. The artefact runs once on all of them. In each draw a threshold is
learned and certified on the artefact's outputs for the drawn rows, written into it in
single precision, and evaluated on the population. For comparison, the threshold that
the floating-point classifier certified on the same rows is written into the same
artefact.
"""

import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from _export_cases import rows_of, standardised
from _harness import Benchmark, print_table
from scipy.stats import binomtest
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from selective_query import HybridClassifier
from selective_query.datasets import load_dataset
from selective_query.export import (
    EdgeClassifier,
    export_c,
    export_onnx,
    set_operating_point,
)
from selective_query.export._subject import subject_of
from selective_query.nets import ConvNet, SignalNet
from selective_query.nets.training import NetClassifier

COVERAGE, CONFIDENCE = 0.8, 0.9
N_DRAWN, N_CHECKED = 500, 3
ROUTERS = "max_probability", "benefit"
# Rows for the models, and rows for the router; the others are the population.
N_MODELS = {"digits": 400, "spoken digits": 1000, "letter": 2000, "covertype": 2000}
N_ROUTER = 200
NETS = {
    "digits": lambda: ConvNet(10, (8, 16), (1, 2), n_channels=1),
    "spoken digits": lambda: SignalNet(10, 64, width=16, depth=2),
    "letter": lambda: dense(16, 26),
    "covertype": lambda: dense(53, 7),
}
ARTEFACTS = [
    *((data, "net", "C, int8") for data in NETS),
    *((data, "bayes", target) for data in ("digits", "letter")
      for target in ("C", "ONNX")),
]  # fmt: skip


def dense(n_columns, n_classes):
    layers = nn.Linear(n_columns, 48), nn.ReLU(), nn.Linear(48, n_classes)
    return nn.Sequential(*layers)


def flat(X):
    return np.reshape(X, (len(X), -1))


def labelled(data, base):
    """Return all rows of a data set in random order, in the form of the base."""
    if data in ("letter", "covertype"):
        X, y = map(np.concatenate, zip(*rows_of(data), strict=True))
        X = standardised(X, data) if base == "net" else X
    elif data == "digits":
        X, y = load_digits(return_X_y=True)
        X = np.float32(X / 16).reshape(-1, 1, 8, 8) if base == "net" else X
    else:
        found = load_dataset("spoken_digits")
        X, y = (np.float32(found.X) + 10) / 5, found.y
    rows = np.random.default_rng(0).permutation(len(y))
    return X[rows], y[rows]


def exported(data, base, target, router, folder):
    """Return a hybrid, its artefact, and the population."""
    X, y = labelled(data, base)
    n = N_MODELS[data]
    models, router_rows = slice(n), slice(n, n + N_ROUTER)
    model = GaussianNB()
    if base == "net":
        torch.manual_seed(0)  # of the initial weights
        model = NetClassifier(NETS[data](), n_epochs=30, batch_size=32,
                              learning_rate=0.05, random_state=0)  # fmt: skip
    trees = ExtraTreesClassifier(60, random_state=0)
    hybrid = HybridClassifier(
        *(FrozenEstimator(m.fit(X[models], y[models]))
          for m in (model, make_pipeline(FunctionTransformer(flat), trees))),
        router=router, coverage=COVERAGE, random_state=0,
    ).fit(X[router_rows], y[router_rows])  # fmt: skip
    path = Path(folder) / "edge.onnx"
    if target == "ONNX":
        export_onnx(hybrid, path)
    else:
        export_c(hybrid, path, calibration=X[models] if base == "net" else None)
    rest = slice(n + N_ROUTER, None)
    return hybrid, path, X[rest], y[rest]


def judge(data, base, target, router, n_draws):
    """Return the shares of draws in which each threshold gives too little coverage."""
    with tempfile.TemporaryDirectory() as folder:
        hybrid, path, X, y = exported(data, base, target, router, folder)
        edge = EdgeClassifier(path)
        score = edge.answer(X)["score"]
        artefact = hybrid.with_base(edge, X, y)
        told = {"floats": hybrid.outcomes(X, y), "own": artefact.outcomes(X, y)}
        asked = artefact.policy_.at(COVERAGE, confidence=CONFIDENCE)
        rng = np.random.default_rng(0)
        coverage = {name: [] for name in ("own", "old", "floats")}
        start = time.perf_counter()
        for draw in range(n_draws):
            rows = rng.integers(len(y), size=N_DRAWN)
            own, old = (
                asked.recalibrated(told[name].take(rows)) for name in ("own", "floats")
            )
            kept = score <= single(own)
            coverage["own"].append(kept.mean())
            coverage["old"].append((score <= single(old)).mean())
            coverage["floats"].append(old.decide(told["floats"]).mean())
            if draw < N_CHECKED:
                refuse_other(artefact, edge, X, y, rows, kept)
        seconds = time.perf_counter() - start
    found = {"population": len(y), "draws": n_draws, "draws seconds": seconds}
    for name, values in coverage.items():
        n_missed = sum(value < COVERAGE - 1e-12 for value in values)
        interval = binomtest(n_missed, n_draws).proportion_ci(0.95)
        found |= {
            name: n_missed / n_draws, f"{name} low": interval.low,
            f"{name} high": interval.high, f"{name} coverage": float(np.mean(values)),
        }  # fmt: skip
    accuracy = {name: float(o.base_utility.mean()) for name, o in told.items()}
    return found | {"accuracy": accuracy["floats"], "own accuracy": accuracy["own"]}


def single(policy):
    """Return the threshold of a policy in the precision of an artefact."""
    return subject_of(policy).single_thresholds(0)[0]


def refuse_other(artefact, edge, X, y, rows, kept):
    """Raise if the artefact itself, with its threshold moved, decides otherwise."""
    asked = artefact.at(COVERAGE, confidence=CONFIDENCE)
    set_operating_point(edge.path, asked.with_base(edge, X[rows], y[rows]))
    if not np.array_equal(EdgeClassifier(edge.path).decide(X), kept):
        raise RuntimeError(f"{edge.path} does not decide as was computed.")


def main():
    packages = "onnx", "onnxruntime", "skl2onnx", "bakenn"
    benchmark = Benchmark("export_certificates", __doc__, packages)
    quick = benchmark.parse().quick
    n_draws = 50 if quick else 1000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for data, base, target in ARTEFACTS[:1] if quick else ARTEFACTS:
            for router in ROUTERS:
                given = data, base, target, router
                key = dict(zip(("data", "base", "target", "router"), given,
                               strict=True))  # fmt: skip
                benchmark.row(key, lambda g=given: judge(*g, n_draws))
    print(f"Coverage {COVERAGE}, confidence {CONFIDENCE}: one draw in ten may miss it")
    print_table(
        benchmark.rows,
        {"data": "", "base": "", "target": "", "router": "", "population": "d"}
        | {f"{name}{of}": ".3f" for name in ("own", "old", "floats")
           for of in ("", " low", " high", " coverage")}
        | {"accuracy": ".3f", "own accuracy": ".3f"},
    )  # fmt: skip


if __name__ == "__main__":
    main()
