"""Compare the decisions of an artefact with those of its classifier, row by row."""

from dataclasses import dataclass, replace

import numpy as np

from selective_query._utils.validation import num_samples, warn_user
from selective_query.budgets._columns import part_that_reads
from selective_query.classifiers._deciding import Edge
from selective_query.exceptions import CalibrationWarning, ExportError
from selective_query.export.edge_classifier import EdgeClassifier
from selective_query.export.report import ExportReport
from selective_query.outcomes import Evidence

# Largest change of a score or probability that rounding to single precision explains,
# relative to the larger of 1 and its size. A larger change means another model.
ROUNDING = 1e-3
# Share of rows that rounding may move across a split of a tree.
MOST_APART = 0.01
# Share of decisions, or of labels of an int8 net, that may differ without a warning.
MOST_MOVED, MOST_RELABELLED = 0.01, 0.05


@dataclass(frozen=True)
class Decisions:
    """Decisions of one side about the rows.

    Parameters
    ----------
    score : ndarray of shape (n_samples,)
    kept : ndarray of shape (n_samples,), bool
    label : ndarray of shape (n_samples,) or None
    proba : ndarray of shape (n_samples, n_classes) or None
    """

    score: np.ndarray
    kept: np.ndarray
    label: np.ndarray | None = None
    proba: np.ndarray | None = None


def check_example(X):
    """Raise a ValueError if there are no rows to compare."""
    if not (X.n_rows if isinstance(X, Evidence) else num_samples(X)):
        raise ValueError("example must hold some rows. Got none.")


def refuse_artefact(subject):
    """Raise an ExportError if the base is itself an artefact."""
    if isinstance(subject.base, EdgeClassifier):
        raise ExportError(
            f"The base is an artefact already, {subject.base}. Move its threshold by "
            "set_operating_point(path, classifier)."
        )


def decisions_of(subject, X):
    """Return the classifier's decisions about rows, and the evidence for its rule.

    Parameters
    ----------
    subject : Subject
    X : array-like, or Evidence if the subject has no base

    Returns
    -------
    Decisions
    evidence : Evidence
    """
    check_example(X)
    rule, label, proba = subject.rule, None, None
    if subject.base is None:
        # An artefact knows local rows only through its rule.
        evidence = X if subject.reads_local else replace(X, local_only=None)
    else:
        answers = Edge(subject.base, subject.features, rule, subject.classes).ask(X)
        evidence, proba = answers.evidence(X), answers.proba
        label = subject.classes[answers.label]
    return Decisions(
        rule.score(evidence), rule.decide(evidence), label, proba
    ), evidence


def asked_of(subject, evidence):
    """Return the columns that the rule reads in addition: group and local rows."""
    asked = {}
    if subject.group == "input":
        asked["group"] = part_that_reads(subject.rule.budget, "group").column(evidence)
    if subject.reads_local:
        columns = [part.column(evidence) for part in subject.rule.local]
        if evidence.local_only is not None:
            columns.append(evidence.local_only)
        asked["local_only"] = np.any(columns, axis=0)
    return asked


def compared(subject, expected, found, evidence, target, *, must_agree=True):
    """Return the report of an artefact compared with its classifier.

    Parameters
    ----------
    subject : Subject
    expected, found : Decisions
        Decisions of the classifier and of the artefact.
    evidence : Evidence
        Evidence of the same rows.
    target : str
    must_agree : bool, default=True
        Whether both are the same model, so that only rounding may differ.

    Returns
    -------
    ExportReport

    Raises
    ------
    ExportError
        If the artefact returns NaN; or when it must agree, and decisions, labels
        or probabilities differ by more than rounding explains.
    """
    _refuse_nan(found, target)
    relabelled = np.zeros(len(expected.score), dtype=bool)
    if expected.label is not None:
        relabelled = expected.label != found.label
    apart = _apart(expected.score, found.score)[~relabelled]
    difference = float(apart.max(initial=0.0))
    threshold, margin = _threshold_of_rows(subject, evidence)
    distance = _apart(expected.score, threshold)
    rounding = ROUNDING * np.maximum(1, np.abs(expected.score))
    moved = expected.kept != found.kept
    wrong = moved & (distance > np.minimum(difference, rounding) + margin)
    if expected.label is not None:
        first, second = np.sort(expected.proba, axis=1)[:, [-1, -2]].T
        wrong = np.where(relabelled, first - second > ROUNDING, wrong)
    if must_agree and wrong.any():
        raise ExportError(_complaint(wrong, expected, found, threshold, target))
    if must_agree and expected.proba is not None:
        _refuse_other_model(expected, found, target)
    before = str(subject.rule.certificate)
    is_same = must_agree and len(moved) and not moved.any() and not relabelled.any()
    return ExportReport(
        target=target,
        rows=len(moved),
        labels_equal=None if expected.label is None else int((~relabelled).sum()),
        decisions_equal=int((~moved).sum()),
        score_difference=difference,
        near_threshold=int((distance <= difference + margin).sum()),
        coverage_before=float(expected.kept.mean()),
        coverage_after=float(found.kept.mean()),
        certificate_before=before,
        certificate_after=before if is_same else None,
    )


