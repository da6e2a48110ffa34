"""What ``sq_decide`` answers: one description of the struct for all who read it."""

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
        Its type in C.
    dtype : type
        Of its values in numpy.
    meaning : str
    width : int or None
        Numbers of a table; None of a single number.
    """

    name: str
    kind: str
    dtype: type
    meaning: str
    width: int | None = None

    def values(self, n_rows):
        """Memory for what is answered on some rows."""
        shape = n_rows if self.width is None else (n_rows, self.width)
        return np.empty(shape, self.dtype)


def fields_of(n_classes, told):
    """The fields of an answer, in their order.

    Parameters
    ----------
    n_classes : int
        0 where there is no label.
    told : dict of str to int
        Other tables that are told, and their columns.

    Returns
    -------
    list of Field
    """
    fields = []
    if n_classes:
        of_classes = "of SQ_CLASSES, until the next decision"
        fields = [
            Field("label", WHOLE, np.intp, "place among the classes"),
            Field("probabilities", TABLE, np.float32, of_classes, n_classes),
        ]
    fields += [
        Field(name, TABLE, np.float32, f"of SQ_{name.upper()}, of the base", width)
        for name, width in told.items()
    ]
    return [
        *fields,
        Field("queried", WHOLE, bool, "1 where the global is to be asked"),
        Field("score", NUMBER, np.float32, "higher: a query is worth more"),
    ]


def struct_in_c(fields):
    """The declaration of the struct."""
    lines = [f"    {f.kind}{f.name}; /* {f.meaning} */" for f in fields]
    return STRUCT.format(fields="\n".join(lines))


def struct_in_ctypes(fields):
    """The struct of an answer as a type of ctypes."""
    members = [(field.name, IN_CTYPES[field.kind]) for field in fields]
    return type("Answer", (ctypes.Structure,), {"_fields_": members})


def copied_in_c(fields, start):
    """Statements that copy ``answer`` into ``output``, a row of floats.

    Parameters
    ----------
    fields : list of Field
    start : int
        Where the first one goes.
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
    """What was copied, by name.

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
