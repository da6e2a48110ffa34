"""The interface of budgets: limits on queries, and floors on quality."""

from dataclasses import fields, is_dataclass, replace

import numpy as np

from selective_query._utils import numbers
from selective_query.exceptions import CertificateError

# Rounding of sums of weights is below this share.
ROUNDING = 1e-9


def check_number(budget, name, low, high):
    """Raise if a parameter of a budget is not a number within bounds."""
    of_budget = f"{type(budget).__name__}: {name}"
    numbers.check_number(getattr(budget, name), of_budget, low, high, or_infinite=True)


class Budget:
    """What an operating point must satisfy: a limit, a floor, or a condition on rows.

    Budgets are frozen, comparable and hashable, so they can be the ``coverage`` of an
    estimator and the values of a grid search. To write your own, derive from
    :class:`Limit`, :class:`Floor` or :class:`RowBudget`. The attributes below determine
    how a budget is solved.

    Attributes
    ----------
    bounds_coverage : bool
        Whether it implies a minimum coverage, ``least_coverage()``.
    measures_quality : bool
        Whether it is a floor on a quality, ``measured(sweep)``.
    reads_rows : bool
        Whether it reads a value from each row, ``column(evidence)``.
    reads_base : bool
        Whether a decision under it needs the base's answer to the row.
    mixes : bool
        Whether thresholds may be mixed at random to meet it.
    is_complete : bool
        Whether it defines everything needed to solve it; incomplete budgets are
        refused.
    """

    bounds_coverage = measures_quality = reads_rows = False
    reads_base = mixes = is_complete = False

    @property
    def parts(self):
        """The single budgets that this one consists of."""
        return (self,)

    def refuse_misuse(self, router, has_global):
        """Raise if the budget makes no sense for the router and models at hand.

        Parameters
        ----------
        router : BaseRouter
            Fitted.
        has_global : bool
            False for abstention.

        Raises
        ------
        ValueError
            If it makes no sense.
        """


class Limit(Budget):
    """A budget that bounds the queries; all queries that it allows may be used.

    A limit of your own implements ``least_coverage()``. Make it a frozen dataclass, so
    that limits can be compared.

    Attributes
    ----------
    states_coverage : bool
        Whether its string form is a statement about coverage.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from selective_query import RoutingPolicy
    >>> from selective_query.budgets import Limit
    >>> from selective_query.datasets import make_selective_query
    >>> @dataclass(frozen=True)
    ... class DailyQueries(Limit):
    ...     queries: float
    ...     inputs: float
    ...     def least_coverage(self):
    ...         return max(0.0, 1 - self.queries / self.inputs)
    ...     def __str__(self):
    ...         return f"{self.queries:g} queries a day"
    >>> outcomes = make_selective_query(1000, random_state=0).outcomes
    >>> policy = RoutingPolicy("margin", DailyQueries(300, inputs=2000)).fit(outcomes)
    >>> print(policy.operating_point_.certificate)
    coverage >= 0.85, as 300 queries a day takes, holds on average, exactly, by 1000 \
calibration rows (exact order statistic)
    """

    bounds_coverage = True
    states_coverage = False

    @property
    def is_complete(self):
        """Whether it defines ``least_coverage``."""
        return type(self).least_coverage is not Limit.least_coverage

    def least_coverage(self):
        """The minimum coverage that satisfies the limit.

        Returns
        -------
        float
            In [0, 1].
        """
        raise NotImplementedError

    def allows(self, coverage):
        """Whether this coverage, a share in [0, 1], is within the limit.

        Parameters
        ----------
        coverage : float

        Returns
        -------
        bool

        Raises
        ------
        BudgetInfeasibleError
            If no coverage is, for a limit that is defined by its minimum coverage.
        """
        return _coverage_of(self) <= coverage + ROUNDING

    def refuse_misuse(self, router, has_global):
        """Refuse costs that let queries skip the base if the router needs the base.

        Parameters
        ----------
        router : BaseRouter
            Fitted.
        has_global : bool
            False for abstention.

        Raises
        ------
        ValueError
            If the costs assume a router that decides before the base has run, and this
            router needs the base.
        """
        costs = getattr(self, "costs", None)
        if getattr(costs, "router_first", False) and router.needs_base:
            raise ValueError(
                f"The costs of {self} assume a router that decides before the base "
                f"has run, and {type(router).__name__} reads the base's output for "
                "every input. Use costs for the actual order "
                "(ConstantCosts(router_first=False), Deployment(order='base_first')), "
                "or a PreRouter."
            )


