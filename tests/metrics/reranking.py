"""Paired bootstrap that ranks every resample again.

It makes no approximation beyond that of the bootstrap, and its time is proportional to
the number of resamples; the influence values of
:mod:`selective_query.metrics.inference.paired_scores` are compared with it.
"""

import numpy as np
from sklearn.utils import check_random_state

from selective_query.metrics.inference._multiplicity import check_inference
from selective_query.metrics.ranked import RankedRows


def bootstrap_accuracy(
    scores,
    base_utility,
    query_utility,
    coverages,
    *,
    n_bootstrap=500,
    sample_weight=None,
    random_state=None,
):
    """Accuracy at exactly each coverage, on resampled rows.

    Every score is evaluated on the same resamples, so differences are paired.

    Parameters
    ----------
    scores : list of ndarray of shape (n_samples,)
        One ranking of the rows each; higher means query first.
    base_utility, query_utility : ndarray of shape (n_samples,)
        Utility of the base's answer, and of a query.
    coverages : list of float
        The coverage at which each score is evaluated.
    n_bootstrap : int, default=500
    sample_weight : ndarray of shape (n_samples,), optional
        Frequency weights; rows are then drawn in proportion to them.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    ndarray of shape (n_scores, n_bootstrap)
    """
    check_inference(n_bootstrap=n_bootstrap)
    rng = check_random_state(random_state)
    base_utility = np.asarray(base_utility, dtype=float)
    gain = np.asarray(query_utility, dtype=float) - base_utility
    n = len(base_utility)
    weight = np.ones(n) if sample_weight is None else sample_weight
    share = weight / weight.sum()
    counts_rows = (weight == np.round(weight)).all()
    n_drawn = round(float(weight.sum())) if counts_rows else n
    # A score evaluated at several coverages is ranked, and its curve computed, once.
    distinct = {id(score): score for score in scores}
    ranked = {
        key: RankedRows(np.asarray(score, dtype=float), base_utility, gain)
        for key, score in distinct.items()
    }
    accuracy = np.empty((len(scores), n_bootstrap))
    for b in range(n_bootstrap):
        counts = rng.multinomial(n_drawn, share).astype(float)
        curves = {key: rows.curve(counts) for key, rows in ranked.items()}
        for i, score in enumerate(scores):
            accuracy[i, b] = curves[id(score)].accuracy_at(coverages[i])
    return accuracy


def interval(replicates, confidence=0.95):
    """Percentile interval over the last axis.

    Parameters
    ----------
    replicates : ndarray of shape (..., n_bootstrap)
    confidence : float, default=0.95

    Returns
    -------
    low, high : ndarray of shape (...)
    """
    check_inference(confidence=confidence)
    tail = (1 - confidence) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail], axis=-1)
    return low, high
