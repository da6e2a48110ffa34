"""A numeric table with one row per input, for routers based on distances."""

import numpy as np
from scipy.sparse import issparse

from selective_query.exceptions import MissingEvidenceError

SPACES = ("base_features", "X")
# Limit for converting a sparse X to dense: one gigabyte of numbers.
MOST_DENSE = 2**27
# Rows scored at a time, so that scratch memory does not grow with the batch.
CHUNK = 4096


def numeric_table(evidence, space, who):
    """The base's features, or a numeric X, as a float array.

    Raises
    ------
    ValueError
        If `space` is neither ``"base_features"`` nor ``"X"``.
    MissingEvidenceError
        If the evidence lacks it, or `X` is not a table of finite numbers.
    """
    check_space(space)
    table = evidence.require(space, who)
    if space == "X":
        return numeric_inputs(table, f"{who} needs")
    return table.astype(float)


def check_space(space):
    """Raise a ValueError for an unknown name of a table."""
    if space not in SPACES:
        raise ValueError(f"space must be one of {SPACES}. Got {space!r}.")


def numeric_inputs(X, who_needs):
    """A numeric X as a dense float array; sparse input is converted.

    Raises
    ------
    MissingEvidenceError
        If X is not a table of numbers.
    ValueError
        If it holds NaN or infinity, or would take too much memory.
    """
    if issparse(X):
        if np.prod(X.shape, dtype=float) > MOST_DENSE:
            raise ValueError(
                f"{who_needs} a dense X, and this sparse one of shape {X.shape} would "
                "take more than a gigabyte. Use fewer columns, for example "
                "PreRouter(features=TruncatedSVD(100))."
            )
        X = X.toarray(order="C")
    X = np.asarray(X)
    if X.ndim != 2 or X.dtype.kind not in "fiub":
        raise MissingEvidenceError(
            f"{who_needs} an X of numbers, of shape (n_samples, n_columns). Got X of "
            f"dtype {X.dtype} and shape {X.shape}. Turn texts into features first, and "
            "other inputs likewise, by any transformer: "
            "FeatureRouter(TfidfVectorizer()) reads them beside what the base put "
            "out, PreRouter(features=TfidfVectorizer()) alone."
        )
    if not np.isfinite(X).all():
        row = int(np.flatnonzero(~np.isfinite(X).all(axis=1))[0])
        raise ValueError(
            f"{who_needs} a finite X. Row {row} holds NaN or infinity. Fill such "
            "values in first, for example PreRouter(features=SimpleImputer())."
        )
    return X.astype(float)


def check_transformer(features, who, otherwise=""):
    """Raise a TypeError for an object that is not a transformer."""
    has_methods = all(hasattr(features, name) for name in ("fit", "transform"))
    if isinstance(features, type) or not has_methods:
        raise TypeError(
            f"{who} takes as features an instance of a transformer, such as "
            f"TfidfVectorizer(){otherwise}. Got {features!r}. Of a function "
            "FunctionTransformer makes one."
        )


def check_width(table, width, who):
    """Raise a ValueError for a table whose width differs from that in fit."""
    if table.shape[1] != width:
        raise ValueError(
            f"{who} was fitted on other evidence: {width} columns. Got "
            f"{table.shape[1]}. Give the same evidence as in fit."
        )


def chunks_of(n_rows):
    """Slices that cover all rows."""
    return (slice(start, start + CHUNK) for start in range(0, n_rows, CHUNK))


def centre_and_scale(table, weight):
    """Weighted mean and standard deviation of each column.

    Returns
    -------
    centre, scale : ndarray of shape (n_columns,)
        The scale of a constant column is infinite, so that the column has no effect.
    """
    share = weight / weight.sum()
    centre = share @ table
    scale = np.sqrt(share @ (table - centre) ** 2)
    scale[scale <= 1e-12 * np.maximum(np.abs(centre), 1)] = np.inf
    return centre, scale
