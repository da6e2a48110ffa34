"""Random programs, run by four implementations on ordinary, hostile and huge rows."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from _compiled import run_on_rows
from onnxruntime import InferenceSession

from selective_query import Evidence
from selective_query.export._c import twin
from selective_query.export._c.decision import Decision
from selective_query.export._c.decision_call import decision_call, decision_rows
from selective_query.export._c.project import write_project
from selective_query.export._c.single import steps_in_single
from selective_query.export._onnx.graph import Graph, Table
from selective_query.export._onnx.score import add_program
from selective_query.routers import Program
from selective_query.routers._operations import OPERATIONS
from tests.export.programs import (
    N_CLASSES,
    N_FEATURES,
    N_INPUTS,
    random_evidence,
    random_program,
    rows_that_rounding_moves,
)

OPS = sorted(OPERATIONS.keys() - {"read"})
KINDS = "ordinary", "hostile", "huge"
N_ROWS = 64
FACTS = {"router": "program", "budget": None, "classes": None, "groups": ["a", "b"]}
GROUPS = None, "predicted_class", "input"
# Relative to numpy in double precision; C and its reference must agree in every bit.
TOLERANCE = 1e-3
LEAST_SHARES = 1e-30, 1e-40, 2.0**-24, 1e-7


class Fuzzed(NamedTuple):
    """A program, its decision, and the rows of each kind."""

    program: Program
    decision: Decision
    evidence: dict
    flags: dict


def fuzzed(seed, place):
    """Return one program of a batch; the operations take turns."""
    rng = np.random.default_rng([seed, place])
    program = random_program(
        rng, int(rng.integers(3, 16)), must_use=OPS[place % len(OPS)]
    )
    program = Program.from_dict(program.to_dict())
    ordinary = random_evidence(rng, N_ROWS)
    evidence = {
        "ordinary": ordinary,
        "hostile": hostile_evidence(rng),
        "huge": huge_evidence(rng, ordinary),
    }
    group, reads_local = GROUPS[place % 3], bool(rng.integers(2))
    n_cuts = {None: 1, "predicted_class": N_CLASSES, "input": 2}[group]
    flags = {
        "group": rng.integers(2, size=N_ROWS) if group == "input" else None,
        "local": rng.uniform(size=N_ROWS) < 0.2 if reads_local else None,
    }
    # Some scores lie exactly at the threshold.
    thresholds = rng.choice(np.float32(program.run(ordinary)), n_cuts)
    decision = decision_of(program, thresholds, group, reads_local)
    return Fuzzed(program, decision, evidence, flags)


def decision_of(program, thresholds, group, reads_local):
    steps, inputs = steps_in_single(program.steps), dict(program.parts())
    proba = next(
        (i for i, s in enumerate(steps) if s.parameters.get("part") == "base_proba"),
        None,
    )
    return Decision(
        steps=steps, widths=program.widths(), inputs=tuple(inputs.items()),
        score=len(steps) - 1, proba=proba, thresholds=thresholds, group=group,
        reads_local=reads_local,
    )  # fmt: skip


def hostile_evidence(rng):
    """Return rows with certainties, ties, tiny shares, zeros, equal or tiny numbers."""
    proba = np.zeros((N_ROWS, N_CLASSES))
    for row in proba:
        kind = rng.integers(4)
        if kind == 0:
            row[0] = 1
        elif kind == 1:
            n_tied = int(rng.integers(2, N_CLASSES + 1))
            row[:n_tied] = 1 / n_tied
        elif kind == 2:
            row[1:] = rng.choice(LEAST_SHARES, N_CLASSES - 1)
            row[0] = 1 - row[1:].sum()
        else:
            row[:2] = 0.5 + np.array([1, -1]) * rng.choice(LEAST_SHARES)
        rng.shuffle(row)
    numbers = np.array([0, 0, -0.0, 1, 1, -1, 1e-30, -1e-40, 2.0**-24, 80, -90, 1e3])
    columns = {"base_logits": N_CLASSES, "base_features": N_FEATURES, "X": N_INPUTS}
    parts = {n: rng.choice(numbers, (N_ROWS, width)) for n, width in columns.items()}
    return of_singles(base_proba=proba, **parts)


def huge_evidence(rng, evidence):
    """Return numbers whose squares overflow single precision."""
    names = "base_logits", "base_features", "X"
    parts = {
        n: getattr(evidence, n) * 10.0 ** rng.integers(5, 38, (N_ROWS, 1))
        for n in names
    }
    return of_singles(base_proba=evidence.base_proba, **parts)


def of_singles(**parts):
    parts = {name: np.float32(part).astype(float) for name, part in parts.items()}
    return Evidence.of_checked(N_ROWS, **parts)


def run_batch(seed, n_programs, sanitised):
    """Return counts and worst differences over a batch of programs, by kind of row."""
    batch = [fuzzed(seed, place) for place in range(n_programs)]
    found = {kind: Counter() for kind in KINDS}
    worst, first_apart = {kind: {} for kind in KINDS}, Counter()
    for one, outputs in zip(batch, in_c(batch, sanitised), strict=True):
        for kind in KINDS:
            refused, other = differing(one, kind, outputs[kind])
            found[kind]["rows"] += N_ROWS
            found[kind]["refused"] += int(refused.sum())
            found[kind]["other bits"] += int(other.sum())
            counts, sizes, ops = against_double(one, one.evidence[kind], ~refused)
            found[kind].update(counts)
            first_apart.update(f"{kind}: {op}" for op in ops)
            for reader, size in sizes.items():
                worst[kind][reader] = max(size, worst[kind].get(reader, 0))
    n_steps = sum(len(one.decision.steps) for one in batch)
    return {
        "programs": n_programs, "steps": n_steps, "first apart": dict(first_apart),
        **{kind: found[kind] | worst[kind] for kind in KINDS},
    }  # fmt: skip


def against_double(one, evidence, decided):
    """Compare reference and ONNX with double precision, on rows robust to rounding.

    Parameters
    ----------
    one : Fuzzed
    evidence : Evidence
    decided : ndarray of shape (n_rows,), bool
        Rows that C does not refuse; for the others ONNX should return NaN.

    Returns
    -------
    dict, dict
        Counts of rows, and the largest difference of each implementation.
    list of str
        For each row on which the reference exceeds the tolerance, the operation at
        fault.
    """
    with np.errstate(all="ignore"):
        double = tables_of(one.program.steps, evidence)
        score = double[-1][:, 0]
        moved = rows_that_rounding_moves(
            one.program, evidence, np.random.default_rng(0), TOLERANCE / 10
        )
    singles = twin.run(one.decision.steps, reader_of(evidence))
    readers = {"twin": singles[-1][:, 0], "onnx": in_onnx(one.program, evidence)}
    steady = ~moved & np.isfinite(score) & decided
    other = np.isnan(readers["onnx"]) == decided
    counts, sizes = {"steady": int(steady.sum()), "onnx other": int(other.sum())}, {}
    for reader, found in readers.items():
        apart = apart_of(found, score)
        beyond = steady & ~(apart <= TOLERANCE)
        counts[f"{reader} beyond"] = int(beyond.sum())
        sizes[f"{reader} worst"] = float(apart[steady].max(initial=0))
        if reader == "twin":
            rows = np.flatnonzero(beyond)
    return counts, sizes, [first_op(one, singles, double, row) for row in rows]


def first_op(one, singles, double, row):
    """Return the operation after which single and double precision are far apart."""
    for step, found, expected in zip(one.program.steps, singles, double, strict=True):
        if not (apart_of(found[row], expected[row]) <= TOLERANCE / 10).all():
            return step.parameters.get("function", step.op)
    return "all, a little"


def apart_of(found, expected):
    with np.errstate(invalid="ignore"):
        return np.abs(found - expected) / np.maximum(1, np.abs(expected))


def tables_of(steps, evidence):
    """Return every intermediate array of a program in double precision."""
    tables = []
    for op, inputs, parameters in steps:
        if op == "read":
            tables.append(getattr(evidence, parameters["part"]))
        elif op == "constant":
            tables.append(np.full((evidence.n_rows, 1), parameters["value"]))
        else:
            taken = [tables[i] for i in inputs]
            tables.append(OPERATIONS[op].run(*taken, **parameters))
    return tables


def reader_of(evidence):
    return lambda part, width: np.float32(getattr(evidence, part))


def parts_of(one, kind):
    read = reader_of(one.evidence[kind])
    return {name: read(name, width) for name, width in one.decision.inputs}


def in_c(batch, sanitised):
    """Return the outputs of the C code of each program, for the rows of each kind."""
    with TemporaryDirectory() as made:
        calls, rows = [], []
        for place, one in enumerate(batch):
            folder = Path(made) / f"program_{place}"
            folder.mkdir()
            write_project(folder, one.decision, FACTS)
            calls.append((folder, decision_call(one.decision)))
            of_kinds = [
                decision_rows(one.decision, parts_of(one, kind), **one.flags)
                for kind in KINDS
            ]
            rows.append(np.concatenate(of_kinds))
        outputs = run_on_rows(Path(made), calls, rows, sanitised)
    return [
        dict(zip(KINDS, np.split(table, len(KINDS)), strict=True)) for table in outputs
    ]


def differing(one, kind, outputs):
    """Return rows that C refuses, and rows where its bits differ from the reference."""
    decision, parts = one.decision, parts_of(one, kind)
    expected = decision.run(parts, **one.flags)
    refused = outputs[:, 0] != 0
    other = refused != np.isnan(expected["score"])
    names = [field.name for field in decision.answered]
    bits = [np.float32(expected[n]).reshape(N_ROWS, -1).view(np.uint32) for n in names]
    same = np.hstack(bits) == np.ascontiguousarray(outputs[:, 1:]).view(np.uint32)
    return refused, other | (~same.all(axis=1) & ~refused)


def in_onnx(program, evidence):
    graph, parts = Graph(), {}
    for name in {"base_proba", *program.parts()}:
        width = getattr(evidence, name).shape[1]
        parts[name] = Table(graph.input(name, np.float32, [None, width]), width)
    score = add_program(graph, program, parts)[-1]
    graph.output("score", score.name, np.float32, [None, 1])
    session = InferenceSession(graph.model("head").SerializeToString())
    given = {name: np.float32(getattr(evidence, name)) for name in parts}
    return session.run(None, given)[0][:, 0].astype(float)
