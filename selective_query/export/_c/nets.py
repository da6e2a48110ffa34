"""Export a torch net as int8 C with floating-point inputs and outputs."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._c import toolchain
from selective_query.export._c.net_twin import run_plan

# A last layer with more bytes in floating point stores its weights in int8.
LARGEST_FLOAT_LAYER = 16 * 1024
LARGEST_WEIGHT = 127
NAME = "sq_int8"
INSTALL = "Nets in C need bakenn. Install it with pip install selective-query[c]."


@dataclass(frozen=True, eq=False)
class Int8Net:
    """A net in C, ``void sq_net(const float *input, float *output)``, and its twin.

    Parameters
    ----------
    files : tuple of str
        Files written into the folder.
    input_shape : tuple of int
        Shape of one input, without the batch axis.
    n_outputs : int
        Length of the output of ``sq_net``: the last layer's input, or logits.
    last_layer : (ndarray, ndarray) or None
        Weight of shape (n_classes, n_outputs) and bias of the last layer, float32,
        still to be applied; None if the outputs are logits.
    layers : tuple of Layer
        Name, kind and multiply-accumulates of each int8 layer.
    flash_bytes, sram_bytes : int
        bakenn's figures: constants, and activations including input and output in int8.
        The linker's figures are more accurate.
    kernels : tuple of str
        Kernel that bakenn chose for each step.
    """

    files: tuple
    input_shape: tuple
    n_outputs: int
    last_layer: tuple | None
    layers: tuple
    flash_bytes: int
    sram_bytes: int
    kernels: tuple
    _plan: object
    _graph: object
    _int8_last: tuple | None

    @property
    def macs(self):
        """Multiply-accumulates in int8."""
        return sum(layer.macs for layer in self.layers)

    @property
    def call(self):
        """Call for the linker and the emulator."""
        return toolchain.Call(
            "sq_net.h", "sq_net", int(np.prod(self.input_shape)), "float",
            np.dtype("<f4"), self.n_outputs,
        )  # fmt: skip

    def reference(self, X):
        """Return the outputs of ``sq_net``, bit for bit.

        Parameters
        ----------
        X : array-like of shape (n_rows, *input_shape)
            Read as float32.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs), float32
        """
        graph, X = self._graph, np.asarray(X, np.float32)
        q = _quantised(X.reshape(len(X), *self.input_shape), graph)
        shape = self._plan.tensors[self._plan.inputs[0]].tensor_type.shape[1:]
        q = np.moveaxis(q, 1, -1).reshape(-1, *shape)
        out = run_plan(self._plan, q).reshape(len(X), -1, graph.n_channels)
        steps = out.astype(np.int32) - graph.output_grid.zero_point
        if graph.takes_mean:
            steps = steps.sum(axis=1, keepdims=True, dtype=np.int32)
        steps = steps.transpose(0, 2, 1).reshape(len(X), -1)
        features = steps.astype(np.float32) * _unit(graph)
        return features if self._int8_last is None else _last(features, self._int8_last)


def int8_net(net, calibration, folder, *, core=None):
    """Write a fitted net as C into a folder.

    Weights and activations are those of
    :func:`selective_query.nets.compression.quantise`. The last layer is left out and
    computed in floating point, on exact means of the int8 outputs, to avoid ties
    between the scores of different inputs. A large last layer stores int8 weights.

    Parameters
    ----------
    net : NetClassifier or skorch.NeuralNet
        Fitted; in floating point or already quantised.
    calibration : array-like of shape (n_rows, ...)
        Representative inputs, on which activation ranges are observed. Not the rows on
        which results are reported.
    folder : str or Path
        An existing folder.
    core : str or None, default=None
        A Cortex-M core with CMSIS-NN kernels; None for plain C.

    Returns
    -------
    Int8Net

    Raises
    ------
    ExportError
        If a layer, named in the message, cannot be converted to int8 C.
    ImportError
        If bakenn is not installed.
    """
    bakenn = _bakenn()
    from selective_query.export._c.int8_source import int8_source

    calibration = np.asarray(calibration, np.float32)
    graph, weight, bias = int8_source(bakenn.ir, net, calibration)
    last_layer, int8_last = (weight, bias), None
    if weight.nbytes > LARGEST_FLOAT_LAYER:
        last_layer, int8_last = None, _int8_rows(weight, bias)
    with TemporaryDirectory() as made:
        compiled = _compiled(bakenn, graph.graph, Path(made) / "net", core)
        files = _copied(Path(made) / "net", Path(folder))
    shape = calibration.shape[1:]
    n_outputs = len(bias) if last_layer is None else weight.shape[1]
    files += _write_ends(Path(folder), graph, shape, n_outputs, int8_last)
    memory = compiled.memory_report
    last_bytes = 0 if int8_last is None else sum(part.nbytes for part in int8_last)
    return Int8Net(
        files=files, input_shape=shape, n_outputs=n_outputs, last_layer=last_layer,
        layers=graph.layers,
        flash_bytes=memory.emitted_constant_payload_bytes + last_bytes,
        sram_bytes=memory.arena_bytes + memory.caller_io_bytes,
        kernels=tuple(step.kernel_id for step in memory.steps),
        _plan=compiled.plan, _graph=graph, _int8_last=int8_last,
    )  # fmt: skip


def _bakenn():
    try:
        import bakenn
        import bakenn.ir
    except ImportError as error:
        raise ImportError(INSTALL) from error
    return bakenn


def _compiled(bakenn, graph, out, core):
    options = bakenn.CBackendOptions()
    if core is not None:
        # The M7 and M33 also have the M4 instructions that these kernels use.
        options = bakenn.CBackendOptions(
            kernel_policy=bakenn.KernelPolicy.STATIC_PRIORITY,
            enable_cmsis_nn=True,
            target=bakenn.CORTEX_M4,
        )
    try:
        return bakenn.compile(graph, out, model_name=NAME, backend_options=options)
    except bakenn.BakeNNError as error:
        raise ExportError(f"The net has no form in int8 C: {error}") from error


def _copied(source, folder):
    """Copy C files, headers and licences into one folder; return their names."""
    names = []
    for path in sorted(source.rglob("*")):
        name = path.name
        if name == "LICENSE.txt":
            name = f"LICENSE-{path.parent.name}.txt"
        elif path.suffix not in (".c", ".h"):
            continue
        shutil.copyfile(path, folder / name)
        names.append(name)
    return tuple(names)


def _write_ends(folder, graph, shape, n_outputs, int8_last):
    n_in = shape[0]
    n_positions = graph.n_positions
    numbers = {
        "N_INPUTS": int(np.prod(shape)),
        "N_OUTPUTS": n_outputs,
        "N_CHANNELS_IN": n_in,
        "N_POSITIONS_IN": int(np.prod(shape[1:])),
        "STEPS_IN": _hex(_steps(graph)[0]),
        "SHIFT_IN": _hex(_steps(graph)[1]),
        "ZERO_IN": graph.input_grid.zero_point,
        "N_CHANNELS_OUT": graph.n_channels,
        "N_POSITIONS_OUT": n_positions,
        "N_SUMMED": n_positions if graph.takes_mean else 1,
        "UNIT_OUT": _hex(_unit(graph)),
        "ZERO_OUT": graph.output_grid.zero_point,
        "LAST_LAYER": _last_layer_in_c(int8_last),
    }
    for name in ("sq_net.h", "sq_net.c"):
        (folder / name).write_text(_filled(toolchain.template(name), numbers))
    return "sq_net.c", "sq_net.h"


def _last_layer_in_c(int8_last):
    if int8_last is None:
        return (
            "void sq_net(const float *input, float *output)\n{\n"
            "    sq_net_features(input, output);\n}\n"
        )
    weight, scale, bias = int8_last
    return _filled(
        toolchain.template("sq_net_last.c"),
        {
            "N_FEATURES": weight.shape[1],
            "LAST_WEIGHT": ",\n".join(
                "    {" + ", ".join(map(str, row.tolist())) + "}" for row in weight
            ),
            "LAST_SCALE": ", ".join(map(_hex, scale)),
            "LAST_BIAS": ", ".join(map(_hex, bias)),
        },
    )


def _filled(text, numbers):
    for name, value in numbers.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def _hex(number):
    return f"{float(number).hex()}f"


def _steps(graph):
    """Return input grid steps per unit of raw input, and the steps at zero."""
    factor, shift = np.divide(graph.input_scaling, graph.input_grid.scale)
    return np.float32(factor), np.float32(shift)


def _unit(graph):
    n_summed = graph.n_positions if graph.takes_mean else 1
    return np.float32(graph.output_grid.scale / n_summed)


def _quantised(x, graph):
    grid, (factor, shift) = graph.input_grid, _steps(graph)
    low, high = np.float32(-128 - grid.zero_point), np.float32(127 - grid.zero_point)
    steps = x * factor + shift
    steps = np.where(steps > low, steps, low)  # NaN, too
    steps = np.where(steps < high, steps, high)
    half = np.where(steps < 0, np.float32(-0.5), np.float32(0.5))
    return ((steps + half).astype(np.int32) + grid.zero_point).astype(np.int8)


def _int8_rows(weight, bias):
    scale = np.abs(weight).max(axis=1) / np.float32(LARGEST_WEIGHT)
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
    return np.rint(weight / scale[:, None]).astype(np.int8), scale, bias


def _last(features, int8_last):
    weight, scale, bias = int8_last
    total = np.zeros((len(features), len(weight)), np.float32)
    for column, of_each in zip(weight.T, features.T, strict=True):
        total += of_each[:, None] * column.astype(np.float32)
    return total * scale + bias
