"""The HTML page of a report in Chromium: sliders, layout, escaping, no requests."""

import re
from html import escape

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from selective_query import HybridClassifier, Outcomes, RoutingPolicy
from selective_query.costs import CLOUD, STM32F746, WIFI, Deployment
from selective_query.datasets import make_selective_query
from selective_query.reports._markup import as_script, element
from tests.docs.chromium import PROGRAM, Chromium

COSTS = Deployment(
    device=STM32F746.with_(battery_mah=1000, battery_v=3.7),
    base_ms=50,
    link=WIFI,
    cloud=CLOUD.with_(price_per_query=0.001),
    payload_bytes=3072,
    inputs_per_day=1000,
)
HOSTILE = [
    "</script><img src=x onerror=document.title='taken'>",
    "\"><svg onload=document.title='taken'>",
    "<!--<script>",
    "${verdict} &lt;b&gt; $content",
]
SLIDERS = {"coverage", "latency_ms", "energy_mj", "battery_days", "price"}
SIZE = {"height": 900, "deviceScaleFactor": 1, "mobile": False}


def hostile_rows(seed):
    drawn = make_selective_query(600, random_state=seed).outcomes
    labels = np.array(HOSTILE)
    return Outcomes(
        base_proba=drawn.base_proba,
        global_pred=labels[drawn.global_pred],
        y=labels[drawn.y],
        classes=labels,
        id=[f"{HOSTILE[i % 4]}{i}" for i in range(600)],
    )


@pytest.fixture(scope="module")
def report():
    policy = RoutingPolicy("margin", coverage=0.8).fit(hostile_rows(0))
    return policy.report(hostile_rows(1), deployment=COSTS, value=0.01)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if PROGRAM is None:
        pytest.skip("Chromium is not installed")
    browser = Chromium(tmp_path_factory.mktemp("profile"))
    # Errors are counted from before the page's own scripts start.
    browser.send("Page.enable")
    browser.send(
        "Page.addScriptToEvaluateOnNewDocument",
        source="window.errors = []; window.onerror = (m) => errors.push(m);"
        "document.addEventListener('securitypolicyviolation', (e) => "
        "errors.push(e.violatedDirective)); console.error = (m) => errors.push(m);",
    )
    yield browser
    browser.close()


@pytest.fixture
def page(browser, report, tmp_path):
    path = tmp_path / "report.html"
    report.to_html(path)
    browser.open(path.as_uri())
    return browser


def figures(page):
    return page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('[data-name]')].map("
        "(e) => [e.dataset.name + (e.value === undefined ? '' : ' slider'),"
        " e.value ?? e.textContent]))"
    )


def move(page, name, value):
    page.evaluate(
        f"((s) => {{ s.value = {value}; s.dispatchEvent(new Event('input')); }})"
        f"(document.querySelector('input[data-name={name}]'))"
    )


def point(page):
    return page.evaluate(
        "[...document.querySelectorAll('.sq-wide .sq-point')].map("
        "(p) => [Number(p.getAttribute('cx')), Number(p.getAttribute('cy'))])[0]"
    )


@pytest.mark.slow
def test_the_page_has_no_errors_and_asks_for_nothing(page):
    assert page.evaluate("errors") == []
    assert [url for url in page.requested if not url.startswith("file:")] == []
    assert page.evaluate("document.title") == "Routing report"
    assert page.evaluate("document.querySelectorAll('img, script').length") == 2


@pytest.mark.slow
def test_sliders_move_the_point_and_all_figures(page, report):
    known = page.evaluate(
        "[...document.querySelectorAll('.sq-sliders input')].map((s) => s.dataset.name)"
    )
    assert set(known) == SLIDERS
    curve, before = report.curve, figures(page)
    last = len(curve.coverage) - 1
    for name in SLIDERS:
        falls = name not in ("coverage", "battery_days")
        move(page, name, last - 20 if falls else 20)
        said = page.evaluate("document.querySelector('.sq-said').textContent")
        assert f"pair reaches {100 * curve.accuracy[20]:.1f}".removesuffix(".0") in said
        shown = figures(page)
        assert shown["coverage slider"] == "20"
        assert shown["latency_ms slider"] == str(last - 20)
        assert float(shown["p95_latency_ms"].split()[0]) == pytest.approx(
            curve.costs["p95_latency_ms"][20], rel=0.01
        )
        value = page.evaluate(
            f"document.querySelector('input[data-name={name}]')"
            ".getAttribute('aria-valuetext')"
        )
        expected = curve.coverage if name == "coverage" else curve.costs[name]
        scale = 100 if name == "coverage" else 1
        number = float(re.match(r"[\d.]+", value)[0])
        assert number == pytest.approx(scale * expected[20], rel=0.01)
        page.evaluate("document.querySelector('.sq-controls button').click()")
        assert figures(page) == before


@pytest.mark.slow
def test_the_point_starts_in_use_and_moves_along_the_curve(page):
    ring = page.evaluate(
        "['cx', 'cy'].map((a) => Number(document.querySelector('.sq-in-use')"
        ".getAttribute(a)))"
    )
    assert point(page) == pytest.approx(ring, abs=0.6)
    path = page.evaluate("document.querySelector('.sq-curve').getAttribute('points')")
    path = np.array([pair.split(",") for pair in path.split()], dtype=float)
    for place in (0, 30, len(path) - 1):
        move(page, "coverage", place)
        assert point(page) == pytest.approx(path[place], abs=0.2)


