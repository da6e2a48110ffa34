"""The interface of budgets: limits on queries, and floors of quality."""

import math
from dataclasses import fields, replace

from selective_query._numbers import is_number

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
    method : str
        How it is certified.
    """

    needs_global = True
    is_minimum = True

    @property
    def level(self):
        """What is to be reached."""
        return getattr(self, fields(self)[0].name)

    def measured(self, sweep):
        """The quality at each threshold of a sweep."""
        raise NotImplementedError

    def met(self, sweep):
        """Whether it is reached, at each threshold of a sweep; False where nan."""
        return self.shortfall(sweep) <= ROUNDING

    def shortfall(self, sweep):
        """What is lacking at each threshold of a sweep; negative where it is met."""
        lead = self.measured(sweep) - self.level
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
        """
        raise NotImplementedError

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
