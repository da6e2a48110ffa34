"""Convert a program to nodes of a graph."""

from selective_query.exceptions import ExportError
from selective_query.export._lost import told_by
from selective_query.export._onnx.graph import Table
from selective_query.export._onnx.operations import FORMS, over_row
from selective_query.routers._operations import OPERATIONS


def add_program(graph, program, parts):
    """Append the steps of a program.

    Parameters
    ----------
    graph : Graph
    program : Program
    parts : dict of str to Table
        The evidence; at least one part, which defines the number of rows.

    Returns
    -------
    list of Table
        Table of each step. The last one is the score, NaN where an intermediate
        value overflowed single precision.
    """
    tables = []
    for place, (op, inputs, parameters) in enumerate(program.steps):
        if op == "read":
            tables.append(parts[parameters["part"]])
            continue
        taken = [tables[i] for i in inputs]
        try:
            width = OPERATIONS[op].width(*[t.width for t in taken], **parameters)
            if op == "constant":
                name = _repeated(graph, parameters["value"], next(iter(parts.values())))
            else:
                name = FORMS[op](graph, *taken, **parameters)
        except ValueError as error:
            raise ExportError(
                f"Step {place} ({op}) of {program.router}: {error}"
            ) from error
        tables.append(Table(name, width))
    for place in sorted(told_by(program.steps)):
        tables[-1] = _lost_where(graph, tables[place], tables[-1])
    return tables


def _lost_where(graph, told, table):
    """Return a table with NaN in rows where another table is not finite."""
    apart = graph.add("Sub", told.name, told.name)  # 0 or NaN
    lost = over_row(graph, "ReduceSum", apart)
    return Table(graph.add("Add", table.name, lost), table.width)


def _repeated(graph, value, like):
    """Return a column with one number in every row of a table."""
    ends = {"start": 0, "end": 1}
    shape = graph.add(
        "Concat", graph.add("Shape", like.name, **ends), graph.places([1]), axis=0
    )
    return graph.add("Expand", graph.numbers([[value]]), shape)
