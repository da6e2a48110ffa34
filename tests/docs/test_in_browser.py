"""The gallery's page makes the same decisions in Chromium as the artefact here."""

import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))

from _in_browser import in_browser_scraper, runtime
from _in_browser.page import PAGE_FILES, fragment

from selective_query.export import EdgeClassifier, set_operating_point
from tests.docs.chromium import PROGRAM, Chromium

FACTS = {"model": b"onnx", "points": [], "samples": ["</script>"]}
# Resolves when the next decision is shown.
SHOWN = """new Promise((resolve) => {
  new MutationObserver(resolve).observe(
    document.querySelector(".ib-score"), { childList: true });
  %s
})"""
READ = """(() => {
  const text = (name) => document.querySelector(`.ib-${name}`).textContent;
  const seen = document.querySelector(".ib-seen");
  const image = seen.getContext("2d").getImageData(0, 0, 8, 8).data;
  return { label: text("label"), verdict: text("verdict"), score: text("score"),
           truth: text("truth"), held_out: text("held-out"),
           counts: [...image].filter((_, i) => i % 4 === 0)
             .map((grey) => Math.round(16 * (1 - grey / 255))) };
})()"""


@pytest.fixture(scope="module")
def program():
    """Run the gallery's program and return its variables."""
    pytest.importorskip("skl2onnx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pytest.importorskip("matplotlib.pyplot"), "show", lambda: None)
        return runpy.run_path(str(DOCS / "examples" / "plot_in_the_browser.py"))


@pytest.fixture(scope="module")
def site(program, tmp_path_factory):
    """A folder with the page and all files that it loads."""
    folder = tmp_path_factory.mktemp("site")
    try:
        script = runtime.bring_runtime(DOCS / "_build" / "in_browser")
    except runtime.NoRuntimeError as error:
        pytest.skip(str(error))
    for path in [*PAGE_FILES, script]:
        shutil.copy(path, folder)
    page = fragment(program["in_browser"], static=".")
    start = (
        "<!doctype html><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>"
    )
    (folder / "page.html").write_text(start + page)
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if PROGRAM is None:
        pytest.skip("Chromium is not installed")
    browser = Chromium(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def page(browser, site):
    """The page, opened as a file, with its first decision."""
    browser.open((site / "page.html").as_uri())
    browser.wait_for("!document.querySelector('.ib-panel').hidden")
    return browser


def move_to(page, place):
    page.evaluate(
        "((slider) => {"
        f"  slider.value = {place}; slider.dispatchEvent(new Event('input'));"
        "})(document.querySelector('.ib-slider'))"
    )


def assert_decides_as(edge, shown):
    """Check that the page shows what the artefact decides for the same counts."""
    answer = edge.answer(np.array([shown["counts"]], float))
    words = shown["score"].split()
    assert shown["label"] == str(answer["label"][0])
    assert float(words[1]) == pytest.approx(answer["score"][0], abs=1e-4)
    verdict = "Asks the cloud" if answer["queried"][0] else "The base answers"
    assert shown["verdict"] == verdict
    assert float(words[-1][:-1]) == pytest.approx(edge.facts_["threshold"][0], abs=1e-4)


@pytest.mark.slow
def test_stored_digits_at_each_operating_point(page, program, tmp_path):
    facts, path = program["in_browser"], tmp_path / "edge.onnx"
    path.write_bytes(facts["model"])
    verdicts = set()
    for place, point in enumerate(facts["points"]):
        set_operating_point(path, program["hybrid"].at(point["asked"]))
        edge = EdgeClassifier(path)
        move_to(page, place)
        for i, sample in enumerate(facts["samples"]):
            button = f"document.querySelectorAll('.ib-samples button')[{i}]"
            page.evaluate(SHOWN % f"{button}.click()")
            shown = page.evaluate(READ)
            assert shown["counts"] == sample["pixels"]
            assert f"{sample['truth']};" in shown["truth"]
            assert_decides_as(edge, shown)
            verdicts.add(shown["verdict"])
        assert f"{100 * point['coverage']:.1f}\u00a0%" in shown["held_out"]
    assert len(verdicts) == 2


@pytest.mark.slow
@pytest.mark.parametrize("size", [150, 50])
def test_a_drawn_digit_of_any_size(page, program, tmp_path, size):
    path = tmp_path / "edge.onnx"
    path.write_bytes(program["in_browser"]["model"])
    x, y = page.evaluate(
        "(({x, y}) => [x, y])(document.querySelector('.ib-paper')"
        ".getBoundingClientRect())"
    )
    corners = [(0.1, 0), (0.7, 0), (0.35, 1)]  # of a digit seven
    points = [(x + 30 + size * right, y + 30 + size * down) for right, down in corners]
    page.evaluate(f"void (window.shown = {SHOWN % ''})")
    page.draw(points)
    page.evaluate("window.shown")
    shown = page.evaluate(READ)
    assert shown["label"] == "7"
    assert sum(shown["counts"]) == program["in_browser"]["ink"]
    # The drawing fills the bitmap's height.
    assert np.reshape(shown["counts"], (8, 8)).sum(axis=1).min() > 0
    assert_decides_as(EdgeClassifier(path), shown)


@pytest.mark.slow
def test_stored_digits_by_keyboard(page):
    page.evaluate("document.querySelectorAll('.ib-samples button')[4].focus()")
    page.press("Tab")
    page.evaluate(f"void (window.shown = {SHOWN % ''})")
    page.press("Enter")
    page.evaluate("window.shown")
    pressed = "[...document.querySelectorAll('.ib-samples button')]"
    states = page.evaluate(f"{pressed}.map((button) => button.ariaPressed)")
    assert states.index("true") == 5
    assert states.count("true") == 1


@pytest.mark.slow
def test_the_page_makes_no_network_requests(page, site):
    assert (site / runtime.SCRIPT).as_uri() in page.requested
    local = (site.as_uri(), "blob:", "data:")
    assert [url for url in page.requested if not url.startswith(local)] == []


@pytest.mark.slow
def test_a_narrow_screen_needs_no_scrolling_sideways(page):
    page.send(
        "Emulation.setDeviceMetricsOverride",
        **{"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True},
    )
    width = page.evaluate("document.documentElement.scrollWidth")
    page.send("Emulation.clearDeviceMetricsOverride")
    assert width <= 400


@pytest.mark.slow
def test_the_loaded_files_are_small(site):
    assert sum(path.stat().st_size for path in site.iterdir()) < 15e6


@pytest.mark.slow
def test_a_page_without_the_runtime_says_so(browser, site, tmp_path):
    for path in site.iterdir():
        if path.name != runtime.SCRIPT:
            shutil.copy(path, tmp_path)
    browser.open((tmp_path / "page.html").as_uri())
    status = "document.querySelector('.ib-status').textContent"
    browser.wait_for(f"{status}.includes('does not run')")
    assert "without npm" in browser.evaluate(status)


def test_texts_do_not_end_the_script():
    page = fragment(FACTS, static="../_static")
    facts = page[page.index("ib-facts") : page.index("<p")]
    assert facts.count("</script>") == 1
    assert 'data-runtime="../_static/onnxruntime-web-' in page


def test_only_a_block_that_defines_a_page_gets_one():
    names = {"in_browser": FACTS}
    first, second = (
        in_browser_scraper(None, {"example_globals": names}, {}) for _ in range(2)
    )
    assert first.startswith(".. raw:: html\n\n    <link")
    assert second == ""


def test_without_npm_there_is_no_runtime(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime.shutil, "which", lambda name: None)
    with pytest.raises(runtime.NoRuntimeError, match="npm is not installed"):
        runtime.bring_runtime(tmp_path / "kept")


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ("echo off >&2; exit 1", runtime.NoRuntimeError, "off"),
        (f"echo no > onnxruntime-web-{runtime.VERSION}.tgz", ValueError, "SHA-512"),
    ],
)
def test_downloads_from_npm_are_checked(tmp_path, monkeypatch, script, error, message):
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setattr(runtime.shutil, "which", lambda name: str(npm))
    with pytest.raises(error, match=message):
        runtime.bring_runtime(tmp_path / "kept")
