import ctypes
import shutil
import subprocess

import numpy as np
import pytest

from selective_query.export._c import toolchain


@pytest.fixture
def run_on_host():
    """Call an artefact compiled for the host on each of some rows."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")

    def run(folder, call, X):
        library = folder / "on_host.so"
        subprocess.run(
            ["cc", *toolchain.CFLAGS, *toolchain.HOST_FLAGS, "-Werror", "-shared",
             "-fPIC", "-o", library, *toolchain.sources(folder), "-lm"],
            check=True,
        )  # fmt: skip
        function = getattr(ctypes.CDLL(str(library)), call.function)
        X = np.ascontiguousarray(X, np.float32).reshape(len(X), call.n_inputs)
        out = np.zeros((len(X), call.n_outputs), call.dtype)
        for row, written in zip(X, out, strict=True):
            function(*(ctypes.c_void_p(a.ctypes.data) for a in (row, written)))
        return out

    return run
