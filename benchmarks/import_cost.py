"""What does importing cost beyond the imports that are needed anyway?

Seconds of a fresh interpreter, the minimum of several runs, started alternately; the
packages are already in the file cache of the system.
"""

import subprocess
import sys
import time

import numpy as np
from _harness import Benchmark, print_table

COMMAND = "from selective_query.cli import main; main({})"
STATEMENTS = {
    "nothing": "pass",
    "scikit-learn": "import sklearn.base, sklearn.utils.validation",
    "scikit-learn, a model": "from sklearn.linear_model import LogisticRegression",
    "selective_query": "import selective_query",
    "HybridClassifier": "from selective_query import HybridClassifier",
    "selective-query --help": COMMAND.format(["--help"]),
    "selective-query fit --help": COMMAND.format(["fit", "--help"]),
}


def least_seconds(repeats):
    """Return the least seconds of each statement, including interpreter start."""
    times = np.empty((repeats, len(STATEMENTS)))
    for run in range(repeats):
        for i, statement in enumerate(STATEMENTS.values()):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", statement],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            times[run, i] = time.perf_counter() - start
    return dict(zip(STATEMENTS, times.min(axis=0), strict=True))


def main():
    benchmark = Benchmark("import_cost", __doc__)
    repeats = 3 if benchmark.parse().quick else 15
    if not benchmark.rows:
        seconds = least_seconds(repeats)
        model = seconds["scikit-learn, a model"]
        for statement, found in seconds.items():
            row = {
                "seconds": float(found),
                "over scikit-learn with a model": float(found / model),
            }
            benchmark.row({"import": statement}, lambda row=row: row)
    columns = {"seconds": ".3f", "over scikit-learn with a model": ".2f"}
    print_table(benchmark.rows, {"import": "", **columns})


if __name__ == "__main__":
    main()
