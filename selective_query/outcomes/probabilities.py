"""Class probabilities of a batch: a dense array, or only the k largest for each row."""

from dataclasses import dataclass

import numpy as np

from selective_query._utils.frames import refuse_other_index
from selective_query._utils.labels import check_labels
from selective_query._utils.numbers import as_floats, as_numbers, is_whole

# Sums of saved half-precision outputs miss one by up to this much.
SUM_TOLERANCE = 1e-3
# Memory is needed for each class: sums, counts, columns.
MAX_CLASSES = 2**24
# Sums of naive Bayes in single precision, with many features, miss one by some percent.
MODEL_TOLERANCE = 0.05


def check_proba(proba, name):
    """Return `proba` as a 2-D float array whose rows are distributions.

    Raises
    ------
    ValueError
        If it is not of shape (n, n_classes), holds NaN, negative values or no numbers,
        or a row does not sum to one within 1e-3.
    """
    proba = as_numbers(proba, name)
    if proba.ndim != 2 or proba.shape[1] < 2:
        raise ValueError(
            f"{name} must be of shape (n_samples, n_classes) with two classes or more. "
            f"Got shape {proba.shape}. For a binary model pass both columns."
        )
    return check_distributions(proba, name)


def check_distributions(proba, name, tolerance=SUM_TOLERANCE):
    """Return an array of shape (n, n_classes) as floats; each row is a distribution.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
    name : str
    tolerance : float, default=SUM_TOLERANCE
        By how much the sum of a row may miss one. A row that misses it by more than the
        default is divided by its sum.

    Raises
    ------
    ValueError
        As :func:`check_proba`, except for the shape.
    """
    proba = as_floats(proba, name)
    if not len(proba):
        return proba
    total = proba @ np.ones(proba.shape[1], dtype=proba.dtype)
    # NaN fails every comparison, so checking the smallest and largest sum detects it.
    miss = max(1 - np.minimum.reduce(total), np.maximum.reduce(total) - 1)
    if not miss <= tolerance:
        row = int(np.flatnonzero(~(np.abs(total - 1) <= tolerance))[0])
        if np.isnan(proba[row]).any():
            raise ValueError(
                f"{name} contains NaN, first in row {row}. Drop such rows or repair "
                "the model that made them."
            )
        raise ValueError(
            f"Rows of {name} must sum to 1 (within {tolerance}). Row {row} sums to "
            f"{proba[row].sum():.6g}. Pass probabilities, not logits or scores; for "
            "the largest few of many classes use TopKProba. Where a model loses digits "
            "in single precision, give it X.astype(float)."
        )
    if np.minimum.reduce(proba, axis=None) < 0:
        row = int((proba < 0).any(axis=1).argmax())
        raise ValueError(
            f"{name} must not be negative. Got {proba[row].min():.6g} in row {row}. "
            "Pass probabilities, not logits or scores."
        )
    if miss > SUM_TOLERANCE:
        off = np.flatnonzero(np.abs(total - 1) > SUM_TOLERANCE)
        proba = proba.copy()
        proba[off] /= proba[off].sum(axis=1, keepdims=True)
    return proba


