"""The only file that touches private names of scikit-learn."""

import sys
import warnings

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
)
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "align_proba",
    "check_matplotlib_support",
    "check_sample_weight",
    "encode_labels",
    "fit_context",
    "is_frozen",
    "num_samples",
    "warn_user",
]


def is_frozen(estimator):
    """Whether `fit` would leave the estimator as it is."""
    if isinstance(estimator, Pipeline):
        return is_frozen(estimator.steps[-1][1])
    return isinstance(estimator, FrozenEstimator)


def align_proba(proba, model_classes, classes):
    """Put the columns of `proba` in the order of `classes`, zeros where unknown.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_model_classes)
    model_classes : ndarray of shape (n_model_classes,)
        Label of each column; every one is in `classes`.
    classes : ndarray of shape (n_classes,)
        Sorted labels.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
    """
    if len(model_classes) == len(classes) and (model_classes == classes).all():
        return proba
    aligned = np.zeros((len(proba), len(classes)), dtype=proba.dtype)
    aligned[:, encode_labels(model_classes, classes, "a model")] = proba
    return aligned


def encode_labels(labels, classes, who):
    """Position of each label in the sorted array `classes`.

    Raises
    ------
    ValueError
        When a label is not among them.
    """
    labels = np.asarray(labels)
    try:
        position = np.searchsorted(classes, labels)
        known = classes[np.minimum(position, len(classes) - 1)] == labels
    except (TypeError, np.exceptions.DTypePromotionError):
        known = np.zeros(labels.shape, dtype=bool)
    if not np.all(known):
        unknown = np.asarray(labels)[~np.asarray(known)]
        raise ValueError(
            f"{who} returned labels that are not among the classes seen in fit: "
            f"{np.unique(unknown.astype(str))[:5].tolist()}. Known classes: "
            f"{classes[:10].tolist()}{' ...' if len(classes) > 10 else ''}. Fit with "
            "data that holds every class, or map the model's labels to these."
        )
    return position


def warn_user(message, category):
    """Warn at the line that called this library, however deep the warning arises."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(
        ("selective_query.", "sklearn.")
    ):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(message, category, stacklevel=depth + 1)
