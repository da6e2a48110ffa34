"""A pseudo-random number for each row: a seeded hash of its evidence."""

import hashlib
import math

import numpy as np
from scipy.sparse import csr_matrix, issparse

from selective_query.outcomes.evidence import NAMES, Evidence, field_names
from selective_query.outcomes.probabilities import TopKProba

# Offset of the rounding grid for hashed numbers, in grid steps.
SHIFT = 0.2718
_READ = tuple(name for name in field_names(Evidence) if name not in NAMES)


def chance_of_rows(evidence, seed):
    """A number in [0, 1) for each row, uniform over seeds and the same for equal rows.

    It hashes X if available, otherwise the base's outputs.

    Parameters
    ----------
    evidence : Evidence
    seed : int

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    MissingEvidenceError
        If there is nothing to hash.
    """
    names = ("X",) if evidence.X is not None else _READ
    parts = (getattr(evidence, name) for name in names)
    tables = [_numbers(part) for part in parts if part is not None]
    if not tables:
        evidence.require("X", "Chance, which is a hash of what is known of a row,")
    return _hash_rows(np.hstack(tables), seed)


def _numbers(part):
    """The rows of one part of the evidence as integers, (n_samples, n_columns)."""
    if isinstance(part, TopKProba):
        return np.hstack([part.classes.astype(np.int64), _rounded(part.proba)])
    if issparse(part):
        # A sparse row is represented by a wrapping sum of products; it is never made
        # dense.
        rows = csr_matrix(part)
        whole = csr_matrix((_rounded(rows.data), rows.indices, rows.indptr), rows.shape)
        return whole @ _keys(0, rows.shape[1]).astype(np.int64)[:, None]
    if isinstance(part, np.ndarray) and part.dtype.kind in "fiub":
        return _rounded(part.reshape(len(part), math.prod(part.shape[1:])))
    if hasattr(part, "to_numpy"):
        part = part.to_numpy()
    digests = b"".join(
        hashlib.blake2b(repr(_plain(row)).encode(), digest_size=8).digest()
        for row in part
    )
    return np.frombuffer(digests, dtype=np.int64).reshape(-1, 1)


def _plain(row):
    return row.tolist() if isinstance(row, (np.ndarray, np.generic)) else row


def _rounded(values):
    # A matrix product may differ in its last bits with the batch size. The shift keeps
    # single-precision numbers away from rounding boundaries.
    scaled = np.asarray(values, dtype=float) * 2.0**20 + SHIFT
    return np.rint(np.nan_to_num(np.clip(scaled, -(2.0**62), 2.0**62))).astype(np.int64)


def _keys(seed, n):
    drawn = np.random.default_rng(seed).integers(1, 2**63, size=n, dtype=np.uint64)
    return 2 * drawn + 1


def _hash_rows(table, seed):
    # Products and sums wrap around; the finaliser of splitmix64 then mixes the bits.
    keys = _keys(seed, table.shape[1])
    h = (table.astype(np.uint64) * keys).sum(axis=1, dtype=np.uint64)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    h ^= h >> np.uint64(31)
    return (h >> np.uint64(11)) / 2.0**53
