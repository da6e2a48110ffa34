"""No figure in the documentation is typed: each is read from a stored result."""

import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS))

import _figures

PAGES = sorted(
    path
    for pattern in ("*.rst", "guide/*.rst", "evidence/*.rst")
    for path in DOCS.glob(pattern)
)
EACH = pytest.mark.parametrize("page", PAGES, ids=lambda p: f"{p.parent.name}/{p.stem}")
ROLE = re.compile(r":measured:`(.*?)`", re.DOTALL)
TABLE = re.compile(r"^\.\. benchmark-table:: (\S+)$", re.MULTILINE)
# Figures that can only be measured; coverages and confidences are settings.
FIGURE = re.compile(r"\d[\d.,]* (?:points?|ns|µs|seconds|minutes)\b")


def prose(text):
    """Return the text of a page without code, its output, roles and tables."""
    text = ROLE.sub("", text)
    text = re.sub(r"``.*?``", "", text, flags=re.DOTALL)
    lines = []
    in_output = False
    for line in text.splitlines():
        in_output = line.startswith(">>>") or (in_output and line.strip() != "")
        if not in_output and not line.startswith(("    ", "   -", "   *")):
            lines.append(line)
    return "\n".join(lines)


@EACH
def test_every_figure_has_a_result(page):
    for text in ROLE.findall(page.read_text()):
        assert _figures.measured(" ".join(text.split()))


@EACH
def test_every_table_has_a_result(page):
    for name in TABLE.findall(page.read_text()):
        lines = _figures.benchmark_table(name)
        assert not any("Not measured yet" in line for line in lines), name


@EACH
def test_no_figure_is_typed(page):
    assert FIGURE.findall(prose(page.read_text())) == []


def test_figures_must_match_exactly_one_row(tmp_path):
    (tmp_path / "auto_safety.json").write_text(
        '{"rows": [{"base": "a", "worst": -0.5}, {"base": "a", "worst": 0.1},'
        ' {"base": "b", "worst": -0.25}]}'
    )
    shown = _figures.measured("auto_safety worst base=b", tmp_path)
    assert shown == "\N{MINUS SIGN}0.250"
    with pytest.raises(ValueError, match="fits 2 rows of auto_safety"):
        _figures.measured("auto_safety worst base=a", tmp_path)


def test_typed_figures_are_found():
    typed = "It gains 2.4 points, and takes 80 ns.\n\n>>> f()\n3 points\n\nA quarter."
    assert FIGURE.findall(prose(typed)) == ["2.4 points", "80 ns"]
