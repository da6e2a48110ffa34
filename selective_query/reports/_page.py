"""A report as HTML: a standalone page with an explorer, or a notebook fragment."""

import math
import re

import numpy as np
from sklearn.utils import estimator_html_repr

from selective_query.metrics._sentences import percent
from selective_query.reports import _words
from selective_query.reports._chart import charts
from selective_query.reports._markup import (
    Markup,
    as_script,
    element,
    filled,
    joined,
    read,
)

MOST_PARTS = 50
MANY = 20  # examples of each kind
# Quantities that a slider can set; the others follow.
SLIDERS = {
    "coverage": "Coverage (the share that the base answers)",
    "latency_ms": "Mean time to an answer",
    "energy_mj": "Energy of the device for an input",
    "battery_days": "Life of the battery",
    "price": "Price of an input",
}
RISING = ("coverage", "battery_days")  # increase with coverage
WITHOUT_SLIDER = {"p95_latency_ms": "95 % answered within", "bytes": "Bytes an input"}


def whole(report):
    """The complete page."""
    if not report.n:
        content = element("h1", _unbroken(report.verdict))
        return filled("page.html", content=content, facts=as_script(None), **_assets())
    sections = [
        _accuracies(report),
        _point(report),
        _costs(report),
        _gap(report),
        _who(report),
        _examples(report),
        _diagram(report),
    ]
    content = filled(
        "content.html",
        verdict=_unbroken(report.verdict),
        conclusions=_list(_words.conclusion(report)),
        explorer_title="Other operating points",
        explorer_note=_note(report),
        curve=joined(charts(report)),
        said=report.verdict,
        figures=_figures(report),
        heading=_heading(report),
        sliders=_sliders(report),
        sections=joined(sections),
    )
    facts = as_script(_facts(report))
    return filled("page.html", content=content, facts=facts, **_assets())


def fragment(report):
    """HTML for a notebook, without scripts of its own."""
    css = _assets()["css"]
    if not report.n:
        parts = {"curve": "", "sections": ""}
    else:
        parts = {
            "curve": charts(report)[0],
            "sections": joined([_accuracies(report), _diagram(report)]),
        }
    verdict = _unbroken(report.verdict)
    return filled("fragment.html", css=css, verdict=verdict, **parts)


def _unbroken(text):
    """Keep numbers together with their units, and intervals in one piece."""
    text = re.sub(r"\[(\S+), (\S+)\]", "[\\1,\u00a0\\2]", text)
    return text.replace(" %", "\u00a0%")


def _assets():
    return {"css": Markup(read("report.css")), "js": Markup(read("report.js"))}


def _note(report):
    what = "the answered rows" if report.is_abstention else "the pair"
    note = (
        f"The line shows the accuracy of {what} at every threshold, on these "
        f"{report.n:,} rows; the whole line lies in the band with probability "
        f"{percent(report.confidence)}. A point chosen here has seen these rows: "
        "confirm it on others."
    )
    if not report.knows_all:
        note += " The global answered only the queried rows, so the line starts there."
    return note


def _start(report):
    return int(np.argmin(abs(report.curve.coverage - report.coverage)))


def _facts(report):
    curve = report.curve
    names = ("coverage", "accuracy", "low", "high")
    points = zip(curve.coverage, curve.accuracy, strict=True)
    return {
        "points": {name: getattr(curve, name) for name in names} | curve.costs,
        "said": [f"{_words.operating_point(report, *point)}." for point in points],
        "start": _start(report),
        "units": {name: unit for name, (_, unit) in _words.COST_WORDS.items()},
    }


def _figures(report):
    curve, i = report.curve, _start(report)
    ends = _words.interval((curve.low[i], curve.high[i]))
    accuracy = percent(curve.accuracy[i])
    queries = _words.number(1000 * (1 - curve.coverage[i]))
    asked = "Abstentions" if report.is_abstention else "Queries"
    figures = [
        (report.rows.measure, element("span", accuracy, data_name="accuracy"), ends),
        (f"{asked} in 1,000", element("span", queries, data_name="queries"), None),
    ]
    for name, label in WITHOUT_SLIDER.items():
        if name in curve.costs:
            unit = _words.COST_WORDS[name][1]
            value = f"{_words.number(curve.costs[name][i])} {unit}".strip()
            figures.append((label, element("span", value, data_name=name), None))
    return joined(
        element(
            "div",
            element("dt", label),
            element("dd", value, *_small(ends)),
        )
        for label, value, ends in figures
    )


def _small(ends):
    if ends is not None:
        yield element("small", "band ", element("span", ends, data_name="interval"))


def _sliders(report):
    known = {"coverage": None, **report.curve.costs}
    labels = SLIDERS | ({"coverage": "Share answered"} if report.is_abstention else {})
    return joined(
        element(
            "label",
            element("span", label, element("b", "", aria_hidden="true")),
            element(
                "input",
                type="range",
                min=0,
                max=1,
                step=1,
                data_name=name,
                data_falls=None if name in RISING else 1,
            ),
        )
        for name, label in labels.items()
        if name in known
    )


