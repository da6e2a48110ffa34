"""Inputs of any kind as a tensor."""

import warnings

import numpy as np
import torch
from scipy.sparse import issparse


def as_tensor(X):
    """The inputs as a dense tensor of numbers, not copied where that can be.

    Raises
    ------
    TypeError
        When X is sparse.
    ValueError
        When it holds no numbers.
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
        # Of arrays that must not be written to, as mapped files; nothing here does.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(X))
