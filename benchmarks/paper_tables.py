"""The paper's tables on CIFAR-10: bases of three sizes and a net for the cloud.

Every base fits the memory of an STM32F746, and the global does not. "Entropy" is plain
training with an entropy threshold; "hybrid" is distillation with the router that the
library chooses. Both get the same epochs. Choices of a learning rate, an operating
point or a base are made on the routers' rows; the printed results are on the test rows.
Intervals are at the 95 % level, over trainings and test rows.
"""

from _harness import Benchmark, print_table
from _paper_accuracy import bands, table_1, table_3
from _paper_nets import train
from _paper_systems import fronts, headline, nets, table_2

INTERVAL = dict.fromkeys(("gain", "low", "high"), "+.2f")
TABLES = {
    "nets": (nets, {"net": "", "macs": ",", "flash_bytes": ",", "sram_bytes": ",",
                    "fits": ""}),
    "table_1": (table_1, {"data": "", "base": "", "base accuracy": ".2f",
                          "coverage": ".2f", "entropy": ".2f", "hybrid": ".2f",
                          **INTERVAL}),
    "table_2": (table_2, {"system": "", "share of the on-cloud latency": ".2f",
                          "latency_ms": ".0f", "accuracy": ".2f", "paper": ".2f"}),
    "table_3": (table_3, {"data": "", "base": "", "base accuracy": ".2f",
                          "coverage": ".2f", "entropy": ".2f", "hybrid": ".2f",
                          **INTERVAL}),
    "bands": (bands, {"base": "", "coverage": ".2f", **INTERVAL,
                      "lowest end of the band": "+.2f"}),
    "headline": (headline, {"form": "", "link": "", "base": "", "base_ms": ".0f",
                            "query_ms": ".0f", "share": ".2f", "coverage": ".3f",
                            "minus on-cloud": "+.2f", "low": "+.2f", "high": "+.2f",
                            "paper's ratio": ""}),
    "fronts": (fronts, None),
}  # fmt: skip


def main():
    benchmark = Benchmark("paper_tables", __doc__)
    parser = benchmark.parser
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    args = benchmark.parse()
    # Without training: the footprints of the nets, and the tables without CIFAR-10.
    seeds = range(0 if args.quick else args.seeds)
    names = ("nets", "table_1", "table_3") if args.quick else TABLES
    found = benchmark.summary or {}
    if not found.keys() >= set(names):
        train(seeds, args.jobs)
    for name in names:
        make, columns = TABLES[name]
        if name not in found:
            found[name] = make(seeds)
            benchmark.summarise(found)
        if columns is not None:
            print(f"\n{name}")
            print_table(found[name], columns)


if __name__ == "__main__":
    main()
