"""Intervals of a mean over trainings and test rows, both random."""

import numpy as np
from scipy.stats import t as student


def mean_and_interval(gains, by_row, level=0.95):
    """Return the mean of an estimate over seeds, and its interval over seeds and rows.

    Seeds and rows are drawn independently of each other, so variances add; the degrees
    of freedom are those of Welch and Satterthwaite (Satterthwaite, 1946).

    Parameters
    ----------
    gains : array-like of shape (n_seeds,)
        The estimate with each seed.
    by_row : array-like of shape (n_rows,)
        The influence of each row on the estimate, averaged over the seeds.

    Returns
    -------
    mean, low, high : float
    """
    gains, by_row = np.asarray(gains, dtype=float), np.asarray(by_row, dtype=float)
    parts = np.array([gains.var(ddof=1) / len(gains), by_row.var(ddof=1) / len(by_row)])
    freedom = np.array([len(gains), len(by_row)]) - 1
    if not parts.any():
        return float(gains.mean()), float(gains.mean()), float(gains.mean())
    n_free = parts.sum() ** 2 / (parts**2 / freedom).sum()
    half = student.ppf(0.5 + level / 2, n_free) * np.sqrt(parts.sum())
    return float(gains.mean()), float(gains.mean() - half), float(gains.mean() + half)
