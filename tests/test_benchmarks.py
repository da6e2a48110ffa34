"""Small runs of benchmarks that train nets, if the data are available."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.slow
@pytest.mark.skipif(
    "SELECTIVE_QUERY_DATA" not in os.environ, reason="needs the data folder"
)
def test_an_arm_is_trained_judged_and_not_run_again(tmp_path):
    pytest.importorskip("torch")
    out = tmp_path / "training.json"
    command = [sys.executable, "training.py", "--quick", "--json", str(out)]
    seconds = []
    for _ in range(2):
        done = subprocess.run(
            command, cwd=BENCHMARKS, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        seconds.append([row["seconds"] for row in json.loads(out.read_text())["rows"]])
    rows = json.loads(out.read_text())["rows"]
    assert {row["arm"] for row in rows} == {"plain"}
    assert all(0.3 < row["base"] < 1 for row in rows)
    assert all(len(found) == 4 for row in rows for found in row["accuracy"].values())
    assert seconds[0] == seconds[1], "what is stored is not run again"


@pytest.mark.slow
def test_smaller_bases_are_judged_under_both_thresholds(tmp_path):
    pytest.importorskip("torch")
    out = tmp_path / "compression.json"
    options = ["--datasets", "digits", "--seeds", "2", "--json", str(out)]
    done = subprocess.run(
        [sys.executable, "compression.py", *options],
        cwd=BENCHMARKS, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    content = json.loads(out.read_text())
    assert len(content["rows"]) == 2
    for row in content["rows"]:
        int8, half = row["arms"]["int8"], row["arms"]["half the channels"]
        assert int8["macs"] == row["macs"] > 2 * half["macs"]
        for arm in (int8, half):
            assert [report["n"] for report in arm["drift"]] == [597, 597]
        assert int8["drift"][0]["same_labels"] > 0.97
    assert len(content["summary"]) == 2 * len(row["arms"])


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_programs_in_c_have_the_bits_of_their_twin_on_hostile_rows(tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("bakenn")
    out = tmp_path / "export_fuzz.json"
    options = ["--programs", "200", "--nets", "0", "--json", str(out)]
    done = subprocess.run(
        [sys.executable, "export_fuzz.py", *options],
        cwd=BENCHMARKS, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    ordinary, hostile, huge, _ = json.loads(out.read_text())["summary"]
    assert [cell["rows"] for cell in (ordinary, hostile, huge)] == [12_800] * 3
    assert [cell["other bits"] for cell in (ordinary, hostile, huge)] == [0] * 3
    assert (ordinary["twin beyond"], ordinary["onnx beyond"]) == (0, 0)
    assert [cell["onnx other"] for cell in (ordinary, hostile)] == [0, 0]
    # ONNX sums in another order, and overflows on other rows.
    assert huge["onnx other"] < 10 and huge["onnx beyond"] < 10
    assert huge["twin beyond"] == 0
    assert ordinary["steady"] > 12_000 and hostile["steady"] > 10_000
    assert huge["refused"] > 1000


def test_a_ratio_far_above_its_record_is_a_regression():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        from regressions import compare
    finally:
        sys.path.pop(0)
    old = [{"router": "margin", "rows": 10, "cost": 1.0}, {"router": "own", "cost": 2}]
    new = [
        {"router": "margin", "rows": 10, "cost": 1.3},
        {"router": "own", "cost": 2.4},
    ]
    lines = list(compare(old, [*new, {"router": "unknown", "cost": 9.0}], ["cost"]))
    assert [line["verdict"] for line in lines] == ["dearer", ""]
    assert lines[0]["record"] == 1.0 and lines[0]["now"] == 1.3
    assert not list(compare(old, [{"router": "own", "cost": None}], ["cost"]))