def _section(title, *parts):
    return element("section", element("h2", title), *parts)


def _heading(report):
    moved = "Move the point by coverage or by cost"
    return moved if report.curve.costs else "Move the point"


def _list(lines):
    return element("ul", *(element("li", line) for line in lines)) if lines else ""


def _table(name, head, rows, strong=()):
    """A table whose rows start with their heading."""
    body = (
        element(
            "tr",
            element("th", first, scope="row"),
            *others,
            class_="sq-strong" if first in strong else None,
        )
        for first, *others in rows
    )
    names = (element("th", name, scope="col") for name in head)
    table = element(
        "table",
        element("thead", element("tr", *names)),
        element("tbody", *body),
    )
    return element("div", table, class_="sq-scroll", tabindex="0", role="region",
                   aria_label=name)  # fmt: skip


def _cell(value):
    return element("td", value)


def _bar(share, is_gain=False):
    look = {"class_": "sq-gain"} if is_gain else {}
    bar = element("span", style=f"width:{100 * min(max(share, 0), 1):.1f}%", **look)
    return element("td", bar, class_="sq-bars", aria_hidden="true")


def _accuracies(report):
    rows = (
        (name, _cell(_words.tabled(value)), _cell(_words.interval(ends)))
        for name, value, ends in _words.accuracy_table(report)
    )
    what = report.rows.measure
    head = "Who answers", what, f"{percent(report.confidence)} interval"
    strong = ("pair", "on answered rows")
    return _section(what, _table(what, head, rows, strong=strong))


def _point(report):
    lines = _words.coverage_lines(report)
    if report.operating_point is not None:
        lines.append(f"Certificate: {report.operating_point.certificate}.")
    lines += _words.spending_lines(report)
    return _section("Operating point", *(element("p", line) for line in lines))


def _costs(report):
    if not report.costs:
        return ""
    rows = (
        (
            f"{name} ({unit})" if unit else name,
            *(_cell(_words.number(value)) for value in values),
        )
        for name, unit, values in _words.cost_table(report)
    )
    title = "Costs of an input"
    return _section(title, _table(title, ("", *report.costs), rows))


def _gap(report):
    gap = report.gap
    if gap is None:
        return ""
    most = max((abs(step.loss) for step in gap.steps), default=0) or 1
    rows = (
        (
            step.name,
            _cell(f"{100 * step.loss:.1f}"),
            _cell(f"{100 * step.low:.1f} to {100 * step.high:.1f}"),
            _bar(abs(step.loss) / most, step.loss < 0),
        )
        for step in gap.steps
    )
    advice = (element("p", line) for line in gap.advice().splitlines())
    note = "Hatched: gained." if any(step.loss < 0 for step in gap.steps) else ""
    head = "Step", "Points lost", "Interval", ""
    return _section(
        "Where accuracy is lost",
        *advice,
        _table("Losses by step", head, rows),
        element("p", note, class_="sq-quiet") if note else "",
    )


def _who(report):
    kind, table = report.who_is_queried()
    if len(table) < 2:
        return ""
    rows = (
        (
            part["part"],
            _cell(f"{part['n']:,}"),
            _cell(_words.tabled(part["queried"])),
            _bar(part["queried"]),
            _cell(_words.tabled(part["base"])),
            _cell(_or_dash(part["pair"])),
        )
        for part in table[:MOST_PARTS]
    )
    what = report.rows.measure
    verb, right = "queried", (f"Base {what.lower()}", f"Pair {what.lower()}")
    if report.is_abstention:
        verb, right = "abstained", (f"{what}, all", "Kept")
    head = kind.capitalize(), "Rows", verb.capitalize(), "", *right
    more = len(table) - MOST_PARTS
    rest = f"{more:,} more are not shown." if more > 0 else ""
    title = "Where it abstains" if report.is_abstention else f"Who is {verb}"
    return _section(title, _table(title, head, rows), rest)


def _or_dash(share):
    return "–" if math.isnan(share) else _words.tabled(share)


def _examples(report):
    found = report.examples(MANY)
    if not found:
        return ""
    rows = "ids" if report.rows.id is not None else "positions, from 0"
    lines = []
    for of in found.values():
        more = ", …" if of["count"] > len(of["names"]) else ""
        names = element("code", f"{', '.join(map(str, of['names']))}{more}")
        what = f"{of['count']:,} {of['what']}: "
        lines.append(element("p", what, names))
    note = element("p", f"Rows by their {rows}.", class_="sq-quiet")
    return _section("Examples", note, *lines)


def _diagram(report):
    if report.model is None:
        return ""
    drawing = Markup(estimator_html_repr(report.model))
    return element(
        "details",
        element("summary", "The models, as scikit-learn draws them"),
        element("div", drawing, class_="sq-diagram"),
    )
