"""Convert evidence to a table of numbers for learned routers."""

from functools import lru_cache

import numpy as np
from scipy.sparse import issparse

from selective_query.routers._scores import SMALLEST_PROBABILITY
from selective_query.routers._table import centre_and_scale, numeric_inputs
from selective_query.routers.steps import Steps

N_TOP = 5
# With more classes, only the top probabilities are used.
MAX_LOGIT_COLUMNS = 64
WHO = "A learned router"
# Grid steps per standard deviation: coarser than rounding, finer than any split.
FINENESS = 2.0**20
PROBA_AT = 0


def evidence_columns(evidence):
    """Numeric columns for a learned router, confidence first.

    First one minus the largest probability, then the next largest probabilities, the
    entropy, the logits (or centred log-probabilities, for at most 64 classes), and the
    base's features. Without base probabilities only the rest: features, or a numeric
    `X`, which may be sparse.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    columns : ndarray of shape (n_samples, n_columns)
    layout : tuple of (str, int)
        The kinds of evidence that the columns come from, and the width of each.

    Raises
    ------
    MissingEvidenceError
        If there is no numeric evidence.
    """
    return _program_of(evidence).table(evidence), layout_of(evidence)


def _program_of(evidence):
    proba = evidence.base_proba
    with_log = (
        isinstance(proba, np.ndarray)
        and evidence.base_logits is None
        and proba.shape[1] <= MAX_LOGIT_COLUMNS
    )
    return Steps(_column_steps(layout_of(evidence), with_log)).program(WHO)


def columns_cost(evidence):
    """Cost on the device of computing these columns for one row."""
    return _program_of(evidence).cost(evidence)


def layout_of(evidence, most_logits=MAX_LOGIT_COLUMNS):
    """Kinds of evidence that a learned router reads, and the width of each.

    Parameters
    ----------
    evidence : Evidence
    most_logits : int
        Wider logits are omitted.

    Returns
    -------
    tuple of (str, int)

    Raises
    ------
    MissingEvidenceError
        If there is no numeric evidence.
    """
    logits = evidence.base_logits
    parts = {
        "base_proba": evidence.base_proba,
        "base_logits": None
        if logits is None or logits.shape[1] > most_logits
        else logits,
        "base_features": evidence.base_features,
    }
    layout = tuple((k, part.shape[1]) for k, part in parts.items() if part is not None)
    if layout:
        return layout
    X = evidence.require("X", f"{WHO} without base outputs")
    if not issparse(X) and np.ndim(X) != 2:
        needs = f"{WHO} needs base_proba, base_logits, base_features or"
        X = numeric_inputs(X, needs)
    return (("X", np.shape(X)[1]),)


def check_layout(found, layout, who):
    """Raise a ValueError if the layout differs from that in fit."""
    if found != layout:
        raise ValueError(
            f"{who} was fitted on other evidence: {_described(layout)}. Got "
            f"{_described(found)}. Give the same kinds of evidence as in fit."
        )


def _described(layout):
    return ", ".join(f"{name} with {width} columns" for name, width in layout)


def column_steps(layout, n_columns):
    """Steps that compute `n_columns` columns of this layout.

    If base_proba is read, it is stored at PROBA_AT. The last place holds the columns.
    """
    return Steps(_known_steps(layout, n_columns))


@lru_cache(maxsize=64)
def _known_steps(layout, n_columns):
    # Log-probabilities were columns unless fit used only the largest probabilities.
    steps = _column_steps(layout, False)
    is_all = Steps(steps).program(WHO).widths()[-1] == n_columns
    return steps if is_all else _column_steps(layout, True)


@lru_cache(maxsize=64)
def _column_steps(layout, with_log):
    steps, columns = Steps(), []
    for part, width in layout:
        table = steps.read(part, width)
        if part != "base_proba":
            columns.append(table)
            continue
        columns.append(steps.add("doubt", table, k=min(N_TOP, width)))
        if not with_log:
            columns.append(steps.add("reduce", table, function="entropy"))
            continue
        # The most expensive step; the entropy reuses its result.
        log = steps.add("log", table, floor=SMALLEST_PROBABILITY)
        columns.append(steps.add("combine", table, log, function="cross_entropy"))
        columns.append(steps.add("centre", log))
    if len(columns) > 1:
        steps.add("concatenate", *columns)
    return tuple(steps)


def grid_of(columns, weight):
    """Grid step of each column, within which rounding makes no difference."""
    _, scale = centre_and_scale(columns, weight)
    return np.where(np.isfinite(scale), scale, 1) / FINENESS


def on_grid(columns, grid):
    """Columns rounded to their grids, so that equal values are bitwise equal.

    Values computed in another batch differ in their last digits, and a model that
    compares them with a threshold might then decide differently.
    """
    return np.rint(columns / grid) * grid


def linear_steps(layout, coef, intercept):
    """Steps for a weighted sum of evidence columns, stored at the last place."""
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
