"""Coverage and quality at every threshold, on rows whose outcomes are known."""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from selective_query._utils.numbers import as_column, check_finite
from selective_query._utils.validation import check_weights
from selective_query.metrics._inputs import refuse_nan
from selective_query.outcomes._sorted_rows import SortedRows

MOST_COUNTED = 2**27


@dataclass(frozen=True, eq=False, repr=False)
class JudgedRows:
    """Scores of rows, and the utility of both sides' answers to them.

    Parameters
    ----------
    score, base_utility, query_utility, weight : array-like of shape (n_samples,)
        Rows with equal scores are decided alike: the base or the global answers all of
        them.

    Raises
    ------
    ValueError
        If any of them is not one number for each row.
    """

    score: np.ndarray
    base_utility: np.ndarray
    query_utility: np.ndarray
    weight: np.ndarray

    def __post_init__(self):
        lengths = {}
        for field in fields(self):
            values = as_column(getattr(self, field.name), field.name)
            object.__setattr__(self, field.name, values)
            lengths[field.name] = len(values)
        if len(set(lengths.values())) > 1:
            raise ValueError(f"Rows must be as many in each part. Got {lengths}.")
        refuse_nan(self.score, "score")
        check_finite(self.base_utility, "base_utility", 0, each="row")
        check_finite(self.query_utility, "query_utility", 0, each="row")
        check_weights(self.weight, len(self.weight), name="weight")

    def take(self, rows):
        """Select rows.

        Parameters
        ----------
        rows : ndarray of int or bool
            Row numbers, or a mask of shape (n_samples,).

        Returns
        -------
        JudgedRows
        """
        return JudgedRows(
            self.score[rows],
            self.base_utility[rows],
            self.query_utility[rows],
            self.weight[rows],
        )

    def columns(self, has_global):
        """The rows as arguments of :func:`~selective_query.metrics.gap_attribution`.

        Parameters
        ----------
        has_global : bool
            False for abstention.

        Returns
        -------
        dict of str to (ndarray of shape (n_samples,) or None)
        """
        return {
            "score": self.score,
            "base_utility": self.base_utility,
            "global_utility": self.query_utility if has_global else None,
            "sample_weight": self.weight,
        }

    def utility(self, threshold):
        """Utility of the hybrid's answers at a threshold.

        Parameters
        ----------
        threshold : float

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        kept = self.score <= threshold
        return np.where(kept, self.base_utility, self.query_utility)

    @cached_property
    def levels(self):
        """All thresholds that keep different rows: minus infinity, then the scores."""
        return np.unique(np.append(-np.inf, self.score[self.weight > 0]))

    def sweep(self, thresholds=None):
        """Sums over the kept rows at each threshold.

        Parameters
        ----------
        thresholds : array-like of shape (n_thresholds,), optional
            All levels by default.

        Returns
        -------
        Sweep
        """
        return Sweep(self, self.levels if thresholds is None else thresholds)


class Sweep:
    """Sums over the kept rows at each of some thresholds.

    Parameters
    ----------
    rows : JudgedRows
    thresholds : ndarray of shape (n_thresholds,)
    """

    def __init__(self, rows, thresholds):
        self.rows = rows
        self.thresholds = np.asarray(thresholds, dtype=float)
        # A stable sort, so that sums of weights round the same way on every machine.
        ordered = SortedRows(rows.score, stable=True)
        cuts, weight = ordered.cut_at(self.thresholds), rows.weight

        def kept_sum(values):
            return ordered.kept((weight * values)[ordered.order])[cuts]

        benefit = rows.query_utility - rows.base_utility
        self.n = weight.sum()
        self.kept = kept_sum(np.ones(len(weight)))
        self.kept_right = kept_sum(rows.base_utility)
        self.kept_worse = kept_sum(np.maximum(benefit, 0))
        self.kept_better = kept_sum(np.maximum(-benefit, 0))
        self.query_total = weight @ rows.query_utility

    @cached_property
    def is_binary(self):
        """Whether every answer is either right or wrong, so that counts suffice."""
        return all(
            ((u == 0) | (u == 1)).all()
            for u in (self.rows.base_utility, self.rows.query_utility)
        )

    @property
    def coverage(self):
        """Share of the rows that is kept, at each threshold."""
        return self.kept / self.n

    @property
    def excess(self):
        """Error of the hybrid minus error of the global."""
        return (self.kept_worse - self.kept_better) / self.n

    @property
    def accuracy(self):
        """Accuracy of the hybrid, at each threshold."""
        return self.query_total / self.n - self.excess

    @property
    def selective_accuracy(self):
        """Accuracy of the base on the kept rows; nan if no row is kept."""
        with np.errstate(invalid="ignore"):
            return self.kept_right / self.kept

    def grown(self, times):
        """Sums as if every row had been observed `times` times."""
        rows = self.rows
        return Sweep(replace(rows, weight=rows.weight * times), self.thresholds)

    def utility(self, i):
        """Utility of the hybrid's answers at threshold i, one for each counted row."""
        return self._counted(self.rows.utility(self.thresholds[i]))

    def query_utility(self):
        """Utility of the global's answers, one for each counted row."""
        return self._counted(self.rows.query_utility)

    def kept_utility(self, i):
        """Utility of the base's answers to the rows that threshold i keeps."""
        kept = self._counted(self.rows.score <= self.thresholds[i])
        return self._counted(self.rows.base_utility)[kept]

    def _counted(self, values):
        return values[self._in_random_order]

    @cached_property
    def _in_random_order(self):
        # Sequential tests must not depend on the order of a sorted file.
        if self.n > MOST_COUNTED:
            raise ValueError(
                f"A certificate looks at {MOST_COUNTED} rows at most, one by one. Got "
                f"weights of {self.n:g} in all. Divide them, or set confidence=None."
            )
        times = self.rows.weight.astype(int)
        counted = np.repeat(np.arange(len(times)), times)
        return np.random.RandomState(0).permutation(counted)
