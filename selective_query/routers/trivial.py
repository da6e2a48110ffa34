"""Routers that need no thought: chance, the two extremes, and the one that knows."""

import hashlib
import math
from numbers import Integral

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.utils import check_random_state

from selective_query.evidence import Evidence, field_names
from selective_query.exceptions import BoundRouterError
from selective_query.outcomes import Outcomes
from selective_query.probabilities import TopKProba
from selective_query.routers._base import BaseRouter
from selective_query.routers.decision_cost import cost_of

# Of the grid on which numbers are rounded before they are hashed, in steps.
SHIFT = 0.2718


class RandomRouter(BaseRouter):
    """Query by chance: a seeded hash of the row's evidence, uniform in [0, 1).

    It hashes X where there is one, else what the base put out, to six digits. A row's
    score depends on that row alone, never on its batch; equal rows get equal scores.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=0
        Seed of the hash. With a number the router needs no ``fit``; otherwise the seed
        is drawn in ``fit`` and kept, so that a fitted router decides a row the same
        way each time.

    Attributes
    ----------
    seed_ : int
        The seed in use, once fitted.

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

    def fit(self, outcomes):
        if isinstance(self.random_state, Integral):
            self.seed_ = int(self.random_state)
        else:
            self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        return self

    def query_score(self, evidence):
        self._check_fitted()
        names = ("X",) if evidence.X is not None else field_names(Evidence)
        parts = (getattr(evidence, name) for name in names)
        tables = [_numbers(part) for part in parts if part is not None]
        if not tables:
            evidence.require("X", "RandomRouter, which hashes what it is given,")
        seed = getattr(self, "seed_", self.random_state)
        return _hash_rows(np.hstack(tables), seed)

    def decision_cost(self, n_classes, n_features=0):
        # One product for each number, and eight steps that mix the bits.
        return cost_of(n_classes + n_features + 8, stored=1)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "seed_") or isinstance(self.random_state, Integral)


def _numbers(part):
    """The rows of one part of the evidence as whole numbers, (n_samples, n_columns)."""
    if isinstance(part, TopKProba):
        return np.hstack([part.classes.astype(np.int64), _rounded(part.proba)])
    if issparse(part):
        # A sum of products that wrap around stands for the row, which is never dense.
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
    # A matrix product may differ in its last bits with the size of the batch. Numbers
    # in single precision must not lie halfway, hence the shift.
    scaled = np.asarray(values, dtype=float) * 2.0**20 + SHIFT
    return np.rint(np.nan_to_num(np.clip(scaled, -(2.0**62), 2.0**62))).astype(np.int64)


def _keys(seed, n):
    drawn = np.random.default_rng(seed).integers(1, 2**63, size=n, dtype=np.uint64)
    return 2 * drawn + 1


def _hash_rows(table, seed):
    # Products and sums wrap around; then the finaliser of splitmix64 mixes the bits.
    keys = _keys(seed, table.shape[1])
    h = (table.astype(np.uint64) * keys).sum(axis=1, dtype=np.uint64)
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
