"""The metadata of an artefact, and the check that two rules are the same."""

import hashlib

import numpy as np

import selective_query
from selective_query.budgets._columns import part_that_reads
from selective_query.exceptions import ExportError
from selective_query.export._format import FORMAT, plain


def facts_about(subject, obj):
    """Return the metadata of an artefact.

    Parameters
    ----------
    subject : Subject
    obj : classifier, policy or rule
        What is exported.

    Returns
    -------
    dict
    """
    rule = subject.rule
    named = {"group": part_that_reads(rule.budget, "group")}
    named["local_only"] = rule.local[0] if len(rule.local) == 1 else None
    read = {name: part.where_read for name, part in named.items() if part is not None}
    classes = None if subject.classes is None else subject.classes.tolist()
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
        "groups": subject.groups,
        "columns": {n: where for n, where in read.items() if isinstance(where, str)},
        "calibration": rule.calibration,
    }


def _digest(subject):
    """Return a digest that identifies a rule, regardless of its operating point."""
    found = hashlib.sha256()
    for op, inputs, parameters in subject.program.steps:
        found.update(f"{op}{inputs}".encode())
        for name, value in sorted(parameters.items()):
            found.update(name.encode())
            is_array = isinstance(value, np.ndarray)
            found.update(value.tobytes() if is_array else repr(value).encode())
    groups = subject.groups
    classes = None if subject.classes is None else subject.classes.tolist()
    found.update(repr((classes, subject.group, groups, subject.reads_local)).encode())
    return found.hexdigest()


def _is_this_file(base, held):
    """Whether a base is the artefact itself, with a threshold fitted on it."""
    facts = getattr(base, "facts_", None)
    return facts is not None and facts.get("artefact") == held["artefact"]


def refuse_other(held, facts, path, base):
    """Raise an ExportError if a file contains the rule of another router or base."""
    if held["rule"] != facts["rule"]:
        raise ExportError(
            f"{path} holds another rule: that of a {held['router']} on classes "
            f"{held['classes']} and groups {held['groups']}. Give the classifier that "
            "was exported, at another operating point: classifier.at(0.8). If it was "
            "refitted, export it again."
        )
    known = held["calibration"], facts["calibration"]
    if None not in known and len(set(known)) > 1 and not _is_this_file(base, held):
        raise ExportError(
            f"The threshold of {path} comes from other calibration rows, or from those "
            "of another base. Export this classifier again."
        )
