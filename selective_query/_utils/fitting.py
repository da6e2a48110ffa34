"""What a fit stores: all attributes or none, and the columns that it has seen."""

import copy

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import indexable

from selective_query._utils.numbers import refuse_masked
from selective_query._utils.validation import (
    check_feature_names,
    check_n_features,
    get_feature_names,
    hands_fit_on,
    is_frozen,
)

REMEMBERED = "n_features_in_", "feature_names_in_", "_column_labels"


class _Unchanged:
    def __repr__(self):
        return "<unchanged>"


# Marks a parameter as unchanged, for parameters where None has a meaning.
UNCHANGED = _Unchanged()


def unfitted(estimator):
    """A shallow copy without learned attributes, to be fitted in its place."""
    copied = copy.copy(estimator)
    for name in [n for n in vars(estimator) if n.endswith("_") and n[0] != "_"]:
        delattr(copied, name)
    return copied


def become(estimator, fitted):
    """Replace the estimator's attributes with those of the fitted copy."""
    vars(estimator).clear()
    vars(estimator).update(vars(fitted))
    return estimator


def remember_columns(estimator, X, model):
    """Store column names if X has them, and the number of columns if the model has it.

    Non-string column labels are stored separately: scikit-learn ignores them as names.
    """
    names = _names_of(X)
    vars(estimator).pop("_column_labels", None)
    if names is not None:
        estimator.feature_names_in_ = names
    elif hasattr(X, "columns"):
        estimator._column_labels = list(X.columns)
    if hasattr(model, "n_features_in_"):
        check_n_features(estimator, X, reset=True)


def sliceable(X, estimator):
    """X in a sliceable form, after checking its columns against those of fit.

    Raises
    ------
    ValueError
        If entries are masked, or the columns differ.
    """
    refuse_masked(X, "X")
    if not isinstance(X, np.ndarray):
        (X,) = indexable(X)
    check_columns(estimator, X)
    return X


def check_columns(estimator, X, who="model"):
    """Raise if the columns differ from those that an estimator was fitted on, if known.

    Raises
    ------
    ValueError
        If names are missing, unknown or in another order, or the number of columns
        differs.
    """
    if hasattr(estimator, "feature_names_in_"):
        try:
            check_feature_names(estimator, X, reset=False)
        except ValueError as error:
            raise ValueError(
                f"{error}Pass X[{who}.feature_names_in_], the columns of fit in their "
                "order."
            ) from None
    elif hasattr(X, "columns") and hasattr(estimator, "_column_labels"):
        _refuse_other_order(list(X.columns), estimator._column_labels)
    if len(getattr(X, "shape", ())) > 1:  # other inputs are checked by the models
        check_n_features(estimator, X, reset=False)


def _refuse_other_order(labels, expected):
    if labels != expected and set(labels) == set(expected):
        raise ValueError(
            "The columns of X must be in the order of fit. Got "
            f"{labels[:3]} ... and not {expected[:3]} .... Put them in order, or pass "
            "to_numpy() if they are."
        )


def refuse_other_names(model, X, who):
    """Raise if a frozen model was fitted on columns with other names.

    Pipelines are exempt: they select their columns themselves.
    """
    if hands_fit_on(model):
        refuse_other_names(model.estimator, X, who)
    elif is_frozen(model) and not isinstance(model, Pipeline):
        inner = getattr(model, "estimator", model)
        has_names = hasattr(inner, "feature_names_in_") and _names_of(X) is not None
        if has_names and not isinstance(inner, Pipeline):
            check_columns(inner, X, who)


def _names_of(X):
    try:
        return get_feature_names(X)
    except TypeError:  # text and numbers mixed, which scikit-learn's models refuse
        return None
