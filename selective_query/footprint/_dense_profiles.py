"""Profiles of linear models, naive Bayes, perceptrons, neighbours and scalers."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from sklearn.exceptions import NotFittedError

from selective_query.footprint.estimator_profile import EstimatorProfile


@dataclass(frozen=True)
class Inputs:
    """Sizes of the inputs of an estimator.

    Parameters
    ----------
    n_rows, n_columns : int or None
        None if the inputs have no such axis, such as texts.
    n_classes : int or None
    """

    n_rows: int | None
    n_columns: int | None
    n_classes: int | None


def unknown_before_fit(estimator, what):
    """Return the error for a number that is only known after a fit."""
    return NotFittedError(
        f"The {what} of {type(estimator).__name__} is only known once it is fitted. "
        "Fit it first, or give n_classes and rows of the shape it will be fitted on."
    )


def require(estimator, what, number):
    """Return a number; raise NotFittedError if it is unknown."""
    if number is None:
        raise unknown_before_fit(estimator, what)
    return number


def n_columns_of(estimator, inputs):
    """Return the number of columns that it was, or will be, fitted on."""
    known = getattr(estimator, "n_features_in_", inputs.n_columns)
    return require(estimator, "number of columns", known)


def n_classes_of(estimator, inputs):
    """Return the number of classes that it knows, or will know."""
    if hasattr(estimator, "classes_"):
        return len(estimator.classes_)
    return require(estimator, "number of classes", inputs.n_classes)


def n_scores_of(estimator, inputs):
    """Return the number of class scores: one for two classes."""
    n_classes = n_classes_of(estimator, inputs)
    return 1 if n_classes == 2 else n_classes


def _product(n_in, n_out):
    """Profile a matrix product with one bias per output."""
    return EstimatorProfile(
        macs=n_in * n_out,
        weights=n_in * n_out,
        constants=n_out,
        peak_elements=n_in + n_out,
        n_outputs=n_out,
    )


def linear(estimator, inputs):
    """Profile a linear model: one product of ``coef_`` and the input."""
    if hasattr(estimator, "coef_"):
        n_scores, n_columns = np.shape(np.atleast_2d(estimator.coef_))
    else:
        n_scores = n_scores_of(estimator, inputs)
        n_columns = n_columns_of(estimator, inputs)
    return _product(n_columns, n_scores)


def gaussian_bayes(estimator, inputs):
    """Profile Gaussian naive Bayes: three operations per class and column."""
    n_columns = n_columns_of(estimator, inputs)
    n_classes = n_classes_of(estimator, inputs)
    return EstimatorProfile(
        macs=3 * n_classes * n_columns,
        weights=2 * n_classes * n_columns,
        constants=n_classes,
        peak_elements=n_columns + n_classes,
        n_outputs=n_classes,
    )


def perceptron(estimator, inputs):
    """Profile a perceptron; two neighbouring layers are alive at once."""
    hidden = np.ravel(estimator.hidden_layer_sizes).astype(int).tolist()
    sizes = [
        n_columns_of(estimator, inputs), *hidden, n_scores_of(estimator, inputs)
    ]  # fmt: skip
    first, *others = (_product(*pair) for pair in pairwise(sizes))
    for layer in others:
        first = first.then(layer)
    return first


def neighbours(estimator, inputs):
    """Profile nearest neighbours: all distances, and a list of the nearest rows.

    The algorithm on the host is ignored. Each row is compared with at most all rows in
    the list.
    """
    n_rows = getattr(estimator, "n_samples_fit_", inputs.n_rows)
    n_rows = require(estimator, "number of rows", n_rows)
    n_columns = n_columns_of(estimator, inputs)
    n_classes = n_classes_of(estimator, inputs)
    n_nearest = estimator.n_neighbors
    return EstimatorProfile(
        macs=2 * n_rows * n_columns,
        comparisons=n_rows * n_nearest,
        weights=n_rows * n_columns,
        index_bytes=n_rows * (1 if n_classes <= 256 else 2),
        peak_elements=n_columns + 2 * n_nearest + n_classes,
        n_outputs=n_classes,
    )


def scaling(estimator, inputs):
    """Profile a scaler: a factor and a shift per column, in place."""
    n_columns = n_columns_of(estimator, inputs)
    return EstimatorProfile(
        macs=n_columns,
        weights=0,
        constants=2 * n_columns,
        peak_elements=n_columns,
        n_outputs=n_columns,
    )


def projection(estimator, inputs):
    """Profile a projection: one product; the mean is folded into its biases."""
    n_columns = n_columns_of(estimator, inputs)
    if hasattr(estimator, "components_"):
        return _product(n_columns, len(estimator.components_))
    n_out = estimator.n_components
    if n_out is None and inputs.n_rows is not None:
        n_out = min(inputs.n_rows, n_columns)
    if not isinstance(n_out, (int, np.integer)):
        raise unknown_before_fit(estimator, "number of components")
    return _product(n_columns, int(n_out))
