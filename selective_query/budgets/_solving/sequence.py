"""Fixed-sequence testing: the furthest threshold certified to meet a budget."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from selective_query._utils.validation import warn_user
from selective_query.budgets._solving.thresholds import coverage_bound
from selective_query.exceptions import BudgetInfeasibleError, CalibrationWarning

N_THRESHOLDS = 1000
# Number of evenly spaced thresholds that are candidates for the start.
N_STARTS = 100
# Upper limit when searching for the number of rows that would certify a budget.
MOST_ROWS_IMAGINED = 1e7


@dataclass(frozen=True)
class SequenceResult:
    """How far a sequence of tests got.

    Attributes
    ----------
    threshold : float or None
        The last that passed; None if the first failed.
    sweep, position
        Sums over the calibration rows from the first threshold on, and the index of
        `threshold` in them, or 0.
    """

    threshold: float | None
    sweep: object
    position: int


def fixed_sequence(ordering, calibration, floors, least_coverage, confidence):
    """Test thresholds one by one, from more queries to fewer, until one fails.

    Learn-then-Test (Angelopoulos et al., 2021) with fixed-sequence testing: the order
    of the thresholds is chosen without the calibration rows, so each may be tested at
    the full error probability. With several budgets, the largest p-value counts
    (intersection-union test), so the error probability is not divided either.

    The sequence starts at the threshold most likely to pass according to the ordering
    rows; for an accuracy that falls with coverage, this is a query rate of 1.

    Parameters
    ----------
    ordering : JudgedRows
        Rows that determine the sequence.
    calibration : JudgedRows
        Rows for the tests, independent of the ordering rows and of everything fitted.
    floors : sequence of Floor
    least_coverage : float
        A limit that must hold too; 0 for none.
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
    """p-value of the hypothesis that any of the budgets is missed at threshold i."""
    values = [floor.p_value(sweep, i, error) for floor in floors]
    if least_coverage > 0:
        kept, n = round(float(sweep.kept[i])), round(float(sweep.n))
        values.append(float(binom.sf(kept - 1, n, least_coverage)))
    return max(values)


def not_shown(found, limit, floors, confidence):
    """Error naming the budget with the largest p-value where the tests started."""
    error = 1 - confidence
    p_values = [floor.p_value(found.sweep, 0, error) for floor in floors]
    worst = floors[int(np.argmax(p_values))]
    n = round(float(found.sweep.n))
    if max(p_values) <= error:
        kept = float(found.sweep.kept[0])
        nearest = coverage_bound(kept, n, confidence)
        return BudgetInfeasibleError(
            f"{limit!r} cannot be shown together with the other budgets by {n} "
            f"calibration rows with confidence {confidence:g}: where they are most "
            f"likely to hold, coverage is shown to be at least {nearest:.4f}. Give "
            "more rows, or relax a budget.",
            limit,
            nearest,
        )
    nearest = worst.bound(found.sweep, 0, error)
    more = _would_more_rows_help(worst, found, error)
    shown = "at least" if worst.is_minimum else "at most"
    return BudgetInfeasibleError(
        f"{worst!r} cannot be shown by {n} calibration rows with confidence "
        f"{confidence:g}: {shown} {nearest:.4f} can. {more}; or ask for that, or for "
        "less confidence.",
        worst,
        nearest,
    )


def _would_more_rows_help(floor, found, error):
    needed = _rows_to_show(floor, found, error)
    if needed:
        return f"At the rates seen here about {needed} rows would do"
    missed = float(floor.shortfall(found.sweep)[0])
    if missed <= _by_chance(floor, found.sweep):
        return (
            f"These rows miss it by {missed:.2g} where they are most likely to reach "
            "it, which may be chance: more rows would show"
        )
    return "More rows would not help at the rates seen here"


def _by_chance(floor, sweep):
    """Two standard errors at the first threshold: what chance could explain."""
    values, weight = floor.values(sweep.rows, sweep.thresholds[0]) or (None, None)
    if values is None or not weight.any():
        return 0.0
    share = weight / weight.sum()
    spread, one_row = share @ (values - share @ values) ** 2, float(share @ share)
    # Even if all rows agree, the next row may not.
    return 2 * float(np.sqrt(spread * one_row)) + one_row


def _rows_to_show(floor, found, error):
    """Number of rows with these rates that would pass at the start, or None."""
    if not floor.met(found.sweep)[0]:
        return None
    sweep = found.sweep
    doubled = 1
    while sweep.n * 2**doubled <= MOST_ROWS_IMAGINED:
        grown = sweep.grown(2**doubled)
        if floor.p_value(grown, 0, error) <= error:
            return round(float(grown.n))
        doubled += 1
    return None


def warn_nothing_shown(floor, found, error):
    """Warn that everything will be queried, and say how many rows would change that."""
    n = round(float(found.sweep.n))
    needed = floor.rows_needed(error)
    at_least = f" At least {needed} are needed." if needed and needed > n else ""
    warn_user(
        f"{n} calibration rows do not show {floor!r} with confidence {1 - error:g} "
        f"where the tests begin, so everything will be queried.{at_least}",
        CalibrationWarning,
    )
