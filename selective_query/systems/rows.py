"""Rows that systems are calibrated and reported on."""

import numpy as np


def weighted_mean(values, outcomes):
    """Mean over the rows of outcomes, by their weights."""
    if not outcomes.weight.any():
        raise ValueError(
            f"outcomes must hold at least one row of weight above 0. Got "
            f"{outcomes.n_rows} rows without any."
        )
    return float(np.average(values, weights=outcomes.weight))


def refuse_no_global(outcomes, what):
    """Raise ValueError for outcomes that know nothing of a global."""
    if not outcomes.has_global:
        raise ValueError(
            f"{what} needs outcomes with a global: its probabilities, predictions or "
            "grades. Without one a query would count as right."
        )
