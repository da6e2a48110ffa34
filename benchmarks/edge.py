"""Nets as int8 C: instructions counted in an emulator, memory reported by the linker.

Each net is quantised, written as C with CMSIS-NN kernels, linked for a device, and run
in QEMU on a Cortex-M4 and M7, as a whole and layer by layer. Instructions are not
cycles: caches and wait states are not modelled. Device profiles use the cost of a
multiply-accumulate in each kind of layer relative to one in a convolution. Nets without
an accuracy are not trained, because the counts do not depend on the weights.
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from _edge_head import counted_head
from _edge_latencies import paper, published
from _edge_layers import counted_layers
from _harness import Benchmark, print_table
from _training_tasks import BASES, TASKS, Scaled, flip, trained
from torch import nn

from selective_query.costs import DEVICES
from selective_query.export._c import emulator, firmware
from selective_query.export._c.nets import int8_net
from selective_query.footprint.net_profile import profile_net
from selective_query.nets import ConvNet, MobileNet, SignalNet
from selective_query.nets._blocks import conv_block
from selective_query.nets.training import NetClassifier

BOARDS = {"cortex-m4": "STM32L4R5", "cortex-m7": "STM32F746"}
CALIBRATION, COMPARED, JUDGED = 300, 10, 2000
RATE = 0.1
HEADS = ("max_probability", "entropy", "benefit")


class WideNet(nn.Module):
    """A net with activations near 320 KB and every kind of layer."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(
            conv_block(3, 128),
            conv_block(128, 128, groups=128),
            conv_block(128, 48, 1),
            conv_block(48, 64, stride=2),
            conv_block(64, 64, groups=64),
            conv_block(64, 96, 1, stride=2),
        )
        self.hidden = nn.Sequential(nn.Linear(96, 64), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(64, 10)

    def forward(self, x):
        return self.classifier(self.hidden(self.blocks(x).mean((2, 3))))


def _images(make):
    return partial(Scaled, make, 120.0, 64.0)


def _speech(width, depth):
    make = partial(SignalNet, 10, 64, width=width, depth=depth)
    return partial(Scaled, make, -10.0, 5.0)


# Data, net, rows and epochs of training; none if only costs are needed.
NETS = {
    "spoken digits, small": ("spoken_digits", _speech(16, 2), None, 30),
    "spoken digits, large": ("spoken_digits", _speech(96, 3), None, 10),
    **{
        f"CIFAR-10, {size}": ("cifar10", _images(partial(ConvNet, 10, *shape)), 0, 0)
        for size, shape in BASES.items()
    },
    "CIFAR-10, MobileNet": ("cifar10", _images(partial(MobileNet, 10, 1.0)), 0, 0),
    "CIFAR-10, near 320 KB": ("cifar10", _images(WideNet), 5000, 3),
}


def fitted(name, trains=True):
    """Return a net of the benchmark, rows for its ranges, and rows for evaluation."""
    task_name, make, n_rows, n_epochs = NETS[name]
    (X, y), (X_ranges, _), (X_test, y_test) = TASKS[task_name].load()
    ranges, test = X_ranges[:CALIBRATION], (X_test[:JUDGED], y_test[:JUDGED])
    if n_epochs and trains:
        task = TASKS[task_name]
        augment = flip if task_name == "cifar10" else task.augment
        rows = slice(n_rows)
        net = trained(task, X[rows], y[rows], make, seed=0, rate=RATE,
                      n_epochs=n_epochs, augment=augment)  # fmt: skip
        return net, ranges, test
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = make()
    made.train()
    with torch.no_grad():
        made(torch.as_tensor(ranges).float())  # statistics of batch norm
    return NetClassifier.from_trained(made.eval(), range(10)), ranges, None


def judge(name):
    """Measure a net on both cores, and its accuracy in int8."""
    torch.set_num_threads(1)
    net, ranges, test = fitted(name)
    shape = ranges.shape[1:]
    profile = profile_net(net.module_.net, shape)
    found = {
        "macs": profile.macs,
        "estimated_flash": profile.flash_bytes(),
        "estimated_sram": profile.sram_bytes(),
        "estimated_sram_apart": profile.sram_bytes(in_place=False),
        "cores": {core: _on_core(net, ranges, core) for core in BOARDS},
    }
    return found | (_accuracy(net, ranges, *test) if test else {})


def _on_core(net, ranges, core):
    with TemporaryDirectory() as made:
        folder = Path(made)
        exported = int8_net(net, ranges, folder, core=core)
        device = DEVICES[BOARDS[core]]
        linked = firmware.link(folder, device, exported.call)
        X = np.float32(ranges[:COMPARED])
        ran = emulator.run(folder, core, exported.call, X)
        is_equal = np.array_equal(ran.outputs, exported.reference(X))
    low, high = device.latency_range_ms(exported.macs)
    layers = counted_layers(exported._graph.graph, exported.layers, core)
    return {
        "device": device.name, "equal": bool(is_equal), "rows": COMPARED,
        "instructions": ran.instructions, "flash": linked.flash_bytes,
        "sram": linked.sram_bytes, "stack": linked.stack_bytes,
        "stack_seen": ran.stack_bytes, "bakenn_sram": exported.sram_bytes,
        "estimated_ms": [low, high], "layers": layers,
    }  # fmt: skip


def _accuracy(net, ranges, X, y):
    with TemporaryDirectory() as made:
        exported = int8_net(net, ranges, made)
        features = exported.reference(X)
    weight, bias = exported.last_layer
    labels = net.classes_[(features @ weight.T + bias).argmax(axis=1)]
    before = net.predict(X)
    return {
        "accuracy": float((before == y).mean()),
        "int8_accuracy": float((labels == y).mean()),
        "same_label": float((labels == before).mean()),
    }


def head(name, router):
    """Return instructions and flash of a head after a net, on both cores."""
    net, ranges = fitted(name, trains=False)[:2]
    with TemporaryDirectory() as made:
        exported = int8_net(net, ranges, made)
        features = exported.reference(ranges)
    return {
        "heads": {
            core: counted_head(exported.last_layer, features, router, core, device)
            for core, device in BOARDS.items()
        }
    }


def heads_table(rows):
    """Return the head's share of all instructions and flash, on the Cortex-M7."""
    core, table = "cortex-m7", []
    whole = {row["net"]: row["cores"][core] for row in rows if "cores" in row}
    for row in rows:
        if "heads" in row:
            of_head, of_net = row["heads"][core], whole[row["net"]]
            table.append(
                {"net": row["net"], "head": row["head"], **of_head}
                | {f"{name}_share": of_head[name] / of_net[name]
                   for name in ("instructions", "flash")}
            )  # fmt: skip
    return table


def nets_table(rows):
    """Return footprint and instructions of each net on each core."""
    return [
        {
            "net": row["net"], "core": core, "macs": row["macs"],
            "flash_estimated": row["estimated_flash"], "flash": on["flash"],
            "sram_estimated": row["estimated_sram"],
            "sram_apart": row["estimated_sram_apart"], "sram": on["sram"],
            "stack": on["stack"], "stack_seen": on["stack_seen"],
            "instructions": on["instructions"],
            "a_mac": on["instructions"] / row["macs"],
            "beside_layers": 1 - _sum(on["layers"], "instructions")
            / on["instructions"],
            "equal": on["equal"],
            **{name: row.get(name)
               for name in ("accuracy", "int8_accuracy", "same_label")},
        }
        for row in rows
        for core, on in row.get("cores", {}).items()
    ]  # fmt: skip


def forms_table(rows):
    """Return instructions per multiply-accumulate by kind of layer, and relative."""
    table = []
    for core in BOARDS:
        on_core = [row["cores"][core] for row in rows if "cores" in row]
        layers = [layer for on in on_core for layer in on["layers"]]
        plain = _rate(layers, "convolution")
        for form in dict.fromkeys(layer["form"] for layer in layers):
            of_form = [layer for layer in layers if layer["form"] == form]
            rates = [layer["instructions"] / layer["macs"] for layer in of_form]
            rate = _rate(layers, form)
            within = sum(
                layer["macs"]
                for layer, each in zip(of_form, rates, strict=True)
                if each <= 2.2
            )
            table.append(
                {"core": core, "form": form, "layers": len(of_form),
                 "macs": _sum(of_form, "macs"), "a_mac": rate, "least": min(rates),
                 "most": max(rates), "factor": rate / plain,
                 "macs_within_2.2": within / _sum(of_form, "macs")}
            )  # fmt: skip
    return table


def _rate(layers, form):
    of_form = [layer for layer in layers if layer["form"] == form]
    return _sum(of_form, "instructions") / _sum(of_form, "macs")


def _sum(layers, name):
    return sum(layer[name] for layer in layers)


TABLES = {
    "nets": (nets_table, {
        "net": "", "core": "", "macs": ",", "flash_estimated": ",", "flash": ",",
        "sram_estimated": ",", "sram_apart": ",", "sram": ",", "stack": "",
        "stack_seen": "", "instructions": ",.0f", "a_mac": ".2f",
        "beside_layers": ".3f", "equal": "", "accuracy": ".3f",
        "int8_accuracy": ".3f", "same_label": ".3f"}),
    "forms": (forms_table, {
        "core": "", "form": "", "layers": "", "macs": ",", "a_mac": ".2f",
        "least": ".2f", "most": ".2f", "factor": ".2f", "macs_within_2.2": ".2f"}),
    "heads": (heads_table, {
        "net": "", "head": "", "instructions": ",.0f", "flash": ",",
        "instructions_share": ".4f", "flash_share": ".4f"}),
    "published": (lambda rows: published(), {
        "task": "", "published_ms": ".1f", "macs": ",", "cycles_a_mac": ".2f",
        "cycles_a_plain_mac": ".2f"}),
    "paper": (lambda rows: paper(), {
        "link": "", "base": "", "base_ms": ".1f", "base_ms_by_kind": ".1f",
        "share": ".3f", "share_by_kind": ".3f"}),
}  # fmt: skip


def main():
    benchmark = Benchmark("edge", __doc__, packages=("bakenn",))
    benchmark.parser.add_argument(
        "--nets", nargs="*", choices=NETS, default=list(NETS), metavar="NET"
    )
    args = benchmark.parse()
    if not emulator.is_installed():
        benchmark.parser.exit(0, "Cross compiler or emulator are not installed.\n")
    if args.quick:
        args.nets = ["CIFAR-10, small"]
    for name in args.nets:
        benchmark.row({"net": name, "head": None}, lambda name=name: judge(name))
        for router in HEADS:
            key = {"net": name, "head": router}
            benchmark.row(key, lambda key=key: head(key["net"], key["head"]))
    made = {name: make(benchmark.rows) for name, (make, _) in TABLES.items()}
    for name, rows in benchmark.summarise(made).items():
        print(f"\n{name}")
        print_table(rows, TABLES[name][1])


if __name__ == "__main__":
    main()
