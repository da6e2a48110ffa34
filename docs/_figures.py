"""Figures and tables of the documentation, read from the results of benchmarks."""

import json
import shlex
import sys
from pathlib import Path

from selective_query.budgets._solving.thresholds import rows_needed

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"

AGREEMENT = {
    "combinations": ("Combinations", ""),
    "disagree": ("Refused", ""),
    "rows": ("Rows", ","),
    "relabelled": ("Label changed", ","),
    "moved": ("Decision changed", ","),
    "near": ("Near the threshold", ","),
    "difference": ("Largest difference", ".0e"),
    "export seconds": ("Export, s", ".2f"),
}
LATENCY = {
    "ONNX": ("ONNX, µs", ".1f"),
    "C": ("C, µs", ".1f"),
    "base alone over ONNX": ("scikit-learn's base, over ONNX", ".1f"),
    "module over ONNX": ("torch's module, over ONNX", ".1f"),
    "hybrid over ONNX": ("Hybrid in Python, over ONNX", ".1f"),
    "base alone over C": ("scikit-learn's base, over C", ".1f"),
    "module over C": ("torch's module, over C", ".1f"),
    "hybrid over C": ("Hybrid in Python, over C", ".1f"),
}
AT_COVERAGES = {
    "at 0.9": ("At 90 %", ""),
    "at 0.8": ("At 80 %", ""),
    "at 0.7": ("At 70 %", ""),
}
GAINS = {
    "gain": ("Gain", "+.2f"),
    "low": ("Low", "+.2f"),
    "high": ("High", "+.2f"),
}
# Column of the JSON rows -> (heading, format).
COLUMNS = {
    "coverage_by_router.promise": {
        "n": ("Rows", ""),
        "cells": ("Cells", ""),
        "off": ("Off, %", ".0f"),
        "untold": ("Off, no warning, %", ".0f"),
        "needless": ("Needless warnings, % of draws", ".0f"),
    },
    "coverage_by_router.bases": {
        "n": ("Rows", ""),
        "dataset": ("Data", ""),
        "base": ("Base", ""),
        "auto 90": ("auto at 0.9", ""),
        "worst 90": ("Furthest, untold", ""),
        "spread 90": ("SD / law", ".1f"),
        "auto 70": ("auto at 0.7", ""),
        "worst 70": ("Furthest, untold", ""),
        "spread 70": ("SD / law", ".1f"),
        "auto 50": ("auto at 0.5", ""),
        "worst 50": ("Furthest, untold", ""),
        "spread 50": ("SD / law", ".1f"),
    },
    "certificates": {
        "budget": ("Budget", ""),
        "regime": ("Data", ""),
        "tied": ("Tied", ""),
        "n": ("Rows", ""),
        "failure_rate": ("Missed", ".3f"),
        "nothing_shown": ("Nothing certified", ".3f"),
        "mean_coverage": ("Mean coverage", ".3f"),
        "best_coverage": ("Best possible", ".3f"),
    },
    "router_quality": {
        "dataset": ("Data", ""),
        "coverage": ("Coverage", ".2f"),
        "default": ("auto", ".2f"),
        "best": ("Best single router", ""),
        "default minus best": ("auto minus best", "+.2f"),
        "low": ("Low", "+.2f"),
        "high": ("High", "+.2f"),
        "oracle": ("Oracle", ".2f"),
    },
    "label_cost": {
        "dataset": ("Data", ""),
        "all": ("All rows", ""),
        "arm": ("Taught by", ""),
        "accuracy": ("Accuracy", ".2f"),
        "difference": ("Minus all labels", "+.2f"),
        "low": ("Low", "+.2f"),
        "high": ("High", "+.2f"),
    },
    "llm_routing": {
        "router": ("Router", ""),
        "apgr": ("APGR", ".3f"),
        "low": ("Low", ".3f"),
        "high": ("High", ".3f"),
    },
    "router_cost": {
        "what": ("What", ""),
        "size": ("Rows", ""),
        "ratio": ("Ratio", ".2f"),
    },
    "predict_cost": {
        "router": ("Router", ""),
        "rows": ("Rows", ","),
        "over hand-written": ("predict, over hand-written", ".2f"),
        "coverage over hand-written": ("predict_coverage, over hand-written", ".2f"),
        "ns per row over the models": ("Added to the models, ns per row", ".0f"),
        "one row, over the base": ("One row, over the base", ".2f"),
    },
    "fit_cost": {
        "data": ("Data", ""),
        "models": ("Base, global", ""),
        "seconds of six fits": ("Six fits, s", ".1f"),
        "default over those fits": ("Default, over its fits", ".2f"),
        "default over six fits": ("Default, over six fits", ".2f"),
        "out of fold over six fits": ("Out of fold, over six fits", ".2f"),
    },
    "import_cost": {
        "import": ("Import of", ""),
        "seconds": ("Seconds, interpreter included", ".3f"),
        "over scikit-learn with a model": ("Over a scikit-learn model", ".2f"),
    },
    "global_weights": {
        "dataset": ("Data", ""),
        "n_seeds": ("Seeds", ""),
        "of": ("Of", ""),
        "plain": ("Plain", ".2f"),
        "gain": ("Weights' gain", "+.2f"),
        "low": ("Low", "+.2f"),
        "high": ("High", "+.2f"),
    },
    "weights_study": {
        "setting": ("Setting", ""),
        "n_seeds": ("Seeds", ""),
        "coverage": ("Coverage", ".2f"),
        "gain": ("Weights' gain", "+.2f"),
        "low": ("Low", "+.2f"),
        "high": ("High", "+.2f"),
    },
    "adaptation": {
        "dataset": ("Data", ""),
        "base": ("Base", ""),
        "global": ("Global", ""),
        "better": ("Better at", ""),
        "worse": ("Worse at", ""),
        "worst always": ("Worst", "+.2f"),
        "best always": ("Best", "+.2f"),
        "changed": ("Changed by safe at", ""),
        "worst safe": ("Worst safe", "+.2f"),
        "best safe": ("Best safe", "+.2f"),
        "lowest end safe": ("Lowest end of its intervals", "+.2f"),
    },
    "abstention": {
        "dataset": ("Data", ""),
        "arm": ("Trained by, ranked by", ""),
        "coverage": ("Coverage", ".2f"),
        "n_seeds": ("Seeds", ""),
        "accuracy": ("Accuracy", ".2f"),
        "gain": ("Gain", "+.2f"),
        "low": ("Low", "+.2f"),
        "high": ("High", "+.2f"),
    },
    "training": {
        "dataset": ("Data", ""),
        "arm": ("Trained by", ""),
        "router": ("Router", ""),
        "epochs": ("Epochs, times", ""),
        "coverage": ("Coverage", ".2f"),
        "n_seeds": ("Seeds", ""),
        "gain": ("Gain", "+.2f"),
        "low": ("Low", "+.2f"),
        "high": ("High", "+.2f"),
    },
    "compression": {
        "dataset": ("Data", ""),
        "arm": ("Base", ""),
        "macs": ("MACs", ".2f"),
        "base": ("Accuracy of the base", ""),
        "coverage": ("Coverage asked", ".2f"),
        "coverage_old": ("Coverage, old threshold", ""),
        "coverage_new": ("Coverage, new threshold", ""),
        "accuracy_old": ("Accuracy, old threshold", ""),
        "accuracy_new": ("Accuracy, new threshold", ""),
        "same_queries_new": ("Same queries, %", ".1f"),
    },
    "base_search": {
        "coverage": ("Coverage", ".2f"),
        "criterion": ("Judged by", ""),
        "n_rows": ("Rows", ""),
        "correlation": ("Rank correlation", ".2f"),
        "correlation low": ("Low", ".2f"),
        "correlation high": ("High", ".2f"),
        "gain": ("Minus oracle", "+.2f"),
        "gain low": ("Low", "+.2f"),
        "gain high": ("High", "+.2f"),
        "better": ("Better on", ""),
        "worse": ("Worse on", ""),
        "regret": ("Regret", ".2f"),
        "regret low": ("Low", ".2f"),
        "regret high": ("High", ".2f"),
        "time": ("Time", ".2f"),
    },
    "paper_tables.nets": {
        "net": ("Net", ""),
        "macs": ("MACs", ","),
        "flash_bytes": ("Flash, bytes", ","),
        "sram_bytes": ("SRAM, bytes", ","),
        "fits": ("Fits", ""),
    },
    "paper_tables.table_1": {
        "data": ("Data", ""),
        "base": ("Base", ""),
        "base accuracy": ("Plain base", ".1f"),
        "global accuracy": ("Global", ".1f"),
        "coverage": ("Coverage", ".2f"),
        "entropy": ("Entropy", ".2f"),
        "hybrid": ("Hybrid", ".2f"),
        "gain": ("Gain", "+.2f"),
        "low": ("Low", "+.2f"),
        "high": ("High", "+.2f"),
    },
    "paper_tables.table_2": {
        "system": ("System", ""),
        "share of the on-cloud latency": ("Share of the on-cloud latency", ".2f"),
        "latency_ms": ("Latency, ms", ".0f"),
        "accuracy": ("Accuracy", ".2f"),
        "paper": ("The paper's, ImageNet", ".2f"),
    },
    "paper_tables.table_3": {
        "data": ("Data", ""),
        "base": ("Base", ""),
        "base accuracy": ("Plain base", ".1f"),
        "coverage": ("Coverage", ".2f"),
        "entropy": ("Max-probability", ".2f"),
        "hybrid": ("Hybrid", ".2f"),
        "gain": ("Gain", "+.2f"),
        "low": ("Low", "+.2f"),
        "high": ("High", "+.2f"),
    },
    "paper_tables.bands": {
        "base": ("Base", ""),
        "coverage": ("Coverage", ".2f"),
        "gain": ("Gain", "+.2f"),
        "low": ("Low", "+.2f"),
        "high": ("High", "+.2f"),
        "lowest end of the band": ("Lowest end of the band", "+.2f"),
    },
    "paper_tables.headline": {
        "form": ("Question", ""),
        "link": ("Link", ""),
        "base": ("Base", ""),
        "base_ms": ("Base, ms", ".0f"),
        "query_ms": ("Query, ms", ".0f"),
        "paper's ratio": ("In the paper's setting", ""),
        "share": ("Share of the cloud's time", ".2f"),
        "coverage": ("Coverage", ".2f"),
        "minus on-cloud": ("Minus on-cloud", "+.2f"),
        "low": ("Low", "+.2f"),
        "high": ("High", "+.2f"),
    },
    "tier_shares": {
        "data": ("Data", ""),
        "base": ("First tier", ""),
        "router": ("Router", ""),
        "seeds": ("Seeds", ""),
        "first": ("First tier", ".3f"),
        "second": ("Second tier", ".3f"),
        "second_sd": ("SD of a seed", ".3f"),
        "nested_second": ("Nested hybrid", ".3f"),
    },
    "tiers": {
        "chain": ("Chain", ""),
        "budget": ("Budget", "g"),
        "way": ("Way", ""),
        "tiers": ("Tiers", ""),
        "accuracy": ("Accuracy", ".4f"),
        "cost": ("Cost", ".2f"),
        "joint_gain": ("Joint chain leads by", "+.4f"),
        "low": ("Low", "+.4f"),
        "high": ("High", "+.4f"),
        "mixed_gain": ("Mixed leads by", "+.4f"),
        "mixed_low": ("Low", "+.4f"),
        "mixed_high": ("High", "+.4f"),
    },
    "tier_certificates": {
        "asked": ("Asked", ""),
        "confidence": ("Confidence", "g"),
        "n": ("Rows", ""),
        "draws": ("Draws", ""),
        "held": ("Held", ".4f"),
    },
    "three_actions": {
        "data": ("Data", ""),
        "router": ("Router", ""),
        "query_rate": ("Query rate", "g"),
        "abstention_rate": ("Abstention rate", "g"),
        "ours": ("Accuracy", ".4f"),
        "theirs": ("By confidence", ".4f"),
        "gain": ("Gain", "+.4f"),
        "low": ("Low", "+.4f"),
        "high": ("High", "+.4f"),
    },
    "scale": {
        "what": ("What grows", ""),
        "size": ("Size", ""),
        "way": ("Way", ""),
        "ns a row": ("ns per row", ",.0f"),
        "peak MB": ("Memory, MB", ",.1f"),
        "ratio": ("Ratio of times", ",.2f"),
    },
    "serving.query": {
        "way": ("Way", ""),
        "rows": ("Rows", ""),
        "p50 ms": ("Median, ms", ".2f"),
        "p99 ms": ("99th percentile, ms", ".2f"),
    },
    "serving.clients": {
        "cloud": ("Cloud", ""),
        "way": ("System", ""),
        "clients": ("Clients", ""),
        "inputs a second": ("Inputs per second", ".0f"),
        "p50 ms": ("Median, ms", ".2f"),
        "p99 ms": ("99th percentile, ms", ".2f"),
    },
    "serving.overhead": {
        "way": ("What", ""),
        "us": ("µs", ".0f"),
    },
    "outages.simulated": {
        "case": ("Cloud", ""),
        "accuracy": ("Accuracy", ".4f"),
        "accuracy predicted": ("Predicted", ".4f"),
        "p50 ms": ("Median, ms", ".1f"),
        "p50 ms predicted": ("Predicted", ".1f"),
        "p95 ms": ("95th percentile, ms", ".1f"),
        "p95 ms predicted": ("Predicted", ".1f"),
        "p99 ms": ("99th percentile, ms", ".1f"),
        "p99 ms predicted": ("Predicted", ".1f"),
    },
    "outages.breaker": {
        "case": ("Breaker", ""),
        "queries": ("Queries", ""),
        "requests": ("Sent", ""),
        "mean ms of a query": ("Mean, ms", ".1f"),
        "p50 ms of a query": ("Median, ms", ".2f"),
        "p99 ms of a query": ("99th percentile, ms", ".1f"),
    },
    "outages.recovery": {
        "outages": ("Outages", ""),
        "period s": ("Period, s", ".2f"),
        "median s": ("Median, s", ".2f"),
        "most s": ("Longest, s", ".2f"),
    },
    "outages.storm": {
        "inputs": ("Inputs", ","),
        "answers": ("Answers", ","),
        "answers of neither side": ("Answers of neither model", ""),
        "p99 ms of a query": ("99th percentile of a query, ms", ".1f"),
        "most ms": ("Longest, ms", ".1f"),
    },
    "peers.accuracy": {
        "dataset": ("Data", ""),
        "peer": ("Who", ""),
        "accuracy": ("Accuracy", ".2f"),
        "difference": ("Minus ours", "+.2f"),
        "low": ("Low", "+.2f"),
        "high": ("High", "+.2f"),
        "realised coverage": ("Realised coverage", ".3f"),
    },
    "peers.abstention": {
        "dataset": ("Data", ""),
        "peer": ("Who", ""),
        "accuracy": ("Accuracy", ".2f"),
        "difference": ("Minus ours", "+.2f"),
        "low": ("Low", "+.2f"),
        "high": ("High", "+.2f"),
        "realised coverage": ("Realised coverage", ".3f"),
    },
    "peers.coverage": {
        "dataset": ("Data", ""),
        "base": ("Base", ""),
        "peer": ("Who", ""),
        "coverage": ("Asked", ".2f"),
        "mean error": ("Mean error", "+.2f"),
        "SD": ("SD", ".2f"),
        "worst": ("Worst", "+.2f"),
        "difference": ("Accuracy minus ours", "+.2f"),
        "low": ("Low", "+.2f"),
        "high": ("High", "+.2f"),
    },
    "peers.promises": {
        "dataset": ("Data", ""),
        "peer": ("Who", ""),
        "n": ("Rows", ""),
        "asked": ("Accuracy asked", ".2f"),
        "missed": ("Missed", ".3f"),
        "nothing shown": ("Nothing certified", ".3f"),
        "coverage": ("Mean coverage", ".3f"),
    },
    "peers.costs": {
        "peer": ("Who", ""),
        "fit, models fitted": ("Fit, models fitted", ".1f"),
        "fit, models too": ("Fit, models too", ".1f"),
        "peak of fit": ("Memory of fit", ".1f"),
        "predict": ("Predict", ".2f"),
        "predict one row": ("One row", ".2f"),
        "peak of predict": ("Memory of predict", ".2f"),
    },
    "peers.failures": {
        "case": ("Case", ""),
        "peer": ("Who", ""),
        "verdict": ("Verdict", ""),
        "what": ("What happened", ""),
    },
    "auto_safety": {
        "base": ("Base", ""),
        "n": ("Rows", ""),
        "mean difference": ("Mean", "+.3f"),
        "worst": ("Worst draw", "+.3f"),
        "best": ("Best draw", "+.3f"),
        "share worse": ("Share of draws worse", ".2f"),
    },
    "export_parity.bases": {
        "target": ("Artefact", ""),
        "base": ("Base", ""),
        **AGREEMENT,
    },
    "export_parity.routers": {
        "target": ("Artefact", ""),
        "router": ("Router", ""),
        **AGREEMENT,
    },
    "export_parity.rules": {
        "target": ("Artefact", ""),
        "rule": ("Rule", ""),
        "labels": ("Labels", ""),
        **AGREEMENT,
    },
    "export_parity.outcomes": {
        "target": ("Artefact", ""),
        "outcome": ("Outcome", ""),
        "combinations": ("Combinations", ""),
    },
    "export_certificates": {
        "data": ("Data", ""),
        "base": ("Base", ""),
        "target": ("Artefact", ""),
        "router": ("Router", ""),
        "own": ("Missed", ".3f"),
        "own low": ("Low", ".3f"),
        "own high": ("High", ".3f"),
        "own coverage": ("Mean coverage", ".3f"),
        "old": ("Missed, old threshold", ".3f"),
        "old low": ("Low", ".3f"),
        "old high": ("High", ".3f"),
        "floats": ("Missed in Python", ".3f"),
    },
    "export_fuzz": {
        "what": ("What", ""),
        "number": ("Number", ","),
        "rows": ("Rows", ","),
        "refused": ("Refused by both", ","),
        "other bits": ("C differs from its reference", ","),
        "onnx other": ("ONNX refuses differently", ","),
        "steady": ("Compared with double precision", ","),
        "twin beyond": ("C deviates", ","),
        "onnx beyond": ("ONNX deviates", ","),
    },
    "edge_latency.all": {
        "base": ("Base", ""),
        "router": ("Router", ""),
        **LATENCY,
    },
    "edge_latency.bases": {"base": ("Base", ""), **LATENCY},
    "ranking.arms": {
        "dataset": ("Data", ""),
        "epochs_factor": ("Times the epochs", ""),
        "training": ("Training", ""),
        "look": ("Looks", ""),
        "router": ("Router", ""),
        "n_seeds": ("Seeds", ""),
        **AT_COVERAGES,
    },
    "ranking.recipe": {
        "dataset": ("Data", ""),
        "epochs": ("Times the epochs", ""),
        "with": ("With", ""),
        "n_seeds": ("Seeds", ""),
        **AT_COVERAGES,
    },
    "ranking.verdicts": {
        "step": ("Step", ""),
        "at cifar10": ("CIFAR-10", ""),
        "at fashion_mnist": ("Fashion-MNIST", ""),
        "at spoken_digits": ("Spoken digits", ""),
        "better on": ("Better on", ""),
        "worse on": ("Worse on", ""),
    },
    "ranking.steps": {
        "step": ("Step", ""),
        "dataset": ("Data", ""),
        "n_seeds": ("Seeds", ""),
        **AT_COVERAGES,
    },
    "ranking.passes": {"share": ("Second passes", ".2f")},
    "ranking.added": GAINS,
    "ranking.each": GAINS,
    "global_finetuning.gains": GAINS,
    "global_finetuning.table": {
        "dataset": ("Data", ""),
        "arm": ("Tuned on", ""),
        "n_seeds": ("Bases", ""),
        "at hybrid at 0.9": ("Hybrid at 0.9", ""),
        "at hybrid at 0.8": ("Hybrid at 0.8", ""),
        "at hybrid at 0.7": ("Hybrid at 0.7", ""),
        "at global alone": ("Global alone", ""),
    },
    "fused_answers.all": GAINS,
    "fused_answers.table": {
        "data": ("Data", ""),
        "n": ("Calibration rows", ","),
        "arm": ("Pooled", ""),
        **AT_COVERAGES,
    },
    "placement.all": GAINS,
    "placement.table": {
        "data": ("Data", ""),
        "n": ("Calibration rows", ","),
        "base cost": ("Base, in queries", ""),
        "at 0.9": ("Budget 0.9", ""),
        "at 0.7": ("Budget 0.7", ""),
        "at 0.5": ("Budget 0.5", ""),
        "at 0.3": ("Budget 0.3", ""),
    },
    "class_doubt.pairs": {
        "n": ("Rows", ""),
        "router": ("Router", ""),
        **AT_COVERAGES,
    },
}


