"""Rows in increasing order of their scores, and the rows that each cut keeps.

The base keeps the rows with low scores. A group of tied rows is cut in one of two ways.
A threshold keeps it **whole** or not at all: these are the cuts of the table. At
exactly a given coverage it is **split**: each of its rows is kept with the same
probability, so that sums are linear from one whole cut to the next.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

_MAGNITUDE = np.int64(2**63 - 1)  # all bits of a float64 except its sign
# Rounding must not move a coverage at the end of a tied group into the next group.
_NEARLY_ALL = 1 - 1e-12


class SortedRows:
    """Rows in increasing order of their scores, with equal scores as one tied group.

    Parameters
    ----------
    score : ndarray of shape (n_samples,)
        Floating point, without NaN. It is not copied, so it must not change.
    stable : bool, default=False
        Whether tied rows keep their original order, in which sums of fractional weights
        round the same way on every machine. Takes three times as long.

    Attributes
    ----------
    order : ndarray of shape (n_samples,) or None
        The rows from the first that is kept to the last; None for packed rows.
    reach : slice
        The cuts that a rule can make: a group at minus infinity is never queried, and a
        group at plus infinity is never kept.
    """

    def __init__(self, score, *, stable=False):
        self.order = np.argsort(score, kind="stable" if stable else None)
        self._take(score, _ends_of_ties(score[self.order]))

    @classmethod
    def with_outcomes(cls, score, base, benefit):
        """Rows without weights, with their outcomes in the same order.

        Several times faster than computing the order, if the outcomes can be packed.

        Parameters
        ----------
        score, base, benefit : ndarray of shape (n_samples,)
            Utility of the base's answer, and the benefit of a query.

        Returns
        -------
        rows : SortedRows
            Without an order.
        base, benefit : ndarray of shape (n_samples,)
        """
        rows, found = cls.__new__(cls), sort_packed(score, base, benefit)
        if found is None:
            order = np.argsort(score)
            found = base[order], benefit[order], _ends_of_ties(score[order])
        base, benefit, at_end = found
        # The order takes as much memory as the scores, and is not needed without
        # weights.
        rows.order = None
        rows._take(score, at_end)
        return rows, base, benefit

    def _take(self, score, at_end):
        self._score, self.n = score, len(score)
        # Number of rows kept at each cut; None if there are no ties.
        self._stops = None
        if not at_end.all():
            self._stops = np.append(0, np.flatnonzero(at_end) + 1)
        self.reach = reachable(*(score.min(), score.max()) if self.n else (0, 0))

    @property
    def n_kept(self):
        """Number of rows kept at each cut, from none to all: (n_groups + 1,)."""
        return np.arange(self.n + 1) if self._stops is None else self._stops

    @cached_property
    def level(self):
        """Score of each tied group, increasing: (n_groups,)."""
        return self._score[self.order[self.n_kept[1:] - 1]]

    @cached_property
    def group(self):
        """Index of each row's tied group, in the original order of the rows."""
        group = np.empty(self.n, dtype=np.intp)
        group[self.order] = np.repeat(np.arange(len(self.level)), np.diff(self.n_kept))
        return group

    def kept(self, values=None):
        """Sums over the rows kept at each whole cut, from none to all.

        Parameters
        ----------
        values : ndarray of shape (n_samples,), optional
            In sorted order. Integers are summed as integers: exactly, and in half the
            memory. None counts the rows.

        Returns
        -------
        ndarray of shape (n_groups + 1,)
        """
        if values is None:
            return self.n_kept
        whole = values.dtype.kind in "bi"
        small = np.int32 if self.n < 2**31 else np.int64
        sums = np.zeros(self.n + 1, dtype=small if whole else float)
        np.cumsum(values, dtype=sums.dtype, out=sums[1:])
        return sums if self._stops is None else sums[self._stops]

    def cut_at(self, threshold):
        """Index of the whole cut at a threshold; rows at the threshold are kept."""
        return np.searchsorted(self.level, threshold, side="right")

    def split_at(self, coverage, weight):
        """The cuts that keep exactly these shares, with tied groups split on average.

        Parameters
        ----------
        coverage : ndarray
            Of any shape.
        weight : ndarray of shape (n_samples,)
            In the original order of the rows.

        Returns
        -------
        SplitCuts
            Of the shape of `coverage`.
        """
        kept = self.kept(weight[self.order])
        wanted = coverage * kept[-1]
        group = np.searchsorted(kept[1:], wanted * _NEARLY_ALL)
        group = np.minimum(group, len(self.level) - 1)
        below = kept[group]
        size = kept[group + 1] - below
        share = (wanted - below) / np.where(size > 0, size, 1)
        return SplitCuts(self.level[group], np.clip(share, 0, 1))


