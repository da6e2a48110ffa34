"""One operating point of a system, with the rows behind its accuracy."""

from dataclasses import dataclass

import numpy as np

from selective_query._utils.validation import check_instance
from selective_query.metrics.inference.paired_means import paired_difference


@dataclass(frozen=True, eq=False, kw_only=True)
class SystemPoint:
    """One operating point of a system.

    Parameters
    ----------
    name : str
        Of the system.
    number : int
        Of the point on its curve.
    accuracy, coverage : float
        On the reported rows; coverage as in :class:`SystemCurve`.
    costs : dict of str to float
        Means of an input, on the reported rows.
    threshold : float or None
        On the score or the entropy.
    utility : ndarray of shape (n_samples,) or None
        What each reported row is expected to get.
    sample_weight : ndarray of shape (n_samples,) or None
    """

    name: str
    number: int
    accuracy: float
    coverage: float
    costs: dict
    threshold: float | None = None
    utility: np.ndarray | None = None
    sample_weight: np.ndarray | None = None

    def minus(self, other, *, confidence=0.95):
        """How much more accurate this is than another point, on the same rows.

        Parameters
        ----------
        other : SystemPoint
            Of any system that was judged on the same rows, in the same order.
        confidence : float, default=0.95

        Returns
        -------
        PairedDifference

        Raises
        ------
        ValueError
            When a point knows its accuracy alone, or the rows or their weights differ.
        TypeError
            When the other is no SystemPoint.
        """
        check_instance(other, "other", SystemPoint)
        for point in (self, other):
            if point.utility is None:
                raise ValueError(
                    f"A paired difference needs the rows of both points, and "
                    f"{point.name!r} holds its accuracy alone. Give its SystemCurve "
                    "utility=, of shape (n_points, n_samples)."
                )
        if len(self.utility) != len(other.utility):
            raise ValueError(
                "Both points must be judged on the same rows. Got "
                f"{len(self.utility)} of {self.name!r} and {len(other.utility)} of "
                f"{other.name!r}. Judge both systems on one set of rows."
            )
        if not np.array_equal(self._weight, other._weight):
            raise ValueError(
                "Both points must weight their rows alike. Got other weights for "
                f"{other.name!r} than for {self.name!r}. Give both systems the same "
                "sample_weight."
            )
        return paired_difference(
            self.utility,
            other.utility,
            sample_weight=self.sample_weight,
            confidence=confidence,
        )

    @property
    def _weight(self):
        if self.sample_weight is None:
            return np.ones(len(self.utility))
        return self.sample_weight
