"""Elements of HTML and SVG, and templates; whatever is no element is escaped."""

import json
from functools import cache
from html import escape
from pathlib import Path
from string import Template

import numpy as np

TEMPLATES = Path(__file__).parent / "templates"


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def element(name, *children, **attributes):
    """An element, with a trailing or inner _ in the name of an attribute for a dash.

    Parameters
    ----------
    name : str
    *children : Markup, or object that is shown as text
    **attributes : object
        Those that are None are left out.
    """
    given = "".join(
        f' {key.strip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    start = Markup(f"<{name}{given}>")
    return start if name == "input" else Markup(f"{start}{joined(children)}</{name}>")


def joined(parts):
    """Parts one after the other, those escaped that are no markup."""
    return Markup(
        "".join(p if isinstance(p, Markup) else escape(str(p)) for p in parts)
    )


def filled(template, **parts):
    """A template with its parts, of which texts are escaped."""
    parts = {name: joined([part]) for name, part in parts.items()}
    return Markup(Template(read(template)).substitute(parts))


@cache
def read(template):
    """A template's text."""
    return (TEMPLATES / template).read_text(encoding="utf-8")


def as_script(data):
    """Data as JSON that no text within it can break out of."""
    text = json.dumps(_plain(data), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


def _plain(value):
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        # Six digits: a hundredth of a pixel, and half the size.
        return [float(f"{v:.6g}") if np.isfinite(v) else None for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
