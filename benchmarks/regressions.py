"""Has anything become slower than it was?

Runs the cost benchmarks again and compares their ratios with the stored ones. A ratio
depends on the machine less than seconds do; a ratio more than a quarter above its
record is a regression, and sets the exit status.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from _harness import RESULTS, print_table

HERE = Path(__file__).parent
TOLERANCE = 1.25
# Ratios by benchmark, lower is better; the other columns identify the row.
RATIOS = {
    "predict_cost": (
        "over hand-written",
        "coverage over hand-written",
        "one row, over the base",
    ),
    "fit_cost": ("default over those fits", "out of fold over six fits"),
    "import_cost": ("over scikit-learn with a model",),
}


def compare(old_rows, new_rows, ratios):
    """Return a line for each common ratio: its record, the new value, the verdict."""
    records = {_name(row): row for row in old_rows}
    for row in new_rows:
        record = records.get(_name(row), {})
        for ratio in ratios:
            before, now = record.get(ratio), row.get(ratio)
            if before is None or now is None:
                continue
            is_dearer = now > TOLERANCE * before
            yield {
                "row": _name(row),
                "ratio": ratio,
                "record": before,
                "now": now,
                "verdict": "dearer" if is_dearer else "",
            }


def _name(row):
    words = [value for value in row.values() if isinstance(value, str)]
    return ", ".join([*words, *(f"{row[n]:,} {n}" for n in ("rows",) if n in row)])


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    lines = []
    for name, ratios in RATIOS.items():
        print(f"{name} ...", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            found = Path(folder) / "found.json"
            command = [sys.executable, f"{name}.py", "--quick", "--json", found]
            subprocess.run(command, cwd=HERE, stdout=subprocess.DEVNULL, check=True)
            old, new = (
                json.loads(path.read_text())["rows"]
                for path in (RESULTS / f"{name}.json", found)
            )
        lines += compare(old, new, ratios)
    columns = {"row": "", "ratio": "", "record": ".2f", "now": ".2f", "verdict": ""}
    print_table(lines, columns)
    return int(any(line["verdict"] for line in lines))


if __name__ == "__main__":
    sys.exit(main())
