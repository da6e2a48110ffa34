"""What to say where a budget cannot be met, or not be shown."""

import numpy as np

from selective_query._utils.validation import warn_user
from selective_query.budgets._solving.thresholds import coverage_bound
from selective_query.exceptions import BudgetInfeasibleError, CalibrationWarning

# How far to look for the number of rows that would show a budget.
MOST_ROWS_IMAGINED = 1e7


def infeasible(sweep, allowed, limit, floors):
    """The error that names the floor which no allowed threshold reaches."""
    reached = allowed.copy()
    for floor in floors:
        possible = reached & floor.met(sweep)
        if not possible.any():
            values = floor.measured(sweep)[reached]
            best = np.fmax if floor.is_minimum else np.fmin
            nearest = float(best.reduce(values))
            with_limit = f" within {limit!r}" if limit else ""
            return BudgetInfeasibleError(
                f"{floor!r} cannot be met{with_limit}: the best on the calibration "
                f"rows is {nearest:.4f}. Ask for what can be met, "
                + ("relax another budget, " if limit or len(floors) > 1 else "")
                + "or use better models.",
                floor,
                nearest,
            )
        reached = possible
    raise AssertionError("some floor is missed by every threshold")


def not_shown(found, limit, floors, confidence):
    """The error that names the floor with the largest p-value where tests began."""
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
    needed = _rows_to_show(worst, found, error)
    more = (
        f"At the rates seen here about {needed} rows would do"
        if needed
        else "More rows would not help at the rates seen here"
    )
    shown = "at least" if worst.is_minimum else "at most"
    return BudgetInfeasibleError(
        f"{worst!r} cannot be shown by {n} calibration rows with confidence "
        f"{confidence:g}: {shown} {nearest:.4f} can. {more}; or ask for that, or for "
        "less confidence.",
        worst,
        nearest,
    )


def _rows_to_show(floor, found, error):
    """How many rows with these rates would pass at the start; None if none would."""
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
    """Say that everything will be queried, and how many rows would change that."""
    n = round(float(found.sweep.n))
    needed = floor.rows_needed(error)
    at_least = f" At least {needed} are needed." if needed and needed > n else ""
    warn_user(
        f"{n} calibration rows do not show {floor!r} with confidence {1 - error:g} "
        f"where the tests begin, so everything will be queried.{at_least}",
        CalibrationWarning,
    )
