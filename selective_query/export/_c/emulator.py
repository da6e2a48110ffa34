"""Run an artefact on an emulated microcontroller and count its instructions."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._c import toolchain

EMULATOR = "qemu-system-arm"
MACHINES = {"cortex-m4": "mps2-an386", "cortex-m7": "mps2-an500"}
# Both machines have 4 MB of code memory and 4 MB of RAM at these addresses.
MEMORY = toolchain.Memory(0, 2**22, 0x20000000, 2**22, 2**16)
# The timer runs at 25 MHz, and each instruction takes one emulated nanosecond.
INSTRUCTIONS_PER_TICK = 40
KNOWN_INSTRUCTIONS = 200_000
COUNTER = np.dtype("<u4")


@dataclass(frozen=True, eq=False)
class Emulated:
    """Results of the emulator.

    Parameters
    ----------
    outputs : ndarray of shape (n_rows, n_outputs)
    instructions : float
        Mean per call.
    stack_bytes : int
        Maximum stack of a call, measured by stack painting.
    """

    outputs: np.ndarray
    instructions: float
    stack_bytes: int


def is_installed():
    """Whether the cross compiler and the emulator are installed."""
    return toolchain.is_installed() and shutil.which(EMULATOR) is not None


def run(folder, core, call, X, *, timeout_s=600):
    """Call an artefact on each row.

    The instruction count has a resolution of 40 per row; each run checks the counter
    against a loop of 200,000 instructions. Instructions are not cycles: the emulator
    models neither caches nor flash wait states.

    Parameters
    ----------
    folder : str or Path
    core : {"cortex-m4", "cortex-m7"}
    call : Call
    X : array-like of shape (n_rows, n_inputs)
    timeout_s : float, default=600

    Returns
    -------
    Emulated

    Raises
    ------
    ExportError
        If the emulator does not support the core.
    RuntimeError
        If a tool is missing or fails, or the program ends early.
    """
    if core not in MACHINES:
        raise ExportError(
            f"core must be one of {', '.join(MACHINES)}, which the emulator runs. Got "
            f"{core!r}."
        )
    dtype = np.float32 if call.input == "float" else np.int8
    rows = np.ascontiguousarray(X, dtype=dtype).reshape(len(X), call.n_inputs)
    with TemporaryDirectory() as made:
        out = Path(made)
        objects = toolchain.compiled(
            Path(folder), core, call, out, defines=("-DCALL_EMULATED",)
        )
        image = toolchain.linked(objects, core, MEMORY, out)
        (out / "sq_input.bin").write_bytes(rows.tobytes())
        _emulate(MACHINES[core], image, out, timeout_s)
        return _read((out / "sq_output.bin").read_bytes(), call, len(rows))


def _emulate(machine, image, folder, timeout_s):
    if shutil.which(EMULATOR) is None:
        raise RuntimeError(f"{EMULATOR} is not installed. {toolchain.INSTALL}")
    done = subprocess.run(
        [EMULATOR, "-M", machine, "-nographic", "-monitor", "none", "-serial", "none",
         "-icount", "shift=0", "-semihosting-config", "enable=on,target=native",
         "-kernel", image],
        cwd=folder, capture_output=True, text=True, timeout=timeout_s,
    )  # fmt: skip
    if done.returncode or not (folder / "sq_output.bin").exists():
        raise RuntimeError(f"{EMULATOR} failed: {done.stderr.strip()}")


def _read(data, call, n_rows):
    ticks = int(np.frombuffer(data[:4], COUNTER)[0])
    error = ticks * INSTRUCTIONS_PER_TICK - KNOWN_INSTRUCTIONS
    if abs(error) > 2 * INSTRUCTIONS_PER_TICK:
        raise RuntimeError(
            f"The emulator's counter is off by {error} of {KNOWN_INSTRUCTIONS} "
            "instructions. Use qemu-system-arm 7.2 or later."
        )
    record = np.dtype(
        [("output", call.dtype, call.n_outputs), ("ticks", COUNTER), ("stack", COUNTER)]
    )
    if len(data) != 4 + n_rows * record.itemsize:
        raise RuntimeError(f"The program ended before it answered {n_rows} rows.")
    rows = np.frombuffer(data, record, offset=4)
    instructions = float(rows["ticks"].mean()) * INSTRUCTIONS_PER_TICK
    outputs = rows["output"].reshape(n_rows, call.n_outputs)
    return Emulated(outputs, instructions, int(rows["stack"].max()))
