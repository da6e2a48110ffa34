"""The boosted benefit router: trees on what a ridge regression leaves."""

import numpy as np

from selective_query.routers._base import SelfScoringRouter
from selective_query.routers.benefit import BenefitRouter
from selective_query.routers.evidence_columns import evidence_columns
from selective_query.routers.learned_columns import columns_like
from selective_query.routers.ridge import RidgeProblem, column_penalty, standardised
from selective_query.supervision.named import is_in_benefit_units, supervise

# Numbers of trees that cross-validation compares.
TREES_STEP = 10


class BoostedBenefitRouter(SelfScoringRouter):
    r"""Query where the expected benefit is largest, by boosted trees.

    The regression of :class:`BenefitRouter`, and small trees fitted to what it leaves,
    each to the residual of those before it:

    .. math:: s(x) = s_{\text{ridge}}(x) + \eta \sum_{m=1}^M T_m(\phi(x))

    The number of trees is chosen by cross-validated squared error along the folds of
    the outcomes and may be zero. Trees find thresholds and interactions, in columns of
    any scale; they need rows by the thousand. Leaves are shrunk rather than bounded in
    size, so that a weight of two counts as two rows. Scores are in units of benefit.

    Parameters
    ----------
    max_trees : int, default=150
        As many are grown in each fold.
    learning_rate : float, default=0.1
        The factor :math:`\eta`.
    max_leaf_nodes : int, default=16
        Leaves of a tree.
    leaf_smoothing : float, default=50.0
        Rows in a leaf at which its value is shrunk by half.
    supervision : str or callable, default="benefit"
        As in :class:`BenefitRouter`.

    Attributes
    ----------
    ridge_ : BenefitRouter
    trees_ : HistGradientBoostingRegressor or None
        None where no tree helped.
    n_trees_ : int
    layout_ : tuple of (str, int)
        Kinds of evidence, and how wide each is.

    References
    ----------
    Friedman, "Greedy function approximation: a gradient boosting machine", Annals of
    Statistics 2001. Jitkrittum et al., "When does confidence-based cascade deferral
    suffice?", NeurIPS 2023 (the regression of the difference).

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import BoostedBenefitRouter
    >>> outcomes = make_selective_query(500, random_state=0).outcomes
    >>> router = BoostedBenefitRouter(max_trees=20).fit(outcomes)
    >>> router.query_score(outcomes.evidence).shape
    (500,)
    """

    def __init__(
        self,
        max_trees=150,
        learning_rate=0.1,
        max_leaf_nodes=16,
        leaf_smoothing=50.0,
        supervision="benefit",
    ):
        self.max_trees = max_trees
        self.learning_rate = learning_rate
        self.max_leaf_nodes = max_leaf_nodes
        self.leaf_smoothing = leaf_smoothing
        self.supervision = supervision

    @property
    def in_benefit_units(self):
        return is_in_benefit_units(self.supervision)

    def query_score(self, evidence):
        self._check_fitted()
        columns = columns_like(evidence, self.layout_, "BoostedBenefitRouter")
        score = self.ridge_.query_score(evidence)
        if self.trees_ is not None and len(score):
            score += self.trees_.predict(columns)
        return score

    def _fit(self, outcomes):
        """Fit, and return scores of each row from the folds that did not hold it."""
        if self.max_trees < 1:
            raise ValueError(
                f"max_trees must be a whole number >= 1. Got {self.max_trees!r}."
            )
        outcomes = supervise(outcomes, self.supervision)
        self.ridge_ = BenefitRouter().fit(outcomes)
        columns, self.layout_ = evidence_columns(outcomes)
        stages = self._held_out_stages(outcomes, columns)
        error = outcomes.weight @ (outcomes.benefit[:, None] - stages) ** 2
        place = int(error.argmin())
        self.n_trees_ = min(place * TREES_STEP, self.max_trees)
        residual = outcomes.benefit - self.ridge_.query_score(outcomes)
        self.trees_ = None
        if self.n_trees_:
            self.trees_ = self._grown(columns, residual, outcomes.weight, self.n_trees_)
        return stages[:, place].copy()

    def _grown(self, columns, residual, weight, n_trees):
        # Ensembles take as long to import as all the rest of the routers.
        from sklearn.ensemble import HistGradientBoostingRegressor

        used = weight > 0
        # With weights the bins are weighted percentiles, which take ten times as long
        # as the trees.
        plain = (weight[used] == 1).all()
        trees = HistGradientBoostingRegressor(
            max_iter=n_trees,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=1,
            l2_regularization=self.leaf_smoothing,
            early_stopping=False,
            random_state=0,
        )
        return trees.fit(
            columns[used],
            residual[used],
            sample_weight=None if plain else weight[used],
        )

    def _held_out_stages(self, outcomes, columns):
        """Held-out scores of each row after 0, TREES_STEP, ... trees."""
        design, _, _ = standardised(columns, outcomes.weight)
        problem = RidgeProblem(design, column_penalty(design, outcomes), outcomes)
        n_stages = 1 + -(-self.max_trees // TREES_STEP)
        stages = np.empty((len(design), n_stages))
        ridge = self.ridge_
        for train, test, score in problem.fits(ridge.alpha_, ridge.class_smoothing_):
            stages[test] = score[test, None]
            residual = outcomes.benefit[train] - score[train]
            trees = self._grown(
                columns[train], residual, outcomes.weight[train], self.max_trees
            )
            for n_trees, more in enumerate(trees.staged_predict(columns[test]), 1):
                if n_trees % TREES_STEP == 0 or n_trees == self.max_trees:
                    stages[test, -(-n_trees // TREES_STEP)] += more
        return stages
