"""The page section in which a model decides in the browser."""

import base64
import json
from pathlib import Path
from string import Template

from _in_browser.runtime import SCRIPT

HERE = Path(__file__).parent
PAGE_FILES = [HERE / "in_browser.css", HERE / "in_browser.js"]


def fragment(facts, static):
    """Return the section's HTML for the facts that the package describes.

    Parameters
    ----------
    facts : dict
    static : str
        Path from the page to the script, the style sheet and the runtime.
    """
    model = base64.b64encode(facts["model"]).decode()
    # A script ends at the first "</", even within a string.
    text = json.dumps({**facts, "model": model}).replace("</", r"<\/")
    template = Template((HERE / "in_browser.html").read_text())
    return template.substitute(facts=text, static=static, runtime=SCRIPT)
