"""Output of commands: text, JSON, and files of decisions."""

import json
import sys
from dataclasses import fields, is_dataclass

import numpy as np

from selective_query._utils.plain import as_json
from selective_query.outcomes._files import plain_array
from selective_query.outcomes._tables import TABLES, suffix_of, write_table


def show(args, text, found):
    """Print text, or the result as JSON with --json.

    Parameters
    ----------
    args : Namespace
    text : object
    found : object
        Dicts, lists, dataclasses, arrays, numbers and text; anything else is converted
        to text.
    """
    print(json.dumps(as_json(found)) if args.json else text)


def aligned(rows):
    """Format rows as a table with a header, numbers aligned right.

    Parameters
    ----------
    rows : list of dict
        All with the same keys.

    Returns
    -------
    str
    """
    names = list(rows[0])
    cells = [names, *([str(row[name]) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = ["<" if isinstance(rows[0][name], str) else ">" for name in names]
    lines = (
        "  ".join(
            f"{cell:{side}{width}}"
            for cell, side, width in zip(line, sides, widths, strict=True)
        )
        for line in cells
    )
    return "\n".join(map(str.rstrip, lines))


def fields_of(found, *left_out):
    """Return the fields of a dataclass by name, except some."""
    if not is_dataclass(found):
        return found
    names = (field.name for field in fields(found))
    return {name: getattr(found, name) for name in names if name not in left_out}


def write_decisions(path, decisions):
    """Write the decisions about rows to exactly this path.

    Parameters
    ----------
    path : Path
        CSV or parquet by its ending; a dash for CSV on standard output; otherwise npz.
    decisions : dict of str to ndarray of shape (n_samples,)
        The first column identifies the rows; in npz its name is always id.
    """
    if str(path) == "-":
        write_table(sys.stdout, decisions)
    elif suffix_of(path) in TABLES:
        write_table(path, decisions)
    else:
        names, *_ = decisions
        arrays = {n: plain_array(n, column) for n, column in decisions.items()}
        with open(path, "wb") as file:
            np.savez(file, **{"id": arrays.pop(names), **arrays})
