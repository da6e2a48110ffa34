"""Every program of the gallery runs, without a warning."""

import runpy
import shutil
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "docs/examples").glob("plot_*.py"))
NEEDS = {
    "plot_in_the_browser": ("skl2onnx", "onnxruntime"),
    "plot_int8_drift": ("torch",),
    "plot_microcontroller": ("torch", "bakenn"),
    "plot_saved_predictions": ("pandas",),
    "plot_remote_global": ("pandas",),
}


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_program(path, monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    for package in NEEDS.get(path.stem, ()):
        pytest.importorskip(package)
    if path.stem == "plot_microcontroller" and not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.gcf()))
    monkeypatch.chdir(path.parent)
    runpy.run_path(str(path))
    pyplot.close("all")
    assert shown
