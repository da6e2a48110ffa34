"""Query scores, one number per row, higher = query: checks and plain confidences.

Plain confidence scores come from the base's outputs. Each estimates doubt in the base's
answer, and takes no account of the global.
"""

import numpy as np

from selective_query._utils.numbers import as_floats
from selective_query.outcomes.probabilities import (
    TopKProba,
    entropy,
    top_probabilities,
    top_probability,
)

__all__ = [
    "check_scores",
    "entropy",
    "log_odds",
    "margin",
    "max_logit_p_norm",
    "max_probability",
    "scores_of",
]


def scores_of(router, evidence):
    """Checked scores of a router, which may be user-defined: an array of floats."""
    return check_scores(router.query_score(evidence), router, evidence.n_rows)


def check_scores(score, router, n_rows):
    """Scores as a float array, one for each row, in their own precision.

    Raises
    ------
    ValueError
        If they are not numbers, or not one for each row.
    """
    name = f"{type(router).__name__}.query_score"
    score = as_floats(score, name)
    if score.shape != (n_rows,):
        raise ValueError(
            f"{name} must return one number for each of the {n_rows} rows. Got shape "
            f"{score.shape}."
        )
    return score


def max_probability(proba):
    """One minus the largest probability (Chow, 1970), shape (n_samples,)."""
    return 1 - top_probability(proba)


# With fewer rows, a sort is faster than a pass over the columns.
FEW_ROWS = 100
# This many rows with few classes stay in the processor's cache.
BLOCK = 4096


def margin(proba):
    """One minus the lead of the best class over the second, shape (n_samples,)."""
    is_wide = isinstance(proba, TopKProba) or proba.shape[1] > 32
    if is_wide or len(proba) < FEW_ROWS:
        top = top_probabilities(proba, 2)
        return 1 - (top[:, 0] - top[:, 1])
    score = np.empty_like(proba, shape=len(proba))
    for start in range(0, len(proba), BLOCK):
        rows = slice(start, start + BLOCK)
        score[rows] = 1 - _lead(proba[rows])
    return score


def _lead(proba):
    """Lead of the best class over the second, several times faster than a partition."""
    first = proba[:, 0].copy()
    second = np.zeros_like(first)
    for column in proba.T[1:]:
        np.maximum(second, np.minimum(first, column), out=second)
        np.maximum(first, column, out=first)
    return first - second


# Probabilities below the resolution of float32 carry no more information.
SMALLEST_PROBABILITY = 1e-7


def log_probabilities(proba):
    """Logarithms of dense probabilities, clipped below at that of 1e-7."""
    return np.log(np.maximum(proba, SMALLEST_PROBABILITY))


def centred(logits):
    """Logits minus their mean in each row, shape (n_samples, n_classes)."""
    n_classes = logits.shape[1]
    # A product is several times faster than a mean over so few columns.
    mean = logits @ np.full((n_classes, 1), 1 / n_classes, dtype=logits.dtype)
    return logits - mean


def log_odds(proba):
    """Centred log-probabilities, usable as logits, shape (n_samples, n_classes)."""
    return centred(log_probabilities(proba))


def max_logit_p_norm(logits, p):
    """Minus the ratio of the largest centred logit to their p-norm, (n_samples,).

    Cattelan and Silva, "How to fix a broken confidence estimator", UAI 2024. A row with
    equal logits gets 0, the largest possible doubt. With two classes the ratio is the
    same for every row, so minus the largest centred logit is returned instead.
    """
    centred = logits - logits.mean(axis=1, keepdims=True)
    largest = centred.max(axis=1)
    if logits.shape[1] == 2:
        return -largest
    norm = np.linalg.norm(centred, ord=p, axis=1)
    return -np.divide(largest, norm, out=np.zeros_like(largest), where=norm > 0)
