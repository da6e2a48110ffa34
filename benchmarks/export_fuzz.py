"""Random programs and nets: do numpy, its float32 reference, ONNX and C agree?

Programs are run on ordinary rows, on hostile ones (certainties, ties, shares of 1e-30,
zeros) and on huge ones, whose squares overflow single precision. C must match its
reference in numpy (the "twin") bit for bit on all of them, and refuse the same rows;
ONNX should return NaN for exactly those. Twin and ONNX are compared with numpy in
double precision on rows that C decides and whose score does not change if the evidence
changes in its last digit ("steady"). Every other batch of C is compiled with the
sanitisers of addresses and undefined behaviour; any finding would end the run.
"""

import sys
from pathlib import Path

from _harness import Benchmark, print_table

sys.path.insert(0, str(Path(__file__).parent.parent))  # random test programs

from _fuzz_nets import run_nets
from _fuzz_programs import KINDS, run_batch

BATCH = {"programs": 100, "nets": 20}
RUN = {"programs": run_batch, "nets": run_nets}
COUNTS = (
    "rows", "refused", "other bits", "onnx other", "steady", "twin beyond",
    "onnx beyond",
)  # fmt: skip
WORST = "twin worst", "onnx worst"


def table(rows):
    """Return sums of counts and the worst differences, of programs and of nets."""
    of_programs = [row for row in rows if row["kind"] == "programs"]
    n_programs = sum(row["programs"] for row in of_programs)
    made = [
        {"what": f"programs, {kind} rows", "number": n_programs}
        | counted([row[kind] for row in of_programs])
        for kind in KINDS
    ]
    of_nets = [row for row in rows if row["kind"] == "nets"]
    n_nets = sum(row["nets"] for row in of_nets)
    return [*made, {"what": "nets in int8", "number": n_nets} | counted(of_nets)]


def counted(cells):
    held = {name for cell in cells for name in cell}
    sums = {n: sum(c.get(n, 0) for c in cells) if n in held else None for n in COUNTS}
    worst = {n: max(c.get(n, 0) for c in cells) if n in held else None for n in WORST}
    return sums | worst


def main():
    packages = "onnx", "onnxruntime", "bakenn"
    benchmark = Benchmark("export_fuzz", __doc__, packages)
    benchmark.parser.add_argument("--programs", type=int, default=2000)
    benchmark.parser.add_argument("--nets", type=int, default=200)
    args = benchmark.parse()
    wanted = {"programs": args.programs, "nets": args.nets}
    for kind, size in BATCH.items():
        for batch in range(2 if args.quick else wanted[kind] // size):
            sanitised = batch % 2 == 1
            benchmark.row(
                {"kind": kind, "batch": batch, "sanitised": sanitised},
                lambda k=kind, b=batch, n=size, s=sanitised: RUN[k](b, n, s),
            )
    print_table(
        benchmark.summarise(table(benchmark.rows)),
        {"what": "", "number": ","}
        | dict.fromkeys(COUNTS, ",")
        | dict.fromkeys(WORST, ".1e"),
    )


if __name__ == "__main__":
    main()
