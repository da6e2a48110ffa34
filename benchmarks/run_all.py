"""Run every benchmark, one after the other, and print how long each took.

Stored results are not computed again; `--quick` runs a small version of each from
scratch, with a separate folder for the results.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _harness import print_table

HERE = Path(__file__).parent
NO_BENCHMARKS = {"regressions.py", "run_all.py", "write_tables.py"}
# Even the small version reads datasets that scikit-learn does not bundle.
NEED_DATA = {
    "abstention", "auto_safety", "class_doubt", "edge", "first_picture",
    "fused_answers", "global_weights", "llm_routing", "paper_tables", "placement",
    "ranking", "three_actions", "tier_shares", "tiers", "training", "weights_study",
}  # fmt: skip


def run(script, quick, folder):
    """Run one benchmark; return its outcome and seconds."""
    if script.stem in NEED_DATA and "SELECTIVE_QUERY_DATA" not in os.environ:
        return "left out: set SELECTIVE_QUERY_DATA", 0.0
    command = [sys.executable, script.name]
    if quick:
        command += ["--quick", "--json", str(Path(folder) / f"{script.stem}.json")]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=HERE, stdout=subprocess.DEVNULL, check=False)
    outcome = "done" if done.returncode == 0 else f"failed ({done.returncode})"
    return outcome, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for script in sorted(HERE.glob("[a-z]*.py")):
            if script.name in NO_BENCHMARKS:
                continue
            print(f"{script.stem} ...", flush=True)
            outcome, seconds = run(script, args.quick, folder)
            rows.append(
                {"benchmark": script.stem, "outcome": outcome, "seconds": seconds}
            )
    print_table(rows, {"benchmark": "", "seconds": ".0f", "outcome": ""})
    return int(any(row["outcome"].startswith("failed") for row in rows))


if __name__ == "__main__":
    sys.exit(main())
