"""Convert sums of trees to ONNX tree ensembles."""

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._onnx.graph import ML
from selective_query.export._single import rounded_down

MOST_NODES = 2**22


def trees(graph, table, *, feature, threshold, children, value, root, depth, offset):
    """Add the operation ``trees``; return the name of its table."""
    nodes = _Nodes(feature, rounded_down(threshold), children)
    for tree, start in enumerate(root.tolist()):
        nodes.walk(tree, start)
    n_columns = value.shape[1]
    leaves = np.array(nodes.leaves)  # tree, number in it, place in the table
    every = np.repeat(leaves, n_columns, axis=0)
    return graph.add(
        "TreeEnsembleRegressor",
        table.name,
        domain=ML,
        n_targets=n_columns,
        base_values=offset.tolist(),
        aggregate_function="SUM",
        post_transform="NONE",
        target_treeids=every[:, 0].tolist(),
        target_nodeids=every[:, 1].tolist(),
        target_ids=np.tile(np.arange(n_columns), len(leaves)).tolist(),
        target_weights=value[leaves[:, 2]].ravel().tolist(),
        **nodes.attributes(),
    )


class _Nodes:
    """Nodes of all trees as lists, numbered from 0 in each tree."""

    def __init__(self, feature, threshold, children):
        self.feature, self.threshold = feature.tolist(), threshold.tolist()
        self.children = children.tolist()
        self.rows, self.leaves = [], []

    def walk(self, tree, start):
        """Append the nodes of the tree whose root has this index."""
        stack, n_seen, first = [(start, None)], 0, len(self.rows)
        while stack:
            place, came_from = stack.pop()
            number, n_seen = n_seen, n_seen + 1
            if came_from is not None:
                parent, side = came_from
                self.rows[first + parent][side] = number
            above, at_most = self.children[place]
            if above == place:
                self.rows.append([tree, number, 0, 0.0, "LEAF", 0, 0])
                self.leaves.append((tree, number, place))
                continue
            feature, threshold = self.feature[place], self.threshold[place]
            self.rows.append([tree, number, feature, threshold, "BRANCH_LEQ", 0, 0])
            stack += [(above, (number, 6)), (at_most, (number, 5))]
            if len(self.rows) > MOST_NODES:
                raise ExportError(
                    "The trees share branches; expanded, they have more than "
                    f"{MOST_NODES} nodes. Grow fewer or smaller ones."
                )

    def attributes(self):
        """Return the attributes of the ONNX node by name."""
        names = (
            "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values",
            "nodes_modes", "nodes_truenodeids", "nodes_falsenodeids",
        )  # fmt: skip
        return dict(zip(names, map(list, zip(*self.rows, strict=True)), strict=True))
