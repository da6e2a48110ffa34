"""One answer for each row of a batch, from as many tiers as the rules require."""

import time
from dataclasses import replace

import numpy as np
from sklearn.utils import _safe_indexing

from selective_query._models.answers import features_of
from selective_query._models.replies import Replies, all_failed, ask_each
from selective_query._utils.validation import check_choice, num_samples
from selective_query.classifiers._abstain_label import check_abstain_label

ABSTAIN, PREVIOUS, RAISE = "abstain", "previous", "raise"
STAND_INS = PREVIOUS, ABSTAIN, RAISE


def check_stand_in(kind, label, classes):
    """Raise for an unknown kind of stand-in, or a label that does not fit the classes.

    Parameters
    ----------
    kind, label
        As ``on_unavailable`` and ``abstain_label`` of CascadeClassifier.
    classes : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
    """
    check_choice(kind, "on_unavailable", STAND_INS)
    if label is not None or kind == ABSTAIN:
        check_abstain_label(label, classes)


class Walk:
    """Which tiers were queried about each row, and the results.

    Parameters
    ----------
    edges : sequence of Edge
        One for each tier; that of the last tier has no rule.
    doubts : sequence of Rule
        One for each tier, or empty.
    kind : {"previous", "abstain", "raise"}
        What replaces the answer of a tier after the first that gave none.
    X : array-like of length n_samples

    Attributes
    ----------
    last : ndarray of shape (n_samples,), int
        The last tier that was queried.
    answered : ndarray of shape (n_samples,), int
        The last tier that answered.
    abstained : ndarray of shape (n_samples,), bool
        Whether the classifier abstains.
    label : ndarray of shape (n_samples,), int
        As a position in the classes.
    proba : ndarray of shape (n_samples, n_classes), or None
        None if some answer came without probabilities.
    failure : ndarray of shape (n_samples,) of object
        Why the last queried tier gave no answer; None if it answered.
    attempts, latency_ms : ndarray of shape (n_samples,)
        How often a row was sent to a tier after the first, and the total time of all
        tiers.
    """

    def __init__(self, edges, doubts, kind, X):
        n = num_samples(X)
        self.edges, self.doubts, self.kind, self.X = edges, doubts, kind, X
        self.last, self.answered = np.zeros(n, dtype=int), np.zeros(n, dtype=int)
        self.abstained, self.label = np.zeros(n, dtype=bool), np.zeros(n, dtype=int)
        self.proba = np.zeros((n, len(edges[0].classes)), dtype=np.float32)
        self.failure, self.attempts = all_failed(None, X), np.zeros(n, dtype=int)
        self.latency_ms = np.zeros(n)
        rows = np.arange(n)
        for tier in range(len(edges)):
            rows = self._ask(tier, rows)
            if not len(rows):
                break

    @property
    def tier(self):
        """The tier that answers, or -1 if none does."""
        return np.where(self.abstained, -1, self.answered)

    @property
    def score(self):
        """Score of the first tier, which runs again on each access."""
        first = self.edges[0]
        return first.rule.score(first.evidence(self.X))

    def _ask(self, tier, rows):
        """Query one tier about these rows, and return the rows that it passes on."""
        edge, is_first = self.edges[tier], tier == 0
        X = self.X if is_first else _safe_indexing(self.X, rows)
        start, kept = time.perf_counter(), None
        if self.kind == RAISE and not self.doubts and edge.rule is not None:
            # Answers of this tier to rows that it passes on are never used.
            answers, kept = edge.route_sparing_base(X)
            replies = None
        elif self.kind == RAISE or is_first:
            answers, replies = edge.ask(X), None
        else:
            answers, replies = _asked_each(edge, X)
        elapsed = 1000 * (time.perf_counter() - start)
        if replies is None:
            sent = 0 if is_first else 1
            replies = Replies.at_once(None, all_failed(None, X), elapsed, sent)
        self._note(tier, rows, replies)
        came = replies.came
        if not came.all():
            some = np.flatnonzero(came)
            rows, answers = rows[some], answers.take(some)
            X = _safe_indexing(X, some)
        self._keep(tier, rows, answers)
        if not len(rows):
            return rows
        if self.doubts:
            self.abstained[rows] = ~self.doubts[tier].decide(answers.evidence(X))
        if edge.rule is None:
            return rows[:0]
        if kept is None:
            kept = edge.rule.decide(edge.evidence(X, answers))
        return rows[~kept]

    def _note(self, tier, rows, replies):
        self.last[rows], self.failure[rows] = tier, replies.failure
        self.attempts[rows] += replies.attempts
        self.latency_ms[rows] += replies.latency_ms
        if self.kind == ABSTAIN:
            self.abstained[rows[~replies.came]] = True

    def _keep(self, tier, rows, answers):
        """Store a tier's answers to these rows, replacing those of earlier tiers."""
        self.answered[rows], self.label[rows] = tier, answers.label
        if answers.proba is None:
            self.proba = None
        elif self.proba is not None:
            dtype = np.result_type(self.proba, answers.proba)
            self.proba = self.proba.astype(dtype, copy=False)
            self.proba[rows] = answers.proba


def _asked_each(edge, X):
    """Query a tier; a failure affects only the rows that it concerns."""
    if isinstance(edge.features, str):  # a layer of a local model
        return edge.ask(X), None
    answers, replies = ask_each(edge.base, X, edge.classes, edge.who)
    if edge.features is None or not replies.came.any():
        return answers, replies
    came = np.flatnonzero(replies.came)
    known = features_of(edge.features, edge.base, _safe_indexing(X, came))
    features = np.zeros((len(replies.came), known.shape[1]), dtype=known.dtype)
    features[came] = known
    return replace(answers, features=features), replies