@pytest.mark.slow
def test_sliders_work_by_keyboard(page):
    page.evaluate("document.querySelector('input[data-name=coverage]').focus()")
    before = point(page)
    code = {"key": "ArrowLeft", "code": "ArrowLeft", "windowsVirtualKeyCode": 37}
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, **code)
    page.wait_for(f"document.querySelector('.sq-point').cx.baseVal.value < {before[0]}")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_the_paper(page, scheme):
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    page.send("Emulation.setEmulatedMedia", features=media)
    colours = page.evaluate(
        """(() => {
          const behind = (kind) =>
            getComputedStyle(document.querySelector(kind)).backgroundColor;
          const [paper, soft] = [behind('main'), behind('.sq-controls')];
          const of = (e) => [getComputedStyle(e)[e.closest('svg') ? 'fill' : 'color'],
            e.closest('.sq-controls') ? soft : paper];
          return [...document.querySelectorAll(
            'h1, h2, p, li, td, th, dt, dd, small, svg text, b, label')].map(of);
        })()"""
    )
    page.send("Emulation.setEmulatedMedia", features=[])
    assert len({tuple(pair) for pair in colours}) > 2
    for text, paper in colours:
        assert _contrast(text, paper) >= 4.5, (text, paper)
    assert (_luminance(colours[0][1]) < 0.1) == (scheme == "dark")


def _luminance(colour):
    share = np.array(re.findall(r"[\d.]+", colour)[:3], dtype=float) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _contrast(first, second):
    light, dark = sorted(map(_luminance, (first, second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 400])
def test_no_width_needs_scrolling_sideways(page, width):
    page.send("Emulation.setDeviceMetricsOverride", width=width, **SIZE)
    wide = page.evaluate("document.documentElement.scrollWidth")
    kinds = page.evaluate(
        "['.sq-wide', '.sq-narrow'].map("
        "(k) => getComputedStyle(document.querySelector(k)).display)"
    )
    page.send("Emulation.clearDeviceMetricsOverride")
    assert wide <= width
    assert kinds == (["block", "none"] if width == 1280 else ["none", "block"])


@pytest.mark.slow
def test_drawings_and_sliders_have_names(page):
    names = page.evaluate(
        "[...document.querySelectorAll('svg.sq-chart')].map((s) => s.ariaLabel)"
    )
    assert all("Accuracy over coverage" in name for name in names)
    labels = page.evaluate(
        "[...document.querySelectorAll('.sq-sliders input')].map("
        "(s) => s.labels[0].textContent)"
    )
    assert labels[0].startswith("Coverage")
    assert len(labels) == len(SLIDERS)


def test_hostile_texts_are_shown_and_not_run(report):
    page = report.to_html()
    assert "<img src=x" not in page
    assert "<svg onload" not in page
    assert "&lt;/script&gt;&lt;img src=x" in page
    assert "<img" not in report._repr_html_()


@pytest.mark.parametrize("text", [*HOSTILE, "\u2028", "]]>"])
def test_no_text_breaks_out(text):
    assert not set("<>") & set(as_script({"a": text}))
    shown = element("p", text, title=text)
    assert shown.count("<") == 2
    assert shown.count('"') == 2


@pytest.fixture(scope="module")
def of_models(digits):
    X, y = digits
    hybrid = HybridClassifier(GaussianNB(), DecisionTreeClassifier(), cv=3)
    return hybrid.fit(X[:500], y[:500]).report(X[500:800], y[500:800])


@pytest.mark.slow
def test_the_diagram_of_the_models_asks_for_nothing(browser, of_models, tmp_path):
    of_models.to_html(tmp_path / "report.html")
    browser.open((tmp_path / "report.html").as_uri())
    browser.evaluate("document.querySelector('summary').click()")
    assert browser.evaluate("errors") == []
    assert [url for url in browser.requested if not url.startswith("file:")] == []
    browser.send("Emulation.setDeviceMetricsOverride", width=400, **SIZE)
    wide = browser.evaluate("document.documentElement.scrollWidth")
    browser.send("Emulation.clearDeviceMetricsOverride")
    assert wide <= 400


def test_a_notebook_gets_a_drawing_and_the_diagram_of_the_models(of_models):
    report = of_models
    shown = report._repr_html_()
    assert escape(report.verdict) in shown.replace("\u00a0", " ")
    assert "sk-estimator" in shown or "sk-container" in shown
    assert "DecisionTreeClassifier" in shown
    assert shown.count('<svg class="sq-chart') == 1


def test_without_rows_there_is_a_page(report):
    empty = RoutingPolicy("margin").fit(
        make_selective_query(200, random_state=0).outcomes
    )
    nothing = make_selective_query(5, random_state=0).outcomes.take([])
    assert "no rows" in empty.report(nothing).to_html()
    assert "no rows" in empty.report(nothing)._repr_html_()
