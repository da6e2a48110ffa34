"""The only file that uses private names of scikit-learn."""

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
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition
from sklearn.utils.validation import _check_feature_names as check_feature_names
from sklearn.utils.validation import _check_n_features as check_n_features
from sklearn.utils.validation import _get_feature_names as get_feature_names
from sklearn.utils.validation import _num_samples as num_samples
from sklearn.utils.validation import has_fit_parameter

from selective_query._utils.numbers import as_numbers

MOST_SHOWN = 60  # characters of an invalid value
# Estimates use fourth powers of sums of weights.
LEAST_WEIGHT = 1e-50

__all__ = [
    "BaseComposition",
    "HasMethods",
    "Interval",
    "Offers",
    "StrOptions",
    "align_proba",
    "check_choice",
    "check_feature_names",
    "check_flag",
    "check_instance",
    "check_matplotlib_support",
    "check_n_features",
    "check_weights",
    "count_rows",
    "encode_labels",
    "fit_context",
    "get_feature_names",
    "hands_fit_on",
    "is_frozen",
    "num_samples",
    "offers_weights",
    "refuse_other_length",
    "takes_weights",
    "warn_user",
    "will_offer",
]


class Offers(HasMethods):
    """Constraint: an object that has the methods, or will have them once fitted."""

    def is_satisfied_by(self, val):
        return all(will_offer(val, method) for method in self.methods)


def will_offer(estimator, method):
    """Whether a fitted clone will have the method, even if a part of it decides that.

    A search offers what its estimator offers, a pipeline what its last step offers, and
    a stack what its final estimator offers, or anything if that is left at its default.
    """
    if callable(getattr(estimator, method, None)):
        return True
    if isinstance(estimator, Pipeline):
        return bool(estimator.steps) and will_offer(estimator.steps[-1][1], method)
    for part in ("final_estimator", "estimator"):
        if hasattr(estimator, part) and not is_frozen(estimator):
            inner = getattr(estimator, part)
            by_default = inner is None and hasattr(type(estimator), method)
            return by_default or will_offer(inner, method)
    return False


def is_frozen(estimator):
    """Whether `fit` would leave the estimator unchanged.

    A remote model declares this itself, by ``frozen_by_nature``.
    """
    if isinstance(estimator, Pipeline):
        return is_frozen(estimator.steps[-1][1])
    if hands_fit_on(estimator):
        return is_frozen(estimator.estimator)
    if isinstance(estimator, FrozenEstimator):
        return True
    return getattr(type(estimator), "frozen_by_nature", False) is True


def hands_fit_on(estimator):
    """Whether `fit` only fits the wrapped ``estimator`` and learns nothing else."""
    return getattr(type(estimator), "hands_fit_on", False) is True


def offers_weights(estimator):
    """Whether fit accepts ``sample_weight``, looking inside wrappers."""
    if hands_fit_on(estimator):
        inner = estimator.estimator
        return is_frozen(inner) or offers_weights(inner)
    return has_fit_parameter(estimator, "sample_weight")


def takes_weights(estimator):
    """Whether fit accepts ``sample_weight`` and no metadata request excludes it."""
    if not offers_weights(estimator):
        return False
    if not hasattr(estimator, "_get_metadata_request"):
        return True
    asked = estimator._get_metadata_request().fit.requests.get("sample_weight")
    return asked in (None, True, "sample_weight")


def align_proba(proba, model_classes, classes, who="a model"):
    """Put the columns of `proba` in the order of `classes`; unknown classes get zeros.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_model_classes)
    model_classes : ndarray of shape (n_model_classes,)
        Label of each column; all of them must be in `classes`.
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    who : str, default="a model"
        For the message.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
    """
    if len(model_classes) == len(classes) and (model_classes == classes).all():
        return proba
    if len(np.unique(model_classes)) < len(model_classes):
        raise ValueError(
            f"{who}.classes_ must list each label once, in the order of its columns. "
            f"Got {model_classes[:10].tolist()}."
        )
    aligned = np.zeros((len(proba), len(classes)), dtype=proba.dtype)
    aligned[:, encode_labels(model_classes, classes, who)] = proba
    return aligned


