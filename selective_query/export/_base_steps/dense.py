"""Steps of linear models, perceptrons and naive Bayes."""

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._base_steps.outputs import (
    Outputs,
    of_decision,
    of_shares,
    two_sided,
)

ACTIVATIONS = {"logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}


def softmax_of_products(model, inputs):
    """Convert logistic regression and linear discriminant analysis."""
    decision, n_columns = _products(model, inputs)
    # Older versions of scikit-learn fitted some of them one-versus-rest.
    how = {getattr(model, "multi_class", None), getattr(model, "solver", None)}
    if n_columns > 1 and how & {"ovr", "liblinear"}:
        return _one_against_rest(inputs.steps, decision)
    return of_decision(inputs.steps, decision, n_columns)


def products(model, inputs):
    """Convert linear models without probabilities."""
    return Outputs(None, _products(model, inputs)[0])


def stochastic_descent(model, inputs):
    """Convert SGDClassifier, with probabilities if its loss has them."""
    steps, (decision, n_columns) = inputs.steps, _products(model, inputs)
    if model.loss == "log_loss":
        if n_columns > 1:
            return _one_against_rest(steps, decision)
        return of_decision(steps, decision, 1)
    if model.loss != "modified_huber":
        return Outputs(None, decision)
    # max(0, 1 - max(0, (1 - d) / 2)) is (d + 1) / 2, clipped to [0, 1].
    ones = np.ones(n_columns)
    miss = steps.add("apply", decision, function="negative")
    miss = steps.add("scale", miss, centre=-ones, scale=2 * ones)
    miss = steps.add("apply", miss, function="relu")
    each = steps.add("apply", miss, function="complement")
    each = steps.add("apply", each, function="relu")
    if n_columns > 1:
        return of_shares(steps, decision, each)
    logits = two_sided(steps, decision)
    other = steps.add("apply", each, function="complement")
    return Outputs(steps.add("concatenate", other, each), decision, logits)


def is_logistic(model):
    """Whether a binary model is a logistic regression."""
    names = {parent.__name__ for parent in type(model).__mro__}
    loss = getattr(model, "loss", "log_loss")
    return bool(names & {"LogisticRegression", "SGDClassifier"}) and loss == "log_loss"


def logistic_each(models, inputs):
    """Convert one-versus-rest logistic models to a single product."""
    weight = np.vstack([_coef(model) for model in models]).T
    bias = np.concatenate([np.broadcast_to(m.intercept_, 1) for m in models])
    return _one_against_rest(inputs.steps, inputs.affine(weight, bias))


def perceptron(model, inputs):
    """Convert a multi-layer perceptron."""
    if model.out_activation_ == "logistic" and model.n_outputs_ > 1:
        raise ExportError(
            "An MLPClassifier that was fitted on several labels a row has no form as "
            "plain steps. Fit it on one label a row."
        )
    steps = inputs.steps
    place = inputs.affine(model.coefs_[0], model.intercepts_[0])
    for weight, bias in zip(model.coefs_[1:], model.intercepts_[1:], strict=True):
        if model.activation != "identity":
            place = steps.add("apply", place, function=ACTIVATIONS[model.activation])
        place = steps.add(
            "affine", place, weight=weight.astype(float), bias=bias.astype(float)
        )
    return Outputs(of_decision(steps, place, model.n_outputs_).proba)


def gaussian_bayes(model, inputs):
    """Convert Gaussian naive Bayes.

    Columns with the same distribution in all classes, such as constant ones, get weight
    zero: in single precision their tiny densities could swamp all others.
    """
    steps, mean, variance = inputs.steps, model.theta_, model.var_
    tells = ((mean != mean[0]) | (variance != variance[0])).any(axis=0)
    distance = inputs.squared_distance(mean, np.where(tells, -0.5 / variance, 0.0))
    size = np.log(2 * np.pi * variance[:, tells]).sum(axis=1)
    bias = np.log(model.class_prior_) - 0.5 * size
    likelihood = steps.add("scale", distance, centre=-bias, scale=np.ones(len(bias)))
    return Outputs(steps.add("softmax", likelihood))


def bernoulli_bayes(model, inputs):
    """Convert Bernoulli naive Bayes; binarisation becomes trees with one split."""
    steps, present = inputs.steps, model.feature_log_prob_
    absent = np.log(1 - np.exp(present))
    prior = model.class_log_prior_
    if model.binarize is None:
        bias = prior + absent.sum(axis=1)
        return Outputs(steps.add("softmax", inputs.affine((present - absent).T, bias)))
    n_columns = present.shape[1]
    root = 3 * np.arange(n_columns)
    values = np.stack([np.zeros_like(present), present, absent])  # node, class, column
    split = np.array([float(model.binarize), np.inf, np.inf])
    places = np.arange(3 * n_columns)
    children = np.column_stack([places, places])
    children[root] = np.column_stack([root + 1, root + 2])
    nodes = {
        "feature": np.repeat(np.arange(n_columns), 3),
        "threshold": np.tile(split, n_columns),
        "children": children,
        "value": values.transpose(2, 0, 1).reshape(3 * n_columns, -1),
        "root": root,
        "depth": 1,
        "offset": prior,
    }
    return Outputs(steps.add("softmax", inputs.trees(nodes, in_single=False)))


def multinomial_bayes(model, inputs):
    """Convert multinomial naive Bayes: counts times log probabilities."""
    bias = model.class_log_prior_
    likelihood = inputs.affine(model.feature_log_prob_.T, bias)
    return Outputs(inputs.steps.add("softmax", likelihood))


def complement_bayes(model, inputs):
    """Convert complement naive Bayes: counts times complement weights."""
    likelihood = inputs.affine(model.feature_log_prob_.T)
    return Outputs(inputs.steps.add("softmax", likelihood))


def _products(model, inputs):
    coef = _coef(model)
    bias = np.broadcast_to(model.intercept_, len(coef))
    return inputs.affine(coef.T, bias), len(coef)


def _coef(model):
    coef = model.coef_
    return np.atleast_2d(coef.toarray() if hasattr(coef, "toarray") else coef)


def _one_against_rest(steps, decision):
    each = steps.add("apply", decision, function="sigmoid")
    return of_shares(steps, decision, each)
