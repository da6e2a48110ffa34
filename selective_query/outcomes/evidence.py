"""What the device knows about a batch of inputs once the base has run."""

from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np
from sklearn.utils import _safe_indexing

from selective_query._utils.frames import class_columns, refuse_other_index
from selective_query._utils.numbers import refuse_masked
from selective_query._utils.validation import common_length
from selective_query.exceptions import MissingEvidenceError
from selective_query.outcomes._alignment import aligned
from selective_query.outcomes._files import read_predictions, write_predictions
from selective_query.outcomes._parts import COLUMNS, check_matrix, described, first_of
from selective_query.outcomes.probabilities import (
    TopKProba,
    check_any_proba,
    check_classes,
    check_widths,
)

_BY_CLASS = frozenset({"base_proba", "base_logits", "global_proba"})
# Fields that a batch carries along but no router reads.
NAMES = ("id", "classes")


@cache
def field_names(kind):
    """Names of the fields of Evidence, or of a subclass."""
    return tuple(field.name for field in fields(kind))


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Evidence:
    """What the device knows about a batch of inputs once the base has run.

    This is all that a router may use to decide which inputs to query.

    Parameters
    ----------
    base_proba : array-like of shape (n_samples, n_classes) or TopKProba, optional
        Class probabilities of the base.
    base_logits : array-like of shape (n_samples, n_classes), optional
        Scores of the base before the softmax.
    base_features : array-like of shape (n_samples, n_features), optional
        Intermediate outputs of the base: an embedding, pooled activations.
    X : sequence of length n_samples, optional
        The inputs themselves: array, sparse matrix, DataFrame, list of texts.
    group : array-like of shape (n_samples,), optional
        Group of each row, for budgets by group.
    local_only : array-like of shape (n_samples,), bool, optional
        Rows that must stay with the base: they are never queried.
    query_cost : array-like of shape (n_samples,), optional
        Cost of a query about each row, in any unit, for budgets on such costs.
    id : array-like of shape (n_samples,), optional
        Identifier of each row in tables that are read and written.
    classes : array-like of shape (n_classes,), optional
        Label of each column of base_proba and base_logits. Columns of a data frame are
        put in this order by name, and a rule that was fitted on other classes refuses
        to decide.

    Attributes
    ----------
    n_rows : int
        Number of inputs in the batch.

    Raises
    ------
    ValueError
        If nothing is given, lengths or indexes differ, or a value is not finite or not
        a distribution.

    Notes
    -----
    Class columns of a data frame are matched by name, and the names must be the labels;
    automatic column numbers go by position. Frames and series must share one index;
    :meth:`from_frames` aligns their rows.

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
    id: object = None
    classes: object = None

    _distributions = ("base_proba",)

    def __post_init__(self):
        refuse_masked(self.X, "X")
        self._unframe()
        for name in self._distributions:
            if getattr(self, name) is not None:
                self._set(name, check_any_proba(getattr(self, name), name))
        for name in ("base_logits", "base_features"):
            if getattr(self, name) is not None:
                self._set(name, check_matrix(getattr(self, name), name))
        for name, check in COLUMNS.items():
            if getattr(self, name) is not None:
                self._set(name, check(getattr(self, name), name))
        self._set_classes()
        self._check_lengths()

    def _set_classes(self):
        widths = self._widths()
        if self.classes is not None:
            self._set("classes", check_classes(self.classes))
            widths["classes"] = len(self.classes)
        check_widths(widths)

    def _widths(self):
        """Number of classes of each part with probabilities."""
        parts = ((name, getattr(self, name)) for name in self._distributions)
        return {name: part.shape[1] for name, part in parts if part is not None}

    def _unframe(self):
        """Convert frames to arrays: columns by name; rows must share one index."""
        refuse_other_index(self._rows())
        for name in _BY_CLASS.intersection(field_names(type(self))):
            self._set(name, class_columns(getattr(self, name), self.classes, name))

    def _set(self, name, value):
        object.__setattr__(self, name, value)

    def _rows(self):
        """All fields with one entry for each row, by name."""
        for name in field_names(type(self)):
            value = getattr(self, name)
            if value is not None and name != "classes":
                yield name, value

    def _check_lengths(self):
        self._set("n_rows", common_length(type(self).__name__, self._rows()))

    def __repr__(self):
        head = f"{type(self).__name__} of {self.n_rows} rows"
        if self.classes is not None:
            head += f", {len(self.classes)} classes ({first_of(self.classes)})"
        return "\n  ".join([head, *self._summary()])

    def _summary(self):
        """Lines of a summary: the given parts and their shapes."""
        return [", ".join(described(*given) for given in self._rows())]

    @classmethod
    def from_frames(cls, base, *, classes=None, id=None, **fields):
        """Evidence from a data frame with a column of probabilities for each class.

        Parameters
        ----------
        base : DataFrame of pandas or polars, or Table of pyarrow
            Columns are named by the classes; further columns are allowed if `classes`
            lists the class columns.
        classes : array-like of shape (n_classes,), optional
            Labels in the order of the columns, for example ``rule_.classes`` of a
            fitted policy. By default, all columns in their order. A class without a
            column gets probability zero.
        id : str, optional
            Column, or index, that identifies the rows. By default the index of pandas.
        **fields
            Further parameters of :class:`Evidence`: the name of a column, a frame or
            series that is aligned with the base's rows by `id` or index, or an array in
            the order of the base's rows.

        Returns
        -------
        Evidence

        Raises
        ------
        ValueError
            If a row or class is missing or duplicated on a side; the message names it.

        Examples
        --------
        >>> import pandas as pd
        >>> from selective_query import Evidence
        >>> frame = pd.DataFrame({"dog": [0.1, 0.7], "cat": [0.9, 0.3]}, ["a", "b"])
        >>> evidence = Evidence.from_frames(frame, classes=["cat", "dog"])
        >>> evidence.base_proba[:, 0], evidence.id
        (array([0.9, 0.3]), array(['a', 'b'], dtype=object))
        """
        return cls(**aligned({"base": base}, classes=classes, id=id, fields=fields))

    @classmethod
    def from_file(cls, path, *, classes=None, y=None, id=None):
        """Read saved predictions from an npz, CSV or parquet file.

        An npz file has the parameters of :class:`Outcomes` as keys (``base_proba``,
        ``y``, ``classes`` ...). Top-k probabilities of one side are three arrays:
        ``base_topk_classes``, ``base_topk_proba`` and ``n_classes`` (and
        ``global_topk_...``).

        A table has one column for each parameter with one value for each row, and for
        each class ``base_proba_LABEL``, ``global_proba_LABEL``, ``base_logits_LABEL``;
        ``base_features_0``, ``X_0`` and so on form matrices. Columns are matched by
        these names. Cells of ``id``, ``y``, predictions and groups in a CSV file are
        read as integers if possible, otherwise as text.

        Parameters
        ----------
        path : path-like or binary file
        classes : array-like of shape (n_classes,), optional
            Order of the columns, for example ``rule_.classes`` of a fitted policy. By
            default, their order in the file.
        y, id : str, optional
            Names of the table columns for these parameters.

        Returns
        -------
        Outcomes, or the Evidence in the file

        Raises
        ------
        ValueError
            If the file has another format, is damaged or encrypted, unpacks to a
            hundred times its size and more than 256 MB, holds objects, or has unknown
            names or malformed contents; the message names the key or column.
        ImportError
            If it is a parquet file and pyarrow is not installed.
        """
        return read_predictions(path, cls, classes=classes, y=y, id=id)

    def to_file(self, path):
        """Write all fields to a file that ``from_file`` can read.

        Parameters
        ----------
        path : path-like
            A table if its suffix is .csv, .tsv or .parquet, otherwise npz.

        Raises
        ------
        ValueError
            If a part is not numbers or text, or is :class:`TopKProba` in a table.
        ImportError
            If it is a parquet file and pyarrow is not installed.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from selective_query import Evidence
        >>> evidence = Evidence(base_proba=[[0.9, 0.1]], id=["a"], classes=[3, 7])
        >>> path = Path(tempfile.mkdtemp()) / "batch.csv"
        >>> evidence.to_file(path)
        >>> print(path.read_text().strip())
        base_proba_3,base_proba_7,id
        0.9,0.1,a
        >>> Evidence.from_file(path).classes
        array([3, 7])
        """
        write_predictions(path, self)

    def _derived_fields(self):
        """Names of fields that are derived from others."""
        return set()

    def class_columns(self):
        """Number of classes of each part with class columns.

        Returns
        -------
        dict of str to int
            By the part's name: ``base_proba``, ``base_logits``, if given.
        """
        parts = ((n, getattr(self, n)) for n in ("base_proba", "base_logits"))
        return {name: part.shape[1] for name, part in parts if part is not None}

    def parts(self):
        """The given parts, by parameter name.

        Returns
        -------
        dict
        """
        known = ((name, getattr(self, name)) for name in field_names(Evidence))
        return {name: part for name, part in known if part is not None}

    def take(self, rows):
        """Select rows; the selection may be empty.

        Parameters
        ----------
        rows : array-like of int or bool, or slice
            Row numbers, a mask of shape (n_samples,), or a slice.

        Returns
        -------
        Evidence
        """
        if isinstance(rows, slice):
            rows = np.arange(self.n_rows)[rows]
        rows = np.asarray(rows)
        if not rows.size:
            rows = rows.astype(int)  # an empty list would become an array of floats
        return replace(self, **{n: _take(v, rows) for n, v in self._rows()})

    def view(self, rows):
        """The evidence of a slice of rows, without copies where arrays allow it.

        Nothing is checked again.

        Parameters
        ----------
        rows : slice

        Returns
        -------
        Evidence
        """
        parts, numbers = self.parts(), np.arange(*rows.indices(self.n_rows))
        for name, part in parts.items():
            if name != "classes":
                is_array = isinstance(part, np.ndarray)
                parts[name] = part[rows] if is_array else _take(part, numbers)
        return Evidence.of_checked(len(numbers), **parts)

    @staticmethod
    def of_checked(n_rows, **parts):
        """Evidence from parts that were already checked; nothing is checked here.

        Parameters
        ----------
        n_rows : int
        **parts : ndarray, TopKProba or sequence
            Parameters of the class, each with `n_rows` rows.

        Returns
        -------
        Evidence
        """
        made = object.__new__(Evidence)
        made._set("n_rows", n_rows)
        for name in field_names(Evidence):
            made._set(name, parts.get(name))
        return made

    def keep_local(self, score):
        """Scores of these rows, minus infinity for rows that must stay local.

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
        """A field that must be present.

        Parameters
        ----------
        name : str
            Name of the field.
        who : str
            What needs it, for the message.

        Returns
        -------
        ndarray, TopKProba or sequence

        Raises
        ------
        MissingEvidenceError
            If the field is absent.
        """
        value = getattr(self, name)
        if value is None:
            present = ", ".join(n for n, _ in self._rows())
            raise MissingEvidenceError(
                f"{who} needs {name}, which this {type(self).__name__} does not carry "
                f"(it has: {present}). Add {name}=, or replace {who}."
            )
        return value


def _take(values, rows):
    if isinstance(values, TopKProba):
        return values.take(rows)
    if isinstance(values, np.ndarray):
        return values[rows]
    return _safe_indexing(values, rows)
