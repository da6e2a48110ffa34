"""The half of a classifier that runs on the device: the base, and the rule."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import _safe_indexing

from selective_query._models.answers import Answers, ask
from selective_query._models.crossfit import to_evidence
from selective_query.outcomes import Evidence
from selective_query.rule import Rule


class Edge(NamedTuple):
    """A fitted base and the rule that decides whether its answers are enough."""

    base: object
    features: object
    rule: Rule
    classes: np.ndarray

    def ask(self, X):
        """What the base says."""
        return ask(self.base, X, self.classes, self.features)

    def evidence(self, X, answers=None):
        """What the router reads; the base runs only if that is part of it."""
        if not self.rule.needs_base:
            return Evidence(X=X)
        return to_evidence(self.ask(X) if answers is None else answers, X)

    def route(self, X):
        """What the base says of every row, and where that is enough."""
        answers = self.ask(X)
        return answers, self.rule.decide(self.evidence(X, answers))

    def route_sparing_base(self, X):
        """As `route`, but a rule that needs no base spares it the queried rows.

        Of those the answers are zeros.
        """
        if self.rule.needs_base:
            return self.route(X)
        kept = self.rule.decide(Evidence(X=X))
        proba = np.zeros((len(kept), len(self.classes)))
        if kept.any():
            proba[kept] = self.ask(_safe_indexing(X, np.flatnonzero(kept))).proba
        return Answers(proba), kept
