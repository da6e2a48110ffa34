"""The device side of a pair in C: a decision and its base."""

from dataclasses import dataclass, replace

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._base_steps import joined
from selective_query.export._c.arena import placed
from selective_query.export._c.bases import Base, base_of
from selective_query.export._c.decision import Decision
from selective_query.export._c.single import steps_in_single
from selective_query.outcomes import Evidence
from selective_query.routers import Program, Steps


@dataclass(frozen=True, eq=False)
class Half:
    """A decision, with its base if there is one.

    Parameters
    ----------
    decision : Decision
    base : Base or None
        None for a rule alone, which takes a base's outputs.
    """

    decision: Decision
    base: Base | None

    @property
    def stored_bytes(self):
        """Bytes of data in flash and in SRAM, without code and stack."""
        decision = self.decision
        numbers = (v for s in decision.steps for v in s.parameters.values())
        flash = sum(v.nbytes for v in numbers if isinstance(v, np.ndarray))
        _, n_held = placed(decision.steps, decision.widths, decision.kept)
        sram = 4 * n_held
        if decision.has_net:
            flash, sram = (
                flash + self.base.net.flash_bytes,
                sram + self.base.net.sram_bytes,
            )
        return flash, sram

    def cut(self, subject):
        """Return a copy with the thresholds of another operating point."""
        moved = subject.single_thresholds(self.decision.n_classes)
        return replace(self, decision=replace(self.decision, thresholds=moved))

    def run(self, handed, group=None, local=None):
        """Return the decisions of the C code by the NumPy twin; see `Decision.run`."""
        parts = handed if self.base is None else self.base.parts(handed["X"])
        return self.decision.run(parts, group, local)


def half_of_classifier(subject, dtype, rows, folder, core):
    """Return the device side of a classifier; a net is written into the folder.

    Parameters
    ----------
    subject : Subject
    dtype, rows, folder, core
        As in ``base_of``.

    Returns
    -------
    Half
    """
    base = base_of(subject, dtype, rows, folder, core)
    whole = joined(base.program, subject.program)
    inputs = (("X", int(np.prod(base.input_shape))),)
    told = {part.removeprefix("base_"): place for part, place in whole.read.items()}
    decision = _decision(
        subject, whole.program, whole.proba, inputs, told, base.net is not None
    )
    return Half(decision, base)


def half_of_rule(subject, example):
    """Return the device side of a policy or rule, which takes evidence.

    Parameters
    ----------
    subject : Subject
    example : Evidence or None
        Defines the widths of the evidence if the rule does not.

    Returns
    -------
    Half

    Raises
    ------
    ExportError
        If a width is unknown.
    """
    if example is not None and not isinstance(example, Evidence):
        raise TypeError(
            "example of a policy must be Evidence or Outcomes: the base's outputs. "
            f"Got {type(example).__name__}."
        )
    program, proba = _with_proba(subject)
    inputs = []
    for name, width in program.parts().items():
        width = dict(subject.rule.columns).get(name, width)
        if example is not None:
            width = example.require(name, program.router).shape[1]
        if width is None:
            raise ExportError(
                f"The number of columns of {name} is unknown. Give example=, Evidence "
                "such as the rule will see."
            )
        inputs.append((name, width))
    return Half(_decision(subject, program, proba, tuple(inputs)), None)


def _with_proba(subject):
    """Return the program and the step that reads probabilities, if it has one."""
    program = subject.program
    for place, step in enumerate(program.steps):
        if step.op == "read" and step.parameters["part"] == "base_proba":
            return program, place
    if subject.group != "predicted_class" and program.parts():
        return program, None
    steps = Steps()
    proba = steps.read("base_proba")
    for op, inputs, parameters in program.steps:
        steps.add(op, *(i + 1 for i in inputs), **parameters)
    return steps.program(program.router), proba


def _decision(subject, program, proba, inputs, told=None, has_net=False):
    steps, widths = steps_in_single(program.steps), _widths(program, dict(inputs))
    n_classes = 0 if proba is None else widths[proba]
    return Decision(
        steps=steps, widths=widths, inputs=inputs, has_net=has_net,
        score=len(steps) - 1, proba=proba,
        thresholds=subject.single_thresholds(n_classes), group=subject.group,
        reads_local=subject.reads_local, told=told or {},
    )  # fmt: skip


def _widths(program, known):
    """Return the number of columns of each table, including those of inputs."""
    steps = Steps()
    for op, inputs, parameters in program.steps:
        if op == "read" and parameters.get("width") is None:
            parameters = {**parameters, "width": known[parameters["part"]]}
        steps.add(op, *inputs, **parameters)
    return Program(tuple(steps), program.router).widths()
