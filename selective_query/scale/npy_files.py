"""A stream of arrays as .npy files whose length nobody knows beforehand."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.lib import format as npy


def write_npy(path, chunks):
    """Write arrays that come one after the other into one .npy file.

    Parameters
    ----------
    path : str, path-like, or tuple or list of these
        One file, or one for each entry of the tuples in `chunks`.
    chunks : iterable of ndarray, or of tuple of ndarray
        As of :func:`predict_in_chunks`; of one dtype and, but for their length, of one
        shape.

    Returns
    -------
    int
        Number of rows written. ``np.load(path, mmap_mode="r")`` reads them.

    Raises
    ------
    ValueError
        When there are no chunks, or a chunk does not go with those before it or with
        `path`, or holds objects. Files that were there before are then left as they
        were.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from pathlib import Path
    >>> from selective_query.scale import write_npy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels.npy"
    ...     print(write_npy(path, (np.arange(n) for n in (2, 3))), np.load(path))
    5 [0 1 0 1 2]
    """
    several = isinstance(path, (tuple, list))
    with ExitStack() as stack:
        files = [
            stack.enter_context(_NpyFile(p)) for p in (path if several else (path,))
        ]
        for parts in chunks:
            if several != isinstance(parts, tuple) or (
                several and len(parts) != len(files)
            ):
                n_parts = len(parts) if isinstance(parts, tuple) else 1
                raise ValueError(
                    "path must name one file for each entry of a chunk, in a tuple "
                    f"where chunks are tuples. Got {len(files)} for {n_parts}."
                )
            for file, part in zip(files, parts if several else (parts,), strict=True):
                file.append(np.asarray(part))
    return files[0].n_rows


class _NpyFile:
    """A file whose header, which numpy pads for that, is written again at the end."""

    def __init__(self, path):
        self.path, self.n_rows, self.kind = Path(path), 0, None

    def __enter__(self):
        self._aside = self.path.with_name(self.path.name + ".partial")
        self._file = self._aside.open("wb")
        return self

    def append(self, part):
        if part.dtype.hasobject:
            raise ValueError(
                f"{self.path.name} cannot hold objects. Got dtype {part.dtype}; give "
                "labels as numbers or text."
            )
        kind = part.dtype, part.shape[1:]
        if self.kind is None:
            self.kind = kind
            self._write_header()
        elif kind != self.kind:
            raise ValueError(
                f"All chunks of {self.path.name} must be of dtype {self.kind[0]} and "
                f"shape {('n', *self.kind[1])}. Got {kind[0]} and shape {part.shape}."
            )
        self._file.write(part.tobytes())
        self.n_rows += len(part)

    def __exit__(self, kind, error, trace):
        is_whole = kind is None and self.kind is not None
        with self._file:
            if is_whole:
                self._file.seek(0)
                self._write_header()
        if is_whole:
            self._aside.replace(self.path)
            return
        self._aside.unlink()
        if kind is None:
            raise ValueError(
                f"There are no rows for {self.path.name}, so nothing tells their kind. "
                "Give at least one chunk."
            )

    def _write_header(self):
        dtype, shape = self.kind
        header = {
            "descr": npy.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": (self.n_rows, *shape),
        }
        npy.write_array_header_2_0(self._file, header)
