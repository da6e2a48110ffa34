"""Convert a scikit-learn classifier to steps from inputs to class probabilities."""

from dataclasses import dataclass
from warnings import catch_warnings, simplefilter

import numpy as np
from sklearn.utils.validation import check_is_fitted

from selective_query._models.answers import LOGITS
from selective_query._utils.validation import align_proba, encode_labels
from selective_query.exceptions import ExportError
from selective_query.export._base_steps.inputs import Inputs
from selective_query.export._base_steps.models import outputs_of, transformed
from selective_query.export._base_steps.outputs import only
from selective_query.outcomes import Evidence
from selective_query.routers import Program, Steps

WHO = "base_estimator"
# Number of rows on which steps and model must agree, and the tolerance.
N_CHECKED, CLOSE = 16, 1e-4


@dataclass(frozen=True, eq=False)
class BaseProgram:
    """A base as program steps that read only ``X``.

    Parameters
    ----------
    steps : Steps
        The first step reads ``X``, the last one computes the class probabilities.
    n_inputs : int
        Number of columns of ``X``.
    proba : int
        Index of the step of the class probabilities, with one column per class.
    logits : int or None
        Index of the step that ``base_features="logits"`` reads; None without logits.
    features : int or None
        Index of the step of the transformed ``X``; None without a transformer.
    """

    steps: Steps
    n_inputs: int
    proba: int
    logits: int | None = None
    features: int | None = None

    def program(self):
        """Return a program that computes the class probabilities."""
        return Program(tuple(self.steps[: self.proba + 1]), WHO)

    def predict_proba(self, X):
        """Return class probabilities of a numeric X, shape (n_samples, n_classes)."""
        return self.program().table(Evidence(X=X))


def base_program(model, classes, base_features=None):
    """Convert a fitted classifier to steps.

    Every number takes the same branches of a tree as in scikit-learn. For
    single-precision numbers this holds even after thresholds are rounded down to single
    precision. A scaler is folded into the thresholds that follow it, or into the
    products that follow it if no column's centre is more than 16 of its scales from
    zero.

    Parameters
    ----------
    model : estimator
        A classifier with ``predict_proba``, possibly in a Pipeline, FrozenEstimator or
        CalibratedClassifierCV.
    classes : ndarray of shape (n_classes,)
        Sorted labels, one column each; zeros for labels that the model does not know.
    base_features : None, "logits" or fitted transformer, default=None
        Features of the base that the router reads, as in a HybridClassifier.

    Returns
    -------
    BaseProgram

    Raises
    ------
    ExportError
        If the model, one of its steps, or the features cannot be converted.
    NotFittedError
        If the model is not fitted.
    """
    check_is_fitted(model)
    n_inputs = _n_inputs(model)
    steps = Steps()
    read = Inputs.of_table(steps, steps.read("X", n_inputs), n_inputs)
    features = _features(base_features, read)
    outputs = outputs_of(model, read)
    known = np.asarray(model.classes_)
    order = encode_labels(known, np.asarray(classes), WHO)
    logits = None
    if outputs.logits is not None and len(order) == len(classes):
        logits = _aligned(steps, outputs.logits, order, len(classes))
    if base_features == LOGITS and logits is None:
        raise ExportError(
            f"base_features='logits': {type(model).__name__} has no logit for each of "
            "the classes. Fit the router without base_features."
        )
    proba = _aligned(steps, outputs.proba, order, len(classes))
    kept = [place for place in (0, features, logits, proba) if place is not None]
    steps, moved = only(steps, kept)
    program = BaseProgram(
        steps, n_inputs, moved[proba], moved.get(logits), moved.get(features)
    )
    _check_same(program, model, classes)
    return program


def _n_inputs(model):
    if hasattr(model, "n_features_in_"):
        return int(model.n_features_in_)
    for _, step in getattr(model, "steps", ()):  # some may be "passthrough"
        if hasattr(step, "n_features_in_"):
            return int(step.n_features_in_)
    raise ExportError(
        f"{type(model).__name__} does not say how many columns it was fitted on. Fit "
        "it on an X of numbers, of shape (n_samples, n_columns)."
    )


def _features(base_features, inputs):
    if base_features is None or base_features == LOGITS:
        return None
    if not hasattr(base_features, "transform"):
        raise ExportError(
            f"base_features={base_features!r} has no form as plain steps. Use "
            "'logits', a fitted scaler or PCA, or none."
        )
    try:
        return transformed(base_features, inputs).table()
    except ExportError as error:
        raise ExportError(f"base_features: {error}") from None


def _aligned(steps, place, order, n_classes):
    """Reorder columns to all classes, with zeros for unknown ones."""
    if np.array_equal(order, np.arange(n_classes)):
        return place
    weight = np.zeros((len(order), n_classes))
    weight[np.arange(len(order)), order] = 1
    return steps.add("affine", place, weight=weight, bias=None)


def _check_same(program, model, classes):
    """Refuse a model that disagrees with its steps, as a subclass may."""
    rows = np.abs(np.random.default_rng(0).normal(size=(N_CHECKED, program.n_inputs)))
    with catch_warnings():
        simplefilter("ignore")  # about missing column names
        said = align_proba(model.predict_proba(rows), model.classes_, classes, WHO)
    found = program.predict_proba(rows)
    # One-versus-rest gives all zeros if every member says no; skip such rows.
    told = said.any(axis=1)
    if not np.allclose(found[told], said[told], rtol=0, atol=CLOSE):
        raise ExportError(
            f"{type(model).__name__} gives other probabilities than its parameters "
            "tell, perhaps because it overrides predict_proba. Export the model that "
            "it extends."
        )