class Floor(Budget):
    """A quality that must be reached with as few queries as possible.

    A floor of your own is a frozen dataclass whose first field is the level. Its
    ``measured(sweep)`` returns the quality at each threshold of a sweep. With
    ``p_value(sweep, i, error)`` it can be certified, and with ``values(rows,
    threshold)`` the certificate reports the typical shortfall on new data.

    For each of its ``thresholds``, a sweep holds ``coverage``, ``accuracy``,
    ``selective_accuracy``, ``excess`` and the weighted sums behind them: ``n`` (all
    rows), ``kept``, ``kept_right``, ``kept_worse`` and ``kept_better`` (rows that the
    base keeps, and among those the rows where it is right, worse than the global, or
    better).

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from scipy.stats import binom
    >>> from selective_query import RoutingPolicy
    >>> from selective_query.budgets import Floor
    >>> from selective_query.datasets import make_selective_query
    >>> @dataclass(frozen=True)
    ... class MaxWrongAnswers(Floor):
    ...     share: float
    ...     is_minimum = needs_global = False
    ...     def measured(self, sweep):
    ...         return (sweep.kept - sweep.kept_right) / sweep.n
    ...     def p_value(self, sweep, i, error):
    ...         wrong = sweep.kept[i] - sweep.kept_right[i]
    ...         return binom.cdf(wrong, sweep.n, self.share)
    ...     def __str__(self):
    ...         return f"wrong answers of the base <= {self.share:g} of all inputs"
    >>> outcomes = make_selective_query(4000, random_state=0).outcomes
    >>> policy = RoutingPolicy("margin", MaxWrongAnswers(0.1), random_state=0)
    >>> policy = policy.fit(outcomes)
    >>> round(policy.operating_point_.coverage, 2)
    0.53
    >>> shown = policy.at(MaxWrongAnswers(0.1), confidence=0.9).operating_point_
    >>> round(shown.coverage, 2)
    0.52
    """

    measures_quality = True
    needs_global = True
    is_minimum = True
    kept_by_global = False
    method = graded_method = "a test of its own"

    @property
    def level(self):
        """The level that must be reached."""
        return getattr(self, fields(self)[0].name)

    @property
    def is_complete(self):
        """Whether its first field is the level and ``measured`` is implemented."""
        measured = type(self).measured is not Floor.measured
        is_filled = is_dataclass(self) and fields(self)
        return bool(measured and is_filled and numbers.is_number(self.level))

    def measured(self, sweep):
        """The quality at each threshold of a sweep.

        Parameters
        ----------
        sweep : Sweep
            Sums over the calibration rows at each threshold.

        Returns
        -------
        ndarray of shape (n_thresholds,)
            nan where the quality is undefined.
        """
        raise NotImplementedError

    def refuse_misuse(self, router, has_global):
        """Refuse a comparison of base and global if there is no global.

        Parameters
        ----------
        router : BaseRouter
            Fitted.
        has_global : bool
            False for abstention.

        Raises
        ------
        ValueError
            If there is no global to compare with.
        """
        if self.needs_global and not has_global:
            raise ValueError(
                f"{self!r} is about a base and a global, and there is no global. Ask "
                "for MinSelectiveAccuracy, the accuracy on what is answered."
            )

    def values(self, rows, threshold):
        """Values whose weighted mean is the quality, one for each row, and the weights.

        Parameters
        ----------
        rows : JudgedRows
            Scores and utilities of the calibration rows.
        threshold : float

        Returns
        -------
        values, weight : ndarray of shape (n_samples,)
            Both None if the quality is not such a mean.
        """
        return None

    def met(self, sweep):
        """Whether the level is reached, at each threshold of a sweep.

        Parameters
        ----------
        sweep : Sweep

        Returns
        -------
        ndarray of shape (n_thresholds,), bool
            False where the quality is nan.
        """
        return self.shortfall(sweep) <= ROUNDING

    def shortfall(self, sweep):
        """By how much the level is missed, at each threshold of a sweep.

        Parameters
        ----------
        sweep : Sweep

        Returns
        -------
        ndarray of shape (n_thresholds,)
            Negative where the level is exceeded.

        Raises
        ------
        ValueError
            If ``measured`` does not return one number for each threshold.
        """
        measured = np.asarray(self.measured(sweep))
        if measured.shape != sweep.thresholds.shape:
            raise ValueError(
                f"{type(self).__name__}.measured must return one number for each of "
                f"the {len(sweep.thresholds)} thresholds of the sweep. Got shape "
                f"{measured.shape}."
            )
        lead = measured - self.level
        return -lead if self.is_minimum else lead

    def p_value(self, sweep, i, error):
        """p-value of the hypothesis that the budget is missed at threshold i.

        Parameters
        ----------
        sweep : Sweep
        i : int
            Index of the threshold.
        error : float
            The error probability that the p-value will be compared with.

        Returns
        -------
        float

        Raises
        ------
        CertificateError
            If a subclass does not implement a test.
        """
        raise CertificateError(
            f"{type(self).__name__} has no p_value(sweep, i, error), which a "
            "certificate takes. Implement it, or set confidence=None."
        )

    def rows_needed(self, error):
        """The smallest number of rows that could certify the level.

        Parameters
        ----------
        error : float

        Returns
        -------
        int or None
            None if unknown.
        """
        return None

    def bound(self, sweep, i, error):
        """The strictest level that would pass the test at threshold i, within 1e-6.

        Parameters
        ----------
        sweep : Sweep
        i : int
        error : float

        Returns
        -------
        float
        """
        passes, fails = (0.0, 1.0) if self.is_minimum else (1.0, 0.0)
        while abs(passes - fails) > 1e-6:
            middle = (passes + fails) / 2
            stricter = replace(self, **{fields(self)[0].name: middle})
            is_shown = stricter.p_value(sweep, i, error) <= error
            passes, fails = (middle, fails) if is_shown else (passes, middle)
        return passes


def limit_of(budget):
    """The part that requires the largest minimum coverage, or None."""
    limits = [part for part in budget.parts if part.bounds_coverage]
    return max(limits, key=_coverage_of, default=None)


def least_coverage(budget):
    """The minimum coverage that satisfies all limits of a budget; 0 without a limit."""
    limits = (part for part in budget.parts if part.bounds_coverage)
    return max(map(_coverage_of, limits), default=0.0)


def _coverage_of(limit):
    name, least = f"{type(limit).__name__}.least_coverage", limit.least_coverage()
    return float(numbers.check_number(least, name, 0, 1, what="a share of the inputs"))


def floors_of(budget):
    """The parts that are floors."""
    return tuple(part for part in budget.parts if part.measures_quality)
