"""Rows in rising order of their scores, and what a cut among them keeps.

The base keeps the rows of low score. A group of tied rows is cut in one of two ways. A
threshold keeps it **whole** or not at all: these are the cuts of the table. At exactly
a coverage it is **split**: each of its rows is kept with the same chance, so that sums
run on straight lines from one whole cut to the next.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

_MAGNITUDE = np.int64(2**63 - 1)  # all bits of a float64 but its sign
# Rounding must not push a coverage that ends a tie group into the next.
_NEARLY_ALL = 1 - 1e-12


class SortedRows:
    """Rows in rising order of their scores, those of equal score as one tie group.

    Parameters
    ----------
    score : ndarray of shape (n_samples,)
        Floating point, without NaN. No copy is made, so it must not change.
    stable : bool, default=False
        Whether tied rows keep the order in which they came, in which sums of weights
        that are no whole numbers round alike on every machine. Takes three times as
        long.

    Attributes
    ----------
    order : ndarray of shape (n_samples,) or None
        The rows from the first that is kept to the last; None of packed rows.
    reach : slice
        The cuts that a rule can choose: a group of minus infinity is never queried, one
        of plus infinity never kept.
    """

    def __init__(self, score, *, stable=False):
        self.order = np.argsort(score, kind="stable" if stable else None)
        self._take(score, _ends_of_ties(score[self.order]))

    @classmethod
    def with_outcomes(cls, score, base, benefit):
        """Rows that are asked for no weights, with their outcomes in the same order.

        Several times cheaper than finding the order where outcomes can be packed.

        Parameters
        ----------
        score, base, benefit : ndarray of shape (n_samples,)
            Utility of the base's answer, and what a query adds to it.

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
        # As large as the scores, and of no use without weights.
        rows.order = None
        rows._take(score, at_end)
        return rows, base, benefit

    def _take(self, score, at_end):
        self._score, self.n = score, len(score)
        # Rows kept at each cut; None where nothing is tied.
        self._stops = None
        if not at_end.all():
            self._stops = np.append(0, np.flatnonzero(at_end) + 1)
        self.reach = reachable(*(score.min(), score.max()) if self.n else (0, 0))

    @property
    def n_kept(self):
        """Numbers of rows kept at each cut, from none to all: (n_groups + 1,)."""
        return np.arange(self.n + 1) if self._stops is None else self._stops

    @cached_property
    def level(self):
        """Score of each tie group, rising: (n_groups,)."""
        return self._score[self.order[self.n_kept[1:] - 1]]

    @cached_property
    def group(self):
        """Number of each row's tie group, in the order in which the rows came."""
        group = np.empty(self.n, dtype=np.intp)
        group[self.order] = np.repeat(np.arange(len(self.level)), np.diff(self.n_kept))
        return group

    def kept(self, values=None):
        """Sums over the rows kept at each whole cut, from none to all.

        Parameters
        ----------
        values : ndarray of shape (n_samples,), optional
            In the order of the table. Integers are summed as integers: exactly, and in
            half the memory. None counts the rows.

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
        """Number of the whole cut that a threshold makes: it keeps what is at it."""
        return np.searchsorted(self.level, threshold, side="right")

    def split_at(self, coverage, weight):
        """The cuts that keep exactly these shares, a tie group in expectation.

        Parameters
        ----------
        coverage : ndarray
            Of any shape.
        weight : ndarray of shape (n_samples,)
            In the order in which the rows came.

        Returns
        -------
        SplitCuts
            Of this shape.
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
    """Cuts inside tie groups.

    Attributes
    ----------
    threshold : ndarray
        Rows that score less are kept, rows that score more are queried.
    share : ndarray
        Chance of a row at the threshold to be kept.
    """

    threshold: np.ndarray
    share: np.ndarray

    def kept_share(self, score):
        """Chance of a row of this score to be kept; scores and cuts are broadcast."""
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
        In [0, 1]; rows of one tie group get the same share.
    """
    rows = SortedRows(score)
    cuts = rows.split_at(np.asarray(coverages)[:, None], weight)
    return 1 - cuts.kept_share(rows.level).mean(axis=0)[rows.group]


def reachable(least, largest):
    """The cuts that a rule can choose among scores from the least to the largest."""
    return slice(int(least == -np.inf), -1 if largest == np.inf else None)


def sort_packed(score, base, benefit):
    """Right and wrong answers in rising order of their scores, without an argsort.

    Sorting values is cheaper than finding the order that sorts them (by half, on a
    million rows). So each score is turned into a whole number of the same rank, whether
    base and global are right is put into two bits under it, and the numbers are sorted.

    Parameters
    ----------
    score : ndarray of shape (n_samples,)
        Floating point, without NaN.
    base, benefit : ndarray of shape (n_samples,)
        Utility of the base's answer, and what a query adds to it.

    Returns
    -------
    base, benefit : ndarray of shape (n_samples,), int8
    at_end : ndarray of shape (n_samples,), bool
        Whether a row is the last of its tie group.

    None is returned instead where outcomes do not fit two bits, utilities being graded,
    or two bits are not to be had: the largest magnitude of a score is more than about
    2 ** 500 times the least that is not zero, or a score is longer than 64 bits.
    """
    if base.dtype != np.int8 or benefit.dtype != np.int8 or score.dtype.itemsize > 8:
        return None
    bits = score.astype(np.float64, copy=False).view(np.int64)
    # The bits of a positive float, read as a whole number, rank as the float does.
    key = bits & _MAGNITUDE
    least = key.min(where=key > 0, initial=_MAGNITUDE)
    if int(key.max()) - int(least) >= 2**61 - 1:
        return None
    # Counted from the least, the numbers leave their upper bits free; zero stays zero.
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
    """Whether each of these sorted values is the last of its kind."""
    return np.append(ordered[1:] != ordered[:-1], True)
