"""Which rows a rule queries at a coverage: the share of each row, ties split."""

import numpy as np


def query_share(score, coverages, weight):
    """Expected share of each row that is queried, averaged over coverages.

    Parameters
    ----------
    score : ndarray of shape (n_samples,)
        Higher means query first.
    coverages : ndarray of shape (n_coverages,)
        Shares of the inputs that the base answers.
    weight : ndarray of shape (n_samples,)
        Sample weights.

    Returns
    -------
    ndarray of shape (n_samples,)
        In [0, 1]; rows of one tie group get the same share.
    """
    levels, group = np.unique(score, return_inverse=True)
    size = np.bincount(group, weight, len(levels))
    upper = np.cumsum(size)
    wanted = np.asarray(coverages)[:, None] * upper[-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = np.clip((wanted - (upper - size)) / size, 0, 1)
    return 1 - np.nan_to_num(kept).mean(axis=0)[group]