def list_table(heads, rows):
    """A reStructuredText list-table, line by line."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [heads, *rows]:
        lines += [
            f"   {'*' if i == 0 else ' '} - {cell}".rstrip()
            for i, cell in enumerate(row)
        ]
    return [*lines, ""]


def path_of(name, results=RESULTS):
    """Return the path of a benchmark's results; `name` may include a table."""
    return Path(results) / f"{name.partition('.')[0]}.json"


def stored(name, results=RESULTS):
    """Return the stored content of a benchmark, and the rows of its table."""
    table = name.partition(".")[2]
    content = json.loads(path_of(name, results).read_text())
    rows = content.get("summary", content["rows"])
    return content, rows[table] if table else rows


def measured(text, results=RESULTS):
    """Return the figure that the text of a ``measured`` role refers to.

    Raises
    ------
    ValueError
        If the number of rows with these values is not one.
    """
    name, column, *wanted = shlex.split(text)
    wanted = dict(pair.split("=", 1) for pair in wanted)
    rows = [
        row
        for row in stored(name, results)[1]
        if all(str(row[key]) == value for key, value in wanted.items())
    ]
    if len(rows) != 1:
        raise ValueError(
            f"measured needs the values of one row. {text!r} fits {len(rows)} rows of "
            f"{name}."
        )
    spec = COLUMNS[name][column][1]
    return format(rows[0][column], spec).replace("-", "\N{MINUS SIGN}")


