"""Check every part of a program that comes as plain data from an untrusted source."""

import numpy as np

from selective_query._utils.numbers import is_whole
from selective_query.routers._operations import OPERATIONS

FORMAT = 1
MOST_STEPS = 10_000
# For all arrays together, which a file may reference many times: 256 MiB.
MOST_STORED = 2**25
# Numbers per row over all steps, so that a small file cannot request much memory.
MOST_NUMBERS = 2**17
# Tables whose width depends on the evidence, and may be that of all classes.
MOST_OPEN_TABLES = 64
STEP_KEYS = ("op", "inputs")


def checked_steps(data):
    """Steps as (op, inputs, parameters), and the router's name, or a ValueError."""
    if not isinstance(data, dict) or data.keys() != {"format", "router", "steps"}:
        raise ValueError(
            "A program must be a dict of format, router and steps, as to_dict "
            f"writes it. Got {_shown(data)}."
        )
    if not is_whole(data["format"]) or data["format"] != FORMAT:
        raise ValueError(
            f"A program must be of format {FORMAT}. Got {_shown(data['format'])}. "
            "Write it with the version of selective_query that reads it."
        )
    if not isinstance(data["router"], str):
        raise ValueError(
            f"router must be a name. Got {_shown(data['router'])} in a program."
        )
    steps = data["steps"]
    if not isinstance(steps, (list, tuple)) or not 0 < len(steps) <= MOST_STEPS:
        raise ValueError(
            f"steps must be a list of 1 to {MOST_STEPS} steps. Got {_shown(steps)}."
        )
    stored = sum(
        value.size
        for step in steps
        if isinstance(step, dict)
        for value in step.values()
        if isinstance(value, np.ndarray)
    )
    if stored > MOST_STORED:
        raise ValueError(
            f"The arrays of a program may hold {MOST_STORED} numbers. Got {stored}."
        )
    return [_checked_step(*step) for step in enumerate(steps)], data["router"]


def _shown(value):
    """A short description of any value."""
    if isinstance(value, (list, tuple)):
        return f"{len(value)} entries"
    if isinstance(value, dict):
        return f"a dict of {len(value)} entries"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    text = repr(value) if isinstance(value, (str, int, float, type(None))) else ""
    return text[:60] or f"a {type(value).__name__}"


def _checked_step(place, step):
    if not isinstance(step, dict) or not {"op", "inputs"} <= step.keys():
        raise ValueError(
            f"Step {place} must be a dict with op and inputs. Got {_shown(step)}."
        )
    op, inputs = step["op"], step["inputs"]
    if not isinstance(op, str) or op not in OPERATIONS:
        raise ValueError(
            f"Step {place} has an unknown operation: {_shown(op)}. Known are "
            f"{', '.join(OPERATIONS)}."
        )
    if not isinstance(inputs, (list, tuple)) or not all(map(is_whole, inputs)):
        raise ValueError(
            f"Step {place} ({op}): inputs must be a list of places of earlier steps. "
            f"Got {_shown(inputs)}."
        )
    late = [int(i) for i in inputs if i >= place]
    if late:
        raise ValueError(
            f"Step {place} ({op}): inputs must stand before it. Got {late[0]}."
        )
    operation = OPERATIONS[op]
    least, most = operation.n_inputs
    if not least <= len(inputs) <= most:
        raise ValueError(
            f"Step {place} ({op}) takes {least} tables{' or more' * (most > least)}. "
            f"Got {len(inputs)}."
        )
    given = {name: value for name, value in step.items() if name not in STEP_KEYS}
    if given.keys() != operation.parameters.keys():
        raise ValueError(
            f"Step {place} ({op}) must have the parameters "
            f"{', '.join(operation.parameters) or '(none)'}. Got "
            f"{', '.join(map(str, given)) or '(none)'}."
        )
    try:
        known = {
            name: check(given[name], name)
            for name, check in operation.parameters.items()
        }
    except ValueError as error:
        raise ValueError(f"Step {place} ({op}): {error}") from None
    return op, tuple(int(i) for i in inputs), known


def check_chain(program):
    """Raise a ValueError if steps do not connect, or would take too much memory."""
    widths, steps = program.widths(), program.steps
    made = [
        (width or 0) + len(step.parameters.get("landmarks", ()))
        for step, width in zip(steps, widths, strict=True)
        if step.op != "read"
    ]
    if sum(made) > MOST_NUMBERS:
        raise ValueError(
            f"A program may make {MOST_NUMBERS} numbers for a row. These steps make "
            f"{sum(made)}."
        )
    is_open = [
        width is None and step.op != "read"
        for step, width in zip(steps, widths, strict=True)
    ]
    if sum(is_open) > MOST_OPEN_TABLES:
        raise ValueError(
            f"A program may make {MOST_OPEN_TABLES} tables as wide as evidence of any "
            f"width. These steps make {sum(is_open)}."
        )
