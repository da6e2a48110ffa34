"""The models that can be converted to steps, and meta-estimators."""

from selective_query.exceptions import ExportError
from selective_query.export._base_steps import dense, transformers, trees
from selective_query.export._base_steps.calibrators import calibrated_member
from selective_query.export._base_steps.outputs import (
    Outputs,
    mean_of,
    mean_outputs,
    of_shares,
)

# By name of the class or a parent class, to avoid importing from scikit-learn.
MODELS = {
    "LogisticRegression": dense.softmax_of_products,
    "LinearDiscriminantAnalysis": dense.softmax_of_products,
    "SGDClassifier": dense.stochastic_descent,
    "LinearSVC": dense.products,
    "RidgeClassifier": dense.products,
    "MLPClassifier": dense.perceptron,
    "GaussianNB": dense.gaussian_bayes,
    "BernoulliNB": dense.bernoulli_bayes,
    "MultinomialNB": dense.multinomial_bayes,
    "ComplementNB": dense.complement_bayes,
    "DecisionTreeClassifier": trees.tree,
    "ForestClassifier": trees.forest,
    "GradientBoostingClassifier": trees.boosting,
    "HistGradientBoostingClassifier": trees.histogram_boosting,
}
TRANSFORMERS = {
    "StandardScaler": transformers.standard,
    "MinMaxScaler": transformers.min_max,
    "MaxAbsScaler": transformers.max_abs,
    "RobustScaler": transformers.robust,
    "SelectorMixin": transformers.selection,
    "PCA": transformers.projection,
    "IncrementalPCA": transformers.projection,
    "TruncatedSVD": transformers.projection,
}


def outputs_of(model, inputs):
    """Convert a fitted classifier on these inputs; its outputs include probabilities.

    Raises
    ------
    ExportError
        If it cannot be converted, or has no probabilities.
    """
    outputs = decisions_of(model, inputs)
    if outputs.proba is None:
        raise ExportError(
            f"{type(model).__name__} gives no probabilities. Fit it with a loss that "
            "has them, or calibrate it with CalibratedClassifierCV."
        )
    return outputs


def decisions_of(model, inputs):
    """Convert a fitted classifier; its outputs may lack probabilities."""
    names = _names(model)
    if "FrozenEstimator" in names:
        return decisions_of(model.estimator, inputs)
    if "Pipeline" in names:
        return _behind_a_pipeline(model, inputs, decisions_of)
    for name, write in (MODELS | _MADE_OF_OTHERS).items():
        if name in names:
            return write(model, inputs)
    known = [n for n in (*MODELS, *_MADE_OF_OTHERS) if n != "ForestClassifier"]
    raise ExportError(
        f"{type(model).__name__} has no form as plain steps. Classifiers that have one "
        f"are {', '.join(known)}, RandomForestClassifier and ExtraTreesClassifier, "
        "also in a FrozenEstimator or a Pipeline."
    )


def transformed(transformer, inputs):
    """Return the inputs after a fitted transformer.

    Raises
    ------
    ExportError
        If the transformer cannot be converted.
    """
    names = _names(transformer)
    if "FrozenEstimator" in names:
        return transformed(transformer.estimator, inputs)
    if "Pipeline" in names:
        return _behind_a_pipeline(transformer, inputs, transformed)
    for name, write in TRANSFORMERS.items():
        if name in names:
            return write(transformer, inputs)
    known = [name for name in TRANSFORMERS if name != "SelectorMixin"]
    raise ExportError(
        f"{type(transformer).__name__} has no form as plain steps. Transformers that "
        f"have one are {', '.join(known)} and selectors of columns such as SelectKBest."
    )


def _names(estimator):
    return {parent.__name__ for parent in type(estimator).__mro__}


def _behind_a_pipeline(pipeline, inputs, write_last):
    steps = [s for s in pipeline.steps if s[1] is not None and s[1] != "passthrough"]
    for number, (name, step) in enumerate(steps, 1):
        write = write_last if number == len(steps) else transformed
        try:
            inputs = write(step, inputs)
        except ExportError as error:
            raise ExportError(f"Step {name!r} of the Pipeline: {error}") from None
    return inputs


def _one_against_rest(model, inputs):
    if model.multilabel_:
        raise ExportError(
            "A OneVsRestClassifier that was fitted on several labels a row has no form "
            "as plain steps. Fit it on one label a row."
        )
    steps, members = inputs.steps, model.estimators_
    if len(members) == 1:
        return outputs_of(members[0], inputs)
    if all(map(dense.is_logistic, members)):
        return dense.logistic_each(members, inputs)
    outputs = [outputs_of(member, inputs) for member in members]
    decision = None
    if all(o.decision is not None for o in outputs):
        decision = steps.add("concatenate", *(o.decision for o in outputs))
    each = [steps.add("columns", o.proba, start=1, stop=2) for o in outputs]
    return of_shares(steps, decision, steps.add("concatenate", *each))


def _bag(model, inputs):
    members = model.estimators_
    if all("BaseDecisionTree" in _names(member) for member in members):
        return trees.bag_of_trees(model, inputs)
    outputs = []
    for member, columns in zip(members, model.estimators_features_, strict=True):
        if len(member.classes_) != len(model.classes_):
            raise ExportError(
                "A BaggingClassifier with a member that saw only some of the classes "
                "has no form as plain steps. Give it a larger max_samples."
            )
        outputs.append(outputs_of(member, inputs.taken(columns)))
    return mean_outputs(inputs.steps, outputs)


def _calibrated(model, inputs):
    members = [
        calibrated_member(member, decisions_of(member.estimator, inputs), inputs.steps)
        for member in model.calibrated_classifiers_
    ]
    return Outputs(mean_of(inputs.steps, members))


_MADE_OF_OTHERS = {
    "OneVsRestClassifier": _one_against_rest,
    "BaggingClassifier": _bag,
    "CalibratedClassifierCV": _calibrated,
}
