"""Labelled rows with the decisions of a rule, on which a report is based."""

from dataclasses import dataclass, field

import numpy as np

from selective_query.metrics._tally import Tally
from selective_query.metrics.inference.paired_means import mean_interval
from selective_query.reports._spending import query_costs


@dataclass(frozen=True, eq=False, kw_only=True)
class DecidedRows:
    """Rows that were new to models and rule, with decisions and utilities.

    Parameters
    ----------
    score : ndarray of shape (n_samples,)
        Scores of the router; higher means query first.
    kept : ndarray of shape (n_samples,), bool
    base_utility : ndarray of shape (n_samples,)
        In [0, 1]; 1 if the answer is right.
    global_utility : ndarray of shape (n_samples,) or None
        The same for the global, where it was queried; None for abstention.
    judged : ndarray of shape (n_samples,), bool, or None
        Where the global was queried and answered; None means everywhere.
    missing : ndarray of shape (n_samples,), bool, or None
        Where it was queried but failed to answer; None means nowhere.
    weight : ndarray of shape (n_samples,) or None
    truth, said, group, id : ndarray of shape (n_samples,) or None
        True label, label from the base, group and name of each row.
    query_costs : dict of Budget to (ndarray of shape (n_samples,) or None)
        Cost of a query about each row, for each budget that reads such costs.
    """

    score: np.ndarray
    kept: np.ndarray
    base_utility: np.ndarray
    global_utility: np.ndarray | None = None
    judged: np.ndarray | None = None
    missing: np.ndarray | None = None
    weight: np.ndarray | None = None
    truth: np.ndarray | None = None
    said: np.ndarray | None = None
    group: np.ndarray | None = None
    id: np.ndarray | None = None
    query_costs: dict = field(default_factory=dict)

    @classmethod
    def of_outcomes(cls, rule, outcomes):
        """Rows of Outcomes, decided by a rule."""
        score, kept = rule.scored(outcomes)
        said, stays = outcomes.predicted("base"), np.isneginf(score)
        return cls(
            score=score,
            kept=kept,
            base_utility=outcomes.base_utility,
            global_utility=outcomes.global_utility if outcomes.has_global else None,
            judged=~stays if stays.any() else None,
            weight=outcomes.sample_weight,
            truth=outcomes.y,
            said=said,
            group=outcomes.group,
            id=outcomes.id,
            query_costs=query_costs(rule.budget, outcomes),
        )

    def tally(self):
        """Sums on which the figures of the report are based."""
        query_all = True if self.judged is None else self.judged
        sides = self.base_utility, self.global_utility
        options = {"query_all": query_all, "missing": self.missing}
        return Tally.of(self.kept, *sides, self.weight, **options)

    @property
    def has_global(self):
        """False for abstention."""
        return self.global_utility is not None

    @property
    def knows_all(self):
        """Whether the global was queried about every row that may leave the device."""
        if not self.has_global or self.judged is None:
            return True
        return bool((self.judged | self.stays).all())

    @property
    def stays(self):
        """Whether each row must stay with the base."""
        return np.isneginf(self.score)

    @property
    def share_that_stays(self):
        """Share of the weight of the rows that must stay."""
        return float(np.average(self.stays, weights=self.weights))

    @property
    def holds_some_back(self):
        """Whether everything is known although some rows were not sent."""
        return self.judged is not None and self.knows_all and not self.judged.all()

    @property
    def weights(self):
        """Weights of the rows; ones if none were given."""
        return np.ones(len(self.kept)) if self.weight is None else self.weight

    @property
    def query_utility(self):
        """Utility of a query; that of the base where the global was not queried.

        Where the global failed to answer, the mean over the queried rows that it
        answered.
        """
        if not self.has_global:
            return np.ones(len(self.kept))
        if self.judged is None:
            return self.global_utility
        asked = self.judged | ~self.kept
        found = np.where(asked, self.global_utility, self.base_utility)
        lost = self.lost
        came = np.where(self.kept | lost, 0, self.weights)
        if lost.any() and came.any():
            found[lost] = np.average(found, weights=came)
        return found

    @property
    def lost(self):
        """Queried rows without an answer, whose utility is unknown."""
        nowhere = np.zeros(len(self.kept), dtype=bool)
        return nowhere if self.missing is None else self.missing & ~self.kept

    @property
    def utility(self):
        """Utility of the pair's answers; an abstention counts as right."""
        return np.where(self.kept, self.base_utility, self.query_utility)

    @property
    def is_graded(self):
        """Whether any answer is neither right nor wrong."""
        both = np.stack([self.base_utility, self.query_utility])[:, ~self.lost]
        return not np.isin(both, (0, 1)).all()

    @property
    def measure(self):
        """Name of the mean utility in a report."""
        return "Mean grade" if self.is_graded else "Accuracy"

    @property
    def names(self):
        """Name of each row: its id, or its position."""
        return np.arange(len(self.kept)) if self.id is None else self.id

    def interval(self, utility, rows=slice(None), confidence=0.95):
        """Confidence interval of the mean of a utility over some rows."""
        return mean_interval(
            utility[rows], sample_weight=self.weights[rows], confidence=confidence
        )
