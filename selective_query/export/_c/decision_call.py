"""A decision as one function of a row of numbers, for the linker and the emulator."""

import numpy as np

from selective_query.export._c.toolchain import Call

WRAPPER = """\
#include "sq_model.h"

void sq_call(const float *input, float *output)
{{
    sq_answer answer = {{0}};
    output[0] = (float)sq_decide({arguments}, &answer);
    output[1] = (float)answer.queried;
    output[2] = answer.score;
{label}}}
"""
LABEL = """\
    output[3] = (float)answer.label;
    for (int k = 0; answer.probabilities && k < SQ_CLASSES; k++) {
        output[4 + k] = answer.probabilities[k];
    }
"""


def decision_call(decision):
    """How ``sq_decide`` is called with all that it reads in one row.

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
    has_label = decision.n_classes > 0
    source = WRAPPER.format(
        arguments=", ".join(arguments), label=LABEL if has_label else ""
    )
    n_outputs = 4 + decision.n_classes if has_label else 3
    return Call(
        "sq_call.h", "sq_call", n, "float", np.dtype("<f4"), n_outputs, source=source
    )


def decision_rows(decision, parts, group=None, local=None):
    """What a decision reads, as rows for its call.

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
    """What a call put out, as ``Decision.run`` says it.

    Raises
    ------
    ValueError
        When a row was refused.
    """
    if outputs[:, 0].any():
        raise ValueError(f"Row {int(outputs[:, 0].nonzero()[0][0])} was refused.")
    made = {"queried": outputs[:, 1] > 0, "score": outputs[:, 2]}
    if decision.n_classes:
        made["label"] = outputs[:, 3].astype(np.intp)
        made["probabilities"] = outputs[:, 4:]
    return made
