"""Convert scikit-learn estimators to graphs with skl2onnx."""

import warnings
from copy import copy

from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, Pipeline

from selective_query.exceptions import ExportError
from selective_query.export._onnx.graph import ML, ML_OPSET, OPSET
from selective_query.export._onnx.joining import source_of
from selective_query.export._onnx.packages import package

# scikit-learn's default token pattern in the syntax of onnxruntime's tokenizer.
WORDS = r"[\p{L}\p{N}_]{2,}"
DEFAULT_PATTERN = r"(?u)\b\w\w+\b"
# These are unwrapped: the label is the most probable class, not their predict.
THRESHOLDED = FixedThresholdClassifier, TunedThresholdClassifierCV
# The converter interpolates these tables differently.
INEXACT = {"isotonic"}
# They divide by variances that may be tiny, which needs double precision.
IN_DOUBLE = GaussianNB, QuadraticDiscriminantAnalysis


def bare(estimator):
    """Return the estimator without wrappers that do not affect its probabilities."""
    if isinstance(estimator, FrozenEstimator):
        return bare(estimator.estimator)
    if isinstance(estimator, THRESHOLDED):
        return bare(estimator.estimator_)
    if isinstance(estimator, VotingClassifier) and estimator.flatten_transform:
        # The converter refuses this option, which does not affect probabilities.
        return copy(estimator).set_params(flatten_transform=False)
    if isinstance(estimator, Pipeline):
        steps = [(name, bare(step)) for name, step in estimator.steps]
        return estimator if steps == estimator.steps else Pipeline(steps)
    return estimator


def steps_of(estimator):
    """Yield an estimator and all estimators in it."""
    estimator = bare(estimator)
    yield estimator
    if isinstance(estimator, Pipeline):
        parts = [step for _, step in estimator.steps]
    elif isinstance(estimator, ColumnTransformer):
        parts = [step for _, step, _ in estimator.transformers_]
    elif isinstance(estimator, FeatureUnion):
        parts = [step for _, step in estimator.transformer_list]
    elif hasattr(estimator, "calibrated_classifiers_"):
        parts = [each.estimator for each in estimator.calibrated_classifiers_]
    elif hasattr(estimator, "best_estimator_"):
        parts = [estimator.best_estimator_]
    else:
        found = getattr(estimator, "estimators_", None)
        parts = found if isinstance(found, list) else []
    for part in parts:
        if hasattr(part, "get_params"):
            yield from steps_of(part)


def source_of_estimator(estimator, inputs, part):
    """Convert a fitted classifier or transformer to a graph of raw inputs.

    Parameters
    ----------
    estimator : estimator
    inputs : Inputs
    part : {"base_proba", "base_logits", "base_features"}
        Output: probabilities, the decision function, or the result of `transform`.

    Returns
    -------
    ModelProto

    Raises
    ------
    ExportError
        If skl2onnx cannot convert a step.
    """
    skl2onnx = package("skl2onnx")
    estimator = bare(estimator)
    if any(getattr(step, "method", None) in INEXACT for step in steps_of(estimator)):
        raise ExportError(
            "CalibratedClassifierCV(method='isotonic') has no exact form in ONNX. Use "
            "method='sigmoid' or 'temperature'."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = skl2onnx.to_onnx(
                estimator,
                initial_types=_types(inputs, estimator),
                options=_options(estimator, part),
                target_opset={"": OPSET, ML: ML_OPSET},
            )
    except Exception as error:
        # Converters raise errors of any type.
        raise ExportError(_explained(estimator, error)) from error
    _name_inputs(model.graph, [name for name, *_ in inputs.declared()])
    names = [entry.name for entry in model.graph.output]
    return source_of(model, {names[0] if part == "base_features" else names[1]: part})


def _name_inputs(graph, names):
    """Restore the names of the columns, which converters turn into identifiers."""
    moved = dict(zip((entry.name for entry in graph.input), names, strict=True))
    for entry in graph.input:
        entry.name = moved[entry.name]
    for node in graph.node:
        node.input[:] = [moved.get(name, name) for name in node.input]


def _types(inputs, estimator):
    types = package("skl2onnx.common.data_types")
    in_double = any(isinstance(step, IN_DOUBLE) for step in steps_of(estimator))
    kinds = {
        "str": types.StringTensorType,
        "float32": types.DoubleTensorType if in_double else types.FloatTensorType,
        "int64": types.Int64TensorType,
    }
    return [(name, kinds[dtype](shape)) for name, dtype, shape in inputs.declared()]


def _options(estimator, part):
    options = {}
    if part != "base_features":
        last = estimator
        while isinstance(last, Pipeline):
            last = last.steps[-1][1]
        options[id(last)] = {"zipmap": False}
        if part == "base_logits":
            options[id(last)]["raw_scores"] = True
    for step in steps_of(estimator):
        if isinstance(step, CountVectorizer):
            options[id(step)] = _text_options(step)
    return options


def _text_options(vectorizer):
    options = {}
    if vectorizer.token_pattern == DEFAULT_PATTERN:
        options["tokenexp"] = WORDS
    if all(word.isascii() for word in vectorizer.vocabulary_):
        # Every machine has this locale, and no known word has other letters.
        options["locale"] = "C"
    return options


def _explained(estimator, error):
    steps = dict.fromkeys(type(step).__name__ for step in steps_of(estimator))
    said = str(error).partition("\n")[0][:200]
    if any(name.startswith("HistGradientBoosting") for name in steps) and (
        "TreeEnsemble" in said
    ):
        return (
            "skl2onnx converts HistGradientBoosting only where protobuf is older than "
            "version 7. Install 'protobuf<7', or use GradientBoostingClassifier."
        )
    # Name the steps that the error mentions, not the pipeline around them.
    blamed = [name for name in steps if name in str(error)] or list(steps)
    return (
        f"{', '.join(blamed)} of the base has no form in ONNX: skl2onnx says {said!r}. "
        "skl2onnx.supported_converters() lists what has one; use such a step instead, "
        "or export the policy alone and run the base yourself."
    )
