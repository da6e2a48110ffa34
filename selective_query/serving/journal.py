"""Journal: decisions, inputs waiting for a late answer, and data for training."""

import hashlib
import json
import secrets
import time

import numpy as np
from sklearn.utils import _safe_indexing, indexable

from selective_query._utils.numbers import check_amount, check_whole, random_state_of
from selective_query._utils.validation import check_instance, refuse_other_length
from selective_query.classifiers.decisions import Decisions
from selective_query.serving._stored_rows import row_from_bytes, row_to_bytes
from selective_query.serving._tables import TABLES, Tables
from selective_query.serving.keeping import Keep
from selective_query.serving.secret import Secret

DIGEST_BYTES = 16


class Journal:
    """A file that records decisions, and stores only selected inputs.

    For each input it records a keyed digest (equal rows have equal digests), the score,
    the threshold, which model answered, why the global did not, latency, attempts and
    cost. It stores an input itself only if `keep` draws it, or if the global failed and
    `escalates` is set, so that the global can answer later. Rows are stored as arrays
    and text, never as executable objects.

    Parameters
    ----------
    path : path-like
        Path of an SQLite file, created if missing. Only one process may write at a
        time.
    max_rows : int, default=100_000
        Maximum rows of each of its three tables; the oldest are dropped.
    keep : Keep or None, default=None
        Which inputs to keep for training.
    escalates : bool, default=False
        Whether to store inputs that the global failed to answer, for a late answer.
    key : Secret or None, default=None
        Key of the digests. None draws one and stores it in the file. Digests of two
        files then cannot be matched, but whoever has the file can recover inputs that
        have few possible values.
    random_state : int, RandomState instance or None, default=None

    Raises
    ------
    OSError
        If the file cannot be created.
    TypeError, ValueError
        When a parameter is out of range, or the file is not a journal of this format.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import HybridClassifier
    >>> from selective_query.serving import Journal, Keep
    >>> X, y = load_digits(return_X_y=True)
    >>> hybrid = HybridClassifier(
    ...     GaussianNB(), ExtraTreesClassifier(random_state=0), coverage=0.8
    ... ).fit(X[:1200], y[:1200])
    >>> path = Path(tempfile.mkdtemp()) / "journal.sqlite"
    >>> with Journal(path, keep=Keep(at_random=0.1), random_state=0) as journal:
    ...     found = hybrid.predict_detailed(X[1200:])
    ...     journal.record(found, X[1200:], threshold=hybrid.operating_point_.threshold)
    ...     n_decisions, n_kept = len(journal.decisions()), len(journal.kept())
    >>> n_decisions, 30 < n_kept < 90
    (597, True)
    """

    def __init__(
        self,
        path,
        *,
        max_rows=100_000,
        keep=None,
        escalates=False,
        key=None,
        random_state=None,
    ):
        if keep is not None:
            check_instance(keep, "keep", Keep)
        if key is not None:
            check_instance(key, "key", Secret)
        self.keep, self.escalates = keep, escalates
        self._rng = random_state_of(random_state)
        self._tables = Tables(path, check_whole(max_rows, "max_rows", 1))
        salt = self._tables.salt(secrets.token_bytes(32)) if key is None else None
        self._key = salt or hashlib.sha256(key.reveal().encode()).digest()

    def record(self, decisions, X, *, threshold=None, cost=0.0):
        """Record the decisions about a batch.

        Parameters
        ----------
        decisions : Decisions
            Result of ``predict_detailed``.
        X : array-like of length n_samples
        threshold : float, array-like of shape (n_samples,) or None, default=None
            What the scores were compared with. Required if `keep` has ``near``.
        cost : float or array-like of shape (n_samples,), default=0
            Price of each input.

        Raises
        ------
        TypeError, ValueError
            When lengths differ, or a row cannot be stored.
        """
        check_instance(decisions, "decisions", Decisions)
        refuse_other_length(decisions, "decisions", X)
        (X,) = indexable(X)
        n, now = len(decisions), time.time()
        score = np.clip(decisions.score, -1e300, 1e300)
        threshold = np.nan if threshold is None else threshold
        threshold = np.broadcast_to(np.asarray(threshold, float), n)
        cost = np.broadcast_to(check_amount(cost, "cost"), n)
        contents = _Contents(X)
        digests = [self._digest(contents[row]) for row in range(n)]
        columns = (
            digests,
            [now] * n,
            score.tolist(),
            [None if np.isnan(t) else t for t in threshold.tolist()],
            decisions.queried.astype(int).tolist(),
            decisions.answered_by.tolist(),
            decisions.failure.tolist(),
            decisions.latency_ms.tolist(),
            decisions.attempts.tolist(),
            cost.tolist(),
        )
        given = [json.dumps(label) for label in decisions.label.tolist()]
        kept = []
        for row, p in self._drawn(decisions, threshold):
            by = decisions.answered_by[row]
            score_ = float(score[row])
            kept.append((digests[row], now, p, score_, by, given[row], contents[row]))
        late = [
            (digests[row], now, decisions.failure[row], given[row], None, contents[row])
            for row in np.flatnonzero(decisions.failure != "").tolist()
            if self.escalates
        ]
        decided = list(zip(*columns, strict=True))
        self._tables.put({"decision": decided, "kept": kept, "escalation": late})

    def _drawn(self, decisions, threshold):
        if self.keep is None:
            return []
        if self.keep.near and np.isnan(threshold).any():
            raise ValueError("threshold= is needed where keep has near=. Got None.")
        chance = self.keep.probability(decisions.score, threshold, decisions.queried)
        rows = np.flatnonzero(self._rng.random_sample(len(chance)) < chance)
        return [(row, float(chance[row])) for row in rows.tolist()]

    def _digest(self, content):
        return hashlib.blake2b(
            content, digest_size=DIGEST_BYTES, key=self._key
        ).digest()

    def decisions(self):
        """Return all decisions in the file, oldest first.

        Returns
        -------
        list of dict
            ``digest`` (hexadecimal), ``time`` (seconds since 1970), ``score``,
            ``threshold``, ``queried``, ``answered_by``, ``failure``, ``latency_ms``,
            ``attempts``, ``cost``.
        """
        return self._rows("decision")

    def kept(self):
        """Return the inputs kept for training, each with its probability of being kept.

        Returns
        -------
        list of dict
            ``content`` (the row), ``probability``, ``label`` (the answer given),
            ``answered_by``, ``score``, ``digest``, ``time``.
        """
        return self._rows("kept")

    def pending(self, most=-1):
        """Return the inputs waiting for a late answer of the global, oldest first.

        Parameters
        ----------
        most : int, default=-1
            Maximum number of inputs; negative for all.

        Returns
        -------
        list of dict
            ``id`` (for ``resolve``), ``content``, ``given`` (the answer given),
            ``failure``, ``digest``, ``time``.
        """
        return self._rows("escalation", "late IS NULL", most)

    def resolve(self, ids, labels):
        """Store late answers.

        Parameters
        ----------
        ids : sequence of int
        labels : array-like
            One label per id; text or numbers.

        Returns
        -------
        int
            Number of these inputs that were still waiting.
        """
        labels = np.asarray(labels).tolist()
        rows = [
            (json.dumps(label), int(number))
            for number, label in zip(ids, labels, strict=True)
        ]
        statement = "UPDATE escalation SET late = ? WHERE id = ? AND late IS NULL"
        return self._tables.change(statement, rows)

    def resolved(self):
        """Return inputs with the answer first given and the late one.

        Returns
        -------
        list of dict
            As for ``pending``, with ``late`` added.
        """
        return self._rows("escalation", "late IS NOT NULL")

    def _rows(self, table, where="1", most=-1):
        names = ["id", *(part.split()[0] for part in TABLES[table].split(", "))]
        found = self._tables.read(table, names, where, most=most)
        return [_as_dict(names, values) for values in found]

    def close(self):
        """Close the file."""
        self._tables.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class _Contents:
    """Rows as bytes, each serialised on first use."""

    def __init__(self, X):
        self._X, self._made = X, {}

    def __getitem__(self, row):
        if row not in self._made:
            slow = not isinstance(self._X, (np.ndarray, list))
            one = _safe_indexing(self._X, row) if slow else self._X[row]
            self._made[row] = row_to_bytes(one)
        return self._made[row]


def _as_dict(names, values):
    row = dict(zip(names, values, strict=True))
    row["digest"] = row["digest"].hex()
    for name in ("label", "given", "late"):
        if row.get(name) is not None:
            row[name] = json.loads(row[name])
    if "content" in row:
        row["content"] = row_from_bytes(row["content"])
    if "queried" in row:
        row["queried"] = bool(row["queried"])
    return row
