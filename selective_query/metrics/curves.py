"""The accuracy of a hybrid over its coverage: one sort serves every number."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class AccuracyCoverageCurve:
    """Hybrid accuracy at each coverage that a threshold on the score can give.

    Between two points, where a tie group is cut, accuracy is the expectation over a
    random order of the group; that is a straight line.

    Attributes
    ----------
    coverage : ndarray of shape (n_points,)
        Share of inputs that the base answers, rising.
    accuracy : ndarray of shape (n_points,)
        Mean utility of the hybrid's answers.
    base_share : ndarray of shape (n_points,)
        Mean over all inputs of the base's utility on what it answers.
    """

    coverage: np.ndarray
    accuracy: np.ndarray
    base_share: np.ndarray

    def accuracy_at(self, coverage):
        """Hybrid accuracy at exactly this coverage, or at the nearest possible one."""
        return np.interp(coverage, self.coverage, self.accuracy)

    def selective_accuracy_at(self, coverage):
        """Accuracy of the base on what it answers; nan where it answers nothing."""
        possible = np.clip(coverage, self.coverage[0], self.coverage[-1])
        share = np.interp(possible, self.coverage, self.base_share)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(possible > 0, share / possible, np.nan)[()]


def accuracy_coverage_curve(
    score, base_utility, global_utility=None, sample_weight=None
):
    """Accuracy of the hybrid over coverage.

    Rows are handed to the global in falling order of their score. Rows that score
    minus infinity are never queried and rows that score plus infinity always, so the
    curve of a bound such as the oracle covers only the coverages it would choose.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means query first.
    base_utility, global_utility : array-like of shape (n_samples,)
        How good each side's answer is, in [0, 1]; 1 for a right label and 0 for a
        wrong one. Without a global utility a query counts as right (abstention).
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    AccuracyCoverageCurve

    Raises
    ------
    ValueError
        When lengths differ or a score is NaN.

    Examples
    --------
    >>> from selective_query.metrics import accuracy_coverage_curve
    >>> curve = accuracy_coverage_curve([0.1, 0.9], [1, 0], [1, 1])
    >>> curve.accuracy_at([0, 0.5, 1])
    array([1. , 1. , 0.5])
    """
    score, base, gain, weight = _check(
        score, base_utility, global_utility, sample_weight
    )
    return RankedRows(score, base, gain).curve(weight)


class RankedRows:
    """Rows sorted by score once, for curves under any weights.

    Parameters
    ----------
    score, base_utility, gain : ndarray of shape (n_samples,)
        As checked arrays; gain is the utility of a query minus that of the base.
    """

    def __init__(self, score, base_utility, gain):
        self.order = np.argsort(score)
        ordered = score[self.order]
        ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
        if ordered[0] != -np.inf:
            ends = np.append(-1, ends)
        if ordered[-1] == np.inf:
            ends = ends[:-1] if len(ends) > 1 else np.array([-1])
        self.stops = ends + 1
        self.base = base_utility[self.order]
        self.gain = gain[self.order]

    def curve(self, weight):
        """The accuracy-coverage curve under these weights, shape (n_samples,)."""
        weight = weight[self.order]
        total = weight.sum()
        kept, base_sum, lost = (
            np.append(0.0, np.cumsum(column))[self.stops] / total
            for column in (weight, weight * self.base, weight * self.gain)
        )
        return AccuracyCoverageCurve(
            coverage=np.minimum(kept, 1.0),
            accuracy=weight @ (self.base + self.gain) / total - lost,
            base_share=base_sum,
        )


def _check(score, base_utility, global_utility, sample_weight):
    score = np.asarray(score)
    if score.dtype.kind != "f":
        score = score.astype(float)
    base = np.asarray(base_utility, dtype=float)
    query = np.ones(len(base)) if global_utility is None else global_utility
    gain = np.asarray(query, dtype=float) - base
    if sample_weight is None:
        weight = np.ones(len(base))
    else:
        weight = np.asarray(sample_weight, dtype=float)
    if not (score.shape == base.shape == gain.shape == weight.shape) or score.ndim != 1:
        raise ValueError(
            "score, utilities and sample_weight must be of the same shape "
            f"(n_samples,). Got {score.shape}, {base.shape}, {gain.shape}, "
            f"{weight.shape}."
        )
    if not len(score):
        raise ValueError("There are no rows. Give at least one.")
    for name, utility in (("base_utility", base), ("global_utility", gain + base)):
        if not ((utility >= 0) & (utility <= 1 + 1e-9)).all():
            raise ValueError(
                f"{name} must lie in [0, 1], without NaN: 1 for a right answer, 0 for "
                f"a wrong one. Got {utility.min():.4g} to {utility.max():.4g}."
            )
    if not (weight >= 0).all() or not weight.any():
        raise ValueError(
            "sample_weight must be numbers >= 0 that are not all zero. Got values from "
            f"{weight.min():.4g} to {weight.max():.4g}."
        )
    if np.isnan(score).any():
        row = int(np.flatnonzero(np.isnan(score))[0])
        raise ValueError(
            f"score holds NaN, first in row {row}. A router must rank every row; use "
            "minus infinity for rows that are never to be queried."
        )
    return score, base, gain, weight