def benchmark_table(name, results=RESULTS):
    """Return the lines of a benchmark's table, or of a note that it is missing."""
    stem = name.partition(".")[0]
    if not path_of(name, results).exists():
        return [
            ".. warning::",
            "",
            f"   **Not measured yet.** ``python benchmarks/{stem}.py`` writes",
            f"   ``benchmarks/results/{stem}.json``, and the next build of this page",
            "   shows it here.",
            "",
        ]
    content, shown = stored(name, results)
    columns = COLUMNS[name]
    rows = [
        [
            "" if row.get(key) is None else format(row[key], spec)
            for key, (_, spec) in columns.items()
        ]
        for row in shown
    ]
    made_by = ", ".join(f"{p} {v}" for p, v in content["runs"][-1]["versions"].items())
    return [
        *list_table([head for head, _ in columns.values()], rows),
        f"Measured by ``benchmarks/{stem}.py`` with {made_by}.",
        "",
    ]


def front_table(results=RESULTS):
    """Return the lines of the first table of the README: data sets by routers."""
    sys.path.insert(0, str(RESULTS.parent))
    from write_tables import compare_routers

    heads, rows = compare_routers(stored("compare_routers", results)[0])
    return list_table(heads, [[_marked(cell) for cell in row] for row in rows])


def _marked(cell):
    """Return a cell, in bold if it is marked as better."""
    return f"**{cell[:-2]}**" if cell.endswith(" +") else cell


