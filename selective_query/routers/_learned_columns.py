"""The columns of new evidence, refused where they are not those of fit."""

import numpy as np

from selective_query.routers._evidence_columns import (
    describe_layout,
    evidence_columns,
)
from selective_query.routers._table import centre_and_scale

# Steps of a grid in a standard deviation: coarser than rounding, finer than any split.
FINENESS = 2.0**20
# Columns of so many rows stay in the processor's cache, and bound scratch memory.
CHUNK = 2048


def columns_like(evidence, layout, who):
    """Columns of the evidence, which must have the layout that `who` was fitted on.

    Raises
    ------
    ValueError
        When the evidence has other kinds or widths.
    """
    columns, found = evidence_columns(evidence)
    if found != layout:
        raise ValueError(
            f"{who} was fitted on other evidence: {describe_layout(layout)}. Got "
            f"{describe_layout(found)}. Give the same kinds of evidence as in fit."
        )
    return columns


def grid_of(columns, weight):
    """The step of each column's grid, on which rounding makes no difference."""
    _, scale = centre_and_scale(columns, weight)
    return np.where(np.isfinite(scale), scale, 1) / FINENESS


def on_grid(columns, grid):
    """Columns rounded to their grids, so that equal values are equal to the last digit.

    What is computed beside other rows comes out another in its last digits, and a
    model that compares it with a number may then decide otherwise.
    """
    return np.rint(columns / grid) * grid


def score_columns(score, evidence, layout, who):
    """`score(columns)` of new evidence, some thousand rows at a time.

    Parameters
    ----------
    score : callable
        From columns of shape (n_rows, n_columns) to scores of shape (n_rows,).
    evidence : Evidence
    layout : tuple of (str, int)
        Of fit.
    who : str
        For messages.

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    n_rows = evidence.n_rows
    if n_rows <= CHUNK:
        return score(columns_like(evidence, layout, who))
    scores = np.empty(n_rows)
    for start in range(0, n_rows, CHUNK):
        rows = slice(start, start + CHUNK)
        scores[rows] = score(columns_like(evidence.view(rows), layout, who))
    return scores
