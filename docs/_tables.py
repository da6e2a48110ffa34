"""Tables that are made when the documentation is built, so that no figure is typed.

Two directives:

``.. benchmark-table:: NAME`` shows rows of ``benchmarks/results/NAME.json``, and says
"not measured yet" where that file is missing.

``.. rows-needed::`` asks the library for the smallest number of calibration rows that
can certify a coverage.
"""

import json
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from selective_query.budgets.thresholds import rows_needed

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"

# Column of the JSON rows -> heading, format.
COLUMNS = {
    "coverage_error": {
        "dataset": ("Data", ""),
        "base": ("Base", ""),
        "scheme": ("Threshold from", ""),
        "mean error 90": ("Mean, 0.9 asked", "+.2f"),
        "SD 90": ("SD", ".2f"),
        "mean error 70": ("Mean, 0.7 asked", "+.2f"),
        "SD 70": ("SD", ".2f"),
    },
    "certificates": {
        "budget": ("Budget", ""),
        "regime": ("Data", ""),
        "tied": ("Tied", ""),
        "n": ("Rows", ""),
        "failure_rate": ("Missed", ".3f"),
        "nothing_shown": ("Nothing shown", ".3f"),
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
    "auto_safety": {
        "base": ("Base", ""),
        "n": ("Rows", ""),
        "mean difference": ("Mean", "+.3f"),
        "worst": ("Worst draw", "+.3f"),
        "best": ("Best draw", "+.3f"),
        "share worse": ("Share of draws worse", ".2f"),
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


def benchmark_table(name, results=RESULTS):
    """Lines for the results of a benchmark, or for their absence."""
    path = Path(results) / f"{name}.json"
    if not path.exists():
        return [
            ".. warning::",
            "",
            f"   **Not measured yet.** ``python benchmarks/{name}.py`` writes",
            f"   ``benchmarks/results/{name}.json``, and the next build of this page",
            "   shows it here.",
            "",
        ]
    content = json.loads(path.read_text())
    columns = COLUMNS[name]
    rows = [
        [
            "" if row[key] is None else format(row[key], spec)
            for key, (_, spec) in columns.items()
        ]
        for row in content.get("summary", content["rows"])
    ]
    made_by = ", ".join(f"{p} {v}" for p, v in content["versions"].items())
    return [
        *list_table([head for head, _ in columns.values()], rows),
        f"Measured by ``benchmarks/{name}.py`` with {made_by}.",
        "",
    ]


def needed_table(coverages=(0.5, 0.7, 0.9, 0.95, 0.99), confidences=(None, 0.95)):
    """Lines of a table: calibration rows needed, by coverage and confidence."""
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


class _Generated(SphinxDirective):
    def parse(self, lines, source):
        node = nodes.container()
        self.state.nested_parse(StringList(lines, source), self.content_offset, node)
        return node.children


class BenchmarkTable(_Generated):
    """``.. benchmark-table:: NAME``."""

    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        path = RESULTS / f"{name}.json"
        # A file that appears later makes the page out of date as well.
        self.env.note_dependency(str(path))
        return self.parse(benchmark_table(name), str(path))


class RowsNeeded(_Generated):
    """``.. rows-needed::``."""

    def run(self):
        return self.parse(needed_table(), "rows-needed")


def setup(app):
    """Register both directives with Sphinx."""
    app.add_directive("benchmark-table", BenchmarkTable)
    app.add_directive("rows-needed", RowsNeeded)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
