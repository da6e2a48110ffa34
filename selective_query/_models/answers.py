"""Answers of a fitted model to a batch, with logits or features on request."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from selective_query._models.layers import layer_outputs, net_of
from selective_query._utils.frames import class_columns, refuse_moved_rows
from selective_query._utils.numbers import refuse_masked
from selective_query._utils.validation import align_proba, encode_labels, num_samples
from selective_query.outcomes.evidence import Evidence, check_matrix
from selective_query.outcomes.probabilities import (
    MODEL_TOLERANCE,
    check_distributions,
    top_class,
)

LOGITS = "logits"
MULTI_OUTPUT = "as multi-output models do. Use a model with one label a row."


@dataclass(frozen=True)
class Answers:
    """Output of one model on a batch, in the columns of `classes`."""

    proba: np.ndarray | None
    features: np.ndarray | None = None
    logits: np.ndarray | None = None
    predicted: np.ndarray | None = None  # only for models without probabilities

    @cached_property
    def label(self):
        """Positions in `classes`, shape (n_samples,); computed on first access."""
        return self.predicted if self.proba is None else top_class(self.proba)

    def take(self, rows):
        """Select rows by number or by mask."""
        parts = self.proba, self.features, self.logits, self.predicted
        return Answers(*(part if part is None else part[rows] for part in parts))

    def evidence(self, X):
        """Evidence for a router. The answers were checked when they were computed."""
        return Evidence.of_checked(
            len(self.label),
            base_proba=self.proba,
            base_logits=self.logits,
            base_features=self.features,
            X=X,
        )


def ask(model, X, classes, base_features=None, who="base_estimator"):
    """Get a fitted model's answers to X, aligned with `classes` by label.

    The label is the most probable class; for a model without probabilities it is the
    output of predict. Every answer is checked.

    Raises
    ------
    ValueError
        If an answer is not a distribution over the model's classes, or one known label,
        for each row. The message names the model by `who`.
    """
    if not hasattr(model, "predict_proba"):
        if not hasattr(model, "predict"):
            raise TypeError(
                f"{who} must be a fitted classifier, with predict_proba or predict. "
                f"Got {model!r}."
            )
        label = _labels(model, X, classes, who)
        return Answers(None, features_of(base_features, model, X), predicted=label)
    if not isinstance(base_features, str):
        proba = _probabilities(model, X, classes, who)
        return Answers(proba, features_of(base_features, model, X))
    if base_features == LOGITS:
        proba, logits = _with_logits(model, X, classes, who)
        return Answers(proba, logits=check_matrix(logits, "base_features='logits'"))
    if hasattr(model, "proba_and_layer"):  # a net that looks twice
        proba, features = model.proba_and_layer(X, base_features)
        proba = _probabilities(model, X, classes, who, proba)
    elif hasattr(model, "read_layer"):  # an exported net
        features = model.read_layer(X, base_features)
        proba = _probabilities(model, X, classes, who)
    else:
        proba, features = layer_outputs(
            model, base_features, lambda: _probabilities(model, X, classes, who)
        )
    return Answers(proba, check_matrix(features, f"base_features={base_features!r}"))


def check_has_classes(model, who):
    """Raise if it is unknown which label each probability column stands for.

    Raises
    ------
    ValueError
        If the model has predict_proba but no ``classes_``, or is multi-output and has a
        list of them.
    """
    if hasattr(model, "predict_proba") and not hasattr(model, "classes_"):
        raise ValueError(
            f"{who}={model!r} has predict_proba and no classes_, so the label of each "
            "column is unknown. Fit it first, or set classes_ to the labels in the "
            "order of the columns."
        )
    classes = getattr(model, "classes_", None)
    if isinstance(classes, list) and np.ndim(classes[0]):
        raise ValueError(f"{who}.classes_ is a list of arrays, {MULTI_OUTPUT}")


def _probabilities(model, X, classes, who, proba=None):
    check_has_classes(model, who)
    known, name = np.asarray(model.classes_), f"{who}.predict_proba(X)"
    proba = model.predict_proba(X) if proba is None else proba
    proba = shaped_probabilities(proba, known, X, name)
    proba = check_distributions(proba, name, MODEL_TOLERANCE)
    return align_proba(proba, known, classes, who)


def shaped_probabilities(proba, known, X, name):
    """Check probabilities: one row for each row of X, one column for each known label.

    Raises
    ------
    ValueError
        If the shape differs, or rows are masked or reordered.
    """
    if isinstance(proba, list):
        raise ValueError(f"{name} returned a list, {MULTI_OUTPUT}")
    refuse_moved_rows(proba, X, name)
    refuse_masked(proba, name)
    proba = np.asarray(class_columns(proba, known, name))
    if len(known) == 1 and proba.ndim == 2 and proba.shape[1] == 2:
        # Some boosters count a single class as two. Such a model always answers that
        # class.
        proba = proba.sum(axis=1, keepdims=True)
    expected = num_samples(X), len(known)
    if proba.shape != expected:
        raise ValueError(
            f"{name} must be of shape {expected}: as many rows as X, and a column for "
            f"each of its {len(known)} classes. Got shape {proba.shape}. Repair "
            "the model, or give both columns of a binary one."
        )
    return proba


def _labels(model, X, classes, who):
    labels = shaped_labels(model.predict(X), X, f"{who}.predict(X)")
    return encode_labels(labels, classes, who)


def shaped_labels(labels, X, name):
    """Check predicted labels: one for each row of X.

    Raises
    ------
    ValueError
        If the shape differs, or rows are masked or reordered.
    """
    refuse_moved_rows(labels, X, name)
    refuse_masked(labels, name)
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (num_samples(X),):
        raise ValueError(
            f"{name} must be one label for each of the {num_samples(X)} rows. Got "
            f"shape {labels.shape}. Repair the model, or wrap it in one that gives "
            "labels."
        )
    return labels


def features_of(base_features, model, X):
    if base_features is None:
        return None
    if hasattr(base_features, "transform"):
        features = base_features.transform(X)
    else:
        features = base_features(model, X)
    if hasattr(features, "toarray"):
        features = features.toarray()
    features, n_rows = np.asarray(features), num_samples(X)
    if features.ndim != 2 or len(features) != n_rows:
        raise ValueError(
            "base_features must return one row of numbers for each input, an array of "
            f"shape ({n_rows}, n_features). Got {type(features).__name__} of shape "
            f"{features.shape} and dtype {features.dtype}."
        )
    return check_matrix(features, "base_features")


def _with_logits(model, X, classes, who):
    """Probabilities, and the logits from which softmax (or sigmoid) computed them."""
    check_has_classes(model, who)
    order = encode_labels(np.asarray(model.classes_), classes, who)
    if net_of(model) is not None:
        proba, logits = layer_outputs(
            model, "", lambda: _probabilities(model, X, classes, who)
        )
        sums_to_one = (logits >= 0).all() and np.allclose(logits.sum(1), 1, atol=1e-4)
        if sums_to_one or np.allclose(logits[:, -1], proba[:, order[-1]], atol=1e-4):
            raise ValueError(
                f"base_features='logits': the module of {who} ends in a softmax or "
                "sigmoid, so it gives no logits. Have it return logits and train with "
                "CrossEntropyLoss or BCEWithLogitsLoss, or name an earlier layer."
            )
    elif hasattr(model, "decision_function"):
        proba = _probabilities(model, X, classes, who)
        logits = np.asarray(model.decision_function(X))
    else:
        raise ValueError(
            f"base_features='logits': {who}={type(model).__name__} has neither a "
            "decision_function nor a torch module. Give a function f(base, X) or a "
            "transformer of X."
        )
    if logits.ndim == 1 or logits.shape[1] == 1:  # binary
        logits = np.column_stack([-logits, logits]) / 2
    if logits.shape[1] != len(classes):
        raise ValueError(
            f"base_features='logits': {who} must give one logit for each of the "
            f"{len(classes)} classes. Got {logits.shape[1]}, as from one-vs-one scores "
            "or a model that was fitted without some class."
        )
    return proba, logits[:, np.argsort(order)]
