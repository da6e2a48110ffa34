"""Pages of the documentation: pictures, links, formulas."""

import inspect
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))

GUIDE, EVIDENCE = (
    sorted(page for page in (DOCS / folder).glob("*.rst") if page.stem != "index")
    for folder in ("guide", "evidence")
)
ALL = [*DOCS.glob("*.rst"), *DOCS.glob("guide/*.rst"), *DOCS.glob("evidence/*.rst")]
EXAMPLES = sorted((DOCS / "examples").glob("plot_*.py"))
PICTURE = re.compile(r"^\.\. picture:: (\w+)\.(\w+)\n   :alt: (\S.{20,})", re.MULTILINE)


def named(path):
    return path.relative_to(DOCS).as_posix()


@pytest.mark.parametrize("page", [*GUIDE, *EVIDENCE], ids=named)
def test_every_page_has_a_picture_with_a_text_instead(page):
    found = PICTURE.findall(page.read_text())
    assert found, f"{named(page)} has no `.. picture::` with a long enough :alt:"


@pytest.mark.parametrize("page", ALL, ids=named)
def test_pictures_are_there(page):
    pytest.importorskip("matplotlib")
    text = page.read_text()
    found = PICTURE.findall(text)
    assert len(found) == text.count(".. picture::")
    for room, name, _ in found:
        assert callable(getattr(import_module(f"_pictures.{room}"), name))


def test_no_picture_is_left_over():
    used = {f"{r}.{n}" for page in ALL for r, n, _ in PICTURE.findall(page.read_text())}
    drawn = {
        f"{path.stem}.{name}"
        for path in (DOCS / "_pictures").glob("[a-z]*.py")
        if path.stem != "drawing"
        for name in re.findall(r"^def ([a-z]\w*)", path.read_text(), re.MULTILINE)
    }
    assert drawn == used


@pytest.mark.parametrize("page", ALL, ids=named)
def test_pages_that_are_linked_exist(page):
    for target in re.findall(r":doc:`(?:[^`<]*<)?([^`>]+)>?`", page.read_text()):
        path = (page.parent / target).resolve().relative_to(DOCS)
        if path.parts[0] == "gallery" and path.stem != "index":
            path = Path("examples") / path.with_suffix(".py").name
            assert (DOCS / path).exists(), target
        elif path.parts[0] != "gallery":
            assert (DOCS / path).with_suffix(".rst").exists(), target


@pytest.mark.parametrize("folder", ["guide", "evidence"])
def test_every_page_is_in_the_contents(folder):
    listed = re.findall(
        r"^   (\w+)$", (DOCS / folder / "index.rst").read_text(), re.MULTILINE
    )
    pages = {path.stem for path in (DOCS / folder).glob("*.rst")} - {"index"}
    assert sorted(listed) == sorted(pages)


@pytest.mark.parametrize("path", EXAMPLES, ids=named)
def test_examples_answer_a_question_with_a_picture(path):
    text = path.read_text()
    title = text.splitlines()[1]
    assert title.endswith("?")
    assert "plt.show()" in text


def test_the_gallery_is_large_enough():
    assert len(EXAMPLES) >= 14


def test_a_picture_takes_the_colours_of_its_page():
    pytest.importorskip("matplotlib")
    from _pictures.drawing import INK, as_svg, style

    with style("a test"):
        import matplotlib.pyplot as plt

        figure, ax = plt.subplots()
        ax.set_title("title")
        svg = as_svg(figure, 'a "line"')
    assert svg.startswith('<svg role="img" aria-label="a &quot;line&quot;"')
    assert INK not in svg and "currentColor" in svg
    head = svg[: svg.index(">")]
    assert "viewBox" in head and "width=" not in head
    assert ">title</text>" in svg and "DejaVu" not in svg


def formulas():
    """Return every formula of the pages and of public docstrings."""
    sources = {named(page): page.read_text() for page in ALL}
    package = DOCS.parent / "selective_query"
    sources |= {
        str(p.relative_to(package)): p.read_text() for p in package.rglob("*.py")
    }
    for name, text in sources.items():
        inline = re.findall(r":math:`([^`]+)`", text)
        blocks = re.findall(r"\.\. math::((?:[ ].*)?\n(?:\n|[ ]+\S.*\n)*)", text)
        for formula in [*inline, *(inspect.cleandoc(block) for block in blocks)]:
            if formula.strip():
                yield name, formula.partition("\n\n")[0] or formula


def test_formulas_become_mathml():
    convert = pytest.importorskip("latex2mathml.converter").convert
    found = list(formulas())
    assert len(found) > 100
    for name, formula in found:
        mathml = convert(formula)
        assert mathml.startswith("<math"), (name, formula)
        assert "<mtext>\\" not in mathml and ">\\" not in mathml, (name, formula)


def test_the_gallery_has_an_order():
    pytest.importorskip("sphinx_gallery")
    from _gallery_order import ORDER

    assert sorted(f"plot_{name}" for name in ORDER) == [p.stem for p in EXAMPLES]
