"""One answer for each row: from the base, the global, or a stand-in."""

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
    """What to return where the global was queried but gave no answer.

    Parameters
    ----------
    kind : {"base", "abstain", "raise"}
    abstain_label : label or None
        Needed for "abstain".
    """

    kind: str = RAISE
    abstain_label: object = None

    def check(self, classes):
        """Raise for an unknown kind, or a label that does not fit the classes.

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
        """Query the global about X; return its answers and the replies.

        Raises
        ------
        GlobalUnavailableError, ValueError
            If the global gave no answer and the stand-in is "raise".
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
    """The stand-in of a fitted hybrid, checked."""
    found = StandIn(hybrid.on_unavailable, hybrid.abstain_label)
    found.check(hybrid.classes_)
    return found


@dataclass(frozen=True, eq=False)
class Answered:
    """A batch with its answers.

    Parameters
    ----------
    edge : Edge
    X : array-like of length n_samples
    base : Answers
        For all rows, or at least for those that no answer of the global replaces.
    kept : ndarray of shape (n_samples,), bool
    asked : Answers or None
        Answers of the global to the queried rows; None if there are none.
    replies : Replies or None
    base_ms : float
        Time that base and rule took for the batch.
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
        """Run the base, and query the global only about the queried rows."""
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
        """Whether the answer comes from the global, shape (n_samples,)."""
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
    """Expand a mask of the selected rows to a mask of all rows."""
    found = rows.copy()
    found[rows] = chosen
    return found


def _with_base_for(edge, X, base, queried, failed):
    """The base's answers, including those to queried rows that got no answer."""
    if not failed.any():
        return base
    rows = np.flatnonzero(_among(queried, failed))
    proba = base.proba.copy()
    proba[rows] = edge.ask(_safe_indexing(X, rows)).proba
    return Answers(proba)
