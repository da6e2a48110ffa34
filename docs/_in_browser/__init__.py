"""A page section in which an ONNX file decides in the reader's browser.

If a program of the gallery defines ``in_browser``, the section is inserted below that
block of code:

- ``in_browser["model"]`` : the ONNX file, for digits of 8 by 8, as bytes;
- ``in_browser["points"]`` : operating points, each with ``asked``, ``threshold``,
  ``coverage`` and ``accuracy``, measured on ``in_browser["rows"]`` rows;
- ``in_browser["start"]`` : the index of the model's own operating point;
- ``in_browser["ink"]`` : how many pixels of 32 by 32 a drawn digit sets;
- ``in_browser["samples"]`` : stored digits, each with ``pixels``, ``truth`` and
  ``cloud``, the prediction of the global.
"""

from _in_browser.page import PAGE_FILES, fragment
from _in_browser.runtime import NoRuntimeError, bring_runtime


def in_browser_scraper(block, block_vars, gallery_conf):
    """Return the section, as reStructuredText, if the block defines one."""
    facts = block_vars["example_globals"].pop("in_browser", None)
    if facts is None:
        return ""
    lines = fragment(facts, static="../_static").splitlines()
    return "\n".join([".. raw:: html", "", *(f"    {line}" for line in lines), "", ""])


def _get_sg_image_scraper():
    return in_browser_scraper


def _add_files(app):
    from sphinx.util.logging import getLogger

    if app.builder.format != "html":
        return
    files = [*PAGE_FILES]
    try:
        files.append(bring_runtime(app.srcdir / "_build" / "in_browser"))
    except NoRuntimeError as error:
        # A warning would stop `make docs`, which must work without a network.
        getLogger(__name__).info("The page in the browser gets no model: %s", error)
    app.config.html_static_path += [str(path) for path in files]


def setup(app):
    """Register the static files that the section needs."""
    app.connect("builder-inited", _add_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
