"""Steps and grids of the columns that learned routers weigh."""

import numpy as np

from selective_query.routers._evidence_columns import PROBA_AT, column_steps
from selective_query.routers._table import centre_and_scale

# Steps of a grid in a standard deviation: coarser than rounding, finer than any split.
FINENESS = 2.0**20


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


def linear_steps(layout, coef, intercept):
    """Steps up to a weighted sum of evidence columns, at the last place."""
    steps = column_steps(layout, len(coef))
    bias = np.array([intercept])
    steps.add("affine", len(steps) - 1, weight=coef[:, None], bias=bias)
    return steps


def add_class_effect(steps, score, effects):
    """Add the effect of the predicted class, if any, to the table at this place."""
    if effects is None:
        return score
    effect = steps.add("class_effect", PROBA_AT, effects=effects)
    return steps.add("combine", score, effect, function="add")
