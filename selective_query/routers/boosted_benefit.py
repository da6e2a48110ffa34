"""The boosted benefit router: trees on what a ridge regression leaves."""

import numpy as np

from selective_query._numbers import check_number, check_positive, check_whole
from selective_query.routers._base import SelfScoringRouter
from selective_query.routers.benefit import BenefitRouter
from selective_query.routers.decision_cost import cost_of
from selective_query.routers.evidence_columns import evidence_columns
from selective_query.routers.held_out import held_out_scores
from selective_query.routers.learned_columns import grid_of, on_grid, score_columns
from selective_query.routers.ridge import RidgeProblem, column_penalty, standardised
from selective_query.supervision.named import is_in_benefit_units, supervise

# Numbers of trees that cross-validation compares.
TREES_STEP = 10
# So few trees on the first fold tell whether the other folds are worth growing them.
N_SCREENING_TREES = 20
N_BINS = 63
# In single precision: threshold, column and place of the children; value of a leaf.
NUMBERS_A_SPLIT, NUMBERS_A_LEAF = 2, 1


class BoostedBenefitRouter(SelfScoringRouter):
    r"""Query where the expected benefit is largest, by boosted trees.

    The regression of :class:`BenefitRouter`, and small trees fitted to what it leaves,
    each to the residual of those before it:

    .. math:: s(x) = s_{\text{ridge}}(x) + \eta \sum_{m=1}^M T_m(\phi(x))

    The number of trees is chosen by cross-validated squared error along the folds of
    the outcomes; it is zero where the first 20 trees do not help on the first fold.
    Trees find thresholds and interactions, in columns of any scale; they need rows by
    the thousand. Leaves are shrunk rather than bounded in size, so that a weight of two
    counts as two rows. Scores are in units of benefit. The default trees take less than
    12 KB.

    Parameters
    ----------
    max_trees : int, default=60
        As many are grown in each fold.
    learning_rate : float, default=0.2
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

    _reads_columns = True

    def __init__(
        self,
        max_trees=60,
        learning_rate=0.2,
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
        score = score_columns(
            self._score_columns, evidence, self.layout_, "BoostedBenefitRouter"
        )
        return self.ridge_.add_class_effect(score, evidence)

    def _score_columns(self, columns):
        score = self.ridge_.score_columns(columns)
        if self.trees_ is not None and len(score):
            score += self.trees_.predict(columns)
        return score

    def decision_cost(self, n_classes, n_features=0):
        cost = self.ridge_.decision_cost(n_classes, n_features)
        if self.trees_ is None:
            return cost
        for (tree,) in self.trees_._predictors:
            n_leaves = tree.get_n_leaf_nodes()
            stored = NUMBERS_A_SPLIT * (n_leaves - 1) + NUMBERS_A_LEAF * n_leaves
            # A comparison at each level of the longest path, and the sum.
            cost += cost_of(tree.get_max_depth() + 1, stored=stored, scratch=0)
        return cost

    def _fit(self, outcomes):
        """Fit, and return held-out scores of each row."""
        check_whole(self.max_trees, "max_trees", 1)
        check_whole(self.max_leaf_nodes, "max_leaf_nodes", 2)
        check_positive(self.learning_rate, "learning_rate")
        check_number(self.leaf_smoothing, "leaf_smoothing")
        outcomes = supervise(outcomes, self.supervision)
        self.ridge_ = BenefitRouter().fit(outcomes)
        columns, self.layout_ = evidence_columns(outcomes)
        folds = self._staged_folds(outcomes, columns)
        errors = sum(
            _squared_errors(outcomes, test, stages) for _, test, stages in folds
        )
        place = int(errors.argmin())
        self.n_trees_ = min(place * TREES_STEP, self.max_trees)
        score = self.ridge_.query_score(outcomes)
        self.trees_ = None
        if self.n_trees_:
            residual = outcomes.benefit - score
            self.trees_ = self._grown(columns, residual, outcomes.weight, self.n_trees_)
            score = score + self.trees_.predict(columns)
        fits = ((train, test, stages[:, place]) for train, test, stages in folds)
        return held_out_scores(fits, score, outcomes.weight)

    def _grown(self, columns, residual, weight, n_trees):
        # Ensembles take as long to import as all the rest of the routers.
        from sklearn.ensemble import HistGradientBoostingRegressor

        used = weight > 0
        grid = grid_of(columns[used], weight[used])
        table = on_grid(columns[used], grid)
        # With weights the bins are weighted percentiles, which take ten times as long
        # as the trees.
        plain = (weight[used] == 1).all()
        trees = HistGradientBoostingRegressor(
            max_iter=n_trees,
            learning_rate=float(self.learning_rate),
            max_leaf_nodes=int(self.max_leaf_nodes),
            max_bins=N_BINS,
            min_samples_leaf=1,
            l2_regularization=float(self.leaf_smoothing),
            early_stopping=False,
            random_state=0,
        )
        trees.fit(table, residual[used], sample_weight=None if plain else weight[used])
        _cut_between_values(trees, table)
        return trees

    def _staged_folds(self, outcomes, columns):
        """For each fold, scores of all rows after 0, TREES_STEP, ... trees without it.

        Returns
        -------
        list of (train, test, stages)
        """
        design, _, _ = standardised(columns, outcomes.weight)
        problem = RidgeProblem(design, column_penalty(design, outcomes), outcomes)
        folds = list(problem.fits(self.ridge_.alpha_, self.ridge_.class_smoothing_))
        few = min(N_SCREENING_TREES, self.max_trees)
        _, test, screened = self._staged(outcomes, columns, folds[0], few)
        if _squared_errors(outcomes, test, screened).argmin() == 0:
            return [(train, test, score[:, None]) for train, test, score in folds]
        return [self._staged(outcomes, columns, f, self.max_trees) for f in folds]

    def _staged(self, outcomes, columns, fold, max_trees):
        train, test, score = fold
        residual = outcomes.benefit[train] - score[train]
        trees = self._grown(columns[train], residual, outcomes.weight[train], max_trees)
        stages = [score]
        for n_trees, more in enumerate(trees.staged_predict(columns), 1):
            if n_trees % TREES_STEP == 0 or n_trees == max_trees:
                stages.append(score + more)
        return train, test, np.column_stack(stages)


def _cut_between_values(trees, table):
    """Move each split to the middle between the values that it tells apart.

    Splits stand at values of the fit, which come out another in the last digit when
    they are computed again beside other rows.
    """
    values = [np.unique(column) for column in table.T]
    for (tree,) in trees._predictors:
        for node in tree.nodes:
            if not node["is_leaf"]:
                known = values[node["feature_idx"]]
                above = np.searchsorted(known, node["num_threshold"], side="right")
                node["num_threshold"] = known[above - 1 : above + 1].mean()


def _squared_errors(outcomes, rows, stages):
    missed = outcomes.benefit[rows, None] - stages[rows]
    return outcomes.weight[rows] @ missed**2
