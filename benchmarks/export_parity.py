"""Does an artefact, ONNX or C, decide like the classifier that it was exported from?

Each base is combined with a few routers, each router that has a program with several
bases and alone, and each kind of rule with labels of both kinds. Measured on rows that
neither models, router nor threshold have seen: equal labels and decisions, the largest
difference of scores, the rows within it of the threshold, and the seconds of an export
with its comparison (for C including compilation). A net in C is in int8 and thus
another base than the classifier's: it must equal its reference, has its own threshold,
and its agreement with the classifier is reported separately.
"""

import tempfile
import time
import warnings
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
from _export_cases import ALONE, NET, SIZES, cases
from _harness import Benchmark, print_table

from selective_query.exceptions import ExportError
from selective_query.export import export_c, export_onnx

TARGETS = "ONNX", "C"
INT8 = "net, int8"


@cache
def fitted(case):
    """Return the hybrid of a case, or the reason why there is none."""
    try:
        return case.fitted()
    except ValueError as error:
        return str(error)


def compared(case, target):
    """Return the figures of an export's report, or why there is no artefact."""
    hybrid, test = fitted(case), case.rows[3][0]
    if isinstance(hybrid, str):
        return {"outcome": "not fitted", "why": hybrid[:200]}
    subject, options = hybrid, {"example": test}
    if case.base == ALONE:
        subject, options["example"] = hybrid.policy_, hybrid.outcomes(*case.rows[3])
    if (case.base, target) == (NET, "C"):
        options["calibration"] = case.rows[2]
    export = export_onnx if target == "ONNX" else export_c
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        try:
            report = export(subject, Path(folder) / "edge.onnx", **options)
        except ExportError as error:
            differs = "does not decide" in str(error) or "twin" in str(error)
            outcome = "disagrees" if differs else "no such form"
            return {"outcome": outcome, "why": str(error)[:400]}
        seconds = time.perf_counter() - start
    return {
        "outcome": "compared",
        "rows": report.rows,
        "labels_equal": report.labels_equal,
        "decisions": report.decisions_equal,
        "difference": report.score_difference,
        "near": report.near_threshold,
        "before": report.coverage_before,
        "after": report.coverage_after,
        "export seconds": round(seconds, 3),
    }


def table(rows, *names):
    """Return the agreement over all rows with these values."""
    made = []
    for key in dict.fromkeys(tuple(row[name] for name in names) for row in rows):
        of_key = [r for r in rows if tuple(r[name] for name in names) == key]
        done = [row for row in of_key if row["outcome"] == "compared"]
        if done:
            made.append(dict(zip(names, key, strict=True)) | _agreement(of_key, done))
    return made


def _agreement(of_key, done):
    n_rows = sum(row["rows"] for row in done)
    labelled = [row for row in done if row["labels_equal"] is not None]
    return {
        "combinations": len(done),
        "disagree": sum(row["outcome"] == "disagrees" for row in of_key),
        "rows": n_rows,
        "relabelled": sum(row["rows"] - row["labels_equal"] for row in labelled),
        "moved": n_rows - sum(row["decisions"] for row in done),
        "most moved": max(1 - row["decisions"] / row["rows"] for row in done),
        "near": sum(row["near"] for row in done),
        "difference": max(row["difference"] for row in done),
        "export seconds": float(np.median([row["export seconds"] for row in done])),
    }


def shown(row):
    """Return the base of a row; an int8 net is not the base in floating point."""
    return INT8 if (row["base"], row["target"]) == (NET, "C") else row["base"]


def tables(rows):
    """Return tables by base, router and rule; unsupported cases; disagreements."""
    rows = [row | {"base": shown(row)} for row in rows]
    same = [row for row in rows if row["base"] != INT8]
    ruled = [row for row in same if row["router"] == "benefit"]
    return {
        "bases": table(rows, "target", "base"),
        "routers": table([r for r in same if r["base"] != "bayes"], "target", "router"),
        "rules": table(
            [row for row in ruled if row["base"] in ("linear", "forest")],
            "target", "rule", "labels",
        ),
        "outcomes": [
            {"target": target, "outcome": outcome, "combinations": len(found)}
            for target in TARGETS
            for outcome in ("compared", "disagrees", "no such form", "not fitted")
            if (
                found := [
                    row
                    for row in rows
                    if (row["target"], row["outcome"]) == (target, outcome)
                ]
            )
        ],
        "refused": [
            {name: row[name] for name in ("target", "data", "base", "router", "why")}
            for row in rows
            if row["outcome"] != "compared"
        ],
    }  # fmt: skip


AGREEMENT = {
    "combinations": "d", "disagree": "d", "rows": ",", "relabelled": "d", "moved": "d",
    "most moved": ".5f", "near": "d", "difference": ".1e", "export seconds": ".2f",
}  # fmt: skip
COLUMNS = {
    "bases": {"target": "", "base": "", **AGREEMENT},
    "routers": {"target": "", "router": "", **AGREEMENT},
    "rules": {"target": "", "rule": "", "labels": "", **AGREEMENT},
    "outcomes": {"target": "", "outcome": "", "combinations": "d"},
    "refused": {"target": "", "data": "", "base": "", "router": "", "why": ".80"},
}


def main():
    packages = "onnx", "onnxruntime", "skl2onnx", "onnxscript", "bakenn"
    benchmark = Benchmark("export_parity", __doc__, packages)
    quick = benchmark.parse().quick
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in cases(["digits"] if quick else SIZES):
            for target in TARGETS:
                benchmark.row(
                    {**asdict(case), "target": target},
                    lambda c=case, t=target: compared(c, t),
                )
            fitted.cache_clear()
    for name, rows in benchmark.summarise(tables(benchmark.rows)).items():
        print(f"\n{name}")
        print_table(rows, COLUMNS[name])


if __name__ == "__main__":
    main()
