import numpy as np
import pytest

from selective_query.costs import STM32F746
from selective_query.export._c import emulator, firmware
from selective_query.export._c.decision import Decision
from selective_query.export._c.decision_call import (
    decided,
    decision_call,
    decision_rows,
)
from selective_query.export._c.project import write_project
from selective_query.export._c.single import steps_in_single
from tests.export.programs import random_evidence, random_program

FACTS = {"router": "a test", "budget": None, "classes": None, "groups": ["a", "b"]}

pytestmark = pytest.mark.skipif(
    not emulator.is_installed(), reason="needs the cross compiler and an emulator"
)


def decision_of(program, group, reads_local):
    steps, widths = steps_in_single(program.steps), program.widths()
    proba = next(
        (i for i, s in enumerate(steps) if s.parameters.get("part") == "base_proba"),
        None,
    )
    thresholds = np.float32([0.1, -0.2] if group else [0.1])
    return Decision(
        steps, widths, tuple(program.parts().items()), len(steps) - 1, proba,
        thresholds, group, reads_local,
    )  # fmt: skip


@pytest.mark.parametrize("core", emulator.MACHINES)
@pytest.mark.parametrize("seed", range(4))
def test_a_microcontroller_decides_as_the_twin_does(seed, core, tmp_path):
    rng = np.random.default_rng(seed)
    evidence = random_evidence(rng)
    n, group = evidence.n_rows, "input" if seed % 2 else None
    decision = decision_of(random_program(rng), group, reads_local=seed % 3 == 1)
    write_project(tmp_path, decision, FACTS)
    parts = {name: np.float32(getattr(evidence, name)) for name, _ in decision.inputs}
    flags = {
        "group": rng.integers(2, size=n) if group else None,
        "local": rng.uniform(size=n) < 0.2 if decision.reads_local else None,
    }
    rows, call = decision_rows(decision, parts, **flags), decision_call(decision)
    found = emulator.run(tmp_path, core, call, rows)
    expected, answers = decision.run(parts, **flags), decided(decision, found.outputs)
    assert expected.keys() == answers.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(answers[name], values, err_msg=name)
    linked = firmware.link(tmp_path, STM32F746, call)
    assert found.stack_bytes <= linked.stack_bytes


def test_refused_rows_are_reported(tmp_path):
    decision = decision_of(random_program(np.random.default_rng(0)), None, False)
    outputs = np.zeros((3, decision_call(decision).n_outputs), np.float32)
    outputs[1, 0] = 1
    with pytest.raises(ValueError, match="Row 1 was refused"):
        decided(decision, outputs)
