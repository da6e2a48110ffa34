"""The boosted benefit router: trees on the residuals of a ridge regression."""

from itertools import islice

import numpy as np

from selective_query._utils.numbers import check_number, check_positive, check_whole
from selective_query.routers._evidence_columns import (
    add_class_effect,
    evidence_columns,
    grid_of,
    linear_steps,
    on_grid,
)
from selective_query.routers._held_out import held_out_scores
from selective_query.routers._tree_table import boosted_table
from selective_query.routers.base import SelfScoringRouter
from selective_query.routers.benefit import BenefitRouter
from selective_query.routers.supervision.named import is_in_benefit_units, supervise

# Numbers of trees compared by cross-validation.
TREES_STEP = 10
# This many trees on the first fold decide whether to grow them on the other folds.
N_SCREENING_TREES = 20
N_BINS = 63


class BoostedBenefitRouter(SelfScoringRouter):
    r"""Query where the expected benefit is largest, by boosted trees.

    The regression of :class:`BenefitRouter`, plus small trees fitted to its residuals,
    each to the residuals of the trees before it:

    .. math:: s(x) = s_{\text{ridge}}(x) + \eta \sum_{m=1}^M T_m(\phi(x))

    The number of trees is chosen by cross-validated squared error along the folds of
    the outcomes; it is zero if the first 20 trees do not help on the first fold. Trees
    find thresholds and interactions in columns of any scale, but need thousands of
    rows. Leaf values are shrunk instead of limiting leaf sizes, so that a weight of two
    counts as two rows. Scores are in units of benefit. The default trees take less than
    12 KB.

    Parameters
    ----------
    max_trees : int, default=60
        Number of trees grown in each fold.
    learning_rate : float, default=0.2
        The factor :math:`\eta`.
    max_leaf_nodes : int, default=16
        Maximum number of leaves of a tree.
    leaf_smoothing : float, default=50.0
        Number of rows in a leaf at which its value is shrunk by half.
    supervision : str or callable, default="benefit"
        As in :class:`BenefitRouter`.

    Attributes
    ----------
    ridge_ : BenefitRouter
    trees_ : dict of str to ndarray or number, or None
        All trees as one table of nodes, in the form of the operation ``trees`` of
        :class:`~selective_query.routers.Program`; None if no tree helped.
    n_trees_ : int
    layout_ : tuple of (str, int)
        Kinds of evidence, and the width of each.

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

    def program(self):
        self._check_fitted()
        ridge = self.ridge_
        steps = linear_steps(self.layout_, ridge.coef_, ridge.intercept_)
        score = len(steps) - 1
        if self.trees_ is not None:
            trees = steps.add("trees", score - 1, **self.trees_)
            score = steps.add("combine", score, trees, function="add")
        add_class_effect(steps, score, ridge.class_effect_)
        return steps.program("BoostedBenefitRouter")

    def _fit(self, outcomes):
        """Fit, and return out-of-fold scores of each row."""
        check_whole(self.max_trees, "max_trees", 1)
        check_whole(self.max_leaf_nodes, "max_leaf_nodes", 2)
        check_positive(self.learning_rate, "learning_rate")
        check_number(self.leaf_smoothing, "leaf_smoothing")
        outcomes = supervise(outcomes, self.supervision)
        self.ridge_ = BenefitRouter()
        problem, _ = self.ridge_._fit_problem(outcomes)
        columns, self.layout_ = evidence_columns(outcomes)
        folds = self._folds(problem, outcomes, columns)
        errors = sum(fold.squared_errors(outcomes) for fold in folds)
        place = int(errors.argmin())
        self.n_trees_ = min(place * TREES_STEP, self.max_trees)
        score = self.ridge_.query_score(outcomes)
        self.trees_ = None
        if self.n_trees_:
            residual = outcomes.benefit - score
            grown = self._grown(columns, residual, outcomes.weight, self.n_trees_)
            self.trees_ = boosted_table(grown)
            score = score + grown.predict(columns)
        fits = (fold.scored(columns, place, self.n_trees_) for fold in folds)
        return held_out_scores(fits, score, outcomes.weight)

    def _grown(self, columns, residual, weight, n_trees, begun=None):
        """Grow trees on these rows, or continue `begun` ones on the same rows."""
        # Importing ensembles takes as long as importing all other routers.
        from sklearn.ensemble import HistGradientBoostingRegressor

        used = weight > 0
        grid = grid_of(columns[used], weight[used])
        table = on_grid(columns[used], grid)
        # With weights, the bins would be weighted percentiles, which take ten times as
        # long as the trees.
        plain = (weight[used] == 1).all()
        trees = begun or HistGradientBoostingRegressor(
            learning_rate=float(self.learning_rate),
            max_leaf_nodes=int(self.max_leaf_nodes),
            max_bins=N_BINS,
            min_samples_leaf=1,
            l2_regularization=float(self.leaf_smoothing),
            early_stopping=False,
            random_state=0,
        )
        trees.set_params(max_iter=n_trees, warm_start=begun is not None)
        trees.fit(table, residual[used], sample_weight=None if plain else weight[used])
        _cut_between_values(trees, table)
        return trees

    def _folds(self, problem, outcomes, columns):
        # Fits without each fold; trees only if they help on the first fold.
        fits = list(problem.fits(self.ridge_.alpha_, self.ridge_.class_smoothing_))
        folds = [_Fold(*fit) for fit in fits]
        self._grow(folds[0], outcomes, columns, min(N_SCREENING_TREES, self.max_trees))
        if folds[0].squared_errors(outcomes).argmin() == 0:
            return [_Fold(*fit) for fit in fits]
        for fold in folds:
            self._grow(fold, outcomes, columns, self.max_trees)
        return folds

    def _grow(self, fold, outcomes, columns, n_trees):
        train, score = fold.train, fold.score
        residual = outcomes.benefit[train] - score[train]
        weight = outcomes.weight[train]
        fold.trees = self._grown(columns[train], residual, weight, n_trees, fold.trees)
        fold.stages = fold.staged(columns, n_trees)


class _Fold:
    """A ridge regression without one fold, and trees on its residuals.

    Test rows are scored after 0, TREES_STEP, ... trees; known rows only after the
    chosen number.
    """

    def __init__(self, train, test, score):
        self.train, self.test, self.score = train, test, score
        self.trees, self.stages = None, score[test][:, None]

    def staged(self, columns, n_trees):
        score = self.score[self.test]
        stages = [score]
        for n, more in enumerate(self.trees.staged_predict(columns[self.test]), 1):
            if n % TREES_STEP == 0 or n == n_trees:
                stages.append(score + more)
        return np.column_stack(stages)

    def squared_errors(self, outcomes):
        missed = outcomes.benefit[self.test, None] - self.stages
        return outcomes.weight[self.test] @ missed**2

    def scored(self, columns, place, n_trees):
        """(train, test, score of every row) after one of the stages."""
        score = self.score.copy()
        score[self.test] = self.stages[:, place]
        if n_trees:
            staged = self.trees.staged_predict(columns[self.train])
            score[self.train] += next(islice(staged, n_trees - 1, None))
        return self.train, self.test, score


def _cut_between_values(trees, table):
    """Move each split to the midpoint between the two values that it separates.

    The tree fit places splits at data values, and these differ in their last digit when
    they are recomputed in another batch.
    """
    tables = [tree.nodes for (tree,) in trees._predictors]
    nodes = np.concatenate(tables)
    column = np.where(nodes["is_leaf"], -1, nodes["feature_idx"].astype(int))
    split = nodes["num_threshold"]
    for used in np.unique(column[column >= 0]):
        here, known = column == used, np.unique(table[:, used])
        above = np.searchsorted(known, split[here], side="right")
        nearest = known[above - 1], known[np.minimum(above, len(known) - 1)]
        split[here] = np.mean(nearest, axis=0)
    ends = np.cumsum([len(own) for own in tables])
    for own, cut in zip(tables, np.split(split, ends[:-1]), strict=True):
        own["num_threshold"] = cut
