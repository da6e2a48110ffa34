"""Latencies predicted from operations, with and without the kinds of layers."""

import json

from _harness import RESULTS
from _training_tasks import BASES, PAPER_TASKS

from selective_query.costs import STM32F746
from selective_query.footprint.net_profile import profile_net

# MLPerf Tiny v1.0 on the STM32F746: milliseconds, and the operations of its nets.
PUBLISHED = {
    "wake words": (57.0, {"stem": 497_664, "depthwise": 798_336,
                          "pointwise": 6_193_152, "linear": 512}),
    "keywords": (19.1, {"stem": 320_000, "depthwise": 288_000,
                        "pointwise": 2_048_000, "linear": 768}),
    "images": (64.8, {"stem": 442_368, "convolution": 11_796_480,
                      "pointwise": 262_144, "linear": 640}),
}  # fmt: skip
FORM = "three quarters of the time"


def published():
    """Return cycles per operation in published latencies, plain and by layer kind."""
    cycles = 1000 * STM32F746.clock_mhz
    return [
        {"task": task, "published_ms": ms, "macs": sum(macs.values()),
         "cycles_a_mac": ms * cycles / sum(macs.values()),
         "cycles_a_plain_mac": ms * cycles / STM32F746.plain_macs(macs)}
        for task, (ms, macs) in PUBLISHED.items()
    ]  # fmt: skip


def paper():
    """Return the paper's headline under both: base time, share of the cloud's time.

    The coverages are those chosen under operations alone.
    """
    path = RESULTS / "paper_tables.json"
    stored = json.loads(path.read_text())["summary"]["headline"]
    weighed_ms = {size: STM32F746.latency_ms(_plain(size)) for size in BASES}
    return [
        {"link": row["link"], "base": row["base"], "base_ms": row["base_ms"],
         "base_ms_by_kind": weighed_ms[row["base"]], "share": row["share"],
         "share_by_kind": row["share"]
         + (weighed_ms[row["base"]] - row["base_ms"]) / row["query_ms"]}
        for row in stored
        if row["form"] == FORM
    ]  # fmt: skip


def _plain(size):
    net = PAPER_TASKS[f"cifar10_{size}"].base()
    return STM32F746.plain_macs(profile_net(net, (3, 32, 32)).macs_by_form)