def not_compared(subject, target):
    """Return the report of an artefact that was exported without an example.

    If the artefact is the base, its certificate refers to its own decisions.
    """
    before = str(subject.rule.certificate)
    after = before if isinstance(subject.base, EdgeClassifier) else None
    return ExportReport(target, 0, *[None] * 6, before, after)


def warn_of_rounding(report):
    """Warn if rounding to single precision changes many decisions."""
    n_moved = report.rows - (report.decisions_equal or 0)
    if n_moved > MOST_MOVED * report.rows:
        warn_user(
            f"Rounding to single precision changes {n_moved} of {report.rows} "
            f"decisions, because so many scores are next to the threshold: coverage is "
            f"{report.coverage_after:.4f} instead of {report.coverage_before:.4f}. "
            "Learn the threshold on the artefact: set_operating_point(path, "
            "hybrid.with_base(EdgeClassifier(path), X, y)).",
            CalibrationWarning,
        )


def warn_of_other_net(report, is_cut):
    """Warn if an int8 net has other labels, or other decisions by its old threshold.

    Parameters
    ----------
    report : ExportReport
    is_cut : bool
        Whether the threshold was fitted on the artefact.
    """
    if not report.rows:
        return
    n_other = report.rows - report.labels_equal
    moved = abs(report.coverage_after - report.coverage_before)
    if n_other > MOST_RELABELLED * report.rows:
        warn_user(
            f"The net in int8 has other labels on {n_other} of {report.rows} rows. "
            "Calibrate it on more rows, representative of its future inputs.",
            CalibrationWarning,
        )
    elif not is_cut and moved > MOST_MOVED:
        warn_user(
            f"The net in int8 has other scores: coverage is {report.coverage_after:.4f}"
            f" instead of {report.coverage_before:.4f}. Learn its own threshold: "
            "calibration=(X, y).",
            CalibrationWarning,
        )


def _refuse_other_model(expected, found, target):
    apart = np.abs(found.proba - expected.proba).max(axis=1)
    n_apart = (apart > ROUNDING).sum()
    if n_apart > MOST_APART * len(apart):
        raise ExportError(
            f"The {target} artefact has other probabilities than the base on {n_apart} "
            f"of {len(apart)} rows, by {apart.max():.2g} on row {apart.argmax()}. A "
            "step is converted wrongly; use another one."
        )


def _refuse_nan(found, target):
    strange = np.isnan(found.score)
    if found.proba is not None:
        strange |= np.isnan(found.proba).any(axis=1)
    if strange.any():
        raise ExportError(
            f"The {target} artefact answers NaN on {strange.sum()} of {len(strange)} "
            f"rows, first on row {int(strange.argmax())}: intermediate results "
            "overflow single precision. Scale the inputs of the model and refit it."
        )


def _apart(one, other):
    """Return absolute differences, 0 for equal numbers, including infinities."""
    with np.errstate(invalid="ignore"):
        return np.where(one == other, 0.0, np.abs(one - other))


def _threshold_of_rows(subject, evidence):
    """Return the threshold of each row, and its increase for the artefact."""
    pairs = np.column_stack([subject.thresholds, subject.margins])
    if subject.group is None:
        return np.tile(pairs, (evidence.n_rows, 1)).T
    group = part_that_reads(subject.rule.budget, "group").column(evidence)
    known = {label: pair for (label, _), pair in zip(subject.cuts, pairs, strict=True)}
    return np.array([known.get(label, (np.inf, 0)) for label in group.tolist()]).T


def _complaint(wrong, expected, found, threshold, target):
    row = int(wrong.argmax())
    labels = ""
    if expected.label is not None:
        labels = f"label {found.label[row]} for {expected.label[row]}, "
    why = (
        "Artefacts read single precision, which may move a number across a split of "
        "trees: fit and compare on X.astype('float32'). If there are no trees, or that "
        "changes nothing, a step is converted wrongly; use another one."
    )
    if _is_flat(found.proba, row) and not _is_flat(expected.proba, row):
        why = (
            "Its probabilities are equal there: those of all classes underflow single "
            "precision before they are divided by their sum. Scale the inputs of the "
            "base, with a StandardScaler in a Pipeline, and refit it; or use a base "
            "whose probabilities are a softmax, such as LogisticRegression."
        )
    return (
        f"The {target} artefact does not decide as the classifier on {wrong.sum()} of "
        f"{len(wrong)} rows. The first is row {row}: {labels}score "
        f"{found.score[row]:.6g} for {expected.score[row]:.6g}, threshold "
        f"{threshold[row]:.6g}. {why}"
    )


def _is_flat(proba, row):
    return proba is not None and np.ptp(proba[row]) <= ROUNDING
