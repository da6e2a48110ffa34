"""Tables that are generated when the documentation is built, so no figure is typed.

A role and four directives:

``:measured:`NAME column key=value ...` `` is one figure: that column of the only row of
``benchmarks/results/NAME.json`` with these values, formatted as in its table.

``.. benchmark-table:: NAME`` shows rows of ``benchmarks/results/NAME.json``, or "not
measured yet" if that file is missing. The tables of a benchmark with several tables
have the names ``NAME.TABLE``.

``.. front-table::`` is the first table of the README.

``.. profiles::`` lists the devices and links of :mod:`selective_query.costs`.

``.. rows-needed::`` lists the smallest number of calibration rows that can certify a
coverage, as computed by the library.
"""

from _figures import (
    benchmark_table,
    front_table,
    measured,
    needed_table,
    path_of,
    profile_tables,
)
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective, SphinxRole


class Measured(SphinxRole):
    """``:measured:`NAME column key=value ...` ``."""

    def run(self):
        self.env.note_dependency(str(path_of(self.text.split()[0])))
        try:
            return [nodes.Text(measured(" ".join(self.text.split())))], []
        except (ValueError, KeyError, OSError) as error:
            message = self.inliner.reporter.error(str(error), line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [
                message
            ]


class _Generated(SphinxDirective):
    def parse(self, lines, source):
        node = nodes.container()
        self.state.nested_parse(StringList(lines, source), self.content_offset, node)
        return node.children


class BenchmarkTable(_Generated):
    """``.. benchmark-table:: NAME``."""

    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        path = path_of(name)
        # A file that appears later makes the page out of date as well.
        self.env.note_dependency(str(path))
        return self.parse(benchmark_table(name), str(path))


class FrontTable(_Generated):
    """``.. front-table::``."""

    def run(self):
        path = path_of("compare_routers")
        self.env.note_dependency(str(path))
        return self.parse(front_table(), str(path))


class Profiles(_Generated):
    """``.. profiles::``."""

    def run(self):
        return self.parse(profile_tables(), "profiles")


class RowsNeeded(_Generated):
    """``.. rows-needed::``."""

    def run(self):
        return self.parse(needed_table(), "rows-needed")


def setup(app):
    """Register the role and the directives with Sphinx."""
    app.add_role("measured", Measured())
    app.add_directive("benchmark-table", BenchmarkTable)
    app.add_directive("front-table", FrontTable)
    app.add_directive("profiles", Profiles)
    app.add_directive("rows-needed", RowsNeeded)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
