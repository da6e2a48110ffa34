"""Predict on data larger than memory."""

from functools import partial

import numpy as np

from selective_query._utils.parallel import in_waves
from selective_query.classifiers import CascadeClassifier, HybridClassifier
from selective_query.scale._cutting import chunks_of
from selective_query.scale._stages import BaseStage

# Methods that share one pass of a hybrid's base, or one walk through a chain's tiers.
_ONE_PASS = {"predict", "predict_coverage", "query_score"}
_ONE_WALK = {"predict", "predict_proba", "predict_tier"}


def predict_in_chunks(
    model, X, method="predict", *, chunk_rows=10_000, n_jobs=None, out=None
):
    """Predict each chunk of rows, one after the other.

    Every row's answer depends on that row alone, so predictions on chunks equal those
    on all rows at once. Only the last digits of a probability or score may differ, if a
    linear algebra library sums in a different order for other sizes.

    Parameters
    ----------
    model : fitted estimator or RoutingPolicy
    X : array-like, memory map, sparse matrix, DataFrame, list, Evidence or iterable
        Rows, to be split into chunks; or an iterable of chunks, such as a generator.
        For chunks that are tuples, the first entry is X. Chunks without rows are
        skipped.
    method : str or tuple of str, default="predict"
        Methods of the model: ``predict``, ``predict_coverage``, ``query_score``,
        ``predict_proba``, ``predict_tier`` of a chain, or ``decide`` of a policy.
        Several of a hybrid's first three share one pass of the base, and several of a
        chain's ``predict``, ``predict_proba`` and ``predict_tier`` share one walk
        through the tiers.
    chunk_rows : int, default=10_000
        Number of rows in a chunk, if X is split.
    n_jobs : int or None, default=None
        Number of parallel chunks, for joblib, with the backend of
        ``joblib.parallel_config``. Threads are enough for models that release the
        interpreter lock, such as those of numpy and torch, and avoid copying the model
        to other processes.
    out : ndarray or tuple of ndarray, optional
        Arrays to fill, such as memory maps: one for each method, with n_samples rows.

    Returns
    -------
    iterator of ndarray
        One array for each chunk, or one tuple of arrays with several methods. With
        `out`, the filled `out` is returned instead.

    Raises
    ------
    ValueError
        If a parameter is out of range, or `out` has more or fewer rows than X.
    AttributeError
        If the model has no such method.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import HybridClassifier
    >>> from selective_query.scale import predict_in_chunks
    >>> X, y = load_digits(return_X_y=True)
    >>> hybrid = HybridClassifier(
    ...     GaussianNB(), ExtraTreesClassifier(random_state=0), coverage=0.8
    ... ).fit(X[:1200], y[:1200])
    >>> [len(labels) for labels in predict_in_chunks(hybrid, X[1200:], chunk_rows=250)]
    [250, 250, 97]
    >>> kept = np.zeros(597, dtype=bool)
    >>> predict_in_chunks(hybrid, X[1200:], "predict_coverage", out=kept) is kept
    True
    """
    methods = _checked_methods(model, method)
    chunks = chunks_of(X, chunk_rows=chunk_rows)
    answers = in_waves(partial(_answers, model, methods), chunks, n_jobs)
    if out is not None:
        arrays = (out,) if isinstance(method, str) else tuple(out)
        _fill(arrays, answers, methods)
        return out
    return (part for (part,) in answers) if isinstance(method, str) else answers


def _checked_methods(model, method):
    methods = (method,) if isinstance(method, str) else method
    if not (methods and isinstance(methods, (tuple, list))):
        raise ValueError(
            "method must be a name such as 'predict', or a tuple of names. Got "
            f"{method!r}."
        )
    for name in methods:
        if not callable(getattr(model, str(name), None)):
            raise AttributeError(
                f"method={name!r} is none of {type(model).__name__}. Choose one that "
                "takes rows and returns an entry for each, such as 'predict'."
            )
    return methods


def _answers(model, methods, chunk):
    if len(methods) > 1 and _ONE_PASS.issuperset(methods) and _is_hybrid(model):
        return _in_one_pass(model, methods, chunk.X)
    if len(methods) > 1 and _ONE_WALK.issuperset(methods) and _is_chain(model):
        return _in_one_walk(model, methods, chunk.X)
    return tuple(np.asarray(getattr(model, name)(chunk.X)) for name in methods)


def _is_hybrid(model):
    # A subclass with a predict of its own is not treated as a hybrid.
    return getattr(type(model), "predict", None) is HybridClassifier.predict


def _is_chain(model):
    return getattr(type(model), "predict", None) is CascadeClassifier.predict


def _in_one_walk(chain, methods, X):
    walk = chain._walk(X)
    found = {"predict": chain._labels_of(walk), "predict_tier": walk.tier}
    found["predict_proba"] = walk.proba
    return tuple(found[name] for name in methods)


def _in_one_pass(hybrid, methods, X):
    if "predict" in methods:
        found = hybrid.predict_detailed(X)
        kept, score, label = ~found.queried, found.score, found.label
    else:
        routed = BaseStage(hybrid).route(X, with_score=True)
        kept, score, label = routed.kept, routed.score, None
    found = {"predict": label, "predict_coverage": kept, "query_score": score}
    return tuple(found[name] for name in methods)


def _fill(arrays, answers, methods):
    if len(arrays) != len(methods):
        raise ValueError(
            f"out must hold one array for each method, {len(methods)}. Got "
            f"{len(arrays)}."
        )
    for array in arrays:
        if not hasattr(array, "dtype"):
            raise TypeError(
                "out must be an array or a tuple of arrays, such as memory maps. Got "
                f"{type(array).__name__}. For files, give what "
                "numpy.lib.format.open_memmap returns."
            )
    start = 0
    for parts in answers:
        stop = start + len(parts[0])
        for array, part in zip(arrays, parts, strict=True):
            _refuse_length(array, stop, more=True)
            _refuse_loss(array, part)
            array[start:stop] = part
        start = stop
    for array in arrays:
        _refuse_length(array, start)


def _refuse_length(array, n_rows, more=False):
    if len(array) < n_rows or (not more and len(array) > n_rows):
        raise ValueError(
            f"out must have as many rows as X, {n_rows}{' or more' if more else ''}. "
            f"Got {len(array)}."
        )


def _refuse_loss(array, part):
    """Raise if values would change: long labels truncated, large numbers wrapped."""
    if not np.can_cast(part.dtype, array.dtype, "same_kind"):
        raise ValueError(f"out must be able to hold {part.dtype}. Got {array.dtype}.")
    if part.dtype.kind in "US" and part.dtype.itemsize > array.dtype.itemsize:
        raise ValueError(
            f"out must be able to hold {part.dtype}. Got {array.dtype}, which would "
            "cut labels."
        )
    if part.dtype.kind in "iu" and array.dtype.kind in "iu" and part.size:
        range_ = np.iinfo(array.dtype)
        if part.min() < range_.min or part.max() > range_.max:
            raise ValueError(
                f"out must be able to hold {part.min()} to {part.max()}. Got "
                f"{array.dtype}, which would wrap them."
            )
