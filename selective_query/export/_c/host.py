"""Compile and run the C code of a decision on this machine. Needs only NumPy."""

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import numpy as np

from selective_query.export._c.answer import fields_of, struct_in_ctypes
from selective_query.export._c.toolchain import CFLAGS, HOST_FLAGS, sources

NOT_FINITE, UNKNOWN_GROUP = 1, 2


class HostModel:
    """``sq_decide`` of a folder of C files, called row by row.

    Parameters
    ----------
    folder : path-like
    inputs : sequence of (str, int)
        Names and widths of the parts of the evidence that it reads.
    n_classes : int
        0 if it returns no label.
    told : dict of str to int
        Names and widths of other arrays in its answer.
    has_group, reads_local : bool
        Whether it takes a group, and a flag for inputs that must not be queried.

    Raises
    ------
    RuntimeError
        If there is no C compiler, or compilation fails.
    """

    def __init__(
        self, folder, inputs, n_classes, told, has_group=False, reads_local=False
    ):
        self.inputs = tuple(inputs)
        self._fields = fields_of(n_classes, told)
        self._answer = struct_in_ctypes(self._fields)
        self.has_group, self.reads_local = has_group, reads_local
        self._alone = threading.Lock()  # an answer points to static memory
        with tempfile.TemporaryDirectory() as made:
            library = Path(made) / "model.so"
            compile_c([*sources(Path(folder)), "-shared", "-fPIC"], library)
            self._decide = ctypes.CDLL(str(library)).sq_decide

    def run(self, parts, group=None, local=None):
        """Return its decisions in the form of ``Decision.run``.

        Raises
        ------
        ValueError
            If it refuses a row.
        """
        tables = [
            np.ascontiguousarray(parts[name], dtype=np.float32)
            for name, _ in self.inputs
        ]
        for table, (name, n_columns) in zip(tables, self.inputs, strict=True):
            if table.ndim != 2 or table.shape[1] != n_columns:
                raise ValueError(
                    f"{name} must be of shape (n_samples, {n_columns}). Got "
                    f"{table.shape}."
                )
        n_rows, answer = len(tables[0]), self._answer()
        made = {field.name: field.values(n_rows) for field in self._fields}
        flags = [(self.has_group, group), (self.reads_local, local)]
        flags = [np.asarray(values).tolist() for is_read, values in flags if is_read]
        for row in range(n_rows):
            pointers = [ctypes.c_void_p(t[row].ctypes.data) for t in tables]
            asked = [int(values[row]) for values in flags]
            with self._alone:
                self._check(self._decide(*pointers, *asked, ctypes.byref(answer)), row)
                for name, *_, width in self._fields:
                    answered = getattr(answer, name)
                    made[name][row] = answered if width is None else answered[:width]
        return made

    def _check(self, status, row):
        if status:
            why = {
                NOT_FINITE: "an input or an intermediate value is NaN or infinite",
                UNKNOWN_GROUP: "its group was unknown at export",
            }
            raise ValueError(f"Row {row} is refused: {why[status]}.")


def compile_c(arguments, path):
    """Run this machine's C compiler.

    Raises
    ------
    RuntimeError
        If there is none, or compilation fails.
    """
    name, *flags = shlex.split(os.environ.get("CC", "")) or ["cc"]
    compiler = shutil.which(name)
    if compiler is None:
        raise RuntimeError(
            f"There is no C compiler {name!r} to run the artefact on this machine. "
            "Install gcc or clang, or set CC to one."
        )
    command = [
        compiler, *flags, *CFLAGS, *HOST_FLAGS, *map(str, arguments), "-o", str(path),
        "-lm",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed ({done.returncode}): {done.stderr[-2000:]}")
