"""Trees in compiled code, which trusts the indices in its arrays.

A wrong index reads foreign memory or crashes the process, so trees are checked when
they are built, or rebuilt from their data.
"""

from contextlib import contextmanager
from numbers import Integral

import numpy as np

from selective_query._files.known_types import EUCLIDEAN


def make_tree(kind, args, state):
    """Build a Tree and check that all paths lead to leaves.

    Parameters
    ----------
    kind : type
    args : tuple
        Numbers of features, of classes and of outputs.
    state : dict

    Returns
    -------
    sklearn.tree._tree.Tree

    Raises
    ------
    ValueError
    """
    n_features, n_classes, n_outputs = args
    need(
        is_count(n_features)
        and is_count(n_outputs)
        and isinstance(n_classes, np.ndarray)
        and n_classes.shape == (n_outputs,)
        and n_classes.dtype.kind in "iu"
        and n_classes.min() >= 1
        and len(state["nodes"]) == state["node_count"] > 0
    )
    tree = kind(int(n_features), n_classes, int(n_outputs))
    tree.__setstate__(state)
    _check_nodes(tree)
    return tree


def _check_nodes(tree):
    nodes = tree.__getstate__()["nodes"]
    inner = nodes["left_child"] != -1
    feature = nodes["feature"][inner]
    need(
        ((nodes["right_child"] != -1) == inner).all()
        and (feature >= 0).all()
        and (feature < tree.n_features).all()
        and _depth(nodes["left_child"], nodes["right_child"], inner) <= tree.max_depth
    )


def make_tree_predictor(kind, state):
    """Build a TreePredictor and check that all paths lead to leaves.

    Parameters
    ----------
    kind : type
    state : dict

    Returns
    -------
    TreePredictor

    Raises
    ------
    ValueError
    """
    need(set(state) == {"nodes", "raw_left_cat_bitsets", "binned_left_cat_bitsets"})
    predictor = kind.__new__(kind)
    predictor.__setstate__(state)
    predictor.nodes = nodes = predictor.nodes.copy()  # the file's may be shared
    n_bitsets = len(predictor.raw_left_cat_bitsets)
    inner = nodes["is_leaf"] == 0
    splits = inner & (nodes["is_categorical"] != 0)
    need(
        nodes.ndim == 1
        and len(nodes) > 0
        and (nodes["feature_idx"][inner] >= 0).all()
        and predictor.raw_left_cat_bitsets.shape == (n_bitsets, 8)
        and predictor.binned_left_cat_bitsets.shape == (n_bitsets, 8)
        and (nodes["bitset_idx"][splits] < n_bitsets).all()
        and _depth(nodes["left"], nodes["right"], inner) >= 0
    )
    return predictor


def make_kd_tree(kind, state):
    """Rebuild a KDTree, so that only its points come from the file.

    Parameters
    ----------
    kind : type
    state : tuple

    Returns
    -------
    sklearn.neighbors.KDTree

    Raises
    ------
    ValueError
    """
    data, leaf_size, metric, weight = state[0], state[4], state[11], state[12]
    need(
        isinstance(data, np.ndarray)
        and data.dtype == np.float64
        and name_of(metric) == EUCLIDEAN
        and is_count(leaf_size)
    )
    return kind(data, int(leaf_size), "euclidean", sample_weight=weight)


def _depth(left, right, inner):
    """Return the depth of a tree; check that each node has at most one parent."""
    children = np.concatenate([left[inner], right[inner]]).astype(np.int64)
    parents = np.tile(np.flatnonzero(inner), 2)
    need(
        (children > parents).all()
        and (children < len(left)).all()
        and len(np.unique(children)) == len(children)
    )
    level, depth = np.array([0]), 0
    while True:
        level = level[inner[level]]
        if not len(level):
            return depth
        level = np.concatenate([left[level], right[level]]).astype(np.int64)
        depth += 1


def is_count(number):
    """Whether this is a valid count of features, outputs or rows."""
    return (
        isinstance(number, Integral)
        and not isinstance(number, bool)
        and 0 < number < 2**31
    )


def name_of(value):
    """Return the full name of a value's class."""
    return f"{type(value).__module__}.{type(value).__name__}"


def need(holds):
    """Raise a ValueError unless a condition holds."""
    if not holds:
        raise ValueError("its parts do not belong together")


@contextmanager
def blamed_on(name):
    """Turn an error inside into one about the content of a class.

    Parameters
    ----------
    name : str

    Raises
    ------
    ValueError
    """
    try:
        yield
    except Exception as error:
        raise ValueError(
            f"the content of {name} could end this process, read memory that is not "
            f"its own or open a file ({error}); if you made it, list the name in "
            "trusted="
        ) from error
