"""Solve a budget on the rows from which thresholds are learned."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import inf, nan

import numpy as np
from sklearn.utils import check_random_state

from selective_query._utils.numbers import is_number
from selective_query.budgets._columns import RowColumns, read_to_be_solved
from selective_query.budgets._solving.groups import solve_groups
from selective_query.budgets._solving.reach import Reach
from selective_query.budgets._solving.sequence import (
    fixed_sequence,
    not_shown,
    warn_nothing_shown,
)
from selective_query.budgets._solving.shortfalls import of_threshold
from selective_query.budgets._solving.sweep import JudgedRows
from selective_query.budgets._solving.thresholds import (
    CalibrationScores,
    coverage_bound,
)
from selective_query.budgets.base import (
    floors_of,
    least_coverage,
    limit_of,
)
from selective_query.budgets.combined import check_coverage
from selective_query.budgets.operating_points import Certificate, OperatingPoint
from selective_query.exceptions import (
    BudgetInfeasibleError,
    CertificateError,
)

# If no other rows can order a sequence of thresholds, this share of the calibration
# rows does, up to a maximum number.
ORDERING_SHARE = 0.2
ENOUGH_TO_ORDER = 500


@dataclass(frozen=True, eq=False)
class Calibration:
    """Rows from which thresholds are learned, for any budget.

    Attributes
    ----------
    scores : CalibrationScores
    judged : JudgedRows or None
        The same rows with the utilities of both answers, if known.
    ordering : JudgedRows or None
        Independent rows that set the order in which thresholds are tested.
    seed : int
        For setting such rows aside if there are none.
    columns : RowColumns
        Columns that budgets read from the rows.
    in_benefit_units : bool
        Whether scores estimate the benefit.
    answers_exact : bool
        Whether the answers come from the models that will be in use.
    """

    scores: CalibrationScores
    judged: JudgedRows | None = None
    ordering: JudgedRows | None = None
    seed: int = 0
    columns: RowColumns = field(default_factory=RowColumns)
    in_benefit_units: bool = False
    answers_exact: bool = True

    def solve(self, budget, confidence=None):
        """Find the operating point for a budget.

        Parameters
        ----------
        budget : Budget or None
            None cuts where the estimated benefit is zero.
        confidence : float or None
            Probability with which the budget holds on new data. None: it holds on
            average.

        Returns
        -------
        OperatingPoint

        Raises
        ------
        BudgetInfeasibleError
            If no threshold meets the budget, or none can be shown to.
        CertificateError
            If a confidence is given but the rows are not exact, or have weights other
            than 0 and 1.
        ValueError
            If a quality is required but the outcomes of the rows are unknown.
        """
        budget = check_coverage(budget)
        if confidence is not None:
            check_confidence(confidence)
            self._check_certifiable(budget)
        if not self.scores.n:
            raise ValueError("There are no calibration rows of positive weight.")
        if budget is None:
            return self._point(None, 0.0, None, method="the sign of the benefit")
        if read_to_be_solved(budget):
            return solve_groups(self, budget, confidence)
        floors = floors_of(budget)
        if not floors:
            return self._spend(budget, least_coverage(budget), confidence)
        self._check_judged(floors)
        if confidence is None:
            return self._reach(budget)
        self._check_answers(floors)
        return self._certify(budget, floors, confidence)

    def of(self, rows):
        """The calibration restricted to some of the rows.

        Parameters
        ----------
        rows : ndarray of shape (n_samples,), bool

        Returns
        -------
        Calibration
        """
        columns = [(kind, where, c[rows]) for kind, where, c in self.columns.kept]
        return replace(
            self,
            scores=self.scores.of(rows),
            judged=self.judged and self.judged.take(rows),
            columns=RowColumns(tuple(columns)),
        )

    def _check_certifiable(self, budget):
        if budget is None:
            raise CertificateError(
                "confidence= certifies a budget, and coverage=None is none. Give a "
                "coverage, or set confidence=None."
            )
        if not self.scores.exact:
            raise CertificateError(
                "confidence= is only valid for rows that nothing was fitted on. Set "
                "calibration=0.2 to hold out a share of the rows, or use frozen models "
                "with a router that learns nothing (max_probability, entropy, ...); or "
                "set confidence=None."
            )
        check_certifiable_weights(self.scores.unit_weights)

    def _check_answers(self, floors):
        if not self.answers_exact:
            raise CertificateError(
                f"confidence= for {floors[0]!r} is only valid for answers of the "
                "global that will be in use, and these come from fits on parts of the "
                "rows. Set calibration=0.2 to hold out a share of the rows, freeze the "
                "global, or set confidence=None."
            )

    def _check_judged(self, floors):
        if self.judged is None:
            raise ValueError(
                f"{floors[0]!r} needs to know how good the answers to the calibration "
                "rows are, and only evidence was given. Pass Outcomes as held_out=."
            )

    def _spend(self, budget, coverage, confidence):
        """Use all queries that a limit allows."""
        threshold, rank, too_few = self.scores.cut(coverage, confidence)
        bound = None
        if confidence is not None:
            bound = coverage
            if rank is not None and not too_few:
                bound = coverage_bound(rank, self.scores.n, confidence)
            bound = _bounds(budget, bound)
        return self._point(
            budget,
            threshold,
            confidence,
            method="exact order statistic" if self.scores.exact else "order statistic",
            bound=bound,
            vacuous=too_few,
            rank=rank,
        )

    def _reach(self, budget):
        """Make the fewest queries estimated to reach the floors."""
        sweep = self.judged.sweep()
        furthest = Reach.of(budget, sweep).furthest()
        if self.scores.exact:
            threshold = self.scores.above(sweep.thresholds[furthest])
            if sweep.kept[furthest] == sweep.n:
                threshold = inf
        else:
            # The refitted models have other scores, so the coverage is carried over,
            # not the threshold.
            threshold = self.scores.cut(float(min(sweep.coverage[furthest], 1.0)))[0]
        worth = self.scores.n_effective / self.scores.n
        return self._point(
            budget,
            threshold,
            None,
            method="estimated curve",
            short_by=tuple(
                of_threshold(part, self.judged, sweep, furthest, worth)
                for part in budget.parts
            ),
        )

    def _certify(self, budget, floors, confidence):
        """Make the fewest queries that are certified to reach the floors."""
        ordering, judged = self.ordering, self.judged
        if ordering is None:
            order = np.random.RandomState(self.seed).permutation(len(judged.score))
            n_first = min(max(1, round(ORDERING_SHARE * len(order))), ENOUGH_TO_ORDER)
            ordering = judged.take(np.sort(order[:n_first]))
            judged = judged.take(np.sort(order[n_first:]))
        if not judged.weight.any():
            raise BudgetInfeasibleError(
                f"{floors[0]!r} cannot be shown: some calibration rows are used to "
                "choose which thresholds to test, and no row of positive weight is "
                "left. Give more rows.",
                floors[0],
                nan,
            )
        least = least_coverage(budget)
        found = fixed_sequence(ordering, judged, floors, least, confidence)
        error = 1 - confidence
        vacuous = False
        threshold = found.threshold
        if threshold is not None:
            threshold = self.scores.above(threshold)
        else:
            # Querying everything meets some floors for certain, where it is allowed.
            everything_may_leave = not np.isneginf(judged.score).any()
            if (
                least
                or not everything_may_leave
                or not all(floor.kept_by_global for floor in floors)
            ):
                raise not_shown(found, limit_of(budget), floors, confidence)
            threshold, vacuous = -inf, True
            warn_nothing_shown(floors[0], found, error)
        binary = found.sweep.is_binary
        methods = [f.method if binary else f.graded_method for f in floors]
        method = " and ".join(dict.fromkeys(methods))
        point = self._point(
            budget,
            threshold,
            confidence,
            method=f"{method}, along a fixed sequence of thresholds",
            bound=_bounds(budget),
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
                # The estimate at this coverage, where the scores come from other
                # models.
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
                weighted=not self.scores.unit_weights,
                **certificate,
            ),
        )


def check_certifiable_weights(unit_weights):
    """Refuse weights that could be either row counts or importances.

    Raises
    ------
    CertificateError
        If any weight is not 0 or 1.
    """
    if not unit_weights:
        raise CertificateError(
            "confidence= counts independent rows, and sample_weight holds other "
            "numbers than 0 and 1, which may be counts of rows or importances of "
            "rows. Where they are counts, repeat the rows in place of weighting them: "
            "outcomes.take(np.repeat(np.arange(n), sample_weight)), or X and y "
            "likewise. Importances have no certificate: set confidence=None."
        )


def check_confidence(confidence):
    """Refuse a confidence that is not strictly between 0 and 1.

    Raises
    ------
    ValueError
        If it is not.
    """
    if not is_number(confidence) or not 0 < confidence < 1:
        raise ValueError(
            "confidence must be a number between 0 and 1, ends excluded, or None for "
            f"no certificate. Got {confidence!r}."
        )


def _bounds(budget, coverage=None):
    """The certified bound of each part: the requested value, never a better one.

    A bound read from the rows after they chose the threshold would not be valid. With
    limits alone, it is a `coverage` by rank; several limits hold together, because all
    bound the coverage.
    """

    def bound(part):
        if part.measures_quality:
            return part.level
        if not part.bounds_coverage:
            return None
        return least_coverage(part) if coverage is None else coverage

    bounds = tuple(map(bound, budget.parts))
    return bounds[0] if len(bounds) == 1 else bounds


def hold_out(n, calibration, random_state):
    """Row numbers to fit on, and a random share of all rows to calibrate on.

    Raises
    ------
    ValueError
        If either side would be empty.
    """
    n_held_out = round(calibration * n)
    if not 0 < n_held_out < n:
        raise ValueError(
            f"calibration={calibration} of {n} rows leaves one side empty. Give more "
            "rows or another share."
        )
    order = check_random_state(random_state).permutation(n)
    return np.sort(order[n_held_out:]), np.sort(order[:n_held_out])


def certify_jointly(at, budgets, confidence):
    """Operating points of several budgets whose certificates hold jointly.

    Parameters
    ----------
    at : callable
        Maps a budget and ``confidence=`` to a policy or classifier.
    budgets : sequence of (float or Budget)
    confidence : float

    Returns
    -------
    list
        A budget that cannot be certified gives its BudgetInfeasibleError instead.

    Raises
    ------
    ValueError
        If there is no budget, or the confidence is not a probability.
    """
    budgets = list(budgets) if isinstance(budgets, Iterable) else budgets
    if not isinstance(budgets, list) or not budgets:
        raise ValueError(
            "budgets must hold at least one budget, in a list such as [0.8, 0.9]. Got "
            f"{budgets!r}."
        )
    check_confidence(confidence)
    for budget in budgets:
        for part in budget if isinstance(budget, (list, tuple)) else [budget]:
            check_coverage(part)
    each = 1 - (1 - confidence) / len(budgets)
    found = []
    for budget in budgets:
        try:
            found.append(at(budget, confidence=each))
        except BudgetInfeasibleError as error:
            found.append(error)
    return found
