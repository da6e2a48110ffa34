"""Tensors of a batch: inputs, outputs of the net, and targets."""

import warnings
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import issparse

from selective_query._utils.frames import class_columns
from selective_query.outcomes.probabilities import check_proba

SOME_LACK = "If y lacks a label, as it may in a fold, list all labels in classes=."


class NetOutput(NamedTuple):
    """Outputs of a net with a router head for a batch.

    Parameters
    ----------
    logits : tensor of shape (n_samples, n_classes)
    head : tensor of shape (n_samples,) or None
        Outputs of the router head; None if the loss has none.
    second : tensor of shape (n_samples, n_classes) or None
        Logits of an auxiliary classifier, for losses that train one.
    exits : list of tensor of shape (n_samples, n_classes) or None
        Logits of each exit in order, for nets with several exits.
    """

    logits: torch.Tensor
    head: torch.Tensor | None = None
    second: torch.Tensor | None = None
    exits: list | None = None


class Target(NamedTuple):
    """Labels, weights and global probabilities of a batch.

    Parameters
    ----------
    label : tensor of shape (n_samples,), int
    weight : tensor of shape (n_samples,)
    row : tensor of shape (n_samples,), int
        Index of each row in ``fit``, for losses with a state per row.
    global_proba : tensor of shape (n_samples, n_classes) or None
        Probabilities of the global; None for abstention, where a query counts as
        correct.
    """

    label: torch.Tensor
    weight: torch.Tensor
    row: torch.Tensor
    global_proba: torch.Tensor | None = None

    def pick(self, rows):
        """Return the targets of some rows."""
        return Target(*(None if part is None else part[rows] for part in self))

    def to(self, device):
        """Copy the targets to another device."""
        return Target(*(None if part is None else part.to(device) for part in self))

    @property
    def global_right(self):
        """1 where the global is correct, shape (n_samples,); ones without a global."""
        if self.global_proba is None:
            return torch.ones_like(self.weight)
        return (self.global_proba.argmax(1) == self.label).float()


def encode_labels(y, classes):
    """Return all labels, and each row's index among them.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    classes : array-like of shape (n_classes,) or None
        None takes the labels of y.

    Raises
    ------
    ValueError
        If y holds other labels than `classes`.
    """
    if classes is None:
        return np.unique(y, return_inverse=True)
    classes = np.unique(classes)
    known = set(classes.tolist())  # in which "1" is not 1
    unknown = [label for label in np.unique(y).tolist() if label not in known]
    if unknown:
        raise ValueError(
            f"classes must hold every label of y. It lacks {unknown[:5]}. Add them, or "
            "leave classes out."
        )
    return classes, np.searchsorted(classes, y)


def make_target(label, weight, global_proba, classes):
    """Return the targets of all rows from arrays.

    Parameters
    ----------
    label : ndarray of shape (n_samples,), int
    weight : ndarray of shape (n_samples,)
    global_proba : array-like of shape (n_samples, n_classes) or None
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    Target

    Raises
    ------
    ValueError
        If `global_proba` has the wrong shape or is not probabilities.
    """
    if global_proba is not None:
        global_proba = class_columns(global_proba, classes, "global_proba")
        global_proba = np.asarray(global_proba, dtype=np.float32)
        expected = len(label), len(classes)
        if global_proba.shape != expected:
            raise ValueError(
                f"global_proba must be of shape {expected}: one row for each of X, one "
                f"column for each class. Got {global_proba.shape}. {SOME_LACK}"
            )
        check_proba(global_proba, "global_proba")
        global_proba = torch.from_numpy(global_proba)
    return Target(
        torch.from_numpy(label).long(),
        torch.from_numpy(weight).float(),
        torch.arange(len(label)),
        global_proba,
    )


def as_tensor(X):
    """Convert the inputs to a dense numeric tensor, without a copy if possible.

    Raises
    ------
    TypeError
        If X is sparse.
    ValueError
        If X is not numeric.
    """
    if issparse(X) or (isinstance(X, torch.Tensor) and X.layout != torch.strided):
        raise TypeError(
            f"X must be dense. Got a sparse {type(X).__name__}. Pass X.toarray(), or "
            "X.to_dense() of a tensor."
        )
    if isinstance(X, torch.Tensor):
        return X
    X = np.asarray(X)
    if X.dtype.kind not in "fiub":
        raise ValueError(
            f"X must hold numbers. Got dtype {X.dtype}. Turn texts or columns of a "
            "data frame into numbers first."
        )
    with warnings.catch_warnings():
        # Read-only arrays, such as memory-mapped files, are fine: nothing writes to
        # them.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(X))
