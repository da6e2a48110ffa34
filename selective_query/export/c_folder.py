"""A fitted classifier, or a rule alone -> a folder of C that decides as it does."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from sklearn.utils import _safe_indexing, check_random_state, indexable

from selective_query._models.layers import net_of
from selective_query.export._c.agreement import TARGET, Rows
from selective_query.export._c.firmware import core_of
from selective_query.export._c.half import half_of_classifier, half_of_rule
from selective_query.export._c.measuring import measured
from selective_query.export._c.project import (
    write_facts,
    write_operating_point,
    write_project,
    write_vectors,
)
from selective_query.export._c.runtime import MANIFEST, facts_of_folder
from selective_query.export._facts import facts_about, refuse_other
from selective_query.export._inputs import MATRIX, Inputs
from selective_query.export._parity import (
    not_compared,
    refuse_artefact,
    warn_of_other_net,
    warn_of_rounding,
)
from selective_query.export._replacing import replacing
from selective_query.export._subject import subject_of
from selective_query.export.edge_classifier import EdgeClassifier

REPORT = "report.json"
# Of labelled calibration rows the share that tells ranges, and how many are enough.
RANGE_SHARE, MOST_RANGE_ROWS = 0.25, 1000


def export_c(
    classifier_or_policy, folder, *, device=None, dtype=None, calibration=None,
    example=None, random_state=0,
):  # fmt: skip
    """Write the half that runs on a microcontroller as C, without heap or OS.

    ``int sq_decide(const float *input, sq_answer *answer)`` computes base, score and
    decision. A model of scikit-learn and the rule are C99 in single precision. A net is
    C11 in int8 by bakenn; its last layer, where it is small, and scalers or projections
    before it in a Pipeline are in single precision. The folder holds a Makefile, a
    README, test vectors, a main that runs them, the report, and the threshold in a
    header of its own.

    Before it is written, it is compiled on this machine and must agree with its twin in
    numpy to the last bit. In single precision it must then decide as the classifier
    does, but for rows that rounding explains. In int8 it is another base, with other
    scores: give labelled rows as `calibration`, on which its own threshold is learned
    and certified.

    Parameters
    ----------
    classifier_or_policy : classifier of this library, policy or rule
        Fitted. Of a chain its first tier is written, with the rule that passes on.
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
        ranges of a net's activations. With y the threshold is learned on them, of a net
        on all but a random quarter (1,000 at most) that tells ranges.
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
        When there is no C compiler, or it fails.
    ValueError
        When `folder` holds something else or is the working one, `dtype` is unknown, or
        a rule alone, or a model that is no net, has no use for `calibration`.

    Warns
    -----
    CalibrationWarning
        When a net in int8 has other labels than before on 5 % of the example, or 1 % of
        the decisions change without a threshold of its own.

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
    subject, folder = subject_of(classifier_or_policy), Path(folder).resolve()
    _check_folder(folder)
    refuse_artefact(subject)
    if subject.base is None:
        _check_alone(dtype, calibration)
    ranges, held_out = _parted(calibration, random_state, net_of(subject.base))
    with replacing(folder) as made:
        if subject.base is None:
            half = half_of_rule(subject, example)
        else:
            core = None if device is None else core_of(device)
            half = half_of_classifier(subject, dtype, ranges, made, core)
        write_project(made, half.decision, _facts(subject, classifier_or_policy, half))
        cut = None
        if held_out is not None:
            cut = _own_cut(made, classifier_or_policy, held_out)
            half = half.cut(cut)
        rows = Rows.at_random(half.decision)
        if example is not None:
            rows = _example_rows(made, subject, example)
        answers = rows.answers(made)
        rows.refuse_other(half, answers)
        write_vectors(made, half.decision, rows.handed, answers, rows.group, rows.local)
        is_same = cut is None and not half.decision.has_net
        report = rows.report(subject, answers, must_agree=is_same)
        if cut is not None:
            report = replace(report, certificate_after=str(cut.rule.certificate))
        if device is not None:
            found = measured(made, half, device, rows, answers)
            report = replace(report, **found)
        _finish(made, report)
    _warn(report, half.decision.has_net, cut is not None)
    return report


