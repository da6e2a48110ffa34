"""The README shows the stored results, and its example runs."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_table_is_what_the_results_say():
    script = ROOT / "benchmarks" / "write_tables.py"
    status = subprocess.run([sys.executable, script, "--check"], check=False).returncode
    assert status == 0, "run `python benchmarks/write_tables.py`"


def test_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    found = {}
    exec(code, found)
    report = found["hybrid"].at(0.9).report(found["X"][1200:], found["y"][1200:])
    assert report.accuracy > report.base_accuracy


def test_torch_is_the_version_of_the_constraints():
    # `make` would replace any other version, including its CUDA libraries.
    pinned = re.findall(r"torch==\S+", (ROOT / "constraints.txt").read_text())
    assert re.findall(r"torch==\S+", (ROOT / "README.md").read_text()) == pinned


def test_pictures_exist():
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / picture).is_file()
