import numpy as np
import pytest

from selective_query import Evidence
from selective_query.routers import Program
from selective_query.routers._operations import OPERATIONS
from tests.export.programs import (
    random_evidence,
    random_program,
    rows_that_rounding_moves,
)

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from selective_query.export._onnx.graph import Graph, Table
from selective_query.export._onnx.operations import FORMS
from selective_query.export._onnx.score import add_program

TOLERANCE = 1e-3


def run_in_onnx(program, evidence):
    graph, parts = Graph(), {}
    for name in {"base_proba", *program.parts()}:
        width = getattr(evidence, name).shape[1]
        parts[name] = Table(graph.input(name, np.float32, [None, width]), width)
    score = add_program(graph, program, parts)[-1]
    graph.output("score", score.name, np.float32, [None, 1])
    session = onnxruntime.InferenceSession(graph.model("head").SerializeToString())
    given = {name: getattr(evidence, name).astype(np.float32) for name in parts}
    return session.run(None, given)[0][:, 0]


def test_every_operation_has_a_form():
    assert OPERATIONS.keys() <= FORMS.keys() | {"read", "constant"}


@pytest.mark.parametrize("op", sorted(OPERATIONS.keys() - {"read"}))
@pytest.mark.parametrize("seed", range(16))
def test_random_programs_score_as_in_numpy(op, seed):
    rng = np.random.default_rng([seed, *op.encode()])
    program = Program.from_dict(random_program(rng, must_use=op).to_dict())
    evidence = random_evidence(rng, 200)
    found = run_in_onnx(program, evidence)
    steady = ~rows_that_rounding_moves(program, evidence, rng, TOLERANCE / 10)
    assert steady.mean() > 0.9
    np.testing.assert_allclose(
        found[steady], program.run(evidence)[steady], rtol=TOLERANCE, atol=TOLERANCE
    )
    assert Evidence(base_proba=evidence.base_proba).n_rows == len(found)
