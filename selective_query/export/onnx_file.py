"""A fitted classifier or policy -> an ONNX file that decides as it does."""

import hashlib
from pathlib import Path

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._facts import facts_about, refuse_other
from selective_query.export._onnx.bases import classifier_sources, inputs_of
from selective_query.export._onnx.head import THRESHOLD, Part, head_of, thresholds_of
from selective_query.export._onnx.joining import joined
from selective_query.export._onnx.metadata import facts_of, written
from selective_query.export._onnx.packages import package
from selective_query.export._onnx.runtime import OnnxRunner
from selective_query.export._parity import (
    Decisions,
    asked_of,
    compared,
    decisions_of,
    not_compared,
    refuse_artefact,
    warn_of_rounding,
)
from selective_query.export._replacing import replace_files
from selective_query.export._subject import subject_of
from selective_query.outcomes import Evidence

TARGET = "ONNX"
RESERVED = {"label", "probabilities", "queried", "score", "logits", "features"}
RESERVED |= {THRESHOLD, "group", "local_only"}


def export_onnx(classifier_or_policy, path, *, example=None):
    """Write the half that runs on the device as one ONNX file.

    Of a classifier it takes raw inputs and gives ``label``, ``probabilities`` (columns
    as ``classes_``), ``queried`` and ``score``, and the base's ``logits`` or
    ``features`` where the router reads them; of a policy it takes what the base put out
    and gives ``queried`` and ``score``. It computes in single precision. The base
    is converted by skl2onnx, or by torch where it is a net; the rule from its program.
    The threshold is the initializer ``threshold``, which :func:`set_operating_point`
    moves.

    A rule by groups has one more input, ``group``, unless the groups are the predicted
    classes; one with rows that must stay has ``local_only``.

    Parameters
    ----------
    classifier_or_policy : classifier of this library, policy or rule
        Fitted. Of a chain its first tier is written, with the rule that passes on.
    path : str or path-like
        Where it is written, with the report beside it, as ``edge.report.json`` beside
        ``edge.onnx``.
    example : array-like, data frame or list of texts; Evidence of a policy; or None
        Rows on which the artefact is compared with the classifier, best those that it
        will see, some thousands of them. It also tells type and shape of the inputs,
        which a net, a data frame or a text needs. None compares nothing, and the
        report says so.

    Returns
    -------
    ExportReport

    Raises
    ------
    ExportError
        When a step has no form in ONNX, or the artefact decides otherwise on some row
        of the example than rounding explains. Nothing is then written.
    ImportError
        When a package of the extra ``onnx`` is missing.
    NotFittedError
        When it is not fitted.
    ValueError
        When `path` names no file in a folder that exists.

    Warns
    -----
    CalibrationWarning
        When rounding changes one decision in a hundred, as it may where the base's
        probabilities saturate.

    See Also
    --------
    EdgeClassifier : Runs the file.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.svm import SVC
    >>> from selective_query import HybridClassifier
    >>> from selective_query.export import EdgeClassifier, export_onnx
    >>> X, y = load_digits(return_X_y=True)
    >>> hybrid = HybridClassifier(
    ...     GaussianNB(var_smoothing=0.1), SVC(), router="margin", coverage=0.8
    ... ).fit(X[:1000], y[:1000])
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = f"{folder.name}/edge.onnx"
    >>> report = export_onnx(hybrid, path, example=X[1000:])
    >>> report.labels_equal, report.rows
    (797, 797)
    >>> edge = EdgeClassifier(path)
    >>> bool((edge.decide(X[1000:]) == hybrid.predict_coverage(X[1000:])).all())
    True
    >>> folder.cleanup()
    """
    subject, path = subject_of(classifier_or_policy), Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(
            f"path must name a file in a folder that exists. Got {path}. Make the "
            "folder, or give another name."
        )
    refuse_artefact(subject)
    if subject.base is None:
        model, inputs = _policy_model(subject, example), None
    else:
        inputs = inputs_of(subject, classifier_or_policy, example)
        _refuse_reserved(inputs)
        sources, given = classifier_sources(subject, inputs, example)
        model = joined(inputs, sources, head_of(subject, given))
    facts = facts_about(subject, classifier_or_policy)
    facts["artefact"] = _digest(model.graph)
    facts["inputs"] = None if inputs is None else inputs.to_dict()
    written(model, facts)
    return _compared_and_kept(model, subject, path, example)


