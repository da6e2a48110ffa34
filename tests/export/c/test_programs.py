"""The C code of a program and its numpy reference agree in every bit."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from selective_query.exceptions import ExportError
from selective_query.export._c import functions
from selective_query.export._c.decision import Decision
from selective_query.export._c.host import HostModel, compile_c
from selective_query.export._c.project import write_project, write_vectors
from selective_query.export._c.runtime import facts_of_folder
from selective_query.export._c.single import steps_in_single
from selective_query.export._single import rounded_down
from selective_query.routers import Steps
from selective_query.routers._operations import OPERATIONS
from tests.export.programs import (
    random_evidence,
    random_program,
    rows_that_rounding_moves,
)

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")

FACTS = {
    "format": 1, "router": "a test */", "budget": None, "classes": None, "rule": "",
    "groups": ["north", "south"], "columns": {}, "inputs": None, "calibration": None,
    "is_same_model": True,
}  # fmt: skip
THRESHOLDS = {
    None: np.float32([0.1]),
    "predicted_class": np.float32([0.1, np.inf, -0.2, 0.3]),
    "input": np.float32([0.1, -0.2]),
}


def decision_of(program, group=None, reads_local=False):
    steps, widths = steps_in_single(program.steps), program.widths()
    inputs = tuple(program.parts().items())
    proba = next(
        (i for i, s in enumerate(steps) if s.parameters.get("part") == "base_proba"),
        None,
    )
    return Decision(
        steps, widths, inputs, len(steps) - 1, proba, THRESHOLDS[group], group,
        reads_local,
    )  # fmt: skip


def exported(decision, folder):
    write_project(folder, decision, FACTS)
    return HostModel(folder, **facts_of_folder(folder)["handed"])


def parts_of(decision, evidence):
    return {n: np.float32(getattr(evidence, n)) for n, _ in decision.inputs}


@pytest.mark.parametrize("op", sorted(set(OPERATIONS) - {"read"}))
@pytest.mark.parametrize("seed", range(4))
def test_random_programs_agree_to_the_last_bit(op, seed, tmp_path):
    rng = np.random.default_rng([seed, sorted(OPERATIONS).index(op)])
    program, evidence = random_program(rng, must_use=op), random_evidence(rng)
    group = list(THRESHOLDS)[seed % 3]
    decision = decision_of(program, group, reads_local=seed % 2 == 1)
    rows = (
        parts_of(decision, evidence),
        rng.integers(2, size=evidence.n_rows),
        rng.uniform(size=evidence.n_rows) < 0.2,
    )
    twin, c = decision.run(*rows), exported(decision, tmp_path).run(*rows)
    assert twin.keys() == c.keys()
    for name, values in twin.items():
        np.testing.assert_array_equal(c[name], values, err_msg=name)
    stays = np.isneginf(twin["score"])
    np.testing.assert_array_equal(stays, rows[2] & decision.reads_local)
    double = program.run(evidence)
    moved = stays | rows_that_rounding_moves(program, evidence, rng, 1e-4)
    np.testing.assert_allclose(
        twin["score"][~moved], double[~moved], rtol=1e-3, atol=1e-3
    )


def test_a_table_is_not_overwritten_while_one_of_its_columns_is_read(tmp_path):
    steps = Steps()
    table = steps.add("log", steps.read("base_proba", 4), floor=1e-7)
    column = steps.add("columns", table, start=1, stop=2)
    apart = steps.add("combine", table, column, function="subtract")
    steps.add("affine", apart, weight=np.ones((4, 1)), bias=None)
    decision = decision_of(steps.program("mine"))
    rows = parts_of(decision, random_evidence(np.random.default_rng(0)))
    found = exported(decision, tmp_path).run(rows)["score"]
    np.testing.assert_array_equal(found, decision.run(rows)["score"])


def test_functions_are_those_of_numpy_but_for_rounding():
    x = np.float32(np.linspace(-86, 88, 20_001))
    np.testing.assert_allclose(functions.exp(x), np.exp(x), rtol=2e-7)
    assert functions.exp(np.float32([-88, 89])).tolist() == [0, np.inf]
    x = np.float32(np.geomspace(2e-38, 3e38, 20_001))
    np.testing.assert_allclose(functions.log(x), np.log(x), rtol=2e-7, atol=1e-7)
    x = np.float32(np.linspace(-20, 20, 4001))
    np.testing.assert_allclose(
        functions.sigmoid(x), 1 / (1 + np.exp(-x)), rtol=5e-7, atol=0
    )


def test_thresholds_of_trees_part_the_same_single_precision_numbers():
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000).astype(np.float32)
    threshold = np.concatenate([x[:500].astype(float), rng.normal(size=500)])
    single = rounded_down(threshold)
    assert single.dtype == np.float32
    for moved in (x, np.nextafter(x, np.float32(9)), np.nextafter(x, np.float32(-9))):
        np.testing.assert_array_equal(moved <= single, moved.astype(float) <= threshold)
    assert rounded_down(np.array([np.inf])) == np.inf


def _margin():
    steps = Steps()
    steps.add("top", steps.read("base_proba", 4), k=1)
    return steps.program("mine")


def test_the_folder_compiles_strictly_and_runs_its_vectors(tmp_path):
    rng = np.random.default_rng(0)
    program, evidence = random_program(rng, 40), random_evidence(rng)
    decision = decision_of(program)
    write_project(tmp_path, decision, FACTS)
    parts = parts_of(decision, evidence)
    write_vectors(tmp_path, decision, parts, decision.run(parts))
    strict = ["-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]
    sources = [*tmp_path.glob("*.c")]
    compile_c([*sources, *strict, "-fno-sanitize-recover=all"], tmp_path / "vectors")
    done = subprocess.run([tmp_path / "vectors"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    n = int((decision.run(parts)["queried"][:16]).sum())
    assert done.stdout == f"16 of 16 test vectors agree, {n} query the global\n"
    made = subprocess.run(["make", "-s", "run"], cwd=tmp_path, capture_output=True)
    assert made.returncode == 0
    vectors = tmp_path / "sq_vectors.h"
    start, score = vectors.read_text().split("float sq_expected_score[16] = {")
    changed = re.sub("0x1[^,]*", "9.0f", score, count=1)
    vectors.write_text(f"{start}float sq_expected_score[16] = {{{changed}")
    failed = subprocess.run(["make", "-s", "run"], cwd=tmp_path, capture_output=True)
    assert failed.returncode != 0
    assert b"differs" in failed.stdout


def test_rows_that_cannot_be_decided_are_refused(tmp_path):
    decision = decision_of(_margin(), "input")
    model = exported(decision, tmp_path)
    parts = {"base_proba": np.full((2, 4), 0.25)}
    assert model.run(parts, [0, 1])["queried"].tolist() == [True, True]
    with pytest.raises(ValueError, match="Row 1 is refused: its group was unknown"):
        model.run(parts, [0, 2])
    parts["base_proba"][0, 0] = np.nan
    with pytest.raises(ValueError, match="Row 0 is refused: an input or an int"):
        model.run(parts, [0, 1])
    with pytest.raises(ValueError, match=r"base_proba must be of shape \(n_samples, 4"):
        model.run({"base_proba": np.zeros((2, 3))}, [0, 1])


def test_numbers_too_large_for_single_precision_are_refused():
    steps = Steps()
    weight = np.array([[1e60], [0], [0], [0]])
    steps.add("affine", steps.read("base_proba", 4), weight=weight, bias=None)
    with pytest.raises(
        ExportError, match=r"Step 1 \(affine\): weight: 1e\+60 is too large"
    ):
        steps_in_single(steps)


def test_a_compiler_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(RuntimeError, match="no C compiler 'no-such-compiler'"):
        exported(decision_of(_margin()), tmp_path)


def test_an_intermediate_nan_gives_no_decision(tmp_path):
    steps = Steps()
    squares = steps.add("reduce", steps.read("X", 2), function="norm2")
    nothing = steps.add("combine", squares, squares, function="subtract")
    steps.add("log", nothing, floor=0.01)
    decision = decision_of(steps.program("mine"))
    model, large = exported(decision, tmp_path), {"X": np.float32([[1e25, 0]])}
    assert np.isnan(decision.run(large)["score"]).all()
    with pytest.raises(ValueError, match="Row 0 is refused: an input or an int"):
        model.run(large)
    assert functions.log(np.float32([np.inf])) == np.inf
