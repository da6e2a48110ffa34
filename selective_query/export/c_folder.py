"""A fitted classifier, or a rule alone -> a folder of C that decides as it does."""

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sklearn.utils import _safe_indexing, check_random_state, indexable

from selective_query.export._c.agreement import Rows
from selective_query.export._c.decision_call import decision_rows
from selective_query.export._c.firmware import core_of
from selective_query.export._c.half import half_of_classifier, half_of_rule
from selective_query.export._c.measuring import measured
from selective_query.export._c.project import write_project, write_vectors
from selective_query.export._c.runtime import MANIFEST, CRunner
from selective_query.export._onnx.facts import facts_about
from selective_query.export._onnx.inputs import MATRIX, Inputs
from selective_query.export._relearning import relearned
from selective_query.export._subject import subject_of

REPORT = "report.json"
# Of labelled calibration rows the share that tells ranges, and how many are enough.
RANGE_SHARE, MOST_RANGE_ROWS = 0.25, 1000


def export_c(
    classifier_or_policy, folder, *, device=None, dtype=None, calibration=None,
    example=None, random_state=0,
):  # fmt: skip
    """Write the half that runs on a microcontroller as C99, without heap or OS.

    ``int sq_decide(const float *input, sq_answer *answer)`` computes base, score and
    decision. A model of scikit-learn and the rule compute in single precision, a net in
    int8 by bakenn, its last layer in single precision where it is small. The folder
    holds a Makefile, a README, test vectors, a main that runs them, the threshold in a
    header of its own, and the report.

    Before it is written, it is compiled on this machine and must agree with its twin in
    numpy to the last bit. In single precision it must then decide as the classifier
    does, but for rows that rounding explains. In int8 it is another base, with other
    scores: give labelled rows as `calibration`, on which its own threshold is learned
    and certified.

    Parameters
    ----------
    classifier_or_policy : HybridClassifier, AbstainingClassifier, RoutingPolicy or Rule
        Fitted.
    folder : str or path-like
        New, empty, or one that export_c wrote.
    device : Device, optional
        Its memories make the linker script, where ``arm-none-eabi-gcc`` is installed;
        what does not fit is refused. The decision is run in an emulator, where
        ``qemu-system-arm`` is, and its instructions counted.
    dtype : {"float32", "int8"}, optional
        None takes int8 for a net and float32 for all else; others are refused.
    calibration : array-like X, or tuple (X, y), optional
        Rows that are new to the models and to the router. Without y they tell the
        ranges of a net's activations. With y a random quarter of them does so (1,000
        at most), and the threshold is learned on the others.
    example : array-like of shape (n_samples, n_features); Evidence of a policy
        Rows on which the artefact is compared with the classifier.
    random_state : int, RandomState or None, default=0
        Parts the rows of `calibration`.

    Returns
    -------
    ExportReport

    Raises
    ------
    ExportError
        When a step has no form in C, or the artefact decides otherwise than its twin
        or, in single precision, than the classifier. Nothing is then written.
    DeviceLimitError
        When the device does not hold it.
    ImportError
        When a net is exported and bakenn, of the extra ``c``, is missing.
    RuntimeError
        When there is no C compiler.
    ValueError
        When `folder` holds something else, or `dtype` is unknown.

    See Also
    --------
    EdgeClassifier : Runs the folder on this machine.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.svm import SVC
    >>> from selective_query import HybridClassifier
    >>> from selective_query.export import export_c
    >>> X, y = load_digits(return_X_y=True)
    >>> hybrid = HybridClassifier(
    ...     GaussianNB(var_smoothing=0.1), SVC(), router="margin", coverage=0.8
    ... ).fit(X[:1000], y[:1000])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = export_c(hybrid, folder, example=X[1000:])
    >>> report.labels_equal, report.decisions_equal, report.rows
    (797, 797, 797)
    """
    subject, folder = subject_of(classifier_or_policy), Path(folder)
    _check_folder(folder)
    ranges, held_out = _parted(calibration, random_state)
    with TemporaryDirectory() as made:
        made = Path(made)
        if subject.base is None:
            half = half_of_rule(subject, example)
        else:
            core = None if device is None else core_of(device)
            half = half_of_classifier(subject, dtype, ranges, made, core)
        given, inputs = subject, _inputs(classifier_or_policy, half)
        _write(made, half, subject, classifier_or_policy, inputs)
        if held_out is not None:
            answers = CRunner(made).run(held_out[0])
            subject = relearned(classifier_or_policy, subject, answers, *held_out)
            half = half.cut(subject)
            _write(made, half, subject, classifier_or_policy, inputs)
        report = _report(given, half, inputs, example, made, device)
        if held_out is not None:
            certificate = str(subject.rule.certificate)
            report = replace(report, certificate_after=certificate)
        (made / REPORT).write_text(report.to_json())
        _moved(made, folder)
    return report


def _report(subject, half, inputs, example, folder, device):
    """Compare, measure, and keep some rows as test vectors."""
    rows = Rows.at_random(half)
    if example is not None:
        rows = Rows.of_example(subject, half, inputs, example)
    answers = rows.answers(half, folder)
    decision = half.decision
    is_same = not decision.has_net and decision.cuts == subject.cuts
    report = rows.report(subject, answers, must_agree=is_same)
    beside = rows.group, rows.local
    if device is not None:
        handed = decision_rows(decision, rows.handed, *beside)
        found = measured(folder, decision, device, handed, answers, half.stored_bytes)
        report = replace(report, **found)
    write_vectors(folder, decision, rows.handed, answers, *beside)
    return report


def _moved(made, folder):
    """Put what was made in place of what stood there."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.move(made, folder)


def _check_folder(folder):
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"folder must be a folder. {folder} is a file.")
    if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise ValueError(
            f"folder must be new, empty, or written by export_c. {folder} holds other "
            "files, which would be mixed with the C. Give another name."
        )


def _parted(calibration, random_state):
    """Rows for the ranges of a net, and labelled ones for the threshold or None."""
    if not isinstance(calibration, tuple):
        return calibration, None
    if len(calibration) != 2:
        raise ValueError(
            "calibration must be X, or a tuple (X, y). Got a tuple of "
            f"{len(calibration)}."
        )
    X, y = indexable(*calibration)
    order = check_random_state(random_state).permutation(len(y))
    n_ranges = min(int(RANGE_SHARE * len(y)), MOST_RANGE_ROWS)
    ranges, rest = order[:n_ranges], order[n_ranges:]
    held_out = _safe_indexing(X, rest), _safe_indexing(y, rest)
    return _safe_indexing(X, ranges), held_out


def _inputs(classifier, half):
    """What `EdgeClassifier` makes of rows; None for a rule alone."""
    if half.base is None:
        return None
    names = getattr(classifier, "feature_names_in_", None)
    names = None if names is None else tuple(names.tolist())
    return Inputs(MATRIX, (("X", "float32"),), half.base.input_shape, names)


def _write(folder, half, subject, classifier, inputs):
    facts = facts_about(subject, classifier)
    facts["inputs"] = None if inputs is None else inputs.to_dict()
    facts["dtype"] = "int8" if half.decision.has_net else "float32"
    write_project(folder, half.decision, facts)
