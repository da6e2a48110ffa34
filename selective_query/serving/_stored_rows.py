"""Serialise a row to bytes and back, without executable content."""

import io
import json

import numpy as np

LONGEST_LINE = 10_000  # of the header of an array


def row_to_bytes(row):
    """Serialise an array, text, or a mixture of numbers and text.

    Raises
    ------
    TypeError
        If the row is anything else.
    """
    if hasattr(row, "toarray"):
        row = row.toarray()
    if hasattr(row, "to_numpy"):
        row = row.to_numpy()
    array = np.asarray(row)
    if array.dtype.kind in "biuf":
        file = io.BytesIO()
        np.save(file, array, allow_pickle=False)
        return b"a" + file.getvalue()
    try:
        return b"j" + json.dumps(array.tolist(), default=_number).encode()
    except TypeError as error:
        raise TypeError(
            f"A row must be numbers or text to be kept. Got {array.dtype}: {error}."
        ) from None


def row_from_bytes(data):
    """Restore a row that `row_to_bytes` wrote."""
    if data[:1] == b"a":
        return np.load(
            io.BytesIO(data[1:]), allow_pickle=False, max_header_size=LONGEST_LINE
        )
    return json.loads(data[1:])


def _number(value):
    """Convert a NumPy number, found in columns of mixed types, to a Python one."""
    if isinstance(value, (np.bool_, np.number)):
        return value.item()
    raise TypeError(f"{type(value).__name__} is neither number nor text")
