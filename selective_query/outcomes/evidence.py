"""What the device knows about a batch of inputs once the base has run."""

from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np
from sklearn.utils import _safe_indexing

from selective_query._utils.frames import class_columns, refuse_other_index
from selective_query._utils.labels import check_labels
from selective_query._utils.numbers import (
    as_column,
    as_floats,
    as_mask,
    check_finite,
    refuse_masked,
)
from selective_query._utils.validation import count_rows
from selective_query.exceptions import MissingEvidenceError
from selective_query.outcomes.probabilities import TopKProba, check_proba


def check_matrix(values, name):
    """Numbers of shape (n_samples, n_columns), finite ones, as floats."""
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


def check_any_proba(proba, name):
    """Probabilities as they should be: top-k ones, or checked dense ones."""
    return proba if isinstance(proba, TopKProba) else check_proba(proba, name)


_BY_CLASS = frozenset({"base_proba", "base_logits", "global_proba"})


@cache
def field_names(kind):
    """Names of the fields of Evidence, or of a kind of it."""
    return tuple(field.name for field in fields(kind))


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """What the device knows about a batch of inputs once the base has run.

    This is all that a router may look at when it decides whom to query.

    Parameters
    ----------
    base_proba : array-like of shape (n_samples, n_classes) or TopKProba, optional
        Class probabilities of the base.
    base_logits : array-like of shape (n_samples, n_classes), optional
        Scores of the base before the softmax.
    base_features : array-like of shape (n_samples, n_features), optional
        What the base computed on the way: an embedding, pooled activations.
    X : sequence of length n_samples, optional
        The inputs themselves: array, sparse matrix, DataFrame, list of texts.
    group : array-like of shape (n_samples,), optional
        To which group a row belongs, for budgets by group.
    local_only : array-like of shape (n_samples,), bool, optional
        Rows that must stay with the base: they are never queried.
    query_cost : array-like of shape (n_samples,), optional
        What a query about a row costs, in any unit, for budgets of such costs.

    Attributes
    ----------
    n_rows : int
        Number of inputs in the batch.

    Notes
    -----
    Columns of a data frame that stand for classes are taken by their names, which must
    be the labels; those that the frame numbered by itself go by position. Frames and
    series must have one index.

    Raises
    ------
    ValueError
        When nothing is given, lengths or indices differ, or a value is not finite or no
        distribution.

    Examples
    --------
    >>> from selective_query import Evidence
    >>> Evidence(base_proba=[[0.9, 0.1], [0.4, 0.6]]).n_rows
    2
    """

    base_proba: object = None
    base_logits: object = None
    base_features: object = None
    X: object = None
    group: object = None
    local_only: object = None
    query_cost: object = None

    def __post_init__(self):
        refuse_masked(self.X, "X")
        self._unframe()
        if self.base_proba is not None:
            self._set("base_proba", check_any_proba(self.base_proba, "base_proba"))
        for name in ("base_logits", "base_features"):
            if getattr(self, name) is not None:
                self._set(name, check_matrix(getattr(self, name), name))
        for name, check in _COLUMNS.items():
            if getattr(self, name) is not None:
                self._set(name, check(getattr(self, name), name))
        self._check_lengths()

    def _unframe(self):
        """Columns of frames by name; rows of frames and series by index."""
        refuse_other_index(self._rows())
        classes = getattr(self, "classes", None)
        for name in _BY_CLASS.intersection(field_names(type(self))):
            self._set(name, class_columns(getattr(self, name), classes, name))

    def _set(self, name, value):
        object.__setattr__(self, name, value)

    def _rows(self):
        """Every field that has one entry a row, by name."""
        for name in field_names(type(self)):
            value = getattr(self, name)
            if value is not None and name != "classes":
                yield name, value

    def _check_lengths(self):
        lengths = [count_rows(value, name) for name, value in self._rows()]
        if not lengths:
            raise ValueError(
                f"{type(self).__name__} is empty. Give at least one of base_proba, "
                "base_logits, base_features, X."
            )
        if min(lengths) != max(lengths):
            names = (name for name, _ in self._rows())
            listing = ", ".join(map("{}: {}".format, names, lengths))
            raise ValueError(
                f"All parts of {type(self).__name__} must have the same number of "
                f"rows. Got {listing}."
            )
        self._set("n_rows", lengths[0])

    def class_columns(self):
        """How many classes each part has a column for, by the part's name."""
        parts = ((n, getattr(self, n)) for n in ("base_proba", "base_logits"))
        return {name: part.shape[1] for name, part in parts if part is not None}

    def parts(self):
        """What is given of an Evidence, by the names of its parameters."""
        known = ((name, getattr(self, name)) for name in field_names(Evidence))
        return {name: part for name, part in known if part is not None}

    def take(self, rows):
        """Return the given rows (row numbers, a mask or a slice); perhaps none."""
        if isinstance(rows, slice):
            rows = np.arange(self.n_rows)[rows]
        rows = np.asarray(rows)
        if not rows.size:
            rows = rows.astype(int)  # an empty list would be one of floats
        return replace(self, **{n: _take(v, rows) for n, v in self._rows()})

    def view(self, rows):
        """The evidence of a slice of rows, without copies where arrays allow it.

        Nothing is checked anew.
        """
        parts = {}
        for name in field_names(Evidence):
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                parts[name] = value[rows]
            elif value is not None:
                parts[name] = _take(value, np.arange(self.n_rows)[rows])
        return Evidence.of_checked(len(range(*rows.indices(self.n_rows))), **parts)

    @staticmethod
    def of_checked(n_rows, **parts):
        """Evidence of parts that are known to be as they should be."""
        made = object.__new__(Evidence)
        made._set("n_rows", n_rows)
        for name in field_names(Evidence):
            made._set(name, parts.get(name))
        return made

    def keep_local(self, score):
        """Scores of these rows, minus infinity for those that must stay local.

        Parameters
        ----------
        score : ndarray of shape (n_samples,)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        if self.local_only is None:
            return score
        return np.where(self.local_only, -np.inf, score)

    def require(self, name, who):
        """Return the field `name`, or say what `who` is missing.

        Raises
        ------
        MissingEvidenceError
            When the field is not there.
        """
        value = getattr(self, name)
        if value is None:
            present = ", ".join(n for n, _ in self._rows())
            raise MissingEvidenceError(
                f"{who} needs {name}, which this {type(self).__name__} does not carry "
                f"(it has: {present}). Add {name}=, or choose another router."
            )
        return value


def _take(values, rows):
    if isinstance(values, TopKProba):
        return values.take(rows)
    if isinstance(values, np.ndarray):
        return values[rows]
    return _safe_indexing(values, rows)


def _check_group(values, name):
    values = check_labels(values, name)
    if values.ndim != 1:
        raise ValueError(
            f"{name} must be of shape (n_samples,). Got shape {values.shape}."
        )
    return values


def _check_cost(values, name):
    return check_finite(as_column(values, name), name, 0, each="row")


_COLUMNS = {
    "group": _check_group,
    "local_only": as_mask,
    "query_cost": _check_cost,
}
