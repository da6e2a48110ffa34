"""Pictures that are drawn while the documentation is built.

``.. picture:: MODULE.NAME`` calls the function NAME of ``_pictures/MODULE.py``, which
returns a matplotlib figure, and inserts it into the page as SVG: text and axes take the
colours and the font of the page, in light and in dark mode. ``:alt:`` is the text for
screen readers; the content is the caption.
"""

from importlib import import_module
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

HERE = Path(__file__).parent


class Picture(SphinxDirective):
    """``.. picture:: MODULE.NAME``."""

    required_arguments = 1
    option_spec = {"alt": directives.unchanged_required}
    has_content = True

    def run(self):
        from _pictures.drawing import as_svg, style

        if "alt" not in self.options:
            raise self.error("picture needs :alt:, a text for those who cannot see it.")
        room, name = self.arguments[0].split(".")
        self.env.note_dependency(str(HERE / f"{room}.py"))
        with style(self.arguments[0]):
            figure = getattr(import_module(f"_pictures.{room}"), name)()
            svg = as_svg(figure, " ".join(self.options["alt"].split()))
        shown = nodes.raw("", f'<div class="sq-picture">{svg}</div>', format="html")
        caption = nodes.container(classes=["sq-caption"])
        self.state.nested_parse(self.content, self.content_offset, caption)
        return [shown, caption] if self.content else [shown]


def setup(app):
    """Register the directive with Sphinx."""
    app.add_directive("picture", Picture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
