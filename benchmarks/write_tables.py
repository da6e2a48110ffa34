"""Write README's table from the stored results; `--check` only says if it is stale."""

import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
START = "<!-- table: compare_routers -->\n"
END = "<!-- end of table -->"
COVERAGE = 0.8
MARKS = {"better": " +", "worse": " −"}
ROUTERS = (
    "entropy",
    "max_probability",
    "benefit",
    "constrained",
    "auto",
    "oracle",
)


def compare_table(results):
    """Markdown table: datasets by routers, accuracy in % at one coverage."""
    cells, heads = {}, {}
    for row in results["rows"]:
        heads[row["dataset"]] = row["base"], row["global"]
        for result in row["results"]:
            if result["coverage"] == COVERAGE:
                accuracy = 100 * result["accuracy_at_coverage"]
                mark = MARKS.get(result["verdict"], "")
                if result["router"] == "oracle":
                    mark = ""
                cells[row["dataset"], result["router"]] = f"{accuracy:.2f}{mark}"
    lines = [
        "| dataset | base | global | " + " | ".join(ROUTERS) + " |",
        "|---" * (3 + len(ROUTERS)) + "|",
    ]
    for dataset, (base, global_) in heads.items():
        values = [f"{100 * base:.2f}", f"{100 * global_:.2f}"]
        values += [cells.get((dataset, router), "") for router in ROUTERS]
        lines.append(f"| {dataset} | " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


def with_table(readme, table):
    """The text of README with the table between its marks."""
    before, rest = readme.split(START)
    return before + START + table + END + rest.split(END, 1)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    results = json.loads((HERE / "results" / "compare_routers.json").read_text())
    old = README.read_text()
    new = with_table(old, compare_table(results))
    if args.check:
        return int(old != new)
    README.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
