"""Single layers of an int8 net in C, each run alone in the emulator."""

from pathlib import Path
from tempfile import TemporaryDirectory

import bakenn
import numpy as np

from selective_query.export._c import emulator
from selective_query.export._c.toolchain import Call

ROWS = 2
HEADER = "#include <stdint.h>\nvoid layer(const int8_t *input, int8_t *output);\n"
SOURCE = """\
#include "bknn_layer.h"
#include "layer.h"

_Alignas(16) static uint8_t arena[BKNN_LAYER_ARENA_SIZE + 1u];

void layer(const int8_t *input, int8_t *output)
{
    bknn_layer_infer(BKNN_LAYER_ARENA_SIZE > 0u ? arena : 0, input, output);
}
"""
OPTIONS = bakenn.CBackendOptions(
    kernel_policy=bakenn.KernelPolicy.STATIC_PRIORITY,
    enable_cmsis_nn=True,
    target=bakenn.CORTEX_M4,
)


def counted_layers(graph, layers, core):
    """Count the instructions of each layer with weights, alone and on random inputs.

    Parameters
    ----------
    graph : bakenn.ir.QuantizedGraph
    layers : sequence of Layer
        In the order of the graph.
    core : str

    Returns
    -------
    list of dict
    """
    ops = [op for op in graph.ops if hasattr(op, "weight")]
    return [
        {
            "name": layer.name, "form": layer.kind, "macs": layer.macs,
            "outputs": graph.values[op.output].numel,
            "instructions": _instructions(graph, op, core),
        }
        for op, layer in zip(ops, layers, strict=True)
    ]  # fmt: skip


def _instructions(graph, op, core):
    names = (*op.inputs, *op.outputs)
    alone = bakenn.ir.QuantizedGraph(
        "layer", {name: graph.values[name] for name in names},
        {name: graph.constants[name] for name in (op.weight, op.bias)},
        (op,), (op.input,), (op.output,),
    )  # fmt: skip
    n_inputs, n_outputs = (graph.values[n].numel for n in (op.input, op.output))
    call = Call(
        "layer.h", "layer", n_inputs, "int8_t", np.dtype("i1"), n_outputs, "int8_t"
    )
    rows = np.random.default_rng(0).integers(-128, 128, (ROWS, n_inputs))
    with TemporaryDirectory() as made:
        bakenn.compile(
            alone, Path(made) / "net", model_name="layer", backend_options=OPTIONS
        )
        folder = Path(made) / "flat"
        folder.mkdir()
        for path in (Path(made) / "net").rglob("*.[ch]"):
            path.rename(folder / path.name)
        (folder / "layer.h").write_text(HEADER)
        (folder / "layer.c").write_text(SOURCE)
        return emulator.run(folder, core, call, rows).instructions
