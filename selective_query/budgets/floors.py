"""Floors: a quality that must be reached with as few queries as possible."""

from dataclasses import dataclass

from selective_query.budgets._p_values import (
    binomial_p_value,
    excess_p_value,
    mean_p_value,
)
from selective_query.budgets.base import Floor, check_number

BETTING = "betting on graded answers"
# Upper limit of the search: nobody labels more rows.
MOST_ROWS = 2**40


@dataclass(frozen=True)
class MinAccuracy(Floor):
    """The hybrid's accuracy is at least this.

    Parameters
    ----------
    accuracy : float
        In [0, 1].
    """

    accuracy: float

    method = "exact binomial tail"
    graded_method = BETTING

    def __post_init__(self):
        check_number(self, "accuracy", 0, 1)

    def measured(self, sweep):
        return sweep.accuracy

    def values(self, rows, threshold):
        return rows.utility(threshold), rows.weight

    def p_value(self, sweep, i, error):
        if sweep.is_binary:
            right = sweep.accuracy[i] * sweep.n
            return binomial_p_value(right, sweep.n, self.accuracy)
        return mean_p_value(sweep.utility(i), self.accuracy)

    def __str__(self):
        return f"accuracy >= {self.accuracy:g}"


@dataclass(frozen=True)
class MaxExcessError(Floor):
    """The hybrid's error rate exceeds that of the global alone by at most this.

    Parameters
    ----------
    excess : float
        Difference of error rates, in [0, 1].
    """

    excess: float

    is_minimum = False
    kept_by_global = True
    method = "exact trinomial test"
    graded_method = BETTING

    def __post_init__(self):
        check_number(self, "excess", 0, 1)

    def measured(self, sweep):
        return sweep.excess

    def values(self, rows, threshold):
        return rows.query_utility - rows.utility(threshold), rows.weight

    def p_value(self, sweep, i, error):
        if not sweep.kept[i]:
            return 1.0  # The global alone meets the budget trivially.
        if sweep.is_binary:
            return excess_p_value(
                sweep.kept_worse[i],
                sweep.kept_better[i],
                sweep.n,
                self.excess,
                error,
            )
        # The difference lies in [-1, 1]; betting needs values in [0, 1].
        lead = (1 + sweep.utility(i) - sweep.query_utility()) / 2
        return mean_p_value(lead, (1 - self.excess) / 2)

    def rows_needed(self, error):
        """The smallest number of rows that could certify it, if both always agree.

        Parameters
        ----------
        error : float

        Returns
        -------
        int or None
            None if 2**40 rows are too few.
        """
        fails, passes = 0, 1
        while excess_p_value(0, 0, passes, self.excess, error) > error:
            fails, passes = passes, 2 * passes
            if passes > MOST_ROWS:
                return None
        while passes - fails > 1:
            middle = (passes + fails) // 2
            if excess_p_value(0, 0, middle, self.excess, error) > error:
                fails = middle
            else:
                passes = middle
        return passes

    def __str__(self):
        return f"excess error <= {self.excess:g}"


@dataclass(frozen=True)
class MinSelectiveAccuracy(Floor):
    """The base's accuracy on the inputs that it answers is at least this.

    The usual floor for an abstaining classifier, which then answers as much as it can.

    Parameters
    ----------
    accuracy : float
        In [0, 1].
    """

    accuracy: float

    needs_global = False
    method = "exact binomial tail given the number of answers"
    graded_method = BETTING

    def __post_init__(self):
        check_number(self, "accuracy", 0, 1)

    def measured(self, sweep):
        return sweep.selective_accuracy

    def values(self, rows, threshold):
        return rows.base_utility, rows.weight * (rows.score <= threshold)

    def p_value(self, sweep, i, error):
        if not sweep.kept[i]:
            return 1.0
        if sweep.is_binary:
            return binomial_p_value(sweep.kept_right[i], sweep.kept[i], self.accuracy)
        return mean_p_value(sweep.kept_utility(i), self.accuracy)

    def __str__(self):
        return f"selective accuracy >= {self.accuracy:g}"
