"""Fixed-sequence testing: the furthest threshold that is shown to keep to a budget."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

N_THRESHOLDS = 1000
# As many of them, evenly spread, may start the sequence.
N_STARTS = 100


@dataclass(frozen=True)
class SequenceResult:
    """How far a sequence of tests came.

    Attributes
    ----------
    threshold : float or None
        The last that passed; None if not even the first did.
    sweep, position
        The calibration rows' sums from the first threshold on, and the place in them
        of `threshold`, or 0.
    """

    threshold: float | None
    sweep: object
    position: int


def fixed_sequence(ordering, calibration, floors, least_coverage, confidence):
    """Test thresholds one by one, from more queries to fewer, until one fails.

    Learn-then-Test (Angelopoulos et al., 2021) with fixed-sequence testing: since the
    order of the thresholds is settled without the calibration rows, each may be tested
    at the whole error probability. Of several budgets the largest p-value counts
    (intersection-union), so the error probability is not divided either.

    The sequence starts at the threshold that is most likely to pass by the ordering
    rows; for an accuracy that falls with coverage this is a query rate of 1.

    Parameters
    ----------
    ordering : JudgedRows
        Rows that settle the sequence.
    calibration : JudgedRows
        Rows that decide, independent of the former and of all that was fitted.
    floors : sequence of Floor
    least_coverage : float
        A limit to be kept as well, 0 for none.
    confidence : float

    Returns
    -------
    SequenceResult
    """
    levels = ordering.levels
    places = np.unique(
        np.linspace(0, len(levels) - 1, N_THRESHOLDS).round().astype(int)
    )
    thresholds = np.append(levels[places], np.inf)
    error = 1 - confidence

    def p_value(sweep, i):
        return largest_p_value(sweep, i, floors, least_coverage, error)

    stride = -(-len(thresholds) // N_STARTS)
    expected = ordering.sweep(thresholds[::stride])
    promise = [p_value(expected, i) for i in range(len(expected.thresholds))]
    start = stride * int(np.argmin(promise))
    sweep = calibration.sweep(thresholds[start:])
    position = -1
    while position + 1 < len(sweep.thresholds) and (
        p_value(sweep, position + 1) <= error
    ):
        position += 1
    return SequenceResult(
        threshold=float(sweep.thresholds[position]) if position >= 0 else None,
        sweep=sweep,
        position=max(position, 0),
    )


def largest_p_value(sweep, i, floors, least_coverage, error):
    """p-value of "one of the budgets is missed at threshold i"."""
    values = [floor.p_value(sweep, i, error) for floor in floors]
    if least_coverage > 0:
        kept, n = round(float(sweep.kept[i])), round(float(sweep.n))
        values.append(float(binom.sf(kept - 1, n, least_coverage)))
    return max(values)
