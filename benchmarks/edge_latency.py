"""How long does a decision take on one input: artefacts, scikit-learn, torch?

Handwritten digits, one thread, inputs that change from call to call; blocks of calls of
each method alternate in one run. Compared are the ONNX file with base and rule in
onnxruntime, alone and through EdgeClassifier; the same in C, compiled for this machine
and called through ctypes (nets in int8); the base alone in scikit-learn, or the torch
module for nets; and the hybrid in Python. Besides the median of all calls, the median
of the fastest block is reported, which other work on the machine disturbs least.
"""

import ctypes
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from _export_cases import FEW, NET, Case
from _harness import Benchmark, print_table

from selective_query._models.layers import net_of
from selective_query.export import EdgeClassifier, export_c, export_onnx

BASES = "linear", "bayes", "perceptron", "forest", "boosted", "bins", NET
ROUTERS = "max_probability", *FEW[1:]
SHOWN = "benefit"
BLOCK, N_WARM = 100, 10
MICROSECONDS = 1e6


def medians(functions, rows, n_blocks):
    """Return microseconds per call of each function: overall median, best block."""
    times = np.empty((len(functions), n_blocks, BLOCK))
    rng = np.random.default_rng(0)
    for block in range(n_blocks):
        for i in rng.permutation(len(functions)):
            for call in range(-N_WARM, BLOCK):
                row = rows[(block * BLOCK + call) % len(rows)]
                start = time.perf_counter()
                functions[i](row)
                times[i, block, call] = time.perf_counter() - start
    of_blocks = np.median(times, axis=2)
    return MICROSECONDS * np.array([np.median(times, axis=(1, 2)), of_blocks.min(1)])


def latency(case, n_blocks):
    """Return the medians of all methods to decide one input."""
    hybrid, (_, _, (ranges, _), (X, _)) = case.fitted(), case.rows
    rows = [row[None] for row in np.float32(X)]
    with tempfile.TemporaryDirectory() as made:
        path, folder = Path(made) / "edge.onnx", Path(made) / "edge"
        report = export_onnx(hybrid, path, example=X)
        export_c(hybrid, folder, calibration=ranges if case.base == NET else None)
        edge, in_c = EdgeClassifier(path), EdgeClassifier(folder)
        edge.predict(rows[0]), in_c.predict(rows[0])
    run, base = edge._runner.session.run, hybrid.base_estimator_
    functions = {
        "ONNX": lambda row: run(None, {"X": row}),
        "C": called(in_c),
        "EdgeClassifier": edge.answer,
        "base alone": base.predict_proba,
        "hybrid": hybrid.predict_coverage,
    }
    if case.base == NET:
        net = net_of(base)
        functions["module"] = torch.inference_mode()(
            lambda row: net(torch.from_numpy(row))
        )
    found = {"module": None, "module quiet": None}
    pairs = medians(list(functions.values()), rows, n_blocks).T
    for name, (median, quiet) in zip(functions, pairs, strict=True):
        found |= {name: float(median), f"{name} quiet": float(quiet)}
    return found | {"decisions equal": report.decisions_equal / report.rows}


def called(edge):
    """Return the C function of an artefact as a function of one row."""
    model = edge._runner._model
    decide, answer = model._decide, ctypes.byref(model._new_answer())
    pointer = ctypes.c_void_p
    return lambda row: decide(pointer(row.ctypes.data), answer)


def ratios(rows):
    """Return times relative to onnxruntime, by medians."""
    return [
        {name: row[name] for name in ("base", "router", "ONNX", "ONNX quiet", "C",
                                      "C quiet", "module")}
        | {f"{way} over {target}": row[way] and row[way] / row[target]
           for way in ("base alone", "module", "hybrid") for target in ("ONNX", "C")}
        for row in rows
    ]  # fmt: skip


def main():
    packages = "onnx", "onnxruntime", "skl2onnx", "onnxscript", "bakenn"
    benchmark = Benchmark("edge_latency", __doc__, packages)
    n_blocks = 3 if benchmark.parse().quick else 20
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for base in BASES:
            for router in ROUTERS:
                case = Case("digits", "numbers", base, router, "coverage")
                benchmark.row(
                    {"base": base, "router": router},
                    lambda c=case: latency(c, n_blocks),
                )
    made = ratios(benchmark.rows)
    benchmark.summarise(
        {"all": made, "bases": [row for row in made if row["router"] == SHOWN]}
    )
    print("One input: medians in microseconds, and times over those of the artefact")
    numbers = dict.fromkeys(list(made[0])[2:], ".1f")
    print_table(made, {"base": "", "router": "", **numbers})


if __name__ == "__main__":
    main()
