"""How long does a decision take on one input: artefact, scikit-learn, torch?

Handwritten digits, one thread. In turn in one run, on inputs that change from call to
call: the hybrid in Python (base and rule), its base alone, for nets the torch module
alone, and the ONNX file with base and rule in onnxruntime, alone and behind
EdgeClassifier.
"""

import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from _harness import Benchmark, print_table
from onnx_parity import make_base
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator

from selective_query import HybridClassifier
from selective_query._models.layers import net_of
from selective_query.export import EdgeClassifier, export_onnx

BASES = "linear", "bayes", "perceptron", "forest", "boosted", "net"
ROUTERS = "max_probability", "benefit", "boosted_benefit"
MICROSECONDS = 1e6


def percentiles(functions, rows, repeats):
    """Microseconds of a call, of each function: 5th, 50th and 95th percentile."""
    times = np.empty((repeats, len(functions)))
    rng = np.random.default_rng(0)
    for run in range(-50, repeats):
        row = rows[run % len(rows)]
        for i in rng.permutation(len(functions)):
            start = time.perf_counter()
            functions[i](row)
            if run >= 0:
                times[run, i] = time.perf_counter() - start
    return MICROSECONDS * np.percentile(times, [5, 50, 95], axis=0)


def latency(base, global_, router, X, y, repeats):
    hybrid = HybridClassifier(base, global_, router=router, coverage=0.8)
    hybrid.fit(X[300:900], y[300:900])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "edge.onnx"
        start = time.perf_counter()
        report = export_onnx(hybrid, path, example=X[900:])
        seconds = time.perf_counter() - start
        edge, kilobytes = EdgeClassifier(path), path.stat().st_size / 1024
        edge.predict(X[:1])
    rows = [row[None] for row in X[900:1400].astype(np.float32)]
    run, net = edge._runner.session.run, net_of(base)
    functions = {
        "artefact": lambda row: run(None, {"X": row}),
        "EdgeClassifier": edge.answer,
        "base alone": base.predict_proba,
        "hybrid": hybrid.predict_coverage,
    }
    if net is not None:
        functions["module"] = torch.inference_mode()(
            lambda row: net(torch.from_numpy(row))
        )
    low, median, high = percentiles(list(functions.values()), rows, repeats)
    found = {"module": None}
    for i, name in enumerate(functions):
        found[name] = float(median[i])
        found |= {f"{name} p5": float(low[i]), f"{name} p95": float(high[i])}
    equal = report.decisions_equal / report.rows
    return found | {"export s": seconds, "kB": kilobytes, "decisions equal": equal}


def main():
    packages = "onnx", "onnxruntime", "skl2onnx", "onnxscript"
    benchmark = Benchmark("edge_latency", __doc__, packages)
    repeats = 300 if benchmark.parse().quick else 1000
    torch.set_num_threads(1)
    X, y = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))
    X, y = X[rows], y[rows]
    global_ = FrozenEstimator(ExtraTreesClassifier(100, random_state=0))
    global_.estimator.fit(X[:300], y[:300])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in BASES:
            base = FrozenEstimator(make_base(name, 64, 10).fit(X[:300], y[:300]))
            for router in ROUTERS:
                benchmark.row(
                    {"base": name, "router": router},
                    lambda b=base, r=router: latency(b, global_, r, X, y, repeats),
                )
    columns = "artefact p5", "artefact", "artefact p95", "EdgeClassifier", "module"
    print("One input in microseconds, the median where nothing else is said")
    print_table(
        benchmark.rows,
        {"base": "", "router": ""}
        | dict.fromkeys((*columns, "base alone", "hybrid"), ".1f")
        | {"export s": ".2f", "kB": ".1f", "decisions equal": ".4f"},
    )


if __name__ == "__main__":
    main()
