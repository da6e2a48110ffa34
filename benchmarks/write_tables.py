"""Write the README's tables from stored results; `--check` fails if one is stale."""

import argparse
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
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


def compare_routers(results):
    """Return datasets by routers, accuracy in % at one coverage."""
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
    rows = []
    for dataset, (base, global_) in heads.items():
        values = [f"{100 * base:.2f}", f"{100 * global_:.2f}"]
        values += [cells.get((dataset, router), "") for router in ROUTERS]
        rows.append([dataset, *values])
    return ["dataset", "base", "global", *ROUTERS], rows


def paper_tables(results):
    """Return systems by shares of the on-cloud latency, accuracy in %."""
    cells = {}
    for row in results["summary"]["table_2"]:
        share = row["share of the on-cloud latency"]
        shown = "" if row["accuracy"] is None else f"{row['accuracy']:.2f}"
        cells.setdefault(row["system"], {})[share] = shown
    shares = list(next(iter(cells.values())))
    rows = [[system, *(found[s] for s in shares)] for system, found in cells.items()]
    return ["system", *(f"{100 * s:.0f} %" for s in shares)], rows


TABLES = {"compare_routers": compare_routers, "paper_tables": paper_tables}


def markdown(heads, rows):
    """Return a Markdown table, line by line."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def with_tables(readme):
    """Return the text of the README with each table between its marks."""
    for name, make in TABLES.items():
        results = json.loads((HERE / "results" / f"{name}.json").read_text())
        start = f"<!-- table: {name} -->\n"
        between = re.compile(re.escape(start) + ".*?" + re.escape(END), re.DOTALL)
        table = start + markdown(*make(results)) + END
        readme, n_places = between.subn(lambda _, new=table: new, readme)
        if n_places != 1:
            raise ValueError(
                f"README must hold {start.strip()} and {END} once. Got {n_places}."
            )
    return readme


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    old = README.read_text()
    new = with_tables(old)
    if args.check:
        return int(old != new)
    README.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
