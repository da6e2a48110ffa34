"""Abstention in a chain: no answer where the answering tier is likely wrong.

For each tier, a regression estimates the probability that its answer is wrong. A
single threshold on it, for all tiers, leaves the requested share of all inputs without
an answer. At the threshold, an abstention and an answer have the same value, so it is
also the price of an abstention. With that price, routers learn whether a later tier
would do better.
"""

from dataclasses import dataclass, replace

import numpy as np

from selective_query.budgets import Coverage, OperatingPoint
from selective_query.budgets._solving.calibration import Calibration
from selective_query.budgets._solving.thresholds import CalibrationScores
from selective_query.policy import RoutingPolicy
from selective_query.rule import Rule
from selective_query.tiers._sweeps import (
    LearnedTier,
    held_out_tier,
    learn_tier,
    score_of_share,
)

ROUTER = "benefit"


@dataclass(frozen=True, eq=False)
class Doubts:
    """Estimates of the error probability of each tier, and the abstention threshold.

    Attributes
    ----------
    tiers : list of LearnedTier
        One per tier, including the last; their routers score the doubt.
    point : OperatingPoint or None
        The threshold for the share that is answered; None before `cut`.
    """

    tiers: list[LearnedTier]
    point: OperatingPoint | None = None

    @classmethod
    def learn(cls, outcomes, passed, changes, random_state):
        """Fit the doubt of each tier on the rows that reach it."""
        reached, tiers = np.ones(outcomes.n_rows, dtype=bool), []
        for j, (tier, change) in enumerate(zip(outcomes.tiers, changes, strict=True)):
            policy = RoutingPolicy(ROUTER, 0.9, random_state=random_state)
            tiers.append(learn_tier(policy, tier, reached, change, True))
            if j < len(passed):
                reached = reached & passed[j]
        return cls(tiers)

    def held_out(self, outcomes):
        """Return the same routers with scores of held-out rows."""
        tiers = [
            held_out_tier(tier, None, known, True)
            for tier, known in zip(self.tiers, outcomes.tiers, strict=True)
        ]
        return Doubts(tiers)

    def cut(self, abstain, stop):
        """Return a copy that leaves a share of the rows unanswered.

        Parameters
        ----------
        abstain : float
        stop : ndarray of shape (n_samples,), int
            Tier that would answer each row.
        """
        calibration = Calibration(self._pooled(stop))
        return replace(self, point=calibration.solve(Coverage(1 - abstain)))

    @property
    def rules(self):
        """One rule per tier that decides whether it abstains: tuple of Rule."""
        rules = (tier.policy.rule_ for tier in self.tiers)
        return tuple(
            Rule(r.router, self.point, columns=r.columns, classes=r.classes)
            for r in rules
        )

    def scores(self, stop):
        """Return the doubt of each row's answering tier."""
        scores = np.array([tier.score for tier in self.tiers])
        return scores[stop, np.arange(len(stop))]

    def answered(self, stop):
        """Return which of these rows get an answer."""
        return self.scores(stop) <= self._price(stop)

    def _price(self, stop):
        """Return the doubt at which an answer and an abstention have the same value."""
        return score_of_share(self._pooled(stop), self.point.coverage)

    def valued(self, outcomes, stop):
        """Return outcomes that give abstaining tiers the value of an abstention."""
        price = self._price(stop)
        tiers = [
            replace(
                known,
                base_utility=np.where(
                    tier.score > price, np.clip(1 - price, 0, 1), known.base_utility
                ),
                y=None,
            )
            for tier, known in zip(self.tiers, outcomes.tiers, strict=True)
        ]
        return replace(outcomes, tiers=tuple(tiers))

    def _pooled(self, stop):
        """Return calibration scores, each row's from the tier that would answer it."""
        shifts = []
        for j, tier in enumerate(self.tiers):
            shift = tier.rows.scores.given["shift"]
            if shift is not None:
                theirs = stop[shift[2]] == j
                shifts.append(tuple(part[theirs] for part in shift))
        shift = None
        if shifts:
            shift = tuple(map(np.concatenate, zip(*shifts, strict=True)))
            order = np.argsort(shift[2], kind="stable")
            shift = tuple(part[order] for part in shift)
        given = self.tiers[-1].rows.scores.given
        return CalibrationScores(
            self.scores(stop),
            given["weight"],
            # The thresholds that select the answering tier come from these rows.
            exact=False,
            shift=shift,
            fold=given["fold"],
        )