@dataclass(frozen=True, eq=False)
class TopKProba:
    """The k largest class probabilities of each row.

    A million rows of a 1,000-class model fit into memory this way; this library never
    expands them to a dense array.

    Parameters
    ----------
    classes : array-like of shape (n_samples, k), int
        Column numbers, in ``range(n_classes)``, of the k most probable classes.
    proba : array-like of shape (n_samples, k)
        Their probabilities. Rows may sum to less than one (the rest belongs to the
        classes that are not listed) and to no more than 1.001 (rounding).
    n_classes : int
        Number of classes of the model, 16,777,216 (2**24) at most.

    Raises
    ------
    ValueError
        If shapes disagree, a class is out of range or listed twice in a row, a row is
        not a distribution, or n_classes is not a whole number or too large.

    Examples
    --------
    >>> from selective_query import TopKProba
    >>> top = TopKProba(classes=[[7, 2]], proba=[[0.6, 0.3]], n_classes=1000)
    >>> top.shape
    (1, 1000)
    """

    classes: np.ndarray
    proba: np.ndarray
    n_classes: int

    def __post_init__(self):
        refuse_other_index([("classes", self.classes), ("proba", self.proba)])
        classes = as_numbers(self.classes, "TopKProba.classes")
        proba = as_floats(self.proba, "TopKProba.proba")
        if classes.ndim != 2 or classes.shape != proba.shape or not classes.shape[1]:
            raise ValueError(
                "TopKProba needs classes and proba of the same shape (n_samples, k). "
                f"Got {classes.shape} and {proba.shape}."
            )
        if classes.dtype.kind not in "iu":
            raise ValueError(
                "TopKProba.classes must hold column numbers (integers). "
                f"Got dtype {classes.dtype}."
            )
        if not is_whole(self.n_classes):
            raise ValueError(
                "TopKProba.n_classes must be a whole number: how many classes the "
                f"model has. Got {self.n_classes!r}."
            )
        if self.n_classes < max(2, classes.shape[1]):
            raise ValueError(
                f"TopKProba.n_classes must be at least 2 and at least k="
                f"{classes.shape[1]}. Got {self.n_classes}."
            )
        if self.n_classes > MAX_CLASSES:
            raise ValueError(
                f"TopKProba.n_classes must be at most {MAX_CLASSES}, the number of "
                f"classes of the model. Got {self.n_classes}."
            )
        if len(classes) and not (0 <= classes.min() <= classes.max() < self.n_classes):
            raise ValueError(
                f"TopKProba.classes must lie in [0, n_classes={self.n_classes}). "
                f"Got values from {classes.min()} to {classes.max()}."
            )
        ordered = np.sort(classes, axis=1)
        twice = ordered[:, 1:] == ordered[:, :-1]
        if twice.any():
            row, place = (int(found[0]) for found in np.nonzero(twice))
            raise ValueError(
                "TopKProba.classes must list a class at most once in each row. Row "
                f"{row} lists {ordered[row, place]} more than once. Keep its "
                "probability in one place, or list fewer classes (a smaller k)."
            )
        total = proba.sum(axis=1)
        if not ((proba >= 0).all() and (total <= 1 + SUM_TOLERANCE).all()):
            raise ValueError(
                "TopKProba.proba must be finite, not negative, and sum to at most 1 in "
                f"each row. Got a minimum of {proba.min():.6g} and a largest sum of "
                f"{total.max():.6g}."
            )
        if (np.diff(proba, axis=1) > 0).any():
            order = np.argsort(-proba, axis=1, kind="stable")
            classes = np.take_along_axis(classes, order, axis=1)
            proba = np.take_along_axis(proba, order, axis=1)
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "proba", proba)
        object.__setattr__(self, "n_classes", int(self.n_classes))

    def __len__(self):
        return len(self.proba)

    @property
    def shape(self):
        """(n_samples, n_classes), as a dense array would have."""
        return (len(self.proba), self.n_classes)

    def take(self, rows):
        """Select rows.

        Parameters
        ----------
        rows : ndarray of int or bool, or slice
            Row numbers, a mask of shape (n_samples,), or a slice.

        Returns
        -------
        TopKProba
        """
        return TopKProba(self.classes[rows], self.proba[rows], self.n_classes)


def check_classes(classes):
    """Labels of the probability columns, each listed once."""
    classes = check_labels(classes, "classes")
    if classes.ndim != 1 or len(np.unique(classes)) != len(classes):
        raise ValueError(
            "classes must list each label once, in the order of the probability "
            f"columns. Got {classes!r}."
        )
    return classes


def check_widths(widths):
    """Raise if parts, given by name, disagree on the number of classes."""
    if len(set(widths.values())) > 1:
        listing = ", ".join(f"{name}: {width}" for name, width in widths.items())
        raise ValueError(
            f"{', '.join(widths)} must agree on the number of classes. Got {listing}. "
            "Add zero columns for classes that one side does not know."
        )


def check_any_proba(proba, name):
    """Check dense probabilities; top-k probabilities were checked when created."""
    return proba if isinstance(proba, TopKProba) else check_proba(proba, name)


def top_class(proba):
    """Column of the most probable class, shape (n_samples,)."""
    if isinstance(proba, TopKProba):
        return proba.classes[:, 0]
    return proba.argmax(axis=1)


def top_probability(proba):
    """Largest probability of each row, shape (n_samples,)."""
    if isinstance(proba, TopKProba):
        return proba.proba[:, 0]
    return proba.max(axis=1)


def top_probabilities(proba, k):
    """The k largest probabilities in decreasing order, shape (n_samples, k).

    Rows with fewer than k known probabilities are padded with zeros.
    """
    if isinstance(proba, TopKProba):
        top = proba.proba[:, :k]
    else:
        n_classes = proba.shape[1]
        if n_classes > max(32, k):
            proba = np.partition(proba, n_classes - k, axis=1)[:, n_classes - k :]
        top = np.sort(proba, axis=1)[:, ::-1][:, :k]
    missing = k - top.shape[1]
    return np.pad(top, ((0, 0), (0, missing))) if missing else top


def entropy(proba):
    """Shannon entropy in nats, shape (n_samples,).

    For top-k rows, the remaining mass is spread evenly over the classes that are not
    listed: the largest entropy consistent with what is known.
    """
    if not isinstance(proba, TopKProba):
        return _entropy_of_listed(proba)
    listed = _entropy_of_listed(proba.proba)
    n_rest = proba.n_classes - proba.proba.shape[1]
    if not n_rest:
        return listed
    rest = np.maximum(1 - proba.proba.sum(axis=1), 0)
    tiny = np.finfo(rest.dtype).tiny
    return listed - rest * np.log(np.maximum(rest / n_rest, tiny))


def _entropy_of_listed(proba):
    log = np.log(np.maximum(proba, np.finfo(proba.dtype).tiny))
    return 0.0 - np.einsum("ij,ij->i", proba, log)  # never minus zero
