"""The result of ``sq_decide``: one description of the struct for all its readers."""

import ctypes
from typing import NamedTuple

import numpy as np

NUMBER, WHOLE, TABLE = "float ", "int32_t ", "const float *"
IN_CTYPES = {
    NUMBER: ctypes.c_float,
    WHOLE: ctypes.c_int32,
    TABLE: ctypes.POINTER(ctypes.c_float),
}
STRUCT = "typedef struct {{\n{fields}\n}} sq_answer;"


class Field(NamedTuple):
    """A field of the struct.

    Parameters
    ----------
    name : str
    kind : str
        C type.
    dtype : type
        NumPy dtype of its values.
    meaning : str
    width : int or None
        Length of an array; None for a single number.
    """

    name: str
    kind: str
    dtype: type
    meaning: str
    width: int | None = None

    def values(self, n_rows):
        """Allocate an array for the values of some rows."""
        shape = n_rows if self.width is None else (n_rows, self.width)
        return np.empty(shape, self.dtype)


def fields_of(n_classes, told):
    """Return the fields of an answer in order.

    Parameters
    ----------
    n_classes : int
        0 if there is no label.
    told : dict of str to int
        Other arrays in the answer, and their lengths.

    Returns
    -------
    list of Field
    """
    fields = []
    if n_classes:
        of_classes = "SQ_CLASSES values, valid until the next call"
        fields = [
            Field("label", WHOLE, np.intp, "index of the class"),
            Field("probabilities", TABLE, np.float32, of_classes, n_classes),
        ]
    fields += [
        Field(name, TABLE, np.float32, f"SQ_{name.upper()} values of the base", width)
        for name, width in told.items()
    ]
    return [
        *fields,
        Field("queried", WHOLE, bool, "1 if the global must be queried"),
        Field("score", NUMBER, np.float32, "higher: a query gains more"),
    ]


def struct_in_c(fields):
    """Return the declaration of the struct."""
    lines = [f"    {f.kind}{f.name}; /* {f.meaning} */" for f in fields]
    return STRUCT.format(fields="\n".join(lines))


def struct_in_ctypes(fields):
    """Return the struct as a ctypes type."""
    members = [(field.name, IN_CTYPES[field.kind]) for field in fields]
    return type("Answer", (ctypes.Structure,), {"_fields_": members})


def copied_in_c(fields, start):
    """Return statements that copy ``answer`` into ``output``, a row of floats.

    Parameters
    ----------
    fields : list of Field
    start : int
        Position of the first field.
    """
    lines = []
    for name, _, _, _, width in fields:
        if width is None:
            lines.append(f"    output[{start}] = (float)answer.{name};")
        else:
            lines.append(
                f"    for (int k = 0; answer.{name} && k < {width}; k++) "
                f"output[{start} + k] = answer.{name}[k];"
            )
        start += width or 1
    return "\n".join(lines)


def read_from_rows(fields, rows):
    """Return the copied values by name.

    Parameters
    ----------
    fields : list of Field
    rows : ndarray of shape (n_rows, n_numbers)
    """
    made, start = {}, 0
    for field in fields:
        stop = start + (field.width or 1)
        values = rows[:, start:stop].astype(field.dtype)
        made[field.name] = values[:, 0] if field.width is None else values
        start = stop
    return made
