"""Draw the picture of the README: ``PYTHONPATH=docs python -m _pictures``."""

from _figures import RESULTS

from _pictures.drawing import style
from _pictures.front import what_a_hybrid_keeps

with style("readme"):
    path = RESULTS.parents[1] / "docs/_static/accuracy_coverage.png"
    what_a_hybrid_keeps().savefig(path, dpi=200, facecolor="white")
