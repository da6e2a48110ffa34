"""CascadeRule: the rules of a chain, which decide which tier answers."""

from dataclasses import dataclass

import numpy as np

from selective_query.budgets._plain import checked_parts
from selective_query.rule import FORMAT, Rule


@dataclass(frozen=True, eq=False)
class CascadeRule:
    """The rule of a fitted chain: decides tier by tier, and never learns.

    :meth:`CascadePolicy.fit` creates it as ``rule_``.

    Parameters
    ----------
    rules : sequence of Rule
        One per tier except the last: decides whether its answer is kept.
    doubts : sequence of Rule, default=()
        One per tier, including the last: decides whether the tier whose turn it is to
        answer does so or abstains. Empty if everything is answered.

    Raises
    ------
    TypeError
        If a part is not a Rule.
    ValueError
        If there are no rules, or the number of doubts does not match.

    Examples
    --------
    >>> from selective_query import CascadeRule, RoutingPolicy
    >>> from selective_query.datasets import make_selective_query
    >>> outcomes = make_selective_query(1000, random_state=0).outcomes
    >>> rule = RoutingPolicy("margin", coverage=0.8).fit(outcomes).rule_
    >>> chain = CascadeRule([rule])
    >>> bool((chain.decide([outcomes]) == ~rule.decide(outcomes)).all())
    True
    """

    rules: tuple[Rule, ...]
    doubts: tuple[Rule, ...] = ()

    def __post_init__(self):
        for name in ("rules", "doubts"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            for rule in getattr(self, name):
                if not isinstance(rule, Rule):
                    raise TypeError(
                        f"{name} must hold a Rule for each tier, such as policy.rule_. "
                        f"Got {type(rule).__name__}."
                    )
        if not self.rules or len(self.doubts) not in (0, self.n_tiers):
            raise ValueError(
                "A chain takes a rule for each tier but the last, one at least, and no "
                f"doubts or one for each tier. Got {len(self.rules)} rules and "
                f"{len(self.doubts)} doubts."
            )

    @property
    def n_tiers(self):
        """Number of tiers, including the last."""
        return len(self.rules) + 1

    def decide(self, evidence):
        """Return the tier that answers each row.

        Parameters
        ----------
        evidence : ChainOutcomes, or sequence of Evidence
            Evidence of every tier, in order, each for all rows. That of the last is
            optional unless the chain abstains.

        Returns
        -------
        ndarray of shape (n_samples,), int
            Index of the tier; -1 where there is no answer.

        Raises
        ------
        ValueError
            If evidence of a deciding tier is missing.
        NotFittedError
            If a rule has no threshold yet.
        """
        known = self._known(evidence, bool(self.doubts))
        last = self.last_asked(known)
        tier = last.copy()
        for j, rule in enumerate(self.doubts):
            rows = np.flatnonzero(last == j)
            if len(rows):
                tier[rows[~rule.decide(known[j].take(rows))]] = -1
        return tier

    def last_asked(self, evidence):
        """Return the last tier asked about each row, whether it answers or abstains.

        Parameters
        ----------
        evidence : ChainOutcomes, or sequence of Evidence
            As in `decide`.

        Returns
        -------
        ndarray of shape (n_samples,), int
        """
        known = self._known(evidence, False)
        tier = np.zeros(known[0].n_rows, dtype=int)
        for j, rule in enumerate(self.rules):
            rows = np.flatnonzero(tier == j)
            if len(rows):
                tier[rows] += ~rule.decide(known[j].take(rows))
        return tier

    def _known(self, evidence, of_last):
        known = getattr(evidence, "tiers", evidence)
        least = len(self.rules) + (of_last or known is not evidence)
        if not least <= len(known) <= self.n_tiers:
            raise ValueError(
                f"evidence must hold one for each of the {least} tiers that "
                f"decide. Got {len(known)}."
            )
        return known

    def to_dict(self):
        """Return the rules as plain data: strings, numbers, lists, dicts and arrays.

        Returns
        -------
        dict

        Raises
        ------
        TypeError
            If a rule has no such form; see :meth:`Rule.to_dict`.
        """
        return {
            "format": FORMAT,
            "rules": [rule.to_dict() for rule in self.rules],
            "doubts": [rule.to_dict() for rule in self.doubts],
        }

    @classmethod
    def from_dict(cls, data):
        """Validate and restore the rules that `to_dict` wrote.

        Parameters
        ----------
        data : dict

        Returns
        -------
        CascadeRule

        Raises
        ------
        ValueError
            If the format differs, or a part is missing, unknown or damaged.
        """
        data = checked_parts(data, "A rule of a chain", FORMAT, ("rules", "doubts"))
        for name in ("rules", "doubts"):
            if not isinstance(data[name], list):
                raise ValueError(f"{name} must be a list. Got {data[name]!r:.60}.")
        return cls(*(map(Rule.from_dict, data[name]) for name in ("rules", "doubts")))
