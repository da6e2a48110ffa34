"""Allocate the tables of a program in one array and reuse their memory."""

from typing import NamedTuple

from selective_query.routers._operations import OPERATIONS


class Place(NamedTuple):
    """Memory of a table.

    Parameters
    ----------
    part : str or None
        Part of the evidence that contains the table; None if it is in the arena.
    offset : int
        Position of its first number.
    """

    part: str | None
    offset: int


def placed(steps, widths, kept):
    """Return the memory of each step's table, and the size of the arena.

    Parameters
    ----------
    steps : sequence of Step
    widths : sequence of int
        Number of columns of each table.
    kept : collection of int
        Indices of the steps whose tables are read at the end.

    Returns
    -------
    places : list of Place
    size : int
    """
    owners = _owners(steps)
    last_use = {owner: place for place, owner in enumerate(owners)}
    for place, step in enumerate(steps):
        last_use |= dict.fromkeys((owners[i] for i in step.inputs), place)
    last_use |= dict.fromkeys((owners[i] for i in kept), len(steps))
    places, held, size = [], {}, 0
    for place, step in enumerate(steps):
        held = {o: span for o, span in held.items() if last_use[o] >= place}
        if step.op == "read":
            places.append(Place(step.parameters["part"], 0))
        elif owners[place] != place:
            part, offset = places[step.inputs[0]]
            places.append(Place(part, offset + step.parameters.get("start", 0)))
        else:
            offset = _over_an_input(place, step, widths, owners, last_use, held)
            if offset is None:
                offset = _first_gap(held.values(), widths[place])
            held[place] = (offset, widths[place])
            size = max(size, offset + widths[place])
            places.append(Place(None, offset))
    return places, size


def _owners(steps):
    """Return the step that allocated the memory of each table."""
    owners = []
    for place, (op, inputs, parameters) in enumerate(steps):
        is_view = op != "read" and OPERATIONS[op].is_view(**parameters)
        owners.append(owners[inputs[0]] if is_view else place)
    return owners


def _over_an_input(place, step, widths, owners, last_use, held):
    """Return the offset of an input to overwrite: same width, last use; or None."""
    if not OPERATIONS[step.op].in_place:
        return None
    for i in step.inputs:
        is_last = owners[i] == i and i in held and last_use[i] == place
        is_whole = all(j == i or owners[j] != i for j in step.inputs)
        if is_last and is_whole and widths[i] == widths[place]:
            return held[i][0]
    return None


def _first_gap(spans, width):
    offset = 0
    for start, taken in sorted(spans):
        if start - offset >= width:
            break
        offset = max(offset, start + taken)
    return offset
