"""Shared by every benchmark: arguments, resumable JSON results, a printed table."""

import argparse
import importlib.metadata
import json
import math
import os
import platform
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
CACHE = Path(__file__).parent / "cache"
PACKAGES = ("selective-query", "numpy", "scipy", "scikit-learn", "torch", "joblib")


class Benchmark:
    """Rows of results under unique keys, each stored as soon as it is computed.

    Parameters
    ----------
    name : str
        Stem of the JSON file under benchmarks/results.
    description : str
        For ``--help``.
    packages : iterable of str
        Further packages that affect the results.
    """

    def __init__(self, name, description, packages=()):
        self.name = name
        self.packages = (*PACKAGES, *packages)
        self.parser = argparse.ArgumentParser(description=description)
        self.parser.add_argument(
            "--json", type=Path, metavar="OUT", help="where results are stored"
        )
        self.parser.add_argument(
            "--quick", action="store_true", help="a smaller run, for a first look"
        )
        self.parser.add_argument(
            "--fresh", action="store_true", help="forget stored rows and start over"
        )

    def parse(self, argv=None):
        """Read the command line and the results of earlier runs."""
        self.args = self.parser.parse_args(argv)
        suffix = "_quick" if self.args.quick else ""
        self.path = self.args.json or RESULTS / f"{self.name}{suffix}.json"
        self.rows, self.summary, self.runs = [], None, []
        if self.path.exists() and not self.args.fresh:
            stored = json.loads(self.path.read_text())
            self.rows, self.summary = stored["rows"], stored.get("summary")
            self.runs = stored["runs"]
        return self.args

    def summarised(self, **key):
        """Return the rows of the stored summary with these values."""
        return [
            row
            for row in self.summary or ()
            if all(row.get(name) == value for name, value in key.items())
        ]

    def summarise(self, rows):
        """Store a summary of all rows, for tables in the documentation."""
        self.summary = rows
        if not self.runs:
            self._run()  # of a summary stored without rows
        self.save()
        return rows

    def stored(self, key):
        """Return the stored row with this key, or None."""
        for row in self.rows:
            if all(row.get(name) == value for name, value in key.items()):
                return row
        return None

    def row(self, key, compute):
        """Return the stored row with this key, or compute and store it."""
        row = self.stored(key)
        if row is not None:
            return row
        start = time.perf_counter()
        result = compute()
        # Rows computed elsewhere, in parallel, report their own time.
        result.setdefault("seconds", round(time.perf_counter() - start, 2))
        row = {**key, **result, "run": self._run()}
        self.rows.append(row)
        self.save()
        return row

    def _run(self):
        """Return the index of this machine and these versions in the list of runs."""
        run = {**machine(), "versions": versions(self.packages)}
        if run not in self.runs:
            self.runs.append(run)
        return self.runs.index(run)

    def save(self):
        """Write all rows, and the machines and versions that measured them."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "benchmark": self.name,
            "runs": self.runs,
            "rows": self.rows,
        }
        if self.summary is not None:
            content["summary"] = self.summary
        partial = self.path.with_suffix(".partial")
        text = json.dumps(_plain(content), indent=1, allow_nan=False)
        partial.write_text(text + "\n")
        partial.replace(self.path)


def _plain(value):
    """Return a copy with None in place of NaN, which JSON does not support."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def machine():
    """Return processor, cores and operating system as plain values."""
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _processor():
    """Return the model of the processor, if Linux reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    return next(names, platform.processor())


def versions(packages=PACKAGES):
    """Return the versions of the packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def print_table(rows, columns):
    """Print rows of dicts as an aligned table; numbers in the format of their column.

    Parameters
    ----------
    rows : list of dict
    columns : dict
        Column name to format specification, for example ``{"accuracy": ".4f"}``.
    """
    cells = [
        [
            "" if row[name] is None else format(row[name], spec)
            for name, spec in columns.items()
        ]
        for row in rows
    ]
    widths = [
        max(len(name), *(len(line[i]) for line in cells)) if cells else len(name)
        for i, name in enumerate(columns)
    ]
    for line in [list(columns), *cells]:
        print("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)))
