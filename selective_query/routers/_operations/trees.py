"""Sums of binary trees, with one or several numbers in each leaf."""

import numpy as np

from selective_query.routers._operations.operation import (
    Operation,
    array_of,
    finite,
    known_width,
    thresholds,
    whole,
)

# Rows, and trees, whose positions stay in the processor's cache.
TREE_ROWS, TREES = 256, 128
MOST_LEVELS = 1024
# Per row, over all trees: a million take a hundredth of a second.
MOST_COMPARISONS = 2**20


class Trees(Operation):
    """Binary trees in one table of nodes; a leaf is its own child."""

    parameters = {
        "feature": array_of("iu", 1),
        "threshold": thresholds,
        "children": array_of("iu", 2),
        "value": finite(2),
        "root": array_of("iu", 1),
        "depth": whole(0),
        "offset": finite(1),
    }
    scratch = 1

    def run(self, table, feature, threshold, children, value, root, depth, offset):
        total, child = np.tile(offset, (len(table), 1)), children.ravel()
        for start in range(0, len(table), TREE_ROWS):
            part = table[start : start + TREE_ROWS]
            sums = total[start : start + TREE_ROWS]
            flat, place = part.T.ravel(), np.arange(len(part))
            column = feature * len(part)
            for first in range(0, len(root), TREES):
                at = np.repeat(root[first : first + TREES, None], len(part), axis=1)
                for _ in range(depth):
                    goes_left = flat.take(column.take(at) + place) <= threshold.take(at)
                    at = child.take(2 * at + goes_left)
                _add_leaves(sums, value, at)
        return total

    def width(self, width, feature, threshold, children, value, root, depth, offset):
        n_nodes, n_made = value.shape
        if len(offset) != n_made:
            raise ValueError(
                f"offset must be a number for each of the {n_made} columns of value. "
                f"Got {len(offset)}."
            )
        lengths = {len(feature), len(threshold), len(children)}
        if children.shape[1] != 2 or lengths != {n_nodes}:
            raise ValueError(
                "feature and threshold must have a number for each node, value a row, "
                "and children two."
            )
        _check_places(root, "root", n_nodes, "nodes")
        _check_places(children, "children", n_nodes, "nodes")
        _check_places(feature, "feature", known_width(width), "columns")
        own = np.arange(n_nodes)
        behind = children.min(axis=1) > own
        is_sound = behind | (children == own[:, None]).all(axis=1)
        if not is_sound.all():
            node = int(is_sound.argmin())
            raise ValueError(
                "children must stand behind their node, or be the node itself where it "
                f"is a leaf, so that no path has a cycle. Node {node} has "
                f"{children[node].tolist()}."
            )
        levels = levels_of(children)
        compared = [levels[i] for i in root.tolist()]
        longest = max(compared)
        if sum(compared) + n_made * len(compared) > MOST_COMPARISONS:
            raise ValueError(
                f"{len(root)} trees of up to {longest} comparisons take more than "
                f"{MOST_COMPARISONS} steps."
            )
        if depth != longest or depth > MOST_LEVELS:
            raise ValueError(
                f"depth must be the comparisons on the longest path, {longest}, and "
                f"{MOST_LEVELS} at most. Got {depth}."
            )
        return n_made

    def macs(self, width, children, root, value, **parameters):
        # One comparison for each level of the longest path of each tree, and the sums.
        levels = levels_of(children)
        return sum(levels[i] + value.shape[1] for i in root.tolist())

    def stored(self, children, value, **parameters):
        # Inner nodes store a threshold, and column and children in one number; leaves
        # store their values.
        n_leaves = np.count_nonzero(children[:, 0] == np.arange(len(children)))
        kept = n_leaves + 1  # including the offset
        return 2 * (len(children) - n_leaves) + kept * value.shape[1]


def _add_leaves(sums, value, at):
    """Add the leaf values of some rows to their sums, one leaf for each tree."""
    if value.shape[1] == 1:
        sums[:, 0] += value.take(at).sum(axis=0)
    else:
        for leaves in at:
            sums += value.take(leaves, axis=0)


def _check_places(places, name, n_known, what):
    if places.min() < 0 or places.max() >= n_known:
        raise ValueError(
            f"{name} must be places among {n_known} {what}. Got {places.min()} to "
            f"{places.max()}."
        )


def levels_of(children):
    """Comparisons on the longest path from each node, capped at one above the limit."""
    levels = np.zeros(len(children), dtype=int)
    above = np.flatnonzero(children[:, 0] != np.arange(len(children)))
    for level in range(1, MOST_LEVELS + 2):
        levels[above] = level
        # A path is longer by one if it leads to one that is as long as any so far.
        above = above[(levels[children[above]] == level).any(axis=1)]
        if not len(above):
            break
    return levels.tolist()
