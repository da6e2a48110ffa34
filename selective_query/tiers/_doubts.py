"""The last word of a chain: no answer, where the tier that would give it is in doubt.

Of each tier a regression says how likely its answer is wrong; one threshold on that,
whoever answers, leaves the asked share of all inputs without an answer. At the
threshold an abstention and an answer are worth the same, so it is also the price of an
abstention, by which routers learn whether a later tier would know better.
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
    """How likely each tier is wrong, and from where on there is no answer.

    Attributes
    ----------
    tiers : list of LearnedTier
        One for each tier, the last included; their routers score the doubt.
    point : OperatingPoint or None
        The share that is answered; None before `cut`.
    """

    tiers: list[LearnedTier]
    point: OperatingPoint | None = None

    @classmethod
    def learn(cls, outcomes, passed, changes, random_state):
        """From the rows that reach each tier."""
        reached, tiers = np.ones(outcomes.n_rows, dtype=bool), []
        for j, (tier, change) in enumerate(zip(outcomes.tiers, changes, strict=True)):
            policy = RoutingPolicy(ROUTER, 0.9, random_state=random_state)
            tiers.append(learn_tier(policy, tier, reached, change, True))
            if j < len(passed):
                reached = reached & passed[j]
        return cls(tiers)

    def held_out(self, outcomes):
        """These routers with scores of rows that nothing was fitted on."""
        tiers = [
            held_out_tier(tier, None, known, True)
            for tier, known in zip(self.tiers, outcomes.tiers, strict=True)
        ]
        return Doubts(tiers)

    def cut(self, abstain, stop):
        """A copy that leaves a share of the rows unanswered.

        Parameters
        ----------
        abstain : float
        stop : ndarray of shape (n_samples,), int
            Who would answer each row.
        """
        calibration = Calibration(self._pooled(stop))
        return replace(self, point=calibration.solve(Coverage(1 - abstain)))

    @property
    def rules(self):
        """What says of each tier whether it abstains: tuple of Rule."""
        rules = (tier.policy.rule_ for tier in self.tiers)
        return tuple(
            Rule(r.router, self.point, columns=r.columns, classes=r.classes)
            for r in rules
        )

    def scores(self, stop):
        """Doubt in the answer of one tier for each row."""
        scores = np.array([tier.score for tier in self.tiers])
        return scores[stop, np.arange(len(stop))]

    def answered(self, stop):
        """Which rows get an answer, by the scores that they have here."""
        return self.scores(stop) <= self._price(stop)

    def _price(self, stop):
        """What an answer and an abstention are worth alike, as the doubt there."""
        return score_of_share(self._pooled(stop), self.point.coverage)

    def valued(self, outcomes, stop):
        """Outcomes in which a tier that abstains is worth what an abstention is."""
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
        """Scores of each row by the tier that would answer it."""
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
            # The cuts that say who answers come from these rows.
            exact=False,
            shift=shift,
            fold=given["fold"],
        )
