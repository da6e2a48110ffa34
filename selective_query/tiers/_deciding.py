"""What the rules of a fitted chain decide, on evidence of all its tiers."""

import numpy as np
from sklearn.utils.validation import check_is_fitted


class ChainDecidingMixin:
    """Needs ``policies_``, ``abstain`` and ``_doubts``."""

    @property
    def rules_(self):
        """What decides at each tier but the last: tuple of Rule."""
        check_is_fitted(self, "policies_")
        return tuple(policy.rule_ for policy in self.policies_)

    @property
    def doubt_rules_(self):
        """What keeps each tier, the last included, from answering: tuple of Rule.

        None where everything is answered.
        """
        check_is_fitted(self, "policies_")
        return None if self.abstain is None else self._doubts.rules

    def decide(self, evidence):
        """Which tier answers, row by row.

        Parameters
        ----------
        evidence : ChainOutcomes, or sequence of Evidence
            Of every tier, in order, each of all rows. That of the last is not needed
            where nothing abstains.

        Returns
        -------
        ndarray of shape (n_samples,), int
            Number of the tier, -1 where there is no answer.

        Raises
        ------
        ValueError
            When there is not one for each tier that decides.
        """
        doubts = self.doubt_rules_
        known = self._known(evidence, doubts is not None)
        last = self.last_asked(known)
        tier = last.copy()
        for j, rule in enumerate(doubts or ()):
            rows = np.flatnonzero(last == j)
            if len(rows):
                tier[rows[~rule.decide(known[j].take(rows))]] = -1
        return tier

    def last_asked(self, evidence):
        """The last tier that is asked about each row, whether it answers or not.

        Parameters
        ----------
        evidence : ChainOutcomes, or sequence of Evidence
            As of `decide`.

        Returns
        -------
        ndarray of shape (n_samples,), int
        """
        known = self._known(evidence, False)
        tier = np.zeros(known[0].n_rows, dtype=int)
        for j, rule in enumerate(self.rules_):
            rows = np.flatnonzero(tier == j)
            if len(rows):
                tier[rows] += ~rule.decide(known[j].take(rows))
        return tier

    def _known(self, evidence, of_last):
        known = getattr(evidence, "tiers", evidence)
        n_rules = len(self.rules_)
        least = n_rules + (of_last or known is not evidence)
        if not least <= len(known) <= n_rules + 1:
            raise ValueError(
                f"evidence must hold one for each of the {least} tiers that are looked "
                f"at. Got {len(known)}."
            )
        return known
