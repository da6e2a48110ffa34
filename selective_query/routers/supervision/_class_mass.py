"""The probability of a given class in each row, for dense and top-k probabilities."""

import numpy as np

from selective_query.outcomes.probabilities import TopKProba


def class_probability(proba, columns):
    """Probability that each row gives to the class in `columns`.

    A class that is not among the top k gets an even share of the remaining mass.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes) or TopKProba
    columns : ndarray of shape (n_samples,), int
        One column number for each row.

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    if not isinstance(proba, TopKProba):
        return proba[np.arange(len(proba)), columns].astype(float)
    found = proba.classes == np.asarray(columns)[:, None]
    listed = np.einsum("ij,ij->i", found, proba.proba.astype(float))
    return np.where(found.any(axis=1), listed, _even_share(proba))


def _even_share(top):
    """Probability of a class that is not listed, shape (n_samples,)."""
    n_rest = top.n_classes - top.proba.shape[1]
    rest = np.maximum(1 - top.proba.sum(axis=1, dtype=float), 0)
    # If the remaining mass is large, no other class may exceed a listed one.
    return np.minimum(rest / max(n_rest, 1), top.proba[:, -1])


def columns_of(labels, classes):
    """Column number of each label.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
        All of them must be in `classes`.
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    ndarray of shape (n_samples,), int
    """
    order = np.argsort(classes, kind="stable")
    return order[np.searchsorted(classes, labels, sorter=order)]
