"""Arrays that show whether an intermediate number left single precision."""

import numpy as np
import pytest

from selective_query.export._c import twin
from selective_query.export._c.single import steps_in_single
from selective_query.export._lost import PASSES_ON, STAYS_FINITE, told_by
from selective_query.routers import Steps
from selective_query.routers._operations import OPERATIONS
from tests.export.programs import random_evidence, random_program

STRANGE = np.float32([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e25, 0])


def test_one_checked_array_covers_those_before_it():
    steps = Steps()
    logits = steps.add("affine", steps.read("X", 2), weight=np.eye(2), bias=None)
    proba = steps.add("softmax", logits)
    steps.add("class_effect", proba, effects=np.ones(2))
    assert told_by(steps) == {logits}
    steps.add("reduce", steps.add("constant", value=np.inf), function="max")
    assert told_by(steps) == {logits}
    score = steps.add("reduce", proba, function="norm2")
    assert told_by(steps) == {logits, score}


@pytest.mark.parametrize("op", sorted(set(OPERATIONS) - {"read"}))
@pytest.mark.parametrize("seed", range(4))
def test_every_overflow_is_detected(op, seed):
    rng = np.random.default_rng([seed, *op.encode()])
    program, parts = random_program(rng, must_use=op), {}
    for name in program.parts():
        part = np.float32(getattr(random_evidence(rng, 400), name))
        hit = rng.random(part.shape) < 0.1
        parts[name] = np.where(hit, rng.choice(STRANGE, part.shape), part)
    steps = steps_in_single(program.steps)
    tables = twin.run(steps, lambda part, width: parts[part])
    seen = np.ones(400, dtype=bool)
    for place in told_by(steps):
        seen &= np.isfinite(tables[place]).all(axis=1)
    np.testing.assert_array_equal(seen, twin.is_finite(steps, tables))
    assert 0 < seen.sum() < 400


def test_the_names_are_those_of_operations():
    known = set(OPERATIONS)
    for operation in OPERATIONS.values():
        known |= set(getattr(operation, "functions", ()))
    assert known >= PASSES_ON | STAYS_FINITE
