"""export_onnx: convert a fitted classifier or policy to an ONNX file."""

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
    """Export the device side as one ONNX file.

    The file of a classifier takes raw inputs and returns ``label``, ``probabilities``
    (columns as in ``classes_``), ``queried`` and ``score``, and the base's ``logits``
    or ``features`` if the router reads them. The file of a policy takes the base's
    outputs and returns ``queried`` and ``score``. It computes in single precision.
    skl2onnx converts the base, or torch if it is a net; the rule is converted from its
    program. The threshold is the initializer ``threshold``, which
    :func:`set_operating_point` changes.

    A rule with groups has an additional input ``group``, unless the groups are the
    predicted classes. A rule with rows that must not be queried has an
    additional input ``local_only``.

    Parameters
    ----------
    classifier_or_policy : classifier of this library, policy or rule
        Fitted. For a chain, the first tier and its rule are exported.
    path : str or path-like
        Path of the file. The report is written next to it: ``edge.report.json`` for
        ``edge.onnx``.
    example : array-like, data frame or list of texts; Evidence for a policy; or None
        Rows on which the artefact is compared with the classifier, ideally several
        thousand that are representative of its future inputs. They also define the type
        and shape of the inputs, which nets, data frames and texts require. None skips
        the comparison, and the report says so.

    Returns
    -------
    ExportReport

    Raises
    ------
    ExportError
        If a step cannot be converted to ONNX, or a decision on the example differs
        by more than rounding explains. Nothing is written then.
    ImportError
        If a package from the extra ``onnx`` is missing.
    NotFittedError
        If the classifier or policy is not fitted.
    ValueError
        If `path` is not a file in an existing folder.

    Warns
    -----
    CalibrationWarning
        If rounding changes more than 1 % of the decisions, as can happen if the
        base's probabilities saturate.

    See Also
    --------
    EdgeClassifier : Run the file.

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
            f"path must name a file in a folder that exists. Got {path}. Create the "
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
    """Return a digest that identifies an artefact, regardless of its threshold."""
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
    """Return the evidence that a rule alone reads, with its widths where known."""
    read, columns = subject.program.parts(), dict(subject.rule.columns)
    if subject.group == "predicted_class" or not read:
        read.setdefault("base_proba", None)
    return {name: columns.get(name, width) for name, width in read.items()}


def _policy_model(subject, example):
    if example is not None and not isinstance(example, Evidence):
        raise TypeError(
            "example of a policy must be Evidence or Outcomes: the base's outputs. "
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
            f"Columns of X are called {taken}, names that artefacts reserve for their "
            "own inputs and outputs. Rename them."
        )


__all__ = ["export_onnx"]