@dataclass(frozen=True, eq=False)
class SplitCuts:
    """Cuts that may split tied groups.

    Attributes
    ----------
    threshold : ndarray
        Rows that score less are kept; rows that score more are queried.
    share : ndarray
        Probability that a row at the threshold is kept.
    """

    threshold: np.ndarray
    share: np.ndarray

    def kept_share(self, score):
        """Probability that a row with this score is kept, by broadcasting."""
        kept = (score < self.threshold).astype(float)
        kept += self.share * (score == self.threshold)
        return kept


def query_share(score, coverages, weight):
    """Expected share of each row that is queried, averaged over coverages.

    Parameters
    ----------
    score : ndarray of shape (n_samples,)
        Higher means query first.
    coverages : array-like of shape (n_coverages,)
        Shares of the inputs that the base answers.
    weight : ndarray of shape (n_samples,)
        Sample weights.

    Returns
    -------
    ndarray of shape (n_samples,)
        In [0, 1]; rows of one tied group get the same share.
    """
    rows = SortedRows(score)
    cuts = rows.split_at(np.asarray(coverages)[:, None], weight)
    return 1 - cuts.kept_share(rows.level).mean(axis=0)[rows.group]


def reachable(least, largest):
    """The cuts that a rule can make, given the smallest and the largest score."""
    return slice(int(least == -np.inf), -1 if largest == np.inf else None)


def sort_packed(score, base, benefit):
    """Sort right and wrong answers by their scores, without an argsort.

    Sorting values is faster than computing the order that sorts them (by half, for a
    million rows). So each score is converted to an integer of the same rank, two bits
    below it encode whether base and global are right, and the integers are sorted.

    Parameters
    ----------
    score : ndarray of shape (n_samples,)
        Floating point, without NaN.
    base, benefit : ndarray of shape (n_samples,)
        Utility of the base's answer, and the benefit of a query.

    Returns
    -------
    base, benefit : ndarray of shape (n_samples,), int8
    at_end : ndarray of shape (n_samples,), bool
        Whether a row is the last of its tied group.

    Returns None instead if outcomes do not fit into two bits, because utilities are
    graded, or if two bits are not available: the largest magnitude of a score is more
    than about 2 ** 500 times the smallest nonzero one, or scores are longer than 64
    bits.
    """
    if base.dtype != np.int8 or benefit.dtype != np.int8 or score.dtype.itemsize > 8:
        return None
    bits = score.astype(np.float64, copy=False).view(np.int64)
    # The bits of a positive float, read as an integer, have the same rank as the float.
    key = bits & _MAGNITUDE
    least = key.min(where=key > 0, initial=_MAGNITUDE)
    if int(key.max()) - int(least) >= 2**61 - 1:
        return None
    # Counted from the smallest, the integers leave the upper bits free; zero stays
    # zero.
    key -= least - 1
    np.maximum(key, 0, out=key)
    np.negative(key, out=key, where=bits < 0)
    key <<= 2
    key |= 2 * base + (base + benefit)
    key.sort()
    right = key.astype(np.int8) & 3
    key >>= 2
    base = right >> 1
    return base, (right & 1) - base, _ends_of_ties(key)


def _ends_of_ties(ordered):
    """Whether each of these sorted values is the last of its tied group."""
    return np.append(ordered[1:] != ordered[:-1], True)
