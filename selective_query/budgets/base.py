"""The interface of budgets: limits on queries, and floors of quality."""

import math
from dataclasses import fields, replace

import numpy as np

from selective_query._utils.numbers import is_number
from selective_query.exceptions import CertificateError

# Sums of weights differ from what they stand for by less than this share.
ROUNDING = 1e-9


def check_number(budget, name, low, high):
    """Refuse a parameter of a budget that is no number within bounds."""
    value = getattr(budget, name)
    if not is_number(value) or not low <= value <= high:
        allowed = f"in [{low:g}, {high:g}]" if high < math.inf else f">= {low:g}"
        raise ValueError(
            f"{type(budget).__name__}: {name} must be a number {allowed}. Got "
            f"{value!r}."
            + (
                f" Did you mean {value / 100:g}?"
                if is_number(value) and high == 1 and 1 < value <= 100
                else ""
            )
        )


class Budget:
    """What an operating point must keep to; see the subclasses.

    Budgets are frozen, comparable and hashable, so they can be the ``coverage`` of an
    estimator and the values of a grid search.
    """

    # Whether thresholds may be mixed at random to meet it.
    mixes = False

    @property
    def parts(self):
        """The single budgets that this one consists of."""
        return (self,)


class Limit(Budget):
    """A budget that bounds the queries: all it leaves may be spent."""

    def least_coverage(self):
        """The least coverage that keeps to the limit."""
        raise NotImplementedError


class Floor(Budget):
    """A quality to be reached with as few queries as possible.

    Attributes
    ----------
    needs_global : bool
        Whether it makes no sense for an abstaining classifier.
    is_minimum : bool
        Whether more of it is better.
    kept_by_global : bool
        Whether querying everything keeps to it for certain.
    method, graded_method : str
        How it is certified for answers that are right or wrong, and for graded ones.
    """

    needs_global = True
    is_minimum = True
    kept_by_global = False
    method = graded_method = "a test of its own"

    @property
    def level(self):
        """What is to be reached."""
        return getattr(self, fields(self)[0].name)

    def measured(self, sweep):
        """The quality at each threshold of a sweep."""
        raise NotImplementedError

    def values(self, rows, threshold):
        """What the quality is the mean of, one for each row, and weights of the rows.

        Returns
        -------
        tuple of ndarray of shape (n_samples,), or None
            None where it is no such mean.
        """
        return None

    def met(self, sweep):
        """Whether it is reached, at each threshold of a sweep; False where nan."""
        return self.shortfall(sweep) <= ROUNDING

    def shortfall(self, sweep):
        """What is lacking at each threshold of a sweep; negative where it is met."""
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
        """p-value of "the budget is missed at threshold i".

        Parameters
        ----------
        sweep : Sweep
        i : int
        error : float
            The error probability that it will be compared with.

        Returns
        -------
        float

        Raises
        ------
        CertificateError
            When a subclass has no test.
        """
        raise CertificateError(
            f"{type(self).__name__} has no p_value(sweep, i, error), which a "
            "certificate takes. Implement it, or set confidence=None."
        )

    def rows_needed(self, error):
        """Fewest rows that could show it at this error probability; None if unknown."""
        return None

    def bound(self, sweep, i, error):
        """The strictest level that would pass at threshold i, within 1e-6."""
        passes, fails = (0.0, 1.0) if self.is_minimum else (1.0, 0.0)
        while abs(passes - fails) > 1e-6:
            middle = (passes + fails) / 2
            stricter = replace(self, **{fields(self)[0].name: middle})
            if stricter.p_value(sweep, i, error) <= error:
                passes = middle
            else:
                fails = middle
        return passes
