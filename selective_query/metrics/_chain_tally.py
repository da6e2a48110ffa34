"""Figures of a chain's report, from all rows at once or summed over chunks."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import Bunch


@dataclass(frozen=True, eq=False)
class ChainTally:
    """Sums over rows on which the report of a chain is based.

    Without weights, all sums are whole numbers, so the order in which chunks are added
    does not change the figures of the report.

    Parameters
    ----------
    n_asked, n_answered : ndarray of shape (n_tiers,), int
        Number of rows that each tier was queried about, and that it answered.
    asked, answered, right : ndarray of shape (n_tiers,)
        Total weight of the rows that each tier was queried about, answered, and
        answered right.
    """

    n_asked: np.ndarray
    n_answered: np.ndarray
    asked: np.ndarray
    answered: np.ndarray
    right: np.ndarray

    @classmethod
    def none(cls, n_tiers):
        """Sums over no rows."""
        counts = np.zeros(n_tiers, dtype=int)
        return cls(counts, counts, *np.zeros((3, n_tiers)))

    @classmethod
    def of(cls, n_tiers, last, tier, right, weight=None):
        """Sums over some rows.

        Parameters
        ----------
        n_tiers : int
        last, tier : ndarray of shape (n_samples,), int
            The last tier that was queried, and the tier that answers, -1 for none.
        right : ndarray of shape (n_samples,), bool
        weight : ndarray of shape (n_samples,), optional

        Returns
        -------
        ChainTally
        """
        weight = np.ones(len(last)) if weight is None else weight
        number = np.arange(n_tiers)[:, None]
        asked, answered = last >= number, tier == number
        return cls(
            asked.sum(axis=1),
            answered.sum(axis=1),
            asked @ weight,
            answered @ weight,
            answered @ (weight * right),
        )

    def __add__(self, other):
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return ChainTally(*(mine + theirs for mine, theirs in pairs))

    def report(self, costs=None):
        """The figures by name; see ``CascadeClassifier.report``.

        Parameters
        ----------
        costs : array-like of shape (n_tiers,), optional

        Returns
        -------
        Bunch
        """
        total, mass = self.asked[0], self.answered.sum()
        with np.errstate(invalid="ignore"):
            cost = np.nan if costs is None else float(self.asked @ costs / total)
            accuracies = self.right / self.answered
            accuracy = float(self.right.sum() / mass)
            shares = self.answered / total
            abstained = float(1 - mass / total)
        return Bunch(
            accuracy=accuracy,
            n=int(self.n_asked[0]),
            abstained=abstained,
            cost=cost,
            n_asked=tuple(self.n_asked.tolist()),
            n_answered=tuple(self.n_answered.tolist()),
            shares=tuple(shares.tolist()),
            accuracies=tuple(accuracies.tolist()),
        )
