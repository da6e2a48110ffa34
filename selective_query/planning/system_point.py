"""SystemPoint: one operating point of a system."""

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
        Name of the system.
    number : int
        Index of the point on its curve.
    accuracy, coverage : float
        On the reported rows; coverage as in :class:`SystemCurve`.
    costs : dict of str to float
        Mean costs per input on the reported rows.
    threshold : float or None
        Threshold on the score or the entropy.
    utility : ndarray of shape (n_samples,) or None
        Expected utility of each reported row.
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
        """Return the accuracy difference to another point on the same rows.

        Parameters
        ----------
        other : SystemPoint
            Point of any system reported on the same rows, in the same order.
        confidence : float, default=0.95

        Returns
        -------
        PairedDifference

        Raises
        ------
        ValueError
            If a point has no utilities, or the rows or their weights differ.
        TypeError
            If the other is not a SystemPoint.
        """
        check_instance(other, "other", SystemPoint)
        for point in (self, other):
            if point.utility is None:
                raise ValueError(
                    f"A paired difference needs the rows of both points, and "
                    f"{point.name!r} has only its accuracy. Give its SystemCurve "
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
                "Both points must have the same row weights. Got different weights for "
                f"{other.name!r} and {self.name!r}. Give both systems the same "
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
