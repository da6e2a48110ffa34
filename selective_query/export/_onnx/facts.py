"""What a file says of itself, and whether a rule is the one that it holds."""

import hashlib

import numpy as np

import selective_query
from selective_query.budgets._columns import part_that_reads
from selective_query.exceptions import ExportError
from selective_query.export._onnx.metadata import FORMAT, plain


def facts_about(subject, obj, policy=None):
    """What an artefact says of itself.

    Parameters
    ----------
    subject : Subject
    obj : the classifier, policy or rule that is exported
    policy : RoutingPolicy or None, default=None
        That the threshold comes from, where it is not the one of `obj`.

    Returns
    -------
    dict
    """
    rule, groups = subject.rule, [label for label, _ in subject.cuts]
    named = {"group": part_that_reads(rule.budget, "group")}
    named["local_only"] = rule.local[0] if len(rule.local) == 1 else None
    read = {name: part.where_read for name, part in named.items() if part is not None}
    classes = None if subject.classes is None else subject.classes.tolist()
    by_input = subject.group == "input"
    return {
        "format": FORMAT,
        "version": selective_query.__version__,
        "router": subject.program.router,
        "reads": subject.features if isinstance(subject.features, str) else None,
        "rule": _digest(subject),
        "classes": classes,
        "n_features": getattr(obj, "n_features_in_", None),
        "budget": None if rule.budget is None else str(rule.budget),
        "coverage": float(rule.operating_point.coverage),
        "certificate": str(rule.certificate),
        "threshold": plain(subject.thresholds.tolist()),
        "groups": groups if by_input else None,
        "columns": {n: where for n, where in read.items() if isinstance(where, str)},
        "calibration": _digest_of_rows(policy or getattr(obj, "policy_", obj)),
    }


def _digest(subject):
    """What tells one rule from another, whatever its operating point."""
    found = hashlib.sha256()
    for op, inputs, parameters in subject.program.steps:
        found.update(f"{op}{inputs}".encode())
        for name, value in sorted(parameters.items()):
            found.update(name.encode())
            is_array = isinstance(value, np.ndarray)
            found.update(value.tobytes() if is_array else repr(value).encode())
    by_input = subject.group == "input"
    groups = [label for label, _ in subject.cuts] if by_input else None
    classes = None if subject.classes is None else subject.classes.tolist()
    found.update(repr((classes, subject.group, groups, subject.reads_local)).encode())
    return found.hexdigest()


def _digest_of_rows(policy):
    """What tells one set of calibration rows from another: their scores."""
    rows = getattr(policy, "calibration_rows_", None)
    if rows is None:
        return None
    return hashlib.sha256(np.ascontiguousarray(rows.score, float).tobytes()).hexdigest()


def refuse_other(held, facts, path):
    if held["rule"] != facts["rule"]:
        raise ExportError(
            f"{path} holds another rule: that of a {held['router']} on classes "
            f"{held['classes']} and groups {held['groups']}. Give the classifier that "
            "was exported, at another operating point: classifier.at(0.8). Export it "
            "anew where it was fitted anew."
        )
    if None not in (held["calibration"], facts["calibration"]) and (
        held["calibration"] != facts["calibration"]
    ):
        raise ExportError(
            f"The threshold of {path} comes from other calibration rows, or from those "
            "of another base. Export this classifier anew."
        )
