"""Flows through a chain of tiers: who is queried, who answers, and at what cost."""

import numpy as np

from selective_query._utils.ink import ACCENT, PALETTE
from selective_query.displays._display import Display
from selective_query.outcomes import ChainOutcomes

SHARES = {
    "right": {"color": ACCENT},
    "wrong": {"color": PALETTE[1], "hatch": "////"},
    "no answer": {"color": "0.6", "hatch": "...."},
    "passed on": {"color": "0.92"},
}


class TierFlowsDisplay(Display):
    """For each tier, shares of its inputs that it answers, abstains on or passes on.

    Parameters
    ----------
    names : sequence of str
        Names of the tiers, in the order in which they are queried.
    right, wrong, no_answer, passed_on : array-like of shape (n_tiers,)
        Shares of all inputs.
    cost : array-like of shape (n_tiers,), optional
        What querying each tier adds to the mean cost of an input.

    Attributes
    ----------
    flows : dict of str to ndarray of shape (n_tiers,)
    cost : ndarray of shape (n_tiers,) or None
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : dict of str to matplotlib container

    Examples
    --------
    >>> from selective_query import ChainOutcomes
    >>> from selective_query.displays import TierFlowsDisplay
    >>> chain = ChainOutcomes.from_utilities(
    ...     [[1, 1], [0, 1], [0, 1], [0, 0]], costs=[1, 8]
    ... )
    >>> display = TierFlowsDisplay.from_tiers([0, 1, 1, -1], chain)
    >>> display.flows["right"], display.cost
    (array([0.25, 0.5 ]), array([1., 6.]))
    """

    def __init__(self, names, *, right, wrong, no_answer, passed_on, cost=None):
        self.names = tuple(names)
        parts = right, wrong, no_answer, passed_on
        self.flows = {
            label: np.asarray(part, dtype=float)
            for label, part in zip(SHARES, parts, strict=True)
        }
        self.cost = None if cost is None else np.asarray(cost, dtype=float)
        for part in (*self.flows.values(), self.cost):
            if part is not None and part.shape != (len(self.names),):
                raise ValueError(
                    f"There must be one share for each of the {len(self.names)} tiers. "
                    f"Got shape {part.shape}."
                )

    @classmethod
    def from_tiers(cls, tier, outcomes, *, last=None):
        """Build the display from the tier that answered each row.

        Parameters
        ----------
        tier : array-like of shape (n_samples,), int
            Index of the tier; -1 if there is no answer.
        outcomes : ChainOutcomes
            For the same rows.
        last : array-like of shape (n_samples,), int, optional
            The last tier that was queried. Needed only for rows without an answer; for
            these, the default is the last tier of the chain.

        Returns
        -------
        TierFlowsDisplay

        Raises
        ------
        ValueError
            If there is not one tier for each row, or a tier does not exist.
        """
        tier = np.asarray(tier)
        n = outcomes.n_tiers
        if tier.shape != (outcomes.n_rows,) or not np.isin(tier, range(-1, n)).all():
            raise ValueError(
                f"tier must hold a number from -1 to {n - 1} for each of the "
                f"{outcomes.n_rows} rows. Got shape {tier.shape}."
            )
        last = np.where(tier < 0, n - 1, tier) if last is None else np.asarray(last)
        weight = outcomes.weight / outcomes.weight.sum()
        here, number = last == np.arange(n)[:, None], np.arange(n)[:, None]
        right = outcomes.utility(last) * (tier >= 0)
        asked = last >= number
        cost = None
        if outcomes.costs is not None:
            costs = np.broadcast_to(outcomes.costs, outcomes.utilities.shape).T
            cost = (asked * costs) @ weight
        return cls(
            outcomes.names,
            right=here @ (weight * right),
            wrong=here @ (weight * ((tier >= 0) - right)),
            no_answer=here @ (weight * (tier < 0)),
            passed_on=(last > number) @ weight,
            cost=cost,
        )

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, sample_weight=None):
        """Build the display from a fitted chain and rows that are new to it.

        Queries all tiers about every row.

        Parameters
        ----------
        estimator : CascadeClassifier or CascadePolicy
        X : array-like, or ChainOutcomes for a CascadePolicy
        y : array-like of shape (n_samples,), optional
            Omit with ChainOutcomes.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        TierFlowsDisplay
        """
        policy, outcomes = estimator, X
        if not isinstance(X, ChainOutcomes):
            policy = estimator.policy_
            outcomes = estimator.outcomes(X, y, sample_weight=sample_weight)
        tier = policy.decide(outcomes)
        return cls.from_tiers(tier, outcomes, last=policy.rule_.last_asked(outcomes))

    def _draw(self, ax):
        place = np.arange(len(self.names))[::-1]
        start, self.bars_ = np.zeros(len(self.names)), {}
        for label, look in SHARES.items():
            share = self.flows[label]
            self.bars_[label] = ax.barh(
                place, share, left=start, edgecolor="white", label=label, **look
            )
            start = start + share
        names = self.names
        if self.cost is not None:
            names = [
                f"{n}\ncost {c:.3g}" for n, c in zip(names, self.cost, strict=True)
            ]
        ax.set_yticks(place, names)
        ax.set(xlabel="Share of all inputs", xlim=(0, 1))
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.legend(
            fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False
        )
