"""A wrapper of ``sq_decide`` with one input row, for the linker and the emulator."""

import numpy as np

from selective_query.export._c.answer import copied_in_c, read_from_rows
from selective_query.export._c.toolchain import Call

WRAPPER = """\
#include "sq_model.h"

void sq_call(const float *input, float *output)
{{
    sq_answer answer = {{0}};
    output[0] = (float)sq_decide({arguments}, &answer);
{copied}
}}
"""


def decision_call(decision):
    """Return a call of ``sq_decide`` that takes all arguments in one row.

    Parameters
    ----------
    decision : Decision

    Returns
    -------
    Call
    """
    arguments, n = [], 0
    for _, width in decision.inputs:
        arguments.append(f"input + {n}")
        n += width
    for is_read in (decision.group == "input", decision.reads_local):
        if is_read:
            arguments.append(f"(int)input[{n}]")
            n += 1
    fields = decision.answered
    source = WRAPPER.format(
        arguments=", ".join(arguments), copied=copied_in_c(fields, start=1)
    )
    n_outputs = 1 + sum(field.width or 1 for field in fields)
    return Call(
        "sq_call.h", "sq_call", n, "float", np.dtype("<f4"), n_outputs, source=source
    )


def decision_rows(decision, parts, group=None, local=None):
    """Pack the arguments of a decision into rows for its call.

    Parameters
    ----------
    decision : Decision
    parts : dict of str to ndarray of shape (n_samples, n_columns)
    group, local : ndarray of shape (n_samples,), optional

    Returns
    -------
    ndarray of shape (n_samples, n_inputs), float32
    """
    tables = [parts[name] for name, _ in decision.inputs]
    tables += [np.asarray(v)[:, None] for v in (group, local) if v is not None]
    return np.hstack(tables).astype(np.float32)


def decided(decision, outputs):
    """Convert the outputs of a call to the form of ``Decision.run``.

    Raises
    ------
    ValueError
        If a row was refused.
    """
    if outputs[:, 0].any():
        raise ValueError(f"Row {int(outputs[:, 0].nonzero()[0][0])} was refused.")
    return read_from_rows(decision.answered, outputs[:, 1:])
