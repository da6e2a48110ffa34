"""Outcomes of a chain of models: each model's answers, and the costs of querying."""

from dataclasses import dataclass, replace

import numpy as np

from selective_query._utils.numbers import as_numbers, check_finite
from selective_query._utils.validation import check_instance
from selective_query.outcomes.evidence import Evidence, field_names
from selective_query.outcomes.outcomes import Outcomes
from selective_query.outcomes.probabilities import top_class


@dataclass(frozen=True, eq=False)
class ChainOutcomes:
    """Answers of several models, queried one after the other, to the same rows.

    Parameters
    ----------
    tiers : sequence of Outcomes
        One for each model, in the order in which they are queried, with the model as
        the base and without a global. All must have the same rows, weights and labels.
    costs : array-like of shape (n_tiers,) or (n_samples, n_tiers), optional
        Cost of querying each tier, in any unit. Each queried tier adds its own cost.
    names : sequence of str, optional
        Names of the tiers; ``"tier 0"``, ``"tier 1"`` ... by default.

    Attributes
    ----------
    n_rows, n_tiers : int
    utilities : ndarray of shape (n_samples, n_tiers)
        Utility of each tier's answer, in [0, 1].
    weight : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If there are fewer than two tiers, numbers of rows differ, or a cost is
        negative, not finite or missing.

    Examples
    --------
    >>> from selective_query import ChainOutcomes
    >>> chain = ChainOutcomes.from_utilities(
    ...     [[0, 1, 1], [1, 1, 0]], costs=[1, 5, 20], X=[[0.2], [0.9]]
    ... )
    >>> chain.spent([0, 2])
    array([ 1., 26.])
    """

    tiers: tuple[Outcomes, ...]
    costs: object = None
    names: object = None

    def __post_init__(self):
        object.__setattr__(self, "tiers", tuple(self.tiers))
        for tier in self.tiers:
            check_instance(tier, "ChainOutcomes: each of tiers", Outcomes)
        if len(self.tiers) < 2:
            raise ValueError(
                f"A chain takes at least two tiers. Got {len(self.tiers)}."
            )
        lengths = [tier.n_rows for tier in self.tiers]
        if len(set(lengths)) > 1:
            raise ValueError(f"All tiers must be of the same rows. Got {lengths}.")
        if self.costs is not None:
            object.__setattr__(self, "costs", self._checked_costs())
        names = self.names
        if names is None:
            names = [f"tier {j}" for j in range(self.n_tiers)]
        if len(set(names)) != self.n_tiers:
            raise ValueError(
                f"names must give each of the {self.n_tiers} tiers one of its own. Got "
                f"{list(names)}."
            )
        object.__setattr__(self, "names", tuple(names))

    def _checked_costs(self):
        costs = as_numbers(self.costs, "costs").astype(float)
        if costs.shape not in ((self.n_tiers,), (self.n_rows, self.n_tiers)):
            raise ValueError(
                f"costs must be of shape ({self.n_tiers},), one for each tier, or "
                f"({self.n_rows}, {self.n_tiers}). Got shape {costs.shape}."
            )
        return check_finite(costs, "costs", 0)

    @classmethod
    def from_utilities(
        cls,
        utilities,
        costs=None,
        *,
        evidence=None,
        X=None,
        sample_weight=None,
        fold=None,
        names=None,
    ):
        """Outcomes of a chain from graded answers alone, such as saved LLM results.

        Parameters
        ----------
        utilities : array-like of shape (n_samples, n_tiers)
            In [0, 1].
        costs : array-like of shape (n_tiers,) or (n_samples, n_tiers), optional
            Cost of querying each tier, in any unit.
        evidence : sequence of Evidence or None, optional
            What is known once each tier has answered: its probabilities, or scores of
            its answer as ``base_features``.
        X : sequence of length n_samples, optional
            The inputs, for tiers without evidence.
        sample_weight : array-like of shape (n_samples,), optional
            Frequency weights.
        fold : array-like of shape (n_samples,), int, optional
            Number of the fold in which a row was held out from the models.
        names : sequence of str, optional
            Names of the tiers; ``"tier 0"``, ``"tier 1"`` ... by default.

        Returns
        -------
        ChainOutcomes

        Raises
        ------
        ValueError
            If shapes differ, or a grade is out of range.
        """
        utilities = as_numbers(utilities, "utilities")
        if utilities.ndim != 2:
            raise ValueError(
                "utilities must be of shape (n_samples, n_tiers). Got shape "
                f"{utilities.shape}."
            )
        given = [None] * utilities.shape[1] if evidence is None else list(evidence)
        if len(given) != utilities.shape[1]:
            raise ValueError(
                f"evidence must hold one for each of the {utilities.shape[1]} tiers, "
                f"or None. Got {len(given)}."
            )
        tiers = []
        for utility, known in zip(utilities.T, given, strict=True):
            known = Evidence(X=X) if known is None and X is not None else known
            parts = {} if known is None else known.parts()
            tiers.append(
                Outcomes(
                    **parts,
                    base_utility=utility,
                    sample_weight=sample_weight,
                    fold=fold,
                )
            )
        return cls(tiers, costs, names)

    @property
    def n_tiers(self):
        """Number of models."""
        return len(self.tiers)

    @property
    def n_rows(self):
        """Number of inputs."""
        return self.tiers[0].n_rows

    @property
    def weight(self):
        """Sample weights; ones if none were given."""
        return self.tiers[0].weight

    @property
    def utilities(self):
        """Utility of each tier's answer: (n_samples, n_tiers)."""
        return np.column_stack([tier.base_utility for tier in self.tiers])

    def take(self, rows):
        """Select rows.

        Parameters
        ----------
        rows : ndarray of int or bool
            Row numbers, or a mask of shape (n_samples,).

        Returns
        -------
        ChainOutcomes
        """
        costs = self.costs
        if costs is not None and costs.ndim == 2:
            costs = costs[rows]
        return replace(
            self, tiers=tuple(tier.take(rows) for tier in self.tiers), costs=costs
        )

    def choose(self, numbers):
        """The chain restricted to some of the tiers, in the order of these numbers.

        Parameters
        ----------
        numbers : iterable of int

        Returns
        -------
        ChainOutcomes
        """
        numbers = list(numbers)
        return ChainOutcomes(
            [self.tiers[j] for j in numbers],
            None if self.costs is None else self.costs[..., numbers],
            [self.names[j] for j in numbers],
        )

    def grades(self):
        """A copy with only utilities, costs and weights.

        Returns
        -------
        ChainOutcomes
        """
        weight = self.tiers[0].sample_weight
        return ChainOutcomes.from_utilities(
            self.utilities, self.costs, sample_weight=weight, names=self.names
        )

    def utility(self, stop):
        """Utility of one tier's answer to each row.

        Parameters
        ----------
        stop : ndarray of shape (n_samples,), int
            Index of the tier that answers each row.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.utilities[np.arange(self.n_rows), stop]

    def spent(self, stop):
        """Cost of each row if every tier up to a given one is queried.

        Parameters
        ----------
        stop : array-like of shape (n_samples,), int
            Index of the last tier that is queried.

        Returns
        -------
        ndarray of shape (n_samples,)
            In the unit of ``costs``.

        Raises
        ------
        ValueError
            If the costs are unknown.
        """
        if self.costs is None:
            raise ValueError("This chain knows no costs. Give costs=, one a tier.")
        total = np.cumsum(self.costs, axis=-1)
        return total[stop] if total.ndim == 1 else total[np.arange(self.n_rows), stop]

    def step(self, tier, stop=None):
        """One tier as the base, and the tiers after it as the global.

        Parameters
        ----------
        tier : int
            Any tier but the last.
        stop : ndarray of shape (n_samples,), int, optional
            Index of the tier that answers a row passed on by this tier; the last by
            default.

        Returns
        -------
        Outcomes
        """
        own = self.tiers[tier]
        parts = {name: getattr(own, name) for name in field_names(Outcomes)}
        if stop is None or (np.asarray(stop) == self.n_tiers - 1).all():
            last = self.tiers[-1]
            later = last.base_utility, last.base_proba, last.base_pred
        else:
            later = self.utility(stop), *self._answers_of(stop, tier + 1)
        utility, proba, pred = later
        graded = own.y is None
        return Outcomes(
            **{
                **parts,
                "global_proba": proba,
                "global_pred": None if graded else pred,
                "global_utility": utility,
            }
        )

    def _answers_of(self, stop, first):
        """Probabilities or labels of the answering tiers; None if some are missing."""
        later, rows = self.tiers[first:], np.arange(self.n_rows)
        if all(isinstance(tier.base_proba, np.ndarray) for tier in later):
            proba = np.stack([tier.base_proba for tier in later])[stop - first, rows]
            return proba, None
        if any(tier.classes is None and tier.base_pred is None for tier in later):
            return None, None
        labels = [
            tier.classes[top_class(tier.base_proba)]
            if tier.base_pred is None
            else tier.base_pred
            for tier in later
        ]
        return None, np.stack(labels)[stop - first, rows]
