"""From a budget to an operating point, on the rows that thresholds are learned from."""

from dataclasses import dataclass, field, replace
from math import inf, nan

import numpy as np

from selective_query._validation import warn_user
from selective_query.budgets.budgets import floors_of, limit_of
from selective_query.budgets.certificates import Certificate, OperatingPoint
from selective_query.budgets.groups import solve_groups
from selective_query.budgets.row_budgets import RowColumns, looks_at_rows
from selective_query.budgets.sequence import fixed_sequence
from selective_query.budgets.sweep import JudgedRows
from selective_query.budgets.thresholds import CalibrationScores, coverage_bound
from selective_query.exceptions import (
    BudgetInfeasibleError,
    CalibrationWarning,
    CertificateError,
)

# Where no other rows can settle a sequence of thresholds, this share of the calibration
# rows does, and no more rows than it takes.
ORDERING_SHARE = 0.2
ENOUGH_TO_ORDER = 500
# How far to look for the number of rows that would show a budget.
MOST_ROWS_IMAGINED = 1e7


@dataclass(frozen=True, eq=False)
class Calibration:
    """Rows that thresholds are learned from, for any budget.

    Attributes
    ----------
    scores : CalibrationScores
    judged : JudgedRows or None
        The same rows with the utilities of both answers, where they are known.
    ordering : JudgedRows or None
        Rows that are independent of these, to settle a sequence of thresholds.
    seed : int
        For setting such rows aside where there are none.
    columns : RowColumns
        What budgets read off each row.
    in_benefit_units : bool
        Whether scores are estimates of the benefit.
    """

    scores: CalibrationScores
    judged: JudgedRows | None = None
    ordering: JudgedRows | None = None
    seed: int = 0
    columns: RowColumns = field(default_factory=RowColumns)
    in_benefit_units: bool = False

    def solve(self, budget, confidence=None):
        """The operating point for a budget.

        Parameters
        ----------
        budget : Budget or None
            None cuts at zero benefit.
        confidence : float or None
            Probability with which the budget shall hold on new data. None: on average.

        Returns
        -------
        OperatingPoint

        Raises
        ------
        BudgetInfeasibleError
            When no threshold keeps to the budget, or is shown to.
        CertificateError
            When a confidence is asked for and the rows are not exact, or their weights
            are no counts.
        ValueError
            When a quality is asked for and the outcomes of the rows are not known.
        """
        if confidence is not None:
            self._check_certifiable(budget)
        if budget is None:
            return self._point(None, 0.0, None, method="the sign of the benefit")
        if looks_at_rows(budget):
            return solve_groups(self, budget, confidence)
        limit, floors = limit_of(budget), floors_of(budget)
        if not floors:
            least = limit.least_coverage() if limit else 0.0
            return self._spend(budget, least, confidence)
        self._check_judged(floors)
        if confidence is None:
            return self._reach(budget, limit, floors)
        return self._certify(budget, limit, floors, confidence)

    def _check_certifiable(self, budget):
        if budget is None:
            raise CertificateError(
                "confidence= certifies a budget, and coverage=None asks for none. "
                "Give a coverage, or set confidence=None."
            )
        if not self.scores.exact:
            raise CertificateError(
                "confidence= is only true for rows that nothing was fitted on. Set "
                "calibration=0.2 to hold out a share of the rows, or use frozen models "
                "with a router that learns nothing (max_probability, entropy, ...); or "
                "set confidence=None."
            )
        if not self.scores.whole_weights:
            raise CertificateError(
                "confidence= needs sample weights that are counts of rows (whole "
                "numbers). Leave sample_weight out, or set confidence=None."
            )

    def _check_judged(self, floors):
        if self.judged is None:
            raise ValueError(
                f"{floors[0]!r} needs to know how good the answers to the calibration "
                "rows are, and only evidence was given. Pass Outcomes as held_out=."
            )

    def _spend(self, budget, coverage, confidence):
        """As many queries as a limit allows."""
        threshold, rank = self.scores.cut(coverage, confidence)
        bound = None
        if confidence is not None:
            bound = coverage
            if rank is not None and threshold < inf:
                bound = coverage_bound(rank, self.scores.n, confidence)
        return self._point(
            budget,
            threshold,
            confidence,
            method="exact order statistic" if self.scores.exact else "order statistic",
            bound=bound,
            vacuous=rank is not None and threshold == inf,
            rank=rank,
        )

    def _reach(self, budget, limit, floors):
        """The fewest queries that reach the floors, by estimate."""
        sweep = self.judged.sweep()
        least = limit.least_coverage() if limit else 0.0
        allowed = sweep.coverage >= least - 1e-9
        met = allowed.copy()
        for floor in floors:
            met &= floor.met(sweep)
        if not met.any():
            raise _infeasible(sweep, allowed, limit, floors)
        furthest = int(np.flatnonzero(met)[-1])
        if self.scores.exact:
            threshold = float(sweep.thresholds[furthest])
            if sweep.kept[furthest] == sweep.n:
                threshold = inf
        else:
            # Scores of the refitted models differ, so a coverage is carried over, not
            # a threshold.
            threshold, _ = self.scores.cut(float(min(sweep.coverage[furthest], 1.0)))
        return self._point(budget, threshold, None, method="estimated curve")

    def _certify(self, budget, limit, floors, confidence):
        """The fewest queries that are shown to reach the floors."""
        ordering, judged = self.ordering, self.judged
        if ordering is None:
            order = np.random.RandomState(self.seed).permutation(len(judged.score))
            n_first = min(max(1, round(ORDERING_SHARE * len(order))), ENOUGH_TO_ORDER)
            ordering = judged.take(np.sort(order[:n_first]))
            judged = judged.take(np.sort(order[n_first:]))
        least = limit.least_coverage() if limit else 0.0
        found = fixed_sequence(ordering, judged, floors, least, confidence)
        error = 1 - confidence
        vacuous = False
        threshold = found.threshold
        if threshold is None:
            # Querying everything keeps an excess error for certain, where it may be.
            everything_may_leave = not np.isneginf(judged.score).any()
            if (
                least
                or not everything_may_leave
                or any(floor.is_minimum for floor in floors)
            ):
                raise _not_shown(found, limit, floors, confidence)
            threshold, vacuous = -inf, True
            _warn_nothing_shown(floors[0], found, error)
        bounds = []
        for part in budget.parts:
            if part in floors:
                value = part.bound(found.sweep, found.position, error)
            else:
                n = float(found.sweep.n)
                kept = float(found.sweep.kept[found.position])
                value = coverage_bound(kept, n, confidence)
            bounds.append(part.level if vacuous else value)
        method = " and ".join(dict.fromkeys(floor.method for floor in floors))
        point = self._point(
            budget,
            threshold,
            confidence,
            method=f"{method}, along a fixed sequence of thresholds",
            bound=bounds[0] if len(bounds) == 1 else tuple(bounds),
            vacuous=vacuous,
        )
        n = round(float(judged.weight.sum()))
        return replace(point, certificate=replace(point.certificate, n=n))

    def _point(self, budget, threshold, confidence, **certificate):
        n = self.scores.n
        coverage = self.scores.coverage_at(threshold)
        accuracy = nan
        if self.judged is not None:
            if self.scores.exact:
                accuracy = float(self.judged.sweep([threshold]).accuracy[0])
            else:
                # What this coverage gave where the scores are those of other models.
                sweep = self.judged.sweep()
                accuracy = float(np.interp(coverage, sweep.coverage, sweep.accuracy))
        return OperatingPoint(
            threshold,
            budget,
            coverage,
            accuracy,
            Certificate(
                budget,
                threshold,
                int(n) if self.scores.whole_weights else float(n),
                confidence,
                self.scores.exact,
                **certificate,
            ),
        )


def _infeasible(sweep, allowed, limit, floors):
    """The error that names the floor which no allowed threshold reaches."""
    reached = allowed.copy()
    for floor in floors:
        possible = reached & floor.met(sweep)
        if not possible.any():
            values = floor.measured(sweep)[reached]
            nearest = float(
                np.nanmax(values) if floor.is_minimum else np.nanmin(values)
            )
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


def _not_shown(found, limit, floors, confidence):
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


def _warn_nothing_shown(floor, found, error):
    n = round(float(found.sweep.n))
    needed = floor.rows_needed(error)
    at_least = f" At least {needed} are needed." if needed and needed > n else ""
    warn_user(
        f"{n} calibration rows cannot show {floor!r} with confidence {1 - error:g} for "
        f"any rule that keeps an input, so everything will be queried.{at_least}",
        CalibrationWarning,
    )
