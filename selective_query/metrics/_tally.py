"""Figures of a report, from all rows at once or summed over chunks."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.utils import Bunch

FIGURES = (
    "accuracy",
    "coverage",
    "base_accuracy",
    "global_accuracy",
    "base_accuracy_on_kept",
    "global_accuracy_on_queried",
)


@dataclass(frozen=True, eq=False)
class Tally:
    """Sums over rows on which a report is based; they can be added up.

    Without weights, all sums are whole numbers, so the order in which chunks are added
    does not change the figures of the report.

    Parameters
    ----------
    n, n_queried, n_unavailable : int, default=0
        `n_unavailable` counts rows that the global was queried about but failed to
        answer.
    sums : ndarray of shape (6, 2)
        For each of ``FIGURES``, the weight of the right answers and the total weight of
        the rows that it is a share of. The latter is 0 if there are no such rows.
    """

    n: int = 0
    n_queried: int = 0
    n_unavailable: int = 0
    sums: np.ndarray = field(default_factory=lambda: np.zeros((len(FIGURES), 2)))

    def __add__(self, other):
        return Tally(
            self.n + other.n,
            self.n_queried + other.n_queried,
            self.n_unavailable + other.n_unavailable,
            self.sums + other.sums,
        )

    @property
    def weight(self):
        """Total weight of the rows."""
        return self.sums[FIGURES.index("coverage"), 1]

    @classmethod
    def of(
        cls,
        kept,
        base_right,
        global_right=None,
        weight=None,
        *,
        query_all=True,
        missing=None,
    ):
        """Sums over some rows.

        Parameters
        ----------
        kept : ndarray of shape (n_samples,), bool
        base_right : ndarray of shape (n_samples,)
            May be a graded utility.
        global_right : ndarray of shape (n_samples,) or None, default=None
            The same for the global; None if a query means abstention, and accuracy is
            taken over the answered rows.
        weight : ndarray of shape (n_samples,) or None, default=None
        query_all : bool or ndarray of shape (n_samples,), bool, default=True
            Whether, or for which rows, `global_right` is also known where the base is
            kept.
        missing : ndarray of shape (n_samples,), bool, or None, default=None
            Rows that the global was queried about but failed to answer, so that
            `global_right` is unknown.

        Returns
        -------
        Tally
        """
        weight = np.ones(len(kept)) if weight is None else weight
        everything = np.ones(len(kept), dtype=bool)
        came = everything if missing is None else ~missing
        answered, judged, queried = kept | came, came & query_all, ~kept & came
        if global_right is None:
            global_right = base_right
            answered, judged, queried = kept, ~everything, ~everything
        means = {
            "accuracy": (np.where(kept, base_right, global_right), answered),
            "coverage": (kept, everything),
            "base_accuracy": (base_right, everything),
            "global_accuracy": (global_right, judged),
            "base_accuracy_on_kept": (base_right, kept),
            "global_accuracy_on_queried": (global_right, queried),
        }
        sums = [
            (right[rows] @ weight[rows], weight[rows].sum())
            for right, rows in map(means.get, FIGURES)
        ]
        n_queried, n_unavailable = int((~kept).sum()), int((~came).sum())
        return cls(len(kept), n_queried, n_unavailable, np.array(sums, dtype=float))

    def report(self):
        """The figures by name, nan where there are no rows to average over.

        In ``accuracy``, unanswered queries are assumed to be as accurate as the
        answered rows on average.

        Returns
        -------
        Bunch
        """
        figures = {
            name: float(part / whole) if whole else np.nan
            for name, (part, whole) in zip(FIGURES, self.sums, strict=True)
        }
        accuracy = figures.pop("accuracy")
        if self.n_unavailable:
            kept, queried = figures["coverage"], 1 - figures["coverage"]
            accuracy = queried and queried * figures["global_accuracy_on_queried"]
            accuracy += kept and kept * figures["base_accuracy_on_kept"]
        return Bunch(
            accuracy=accuracy,
            coverage=figures.pop("coverage"),
            n=self.n,
            n_queried=self.n_queried,
            n_unavailable=self.n_unavailable,
            **figures,
        )
