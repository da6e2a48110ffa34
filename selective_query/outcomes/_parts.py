"""Checks and descriptions of the parts of the evidence."""

import numpy as np
from scipy.sparse import issparse

from selective_query._utils.labels import check_labels
from selective_query._utils.numbers import (
    as_column,
    as_floats,
    as_mask,
    check_finite,
)


def check_matrix(values, name):
    """Finite numbers of shape (n_samples, n_columns), as floats."""
    if issparse(values):
        raise ValueError(
            f"{name} must be dense. Got a sparse {type(values).__name__}. Give it as "
            "X, which learned routers read where there is nothing else, or fewer "
            "columns of it, for example of sklearn.decomposition.TruncatedSVD."
        )
    values = as_floats(values, name)
    if values.ndim != 2:
        raise ValueError(
            f"{name} must be of shape (n_samples, n_columns). Got shape {values.shape}."
        )
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise ValueError(
            f"{name} must be finite. Row {row} holds NaN or infinity; drop such rows "
            "or repair the model that made them."
        )
    return values


def _check_row_labels(values, name):
    values = check_labels(values, name)
    if values.ndim != 1:
        raise ValueError(
            f"{name} must be of shape (n_samples,). Got shape {values.shape}."
        )
    return values


def _check_cost(values, name):
    return check_finite(as_column(values, name), name, 0, each="row")


# One value for each row.
COLUMNS = {
    "group": _check_row_labels,
    "id": _check_row_labels,
    "local_only": as_mask,
    "query_cost": _check_cost,
}


def described(name, part):
    """The name of a part, with its shape where that is informative."""
    shape = getattr(part, "shape", None) or (len(part),)
    return name if len(shape) == 1 else f"{name} {tuple(shape)}"


def first_of(labels, n=5):
    """The first few labels."""
    more = ", ..." if len(labels) > n else ""
    return ", ".join(map(str, labels[:n].tolist())) + more
