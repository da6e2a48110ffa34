"""Routers that need no thought: chance, the two extremes, and the one that knows."""

import hashlib

import numpy as np

from selective_query.exceptions import BoundRouterError
from selective_query.outcomes import Outcomes
from selective_query.probabilities import TopKProba
from selective_query.routers._base import BaseRouter


class RandomRouter(BaseRouter):
    """Query by chance: a seeded hash of the row's evidence, uniform in [0, 1).

    A row's score depends on that row alone, never on its batch; equal rows get equal
    scores.

    Parameters
    ----------
    random_state : int, default=0
        Seed of the hash.

    Examples
    --------
    >>> from selective_query import Evidence
    >>> from selective_query.routers import RandomRouter
    >>> batch = Evidence(base_proba=[[0.5, 0.5], [0.9, 0.1]])
    >>> one_row = batch.take([1])
    >>> RandomRouter().query_score(batch)[1] == RandomRouter().query_score(one_row)[0]
    np.True_
    """

    def __init__(self, random_state=0):
        self.random_state = random_state

    def query_score(self, evidence):
        columns = [
            _numbers(part)
            for part in (evidence.base_proba, evidence.base_features, evidence.X)
            if part is not None
        ]
        table = np.concatenate([c for c in columns if c is not None], axis=1)
        return _hash_rows(table, self.random_state)


def _numbers(part):
    """The rows of one part of the evidence as whole numbers, or None."""
    if isinstance(part, TopKProba):
        return np.hstack([part.classes.astype(np.int64), _rounded(part.proba)])
    if isinstance(part, np.ndarray) and part.dtype.kind in "fiub":
        return _rounded(part.reshape(len(part), -1))
    if isinstance(part, (list, tuple)) or getattr(part, "ndim", 0) == 1:
        texts = [str(item).encode() for item in part]
        digests = b"".join(hashlib.blake2b(t, digest_size=8).digest() for t in texts)
        return np.frombuffer(digests, dtype=np.int64).reshape(-1, 1)
    if hasattr(part, "to_numpy"):
        rows = part.to_numpy().astype(str)
        return _numbers(["\0".join(row) for row in rows])
    return None


def _rounded(values):
    # A matrix product may differ in its last bits with the size of the batch.
    scaled = np.clip(np.asarray(values, dtype=float) * 2.0**20, -(2.0**62), 2.0**62)
    return np.rint(np.nan_to_num(scaled)).astype(np.int64)


def _hash_rows(table, seed):
    keys = np.random.default_rng(seed).integers(
        1, 2**63, size=table.shape[1], dtype=np.uint64
    )
    # Products and sums wrap around; then the finaliser of splitmix64 mixes the bits.
    h = (table.astype(np.uint64) * (2 * keys + 1)).sum(axis=1, dtype=np.uint64)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    h ^= h >> np.uint64(31)
    return (h >> np.uint64(11)) / 2.0**53


class _Bound(BaseRouter):
    is_bound = True


class AlwaysBaseRouter(_Bound):
    """Never query: the accuracy of the base alone, at every coverage asked for."""

    def query_score(self, evidence):
        return np.full(evidence.n_rows, -np.inf)


class AlwaysGlobalRouter(_Bound):
    """Always query: the accuracy of the global alone, at every coverage asked for."""

    def query_score(self, evidence):
        return np.full(evidence.n_rows, np.inf)


class OracleRouter(_Bound):
    """Knows the benefit of each row and queries the largest first, none that is <= 0.

    An upper bound for evaluation: it scores :class:`~selective_query.Outcomes` only.
    """

    in_benefit_units = True

    def query_score(self, evidence):
        if not isinstance(evidence, Outcomes):
            raise BoundRouterError(
                "The oracle knows the outcome of each row, so it can be compared with "
                "(compare_routers) but cannot route unseen inputs. Choose one of "
                "list_routers()."
            )
        benefit = evidence.benefit
        return np.where(benefit > 0, benefit, -np.inf)
