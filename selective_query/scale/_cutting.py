"""Split rows of any kind into a stream of chunks."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import _safe_indexing, indexable

from selective_query._utils.labels import label_column
from selective_query._utils.numbers import check_whole
from selective_query._utils.validation import (
    check_weights,
    num_samples,
    refuse_other_length,
)
from selective_query.outcomes.evidence import Evidence

# Types that can be indexed or iterated over but hold no rows.
NO_ROWS = (str, bytes, dict)


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some rows, with their labels and weights."""

    X: object
    y: object = None
    sample_weight: object = None

    @property
    def n_rows(self):
        """Number of rows."""
        return self.X.n_rows if isinstance(self.X, Evidence) else num_samples(self.X)


def chunks_of(X, y=None, sample_weight=None, chunk_rows=10_000):
    """Chunks of X with at least one row each, in order.

    Parameters
    ----------
    X : array-like, memory map, sparse matrix, DataFrame, list or iterable
        X with indexable rows is split into chunks. Anything else is treated as an
        iterable of chunks: each is a batch X, or a tuple (X, y) or (X, y,
        sample_weight). A list is treated as a batch of rows, unless its first two
        entries are arrays with different numbers of dimensions, which rows never are: a
        torch DataLoader yields such lists instead of tuples.
    y, sample_weight : array-like of shape (n_samples,), optional
        Only if X is split.
    chunk_rows : int, default=10_000
        Number of rows in a chunk, if X is split.

    Returns
    -------
    iterator of Chunk

    Raises
    ------
    ValueError
        If `chunk_rows` is not a whole number of at least one, lengths differ, or y or
        weights are given although X is an iterable of chunks.
    TypeError
        If X, or a chunk, is neither rows nor an iterable.
    """
    chunk_rows = check_whole(chunk_rows, "chunk_rows", 1)
    is_cut = isinstance(X, Evidence) or hasattr(X, "__getitem__") or hasattr(X, "shape")
    if isinstance(X, NO_ROWS) or not (is_cut or hasattr(X, "__iter__")):
        raise TypeError(
            "X must be rows (an array, memory map, sparse matrix, DataFrame or list) "
            f"or an iterable of chunks. Got {type(X).__name__}."
        )
    if is_cut:
        _refuse_chunks(X)
        return _cut(*_columns(X, y, sample_weight), chunk_rows)
    if y is not None or sample_weight is not None:
        raise ValueError(
            "X is an iterable of chunks, so y and sample_weight must come with them. "
            "Let each chunk be a tuple (X, y) or (X, y, sample_weight)."
        )
    return _given(X)


def _columns(X, y, sample_weight):
    if isinstance(X, Evidence):
        return X, None, None
    (X,) = indexable(X)
    given = {"y": y, "sample_weight": sample_weight}
    for name, values in given.items():
        if values is not None:
            refuse_other_length(values, name, X)
            (given[name],) = indexable(values)
    return X, *given.values()


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
        return values[rows]  # for a memory map, nothing is read yet
    return _safe_indexing(values, rows)


def _given(chunks):
    for given in chunks:
        chunk = _chunk(given)
        if chunk.n_rows:
            yield chunk


def _chunk(given):
    if not (isinstance(given, tuple) or _holds_columns(given)):
        if isinstance(given, NO_ROWS):
            raise TypeError(
                "A chunk must be rows X, or a tuple (X, y) or (X, y, sample_weight). "
                f"Got {type(given).__name__}."
            )
        return Chunk(given)
    if not 1 <= len(given) <= 3:
        raise ValueError(
            "A chunk that is a tuple must be (X, y) or (X, y, sample_weight). Got "
            f"{len(given)} entries."
        )
    return Chunk(*given)


def _holds_columns(given):
    """Whether a list or tuple holds X and y rather than rows, which are all alike."""
    if not isinstance(given, (list, tuple)) or len(given) not in (2, 3):
        return False
    first, second = (getattr(part, "ndim", 0) for part in given[:2])
    return first != second


def _refuse_chunks(X):
    """Raise for a list of chunks, or of X and y, which would be split as rows."""
    if _holds_columns(X):
        raise ValueError(
            f"X must be rows. Got a {type(X).__name__} that holds arrays of different "
            "dimensions, such as X and y. Give them apart, or as one chunk of an "
            "iterator: iter([(X, y)])."
        )
    if not (isinstance(X, (list, tuple)) and len(X) and _holds_columns(X[0])):
        return
    # A row with two parts, such as an image and numbers, has no common length.
    first, second = (getattr(part, "shape", ())[:1] for part in X[0][:2])
    if first and first == second:
        raise ValueError(
            f"X is a {type(X).__name__}, which is taken for rows. Got entries that are "
            "chunks, X beside y. Give an iterator of them: iter(chunks)."
        )


def labelled(chunk):
    """The chunk with y as a column and numeric weights, or a ValueError.

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
        weight = check_weights(weight, chunk.n_rows, may_vanish=True)
    refuse_other_length(chunk.y, "y", chunk.X)
    return Chunk(chunk.X, label_column(chunk.y), weight)
