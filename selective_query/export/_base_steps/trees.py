"""Steps of trees and tree ensembles: forests, bagging and boosting."""

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._base_steps.outputs import Outputs, of_decision, over
from selective_query.routers._tree_table import histogram_nodes, tree_table


def tree(model, inputs):
    """Convert a decision tree; its leaves hold class shares."""
    return Outputs(_added_up([model], inputs))


def forest(model, inputs):
    """Convert a forest: the mean of decision trees."""
    trees = list(model.estimators_)
    return Outputs(over(inputs.steps, _added_up(trees, inputs), len(trees)))


def bag_of_trees(model, inputs):
    """Convert bagged trees, each with its own columns and possibly classes."""
    trees, columns = list(model.estimators_), model.estimators_features_
    summed = _added_up(trees, inputs, columns, len(model.classes_))
    return Outputs(over(inputs.steps, summed, len(trees)))


def boosting(model, inputs):
    """Convert gradient boosting: per class, the initial value plus a sum of trees."""
    if model.init_ != "zero" and type(model.init_).__name__ != "DummyClassifier":
        raise ExportError(
            f"GradientBoostingClassifier(init={type(model.init_).__name__}()) has no "
            "form as plain steps. Fit it with init=None or init='zero'."
        )
    steps = inputs.steps
    start = model._raw_predict_init(np.zeros((1, model.n_features_in_)))
    sums = []
    for offset, trees in zip(start.T, model.estimators_.T, strict=True):
        nodes = [
            _nodes(t.tree_, model.learning_rate * t.tree_.value[:, 0, 0]) for t in trees
        ]
        sums.append(inputs.trees(tree_table(nodes, offset), in_single=True))
    outputs = _of_sums(steps, sums)
    if model.loss == "exponential":
        proba = steps.add("softmax", over(steps, outputs.logits, 0.5))
        return Outputs(proba, outputs.decision, outputs.logits)
    return outputs


def histogram_boosting(model, inputs):
    """Convert histogram boosting, whose trees compare in double precision."""
    if model.is_categorical_ is not None:
        raise ExportError(
            "HistGradientBoostingClassifier with categorical features has no form as "
            "plain steps. Encode them as numbers and give categorical_features=None."
        )
    sums = []
    predictors = zip(*model._predictors, strict=True)
    for offset, trees in zip(model._baseline_prediction.T, predictors, strict=True):
        nodes = [histogram_nodes(each.nodes) for each in trees]
        sums.append(inputs.trees(tree_table(nodes, offset), in_single=False))
    return _of_sums(inputs.steps, sums)


def _of_sums(steps, sums):
    decision = steps.add("concatenate", *sums) if len(sums) > 1 else sums[0]
    return of_decision(steps, decision, len(sums))


def _added_up(trees, inputs, columns=None, n_classes=None):
    """Return the index of the class shares summed over all trees."""
    nodes = []
    for number, each in enumerate(trees):
        grown = each.tree_
        if grown.n_outputs != 1:
            raise ExportError(
                f"A {type(each).__name__} that was fitted on several labels a row has "
                "no form as plain steps. Fit it on one label a row."
            )
        shares = grown.value[:, 0]
        if n_classes is not None:
            known, shares = shares, np.zeros((len(shares), n_classes))
            shares[:, np.asarray(each.classes_, dtype=int)] = known
        kept = None if columns is None else columns[number]
        nodes.append(_nodes(grown, shares, kept))
    offset = np.zeros(shares.shape[1])
    return inputs.trees(tree_table(nodes, offset), in_single=True)


def _nodes(grown, value, columns=None):
    is_leaf = grown.children_left < 0
    feature = np.where(is_leaf, 0, grown.feature)
    if columns is not None:
        feature = np.asarray(columns)[feature]
    children = grown.children_right, grown.children_left
    return is_leaf, feature, grown.threshold, np.column_stack(children), value
