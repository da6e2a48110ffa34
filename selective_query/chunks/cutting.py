"""Rows of any kind as a stream of chunks."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.validation import column_or_1d

from selective_query._validation import num_samples
from selective_query.evidence import Evidence


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some rows, and what is known about them."""

    X: object
    y: object = None
    sample_weight: object = None

    @property
    def n_rows(self):
        """Number of rows."""
        return self.X.n_rows if isinstance(self.X, Evidence) else num_samples(self.X)


def chunks_of(X, y=None, sample_weight=None, chunk_rows=10_000):
    """Chunks of X that hold at least one row each, in order.

    Parameters
    ----------
    X : array-like, memory map, sparse matrix, DataFrame, list or iterable
        What has rows that can be told by number is cut. Anything else is taken for
        an iterable of chunks: each is a batch X, or a tuple (X, y) or
        (X, y, sample_weight).
    y, sample_weight : array-like of shape (n_samples,), optional
        Only with an X that is cut.
    chunk_rows : int, default=10_000
        Rows of a chunk, where X is cut.

    Returns
    -------
    iterator of Chunk

    Raises
    ------
    ValueError
        When `chunk_rows` is less than one, lengths differ, or y or weights come beside
        an iterable that should bring its own.
    TypeError
        When X is neither rows nor an iterable.
    """
    if not chunk_rows >= 1:
        raise ValueError(
            f"chunk_rows must be a number of rows, 1 or more. Got {chunk_rows!r}."
        )
    if isinstance(X, Evidence) or hasattr(X, "__getitem__") or hasattr(X, "shape"):
        return _cut(*_columns(X, y, sample_weight), chunk_rows)
    if not hasattr(X, "__iter__"):
        raise TypeError(
            "X must be rows (an array, memory map, sparse matrix, DataFrame or list) "
            f"or an iterable of chunks. Got {type(X).__name__}."
        )
    if y is not None or sample_weight is not None:
        raise ValueError(
            "X is an iterable of chunks, so y and sample_weight must come with them. "
            "Let each chunk be a tuple (X, y) or (X, y, sample_weight)."
        )
    return _given(X)


def _columns(X, y, sample_weight):
    if isinstance(X, Evidence):
        return X, None, None
    X, y, sample_weight = indexable(X, y, sample_weight)
    return X, y, sample_weight


def _cut(X, y, sample_weight, chunk_rows):
    n_rows = Chunk(X).n_rows
    for start in range(0, n_rows, chunk_rows):
        rows = slice(start, min(start + chunk_rows, n_rows))
        yield Chunk(*(_part(values, rows) for values in (X, y, sample_weight)))


def _part(values, rows):
    if values is None:
        return None
    if isinstance(values, Evidence):
        return values.view(rows)
    if isinstance(values, np.ndarray):
        return values[rows]  # of a memory map: nothing is read yet
    return _safe_indexing(values, rows)


def _given(chunks):
    for given in chunks:
        chunk = Chunk(*given) if isinstance(given, tuple) else Chunk(given)
        if chunk.n_rows:
            yield chunk


def labelled(chunk):
    """The chunk with y as a column and weights as numbers, or a ValueError.

    Parameters
    ----------
    chunk : Chunk

    Returns
    -------
    Chunk
    """
    if chunk.y is None:
        raise ValueError(
            "There is nothing to judge by. Give y, or chunks that are tuples (X, y)."
        )
    weight = chunk.sample_weight
    if weight is not None:
        weight = column_or_1d(weight, dtype=float)
        if not np.isfinite(weight).all():
            raise ValueError("sample_weight must be finite numbers, one for each row.")
    indexable(chunk.X, chunk.y, weight)
    return Chunk(chunk.X, column_or_1d(chunk.y, warn=True), weight)
