"""Convert scikit-learn's binary trees to one table of nodes for ``trees``."""

import numpy as np

from selective_query.routers._operations.trees import levels_of


def tree_table(trees, offset):
    """Parameters of the operation ``trees`` for a sum of trees.

    Parameters
    ----------
    trees : list of (is_leaf, feature, threshold, children, value)
        One array each, with an entry for each node. Children are positions in the same
        tree, after their node: where the column is above the threshold, and where not.
    offset : ndarray of shape (n_columns,)
        Added to the sum of the leaf values.

    Returns
    -------
    dict
    """
    sizes = [len(tree[0]) for tree in trees]
    root = np.cumsum([0, *sizes[:-1]])
    is_leaf, feature, threshold, children, value = (
        np.concatenate(part) for part in zip(*trees, strict=True)
    )
    children = children + np.repeat(root, sizes)[:, None]
    own = np.arange(len(children))
    children = np.where(is_leaf[:, None], own[:, None], children).astype(np.intp)
    return {
        "feature": np.where(is_leaf, 0, feature).astype(np.intp),
        "threshold": np.where(is_leaf, np.inf, threshold),
        "children": children,
        "value": value.reshape(len(own), -1).astype(float),
        "root": root,
        "depth": max(levels_of(children)),
        "offset": np.ravel(offset).astype(float),
    }


def histogram_nodes(nodes):
    """A tree of histogram gradient boosting, in the form that `tree_table` takes."""
    children = np.column_stack([nodes["right"], nodes["left"]]).astype(np.intp)
    is_leaf = nodes["is_leaf"].astype(bool)
    return (
        is_leaf, nodes["feature_idx"], nodes["num_threshold"], children, nodes["value"]
    )  # fmt: skip


def boosted_table(regressor):
    """Parameters of the operation ``trees`` for a histogram gradient boosting model."""
    nodes = [histogram_nodes(tree.nodes) for (tree,) in regressor._predictors]
    return tree_table(nodes, regressor._baseline_prediction)
