"""The C of a decision, compiled and run on this machine. Needs numpy alone."""

import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from selective_query.export._c.toolchain import CFLAGS, HOST_FLAGS, sources

NOT_FINITE, UNKNOWN_GROUP = 1, 2


class _Answer(ctypes.Structure):
    _fields_ = [("queried", ctypes.c_int32), ("score", ctypes.c_float)]


class _AnswerWithLabel(ctypes.Structure):
    _fields_ = [
        ("label", ctypes.c_int32),
        ("probabilities", ctypes.POINTER(ctypes.c_float)),
        *_Answer._fields_,
    ]


class HostModel:
    """``sq_decide`` of a folder of C files, called row by row.

    Parameters
    ----------
    folder : path-like
    inputs : sequence of (str, int)
        Names of its parts of the evidence, and their columns.
    n_classes : int
        0 where it gives no label.
    has_group, reads_local : bool
        Whether it takes a group, and whether an input must stay.

    Raises
    ------
    RuntimeError
        When there is no C compiler, or it refuses the files.
    """

    def __init__(self, folder, inputs, n_classes, has_group=False, reads_local=False):
        self.inputs, self.n_classes = tuple(inputs), n_classes
        self.has_group, self.reads_local = has_group, reads_local
        with tempfile.TemporaryDirectory() as made:
            library = Path(made) / "model.so"
            compile_c([*sources(Path(folder)), "-shared", "-fPIC"], library)
            self._decide = ctypes.CDLL(str(library)).sq_decide

    def run(self, parts, group=None, local=None):
        """What it decides, as ``Decision.run`` says it.

        Raises
        ------
        ValueError
            When it refuses a row.
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
        n_rows = len(tables[0])
        made = {
            "score": np.empty(n_rows, dtype=np.float32),
            "queried": np.empty(n_rows, dtype=bool),
        }
        if self.n_classes:
            made["label"] = np.empty(n_rows, dtype=np.intp)
            made["probabilities"] = np.empty((n_rows, self.n_classes), np.float32)
        answer = _AnswerWithLabel() if self.n_classes else _Answer()
        flags = [(self.has_group, group), (self.reads_local, local)]
        flags = [np.asarray(values).tolist() for is_read, values in flags if is_read]
        for row in range(n_rows):
            pointers = [ctypes.c_void_p(t[row].ctypes.data) for t in tables]
            asked = [int(values[row]) for values in flags]
            self._check(self._decide(*pointers, *asked, ctypes.byref(answer)), row)
            made["score"][row], made["queried"][row] = answer.score, answer.queried
            if self.n_classes:
                made["label"][row] = answer.label
                made["probabilities"][row] = answer.probabilities[: self.n_classes]
        return made

    def _check(self, status, row):
        if status:
            why = {
                NOT_FINITE: "an input or the score is NaN or infinite",
                UNKNOWN_GROUP: "its group is none of those of the export",
            }
            raise ValueError(f"Row {row} is refused: {why[status]}.")


def compile_c(arguments, path):
    """Run this machine's C compiler.

    Raises
    ------
    RuntimeError
        When there is none, or it refuses the files.
    """
    name = os.environ.get("CC", "cc")
    compiler = shutil.which(name)
    if compiler is None:
        raise RuntimeError(
            f"There is no C compiler {name!r} to run the artefact on this machine. "
            "Install gcc or clang, or set CC to one."
        )
    command = [
        compiler,
        *CFLAGS,
        *HOST_FLAGS,
        *map(str, arguments),
        "-o",
        str(path),
        "-lm",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} refused the files: {done.stderr[-2000:]}")