def needed_table(coverages=(0.5, 0.7, 0.9, 0.95, 0.99), confidences=(None, 0.95)):
    """Return the table of calibration rows needed, by coverage and confidence."""
    heads = ["Coverage asked"]
    heads += [
        "Rows needed, on average"
        if confidence is None
        else f"Rows needed, confidence {confidence:g}"
        for confidence in confidences
    ]
    rows = [
        [f"{coverage:g}", *(str(rows_needed(coverage, c)) for c in confidences)]
        for coverage in coverages
    ]
    return list_table(heads, rows)


def profile_tables():
    """Return the tables of the devices and links included in the library."""
    from selective_query import costs

    names = {id(getattr(costs, name)): name for name in costs.__all__}

    def table(profiles, heads):
        rows = [
            [f"``{names[id(profile)]}``", *(_amount(profile, h) for h in heads)]
            for profile in profiles.values()
        ]
        return list_table(["Constant", *heads.values()], rows)

    devices = {
        "clock_mhz": "Clock, MHz",
        "flash_bytes": "Flash",
        "sram_bytes": "Memory",
        "active_power_mw": "Active, mW",
    }
    links = {
        "throughput_kbps": "Throughput, kbit/s",
        "round_trip_ms": "Round trip, ms",
        "energy_uj_per_byte": "Energy, µJ/byte",
        "max_payload_bytes": "Message, bytes",
    }
    return [*table(costs.DEVICES, devices), *table(costs.LINKS, links)]


def _amount(profile, name):
    """Return a constant of a profile as text, empty if there is no limit."""
    value = getattr(profile, name)
    if value is None or value == float("inf"):
        return ""
    if name in ("flash_bytes", "sram_bytes"):
        large = value >= 2**30
        return f"{value / 2 ** (30 if large else 10):,.0f} {'GB' if large else 'KB'}"
    return f"{value:,g}"