def move_file(path, classifier_or_policy, *, example=None):
    """Move the threshold of an ONNX file; see `set_operating_point`."""
    onnx = package("onnx")
    subject = subject_of(classifier_or_policy)
    try:
        model = onnx.load(str(path))
    except OSError:
        raise
    except Exception as error:
        # protobuf's own is a plain Exception.
        raise ValueError(
            f"{path} must be an ONNX file that export_onnx wrote, and is damaged "
            f"({error})."
        ) from error
    properties = {entry.key: entry.value for entry in model.metadata_props}
    held, facts = facts_of(properties, path), facts_about(subject, classifier_or_policy)
    refuse_other(held, facts, path, subject.base)
    entries = [entry for entry in model.graph.initializer if entry.name == THRESHOLD]
    if len(entries) != 1:
        raise ValueError(f"{path} is damaged: it has no threshold. Export it anew.")
    values = thresholds_of(subject, n_classes=entries[0].dims[0])
    entries[0].CopyFrom(onnx.numpy_helper.from_array(values, THRESHOLD))
    written(model, facts)
    return _compared_and_kept(model, subject, path, example)


def _compared_and_kept(model, subject, path, example):
    data = model.SerializeToString()
    if example is None:
        report = not_compared(subject, TARGET)
    else:
        expected, evidence = decisions_of(subject, example)
        asked = asked_of(subject, evidence)
        found = _decisions(_runner(data), subject, example, evidence, asked)
        report = compared(subject, expected, found, evidence, TARGET)
    written(model, {"certificate": report.certificate_after})
    path = Path(path)
    beside = path.with_name(f"{path.stem}.report.json")
    replace_files({path: model.SerializeToString(), beside: report.to_json().encode()})
    warn_of_rounding(report)
    return report


def _digest(graph):
    """What tells one artefact from another, whatever its threshold."""
    found = hashlib.sha256()
    for part in (*graph.node, *graph.initializer):
        if part.name != THRESHOLD:
            found.update(part.SerializeToString(deterministic=True))
    return found.hexdigest()


def _runner(data):
    try:
        return OnnxRunner(data)
    except ValueError as error:
        raise ExportError(f"The artefact does not run: {error}") from error


def _decisions(runner, subject, X, evidence, asked):
    if subject.base is not None:
        answers = runner.run(X, **asked)
    else:
        parts = {name: getattr(evidence, name) for name in _policy_parts(subject)}
        tensors = {name: np.asarray(p, np.float32) for name, p in parts.items()}
        beside = runner.asked(
            evidence.n_rows, **{"group": None, "local_only": None, **asked}
        )
        answers = runner.run_tensors({**tensors, **beside})
    label = answers.get("label")
    if label is not None:
        label = label.astype(subject.classes.dtype)
    kept = ~answers["queried"]
    score, proba = answers["score"].astype(float), answers.get("probabilities")
    return Decisions(score, kept, label, proba)


def _policy_parts(subject):
    """The evidence that a rule alone is fed, and how wide it is where that is known."""
    read, columns = subject.program.parts(), dict(subject.rule.columns)
    if subject.group == "predicted_class" or not read:
        read.setdefault("base_proba", None)
    return {name: columns.get(name, width) for name, width in read.items()}


def _policy_model(subject, example):
    if example is not None and not isinstance(example, Evidence):
        raise TypeError(
            "example of a policy must be Evidence or Outcomes, what the base put out. "
            f"Got {type(example).__name__}."
        )
    parts = _policy_parts(subject)
    if example is not None:
        example = {
            name: example.require(name, subject.program.router) for name in parts
        }
        parts = {name: np.shape(part)[1] for name, part in example.items()}
    return head_of(subject, {name: Part(width) for name, width in parts.items()})


def _refuse_reserved(inputs):
    taken = sorted({name for name, _ in inputs.dtypes} & RESERVED)
    if taken:
        raise ExportError(
            f"Columns of X are called {taken}, as are outputs or inputs of an "
            "artefact. Rename them."
        )


__all__ = ["export_onnx"]
