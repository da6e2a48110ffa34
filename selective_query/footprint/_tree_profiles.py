"""Profiles of trees and tree ensembles: exact once fitted, upper bounds before."""

import numpy as np

from selective_query.footprint._dense_profiles import (
    n_classes_of,
    n_columns_of,
    n_scores_of,
    require,
)
from selective_query.footprint.estimator_profile import EstimatorProfile

BYTES_OF_CATEGORY_SET = 32  # one bit for each of 256 categories


def _sum_of_trees(
    trees, n_columns, n_values, n_outputs, *, is_sum=True, is_bound=False, extra=0
):  # fmt: skip
    """Profile trees that run one after the other and are added up.

    Parameters
    ----------
    trees : list of (n_leaves, depth, mean_depth)
    n_columns : int
        Columns of the input.
    n_values : int
        Values stored in each leaf.
    n_outputs : int
    is_sum : bool
        Whether values are added up, instead of only looked up.
    is_bound : bool
    extra : int
        Additional bytes besides thresholds, columns and children.
    """
    leaves, depths, means = (np.array(each) for each in zip(*trees, strict=True))
    n_splits = leaves - 1
    # A tree with n leaves has 2 n - 1 nodes, two below each split.
    child_bytes = np.where(2 * leaves - 1 <= 2**16, 2, 4)
    column_bytes = 2 if n_columns <= 2**16 else 4
    return EstimatorProfile(
        macs=n_values * len(trees) * is_sum,
        comparisons=int(depths.sum()),
        mean_comparisons=float(means.sum()),
        weights=int((n_splits + n_values * leaves).sum()),
        index_bytes=int((n_splits * (column_bytes + 2 * child_bytes)).sum()) + extra,
        peak_elements=n_columns + n_outputs,
        n_outputs=n_outputs,
        is_bound=is_bound,
    )


def _grown(tree):
    """Return leaves, depth and mean path length of a fitted tree."""
    is_split = tree.children_left >= 0
    # A row is compared once at each split on its path.
    compared = tree.weighted_n_node_samples[is_split].sum()
    return tree.n_leaves, tree.max_depth, compared / tree.weighted_n_node_samples[0]


def _bound(estimator, inputs):
    """Return the most leaves and longest path that parameters and rows allow."""
    n_rows = require(estimator, "number of rows", inputs.n_rows)
    fewest = estimator.min_samples_leaf
    n_leaves = n_rows // fewest if isinstance(fewest, (int, np.integer)) else n_rows
    if estimator.max_leaf_nodes is not None:
        n_leaves = min(n_leaves, estimator.max_leaf_nodes)
    if estimator.max_depth is not None and estimator.max_depth < 63:
        n_leaves = min(n_leaves, 2**estimator.max_depth)
    n_leaves = max(n_leaves, 1)
    depth = n_leaves - 1
    if estimator.max_depth is not None:
        depth = min(depth, estimator.max_depth)
    return n_leaves, depth, float(depth)


def tree(estimator, inputs):
    """Profile a tree: a comparison per level; each leaf stores one value per class."""
    n_columns = n_columns_of(estimator, inputs)
    n_classes = n_classes_of(estimator, inputs)
    is_bound = not hasattr(estimator, "tree_")
    found = _bound(estimator, inputs) if is_bound else _grown(estimator.tree_)
    return _sum_of_trees(
        [found], n_columns, n_classes, n_classes, is_sum=False, is_bound=is_bound
    )


def forest(estimator, inputs):
    """Profile a forest: trees whose leaves are added up per class."""
    n_columns = n_columns_of(estimator, inputs)
    n_classes = n_classes_of(estimator, inputs)
    is_bound = not hasattr(estimator, "estimators_")
    if is_bound:
        trees = [_bound(estimator, inputs)] * estimator.n_estimators
    else:
        trees = [_grown(each.tree_) for each in estimator.estimators_]
    return _sum_of_trees(trees, n_columns, n_classes, n_classes, is_bound=is_bound)


def boosting(estimator, inputs):
    """Profile boosting: one tree per class and round, with one value per leaf."""
    is_bound = not hasattr(estimator, "estimators_")
    if is_bound:
        n_trees = estimator.n_estimators * n_scores_of(estimator, inputs)
        trees = [_bound(estimator, inputs)] * n_trees
    else:
        trees = [_grown(each.tree_) for each in np.ravel(estimator.estimators_)]
    return _boosted(estimator, inputs, trees, is_bound)


def histogram_boosting(estimator, inputs):
    """Profile histogram boosting; each split has one more byte for missing values."""
    predictors = getattr(estimator, "_predictors", None)
    if predictors is None:
        n_trees = estimator.max_iter * n_scores_of(estimator, inputs)
        trees = [_bound(estimator, inputs)] * n_trees
        n_sets = 0
    else:
        grown = [each for round_ in predictors for each in round_]
        trees = [_grown_by_histogram(each.nodes) for each in grown]
        n_sets = sum(len(each.raw_left_cat_bitsets) for each in grown)
    extra = sum(n_leaves - 1 for n_leaves, _, _ in trees)
    extra += BYTES_OF_CATEGORY_SET * n_sets
    return _boosted(estimator, inputs, trees, predictors is None, extra)


def _grown_by_histogram(nodes):
    is_leaf = nodes["is_leaf"].astype(bool)
    compared = float(nodes["count"][~is_leaf].sum())
    return int(is_leaf.sum()), int(nodes["depth"].max()), compared / nodes["count"][0]


def _boosted(estimator, inputs, trees, is_bound, extra=0):
    n_scores = n_scores_of(estimator, inputs)
    n_columns = n_columns_of(estimator, inputs)
    start = EstimatorProfile(
        macs=0, weights=0, constants=n_scores, peak_elements=n_scores,
        n_outputs=n_scores,
    )  # fmt: skip
    return start.beside(
        _sum_of_trees(trees, n_columns, 1, 0, is_bound=is_bound, extra=extra)
    )
