"""Evidence as the constrained router's net takes it, and how its rows are held out."""

import numpy as np

from selective_query.outcomes.probabilities import TopKProba, entropy, top_probabilities
from selective_query.routers._evidence_columns import evidence_columns

# A spread this small beside the mean is rounding in single precision.
ROUNDING = 1e-7


def net_inputs(evidence, n_top):
    """Confidences first, then logits and features, or a numeric `X` where all lack.

    Everything passes through single precision, so that the same evidence in either
    precision gives the same decisions.

    Parameters
    ----------
    evidence : Evidence
    n_top : int
        How many of the largest probabilities to compare.

    Returns
    -------
    inputs : ndarray of shape (n_samples, n_columns)
    n_confidence : int
        How many columns are confidences.

    Raises
    ------
    MissingEvidenceError
        When there is nothing numeric.
    """
    confidence, features = [], []
    if evidence.base_proba is not None and n_top:
        confidence = _confidence_columns(evidence.base_proba, n_top)
    for part in (evidence.base_logits, evidence.base_features):
        if part is not None:
            features.append(_single(part))
    if not confidence and not features:
        features.append(_single(evidence_columns(evidence)[0]))
    n_confidence = sum(part.shape[1] for part in confidence)
    return np.concatenate([*confidence, *features], axis=1, dtype=float), n_confidence


def _confidence_columns(proba, n_top):
    """Entropy, and the differences of all pairs of the top probabilities."""
    if isinstance(proba, TopKProba):
        proba = TopKProba(
            proba.classes, _single(proba.proba).astype(float), proba.n_classes
        )
    else:
        proba = _single(proba).astype(float)
    top = top_probabilities(proba, n_top)
    larger, smaller = np.triu_indices(n_top, k=1)
    return [entropy(proba)[:, None], top[:, larger] - top[:, smaller]]


def _single(values):
    largest = np.finfo(np.float32).max
    return np.clip(values, -largest, largest).astype(np.float32, copy=False)


def n_top(proba, k):
    """How many top probabilities there are to compare, at most k."""
    if proba is None:
        return 0
    known = proba.proba if isinstance(proba, TopKProba) else proba
    return min(k, known.shape[1])


def moments(inputs, weight):
    """Weighted mean and standard deviation of each column, infinite for constants."""
    share = weight / weight.sum()
    centre = share @ inputs
    scale = np.sqrt(share @ (inputs - centre) ** 2)
    scale[scale <= ROUNDING * np.abs(centre)] = np.inf
    return centre, scale


def linear_guess(inputs, label, weight):
    """A ridge regression of the label, shape (n_samples,)."""
    design = np.column_stack([np.ones(len(inputs)), inputs])
    weighted = design * weight[:, None]
    penalty = np.diag(np.full(design.shape[1], 10.0))
    return design @ np.linalg.solve(weighted.T @ design + penalty, weighted.T @ label)


def spread_evenly(values, share, random):
    """Mask of a share of the rows, spread evenly over the sorted values.

    So the chosen rows differ less from the others than rows chosen by chance would.
    """
    order = np.argsort(values, kind="stable")
    n_chosen = min(max(round(share * len(values)), 1), len(values) - 2)
    chosen = (np.arange(n_chosen) + random.uniform()) * len(values) / n_chosen
    mask = np.zeros(len(values), dtype=bool)
    mask[order[chosen.astype(int)]] = True
    return mask
