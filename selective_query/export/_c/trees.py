"""Pack trees for sq_ops.c: a node's near child follows it, leaves share rows."""

import numpy as np

from selective_query.exceptions import ExportError

LEAF = MOST = np.iinfo(np.uint16).max
NODE = [("value", "<f4"), ("feature", "<u2"), ("skip", "<u2")]


def packed(feature, threshold, children, value, root):
    """Return 8-byte nodes in depth-first order, roots, and rows of leaf values.

    Parameters
    ----------
    feature, threshold, children, value, root
        Parameters of the operation ``trees``.

    Returns
    -------
    nodes : ndarray of NODE
    roots : ndarray of uint32
    values : ndarray of shape (n_rows, n_columns) or None
        None if each leaf stores its value itself.

    Raises
    ------
    ExportError
        If a tree is too large for 16-bit indices.
    """
    rows = which = None
    if value.shape[1] > 1:
        rows, which = np.unique(value, axis=0, return_inverse=True)
        _check_many(len(rows), "different leaves")
    _check_many(int(feature.max()), "columns")
    nodes, roots = [], []
    for at in root.tolist():
        roots.append(len(nodes))
        _walk(nodes, at, feature, threshold, children, value, which)
    return np.array(nodes, dtype=NODE), np.array(roots, dtype=np.uint32), rows


def _walk(nodes, root, feature, threshold, children, value, which):
    # Stack entries: a node, and the index of the node that skips to it.
    stack = [(root, None)]
    while stack:
        at, skipping = stack.pop()
        if skipping is not None:
            skip = len(nodes) - skipping
            _check_many(skip, "nodes on one side")
            nodes[skipping] = (*nodes[skipping][:2], skip)
        far, near = children[at]
        if far == at:
            leaf = (value[at, 0], LEAF, 0) if which is None else (0, LEAF, which[at])
            nodes.append(leaf)
        else:
            nodes.append((threshold[at], feature[at], 0))
            stack += [(far, len(nodes) - 1), (near, None)]


def _check_many(found, what):
    if found >= MOST:
        raise ExportError(
            f"A tree may have {MOST - 1} {what} at most in C. Got {found}. Fit smaller "
            "trees."
        )