def move_folder(folder, classifier_or_policy, *, example=None):
    """Move the threshold of a folder; see `set_operating_point`."""
    subject, held = subject_of(classifier_or_policy), facts_of_folder(folder)
    facts = facts_about(subject, classifier_or_policy)
    refuse_other(held, facts, folder, subject.base)
    with replacing(Path(folder).resolve()) as made:
        shutil.copytree(folder, made, dirs_exist_ok=True)
        moved = subject.single_thresholds(held["handed"]["n_classes"])
        write_operating_point(made, moved, subject.group, {**held, **facts})
        report = not_compared(subject, TARGET)
        if example is not None:
            rows = _example_rows(made, subject, example)
            is_same = held["is_same_model"] or isinstance(subject.base, EdgeClassifier)
            report = rows.report(subject, rows.answers(made), must_agree=is_same)
        report = report.measured_as(json.loads((made / REPORT).read_text()))
        _finish(made, report)
    _warn(report, not held["is_same_model"], isinstance(subject.base, EdgeClassifier))
    return report


def _warn(report, is_net, is_cut):
    if is_net:
        warn_of_other_net(report, is_cut)
    elif not is_cut:
        warn_of_rounding(report)


def _finish(folder, report):
    """Write the report, and into the manifest what was shown of the artefact."""
    (folder / REPORT).write_text(report.to_json())
    facts = facts_of_folder(folder)
    facts["certificate"] = report.certificate_after
    # A folder that is moved may hold other files by now.
    facts["files"] = facts["files"] or sorted(path.name for path in folder.iterdir())
    write_facts(folder, facts)


def _facts(subject, classifier, half):
    """What the folder says of itself, and what `EdgeClassifier` makes of rows."""
    facts, inputs = facts_about(subject, classifier), None
    if half.base is not None:
        names = getattr(classifier, "feature_names_in_", None)
        names = None if names is None else tuple(names.tolist())
        shape = half.base.input_shape
        inputs = Inputs(MATRIX, (("X", "float32"),), shape, names).to_dict()
    is_same = not half.decision.has_net
    return {**facts, "inputs": inputs, "is_same_model": is_same}


def _own_cut(folder, classifier, rows):
    """The subject, cut by what the C in a folder says of labelled rows."""
    moved = classifier.with_base(EdgeClassifier(folder), *rows)
    cut, held = subject_of(moved), facts_of_folder(folder)
    thresholds = cut.single_thresholds(held["handed"]["n_classes"])
    facts = {**held, **facts_about(cut, moved)}
    write_operating_point(folder, thresholds, cut.group, facts)
    return cut


def _example_rows(folder, subject, example):
    facts = facts_of_folder(folder)
    names = [name for name, _ in facts["handed"]["inputs"]]
    given = facts["inputs"]
    inputs = None if given is None else Inputs.from_dict(given)
    return Rows.of_example(subject, names, inputs, example)


def _check_folder(folder):
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"folder must be a folder. {folder} is a file.")
    if Path.cwd().is_relative_to(folder):
        raise ValueError(
            f"folder must not be the one that you work in, {folder}: it is replaced as "
            "a whole. Give the name of a folder in it."
        )
    if not folder.exists():
        return
    known = facts_of_folder(folder)["files"] if (folder / MANIFEST).exists() else []
    others = sorted(
        path.name
        for path in folder.iterdir()
        if path.name not in known and path.suffix != ".o" and path.name != "sq_run"
    )
    if others:
        raise ValueError(
            f"folder must be new, empty, or written by export_c. {folder} holds other "
            f"files, which would be lost: {', '.join(others[:5])}. Give another name."
        )


def _check_alone(dtype, calibration):
    """Refuse what a rule without a base cannot follow."""
    if dtype not in (None, "float32"):
        raise ValueError(
            f"dtype of a policy or rule alone must be 'float32' or None. Got {dtype!r}."
        )
    if calibration is not None:
        raise ValueError(
            "calibration must be None for a policy or rule alone, whose base is not "
            "there to be asked. Fit the policy on outcomes of these rows."
        )


def _parted(calibration, random_state, net):
    """Rows for the ranges of a net, and labelled ones for the threshold or None."""
    if not isinstance(calibration, tuple):
        if calibration is not None and net is None:
            raise ValueError(
                "calibration without y tells the ranges of a net, which this base is "
                "not. Give a tuple (X, y), or leave it out."
            )
        return calibration, None
    if len(calibration) != 2:
        raise ValueError(
            "calibration must be X, or a tuple (X, y). Got a tuple of "
            f"{len(calibration)}."
        )
    X, y = indexable(*calibration)
    if net is None:
        return None, (X, y)
    order = check_random_state(random_state).permutation(len(y))
    n_ranges = min(int(RANGE_SHARE * len(y)), MOST_RANGE_ROWS)
    ranges, rest = order[:n_ranges], order[n_ranges:]
    held_out = _safe_indexing(X, rest), _safe_indexing(y, rest)
    return _safe_indexing(X, ranges), held_out
