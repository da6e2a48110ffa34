"""One answer for each row: the base's, the global's, or what stands in for it."""

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sklearn.utils import _safe_indexing

from selective_query._models.answers import Answers, ask
from selective_query._models.replies import (
    REASON,
    Replies,
    all_failed,
    ask_each,
    asks_by_row,
    reasons,
)
from selective_query._utils.validation import check_choice
from selective_query.classifiers._abstain_label import abstaining, check_abstain_label
from selective_query.classifiers._deciding import Edge
from selective_query.classifiers.decisions import BASE, GLOBAL, NOBODY, Decisions

ABSTAIN, RAISE = "abstain", "raise"
STAND_INS = BASE, ABSTAIN, RAISE
WHO = "global_estimator"


@dataclass(frozen=True)
class StandIn:
    """What is answered where the global was asked, and no answer came.

    Parameters
    ----------
    kind : {"base", "abstain", "raise"}
    abstain_label : label or None
        Needed for "abstain".
    """

    kind: str = RAISE
    abstain_label: object = None

    def check(self, classes):
        """Raise for another kind, or a label that cannot stand beside the classes.

        Raises
        ------
        ValueError
        """
        check_choice(self.kind, "on_unavailable", STAND_INS)
        if self.kind == ABSTAIN:
            check_abstain_label(self.abstain_label, classes)
        elif self.abstain_label is not None:
            raise ValueError(
                f"abstain_label={self.abstain_label!r} is used with "
                f"on_unavailable='abstain' only. Got on_unavailable={self.kind!r}."
            )

    def ask(self, model, X, classes):
        """What the global says of each row of X, and where it said nothing.

        Raises
        ------
        GlobalUnavailableError, ValueError
            When it gave no answer and nothing stands in.
        """
        if self.kind != RAISE:
            return ask_each(model, X, classes, WHO)
        if asks_by_row(model):
            answers, replies = ask_each(model, X, classes, WHO, pauses=True)
            replies.raise_failure()
            return answers, replies
        start = time.perf_counter()
        answers, failure = ask(model, X, classes, who=WHO), all_failed(None, X)
        elapsed = 1000 * (time.perf_counter() - start)
        return answers, Replies.at_once(None, failure, elapsed)


def stand_in_of(hybrid):
    """What a fitted hybrid answers where its global does not, checked."""
    found = StandIn(hybrid.on_unavailable, hybrid.abstain_label)
    found.check(hybrid.classes_)
    return found


@dataclass(frozen=True, eq=False)
class Answered:
    """A batch that has been answered.

    Parameters
    ----------
    edge : Edge
    X : array-like of length n_samples
    base : Answers
        Of all rows, or of those that no answer of the global stands for.
    kept : ndarray of shape (n_samples,), bool
    asked : Answers or None
        The global's, of the queried rows; None where there are none.
    replies : Replies or None
    base_ms : float
        Time of base and rule for the batch.
    stand_in : StandIn
    """

    edge: Edge
    X: object
    base: Answers
    kept: np.ndarray
    asked: Answers | None
    replies: Replies | None
    base_ms: float
    stand_in: StandIn

    @classmethod
    def of(cls, edge, model, X, stand_in):
        """Ask the base, and the global about those rows alone that the rule queries."""
        start = time.perf_counter()
        base, kept = edge.route_sparing_base(X)
        elapsed = 1000 * (time.perf_counter() - start)
        asked = replies = None
        if not kept.all():
            queried = _safe_indexing(X, np.flatnonzero(~kept))
            asked, replies = stand_in.ask(model, queried, edge.classes)
        if replies is not None and not edge.rule.needs_base:
            base = _with_base_for(edge, X, base, ~kept, ~replies.came)
        return cls(edge, X, base, kept, asked, replies, elapsed, stand_in)

    @cached_property
    def by_global(self):
        """Where the global's answer stands, shape (n_samples,)."""
        if self.asked is None:
            return np.zeros(len(self.kept), dtype=bool)
        return _among(~self.kept, self.replies.came)

    @property
    def labels(self):
        """Labels that ``predict`` returns."""
        place, given = self.base.label, self.by_global
        if self.asked is not None:
            place = place.copy()
            place[given] = self.asked.label[self.replies.came]
        labels = self.edge.classes[place]
        if self.stand_in.kind != ABSTAIN:
            return labels
        nobody = ~self.kept & ~given
        return abstaining(labels, nobody, self.stand_in.abstain_label)

    @property
    def proba(self):
        """Probabilities that ``predict_proba`` returns."""
        if self.asked is None:
            return self.base.proba
        answers = self.asked.proba
        proba = self.base.proba.astype(np.result_type(self.base.proba, answers))
        proba[self.by_global] = answers[self.replies.came]
        return proba

    def detailed(self):
        """Decisions that ``predict_detailed`` returns."""
        queried, edge = ~self.kept, self.edge
        instead = NOBODY if self.stand_in.kind == ABSTAIN else BASE
        by = np.where(self.kept, BASE, np.where(self.by_global, GLOBAL, instead))
        failure = np.full(len(by), "", dtype=REASON)
        latency, attempts = np.full(len(by), self.base_ms), np.zeros(len(by), dtype=int)
        if self.replies is not None:
            failure[queried] = reasons(self.replies.failure)
            latency[queried] += self.replies.latency_ms
            attempts[queried] = self.replies.attempts
        score = edge.rule.score(edge.evidence(self.X, self.base))
        return Decisions(self.labels, by, queried, failure, score, latency, attempts)


def _among(rows, chosen):
    """The chosen ones of some rows, as a mask of all."""
    found = rows.copy()
    found[rows] = chosen
    return found


def _with_base_for(edge, X, base, queried, failed):
    """The base's answers, also to queried rows that no answer came for."""
    if not failed.any():
        return base
    rows = np.flatnonzero(_among(queried, failed))
    proba = base.proba.copy()
    proba[rows] = edge.ask(_safe_indexing(X, rows)).proba
    return Answers(proba)