def encode_labels(labels, classes, who):
    """Position of each label in the sorted array `classes`.

    Raises
    ------
    ValueError
        If a label is not among them.
    """
    labels = np.asarray(labels)
    try:
        position = np.searchsorted(classes, labels)
        known = classes[np.minimum(position, len(classes) - 1)] == labels
    except (TypeError, np.exceptions.DTypePromotionError):
        known = np.zeros(labels.shape, dtype=bool)
    if not np.all(known):
        unknown = labels[~np.asarray(known)]
        raise ValueError(
            f"{who} returned labels that are not among the classes seen in fit: "
            f"{np.unique(unknown.astype(str))[:5].tolist()}, first in row "
            f"{int(np.argmin(known))}. Known classes: "
            f"{classes[:10].tolist()}{' ...' if len(classes) > 10 else ''}. Fit with "
            "data that holds every class, or map the model's labels to these."
        )
    return position


def check_weights(sample_weight, n_rows, *, may_vanish=False, name="sample_weight"):
    """Weights as a float array, one for each row.

    Sums of weights and their powers must be finite, so the largest weight is bounded
    above and below.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,)
    n_rows : int
    may_vanish : bool, default=False
        Whether all may be zero, as in one chunk of several.
    name : str, default="sample_weight"
        For the message.

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If they are not one finite number >= 0 for each row, are all zero, or are so
        large or small that sums of them are unreliable.
    """
    weight = as_numbers(sample_weight, name).astype(float, copy=False)
    advice = "Leave it out to count each row once."
    if weight.shape != (n_rows,):
        got = f"shape {weight.shape}"
    elif not n_rows:
        return weight
    else:
        least, most = weight.min(), weight.max()
        if least >= 0 and LEAST_WEIGHT <= most <= 1 / LEAST_WEIGHT:
            return weight
        if most == 0 == least:
            if may_vanish:
                return weight
            got = "zero everywhere"
        elif least >= 0 and most < np.inf:
            got = f"{most:g} as the largest, of which sums are unreliable"
            advice = "Divide all of them by their mean."
        else:
            row = int((~(np.isfinite(weight) & (weight >= 0))).argmax())
            got = f"{weight[row]:g} in row {row}"
    raise ValueError(
        f"{name} must be one finite number >= 0 for each of the {n_rows} rows, and not "
        f"zero for all. Got {got}. {advice}"
    )


def count_rows(values, name):
    """Number of rows, or a ValueError if the value has none."""
    try:
        return num_samples(values)
    except TypeError:
        raise ValueError(
            f"{name} must have one entry for each row. Got {values!r}, one for all."
        ) from None


def common_length(kind, parts):
    """Number of rows shared by all parts, given as pairs of name and values."""
    lengths = {name: count_rows(values, name) for name, values in parts}
    if not lengths:
        raise ValueError(
            f"{kind} is empty. Give at least one of base_proba, base_logits, "
            "base_features, X."
        )
    if len(set(lengths.values())) > 1:
        listing = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise ValueError(
            f"All parts of {kind} must have the same number of rows. Got {listing}."
        )
    return next(iter(lengths.values()))


def refuse_other_length(values, name, X):
    """Raise a ValueError unless there is one entry for each row of X."""
    n, n_rows = count_rows(values, name), count_rows(X, "X")
    if n != n_rows:
        raise ValueError(
            f"{name} must have one entry for each of the {n_rows} rows of X. Got {n}."
        )


def check_choice(value, name, allowed, *, hint=""):
    """Raise a ValueError for a value that is not one of the allowed words or None."""
    if not any(value is a or (isinstance(value, str) and value == a) for a in allowed):
        listed = ", ".join(map(str, allowed))
        raise ValueError(
            f"{name} must be one of {listed}. Got {value!r}. {hint}".rstrip()
        )


def check_flag(value, name):
    """Raise a ValueError for a value that is not True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False. Got {value!r}.")


def check_instance(value, name, kind, hint=""):
    """Raise a TypeError for a value that is not an instance of a class (or several)."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        allowed = " or ".join(f"a {k.__name__}" for k in kinds)
        got = repr(value)
        got = got if len(got) <= MOST_SHOWN else type(value).__name__
        raise TypeError(f"{name} must be {allowed}. Got {got}. {hint}".rstrip())


def warn_user(message, category):
    """Warn at the user's line that called this library, however deep the cause."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(
        ("selective_query.", "sklearn.")
    ):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(message, category, stacklevel=depth + 1)
