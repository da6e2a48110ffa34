"""Cost of the head of a net: softmax, score and threshold after the last layer."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.special import softmax

from selective_query import Outcomes
from selective_query.costs import DEVICES
from selective_query.export._base_steps import BaseProgram, joined
from selective_query.export._c import emulator, firmware
from selective_query.export._c.decision import Decision
from selective_query.export._c.decision_call import decision_call
from selective_query.export._c.project import write_project
from selective_query.export._c.single import steps_in_single
from selective_query.export._c.toolchain import Call
from selective_query.routers import Steps, make_router

FACTS = {"router": "head", "budget": None, "classes": None, "groups": None}
NOTHING = Call("nothing.h", "nothing", 1, "float", np.dtype("<f4"))


def counted_head(last_layer, features, router, core, device):
    """Count instructions of head and last layer, and flash of the head alone.

    The router is fitted on random outputs; its cost does not depend on them.

    Parameters
    ----------
    last_layer : (ndarray, ndarray) or None
        Weight and bias; None if the net returns logits.
    features : ndarray of shape (n_rows, n_features)
    router : str
    core, device : str

    Returns
    -------
    dict
    """
    decision = _decision(last_layer, features, make_router(router))
    call = decision_call(decision)
    with TemporaryDirectory() as made:
        folder = Path(made)
        write_project(folder, decision, FACTS)
        linked = firmware.link(folder, DEVICES[device], call)
        ran = emulator.run(folder, core, call, features[:10])
    return {
        "instructions": ran.instructions,
        "flash": linked.flash_bytes
        - _start_bytes(device)
        - sum(part.nbytes for part in last_layer or ()),
    }


def _decision(last_layer, features, router):
    steps, values = Steps(), features
    logits = read = steps.read("X", features.shape[1])
    if last_layer is not None:
        weight, bias = last_layer
        logits = steps.add("affine", read, weight=weight.T, bias=bias)
        values = features @ weight.T + bias
    proba = steps.add("softmax", logits)
    base = BaseProgram(steps, features.shape[1], proba, logits, read)
    program = joined(base, _fitted(router, values).program())
    return Decision(
        steps=steps_in_single(program.steps), widths=program.program.widths(),
        inputs=(("X", features.shape[1]),), score=program.score, proba=program.proba,
        thresholds=np.float32([0.5]), group=None, reads_local=False,
    )  # fmt: skip


def _fitted(router, logits):
    rng = np.random.default_rng(0)
    n_classes = logits.shape[1]
    y = rng.integers(n_classes, size=len(logits))
    answers = np.eye(n_classes)[np.where(rng.random(len(y)) < 0.8, y, 0)]
    return router.fit(
        Outcomes(base_proba=softmax(logits, axis=1), y=y, global_proba=answers)
    )


def _start_bytes(device):
    """Return the flash of an empty program."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "nothing.h").write_text("void nothing(const float *, float *);\n")
        (folder / "nothing.c").write_text(
            "void nothing(const float *a, float *b) { *b = *a; }\n"
        )
        return firmware.link(folder, DEVICES[device], NOTHING).flash_bytes
