"""Build HTML and SVG elements and fill templates; everything else is escaped."""

import json
from functools import cache
from html import escape
from pathlib import Path
from string import Template

import numpy as np

TEMPLATES = Path(__file__).parent / "templates"


class Markup(str):
    """Text that is already markup."""

    __slots__ = ()


def element(name, *children, **attributes):
    """Create an element; underscores in attribute names become hyphens.

    Parameters
    ----------
    name : str
    *children : Markup, or objects to show as text
    **attributes : object
        Attributes that are None are omitted.
    """
    given = "".join(
        f' {key.strip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    start = Markup(f"<{name}{given}>")
    return start if name == "input" else Markup(f"{start}{joined(children)}</{name}>")


def joined(parts):
    """Concatenate parts, escaping those that are not markup."""
    return Markup(
        "".join(p if isinstance(p, Markup) else escape(str(p)) for p in parts)
    )


def filled(template, **parts):
    """Fill a template with its parts, escaping those that are text."""
    parts = {name: joined([part]) for name, part in parts.items()}
    return Markup(Template(read(template)).substitute(parts))


@cache
def read(template):
    """The text of a template."""
    return (TEMPLATES / template).read_text(encoding="utf-8")


def as_script(data):
    """Data as JSON that is safe inside a script element."""
    text = json.dumps(_plain(data), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


def _plain(value):
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        # Six digits: accurate to a hundredth of a pixel, at half the size.
        return [float(f"{v:.6g}") if np.isfinite(v) else None for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
