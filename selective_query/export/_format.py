"""Validation of the metadata that every artefact contains."""

import json
import math

from selective_query.export._inputs import Inputs

# Incremented whenever an older release would misread an artefact.
FORMAT = 1
KINDS = {
    "router": str,
    "rule": str,
    "artefact": str,
    "columns": dict,
    "classes": (list, type(None)),
    "groups": (list, type(None)),
    "inputs": (dict, type(None)),
    "calibration": (str, type(None)),
}


def checked_facts(read, name, kind, own=None):
    """Read and validate the metadata of an artefact.

    Parameters
    ----------
    read : callable
        Returns the metadata as plain data, or raises a ValueError.
    name : str or path-like
        Name of the artefact.
    kind : str
        What the artefact must be, for messages.
    own : dict of str to type, optional
        Types of the metadata that only this kind of artefact contains.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the metadata are missing, damaged, or in another format.
    """
    try:
        facts = read()
    except ValueError as error:
        raise ValueError(f"{name} must be {kind}, and is damaged ({error}).") from None
    found = facts.get("format") if isinstance(facts, dict) else None
    if found != FORMAT:
        raise ValueError(
            f"{name} must be {kind}, of format {FORMAT}. Got format {found}. Export it "
            "again."
        )
    for key, types in (KINDS | (own or {})).items():
        if not isinstance(facts.get(key, ...), types):
            raise ValueError(
                f"{name} must be {kind}, and is damaged: it says {key}="
                f"{json.dumps(facts.get(key))[:60]}. Export it again."
            )
    if facts["inputs"] is not None:
        Inputs.from_dict(facts["inputs"])
    return facts


def check_classes(facts, name, n_columns):
    """Raise a ValueError if an artefact does not name all of its classes.

    Parameters
    ----------
    facts : dict
    name : str or path-like
    n_columns : int
        Columns of its probabilities.
    """
    n_named = len(facts["classes"] or ())
    if n_named != n_columns:
        raise ValueError(
            f"{name} is damaged: it names {n_named} classes and has {n_columns}. "
            "Export it again."
        )


def plain(value):
    """Convert a number or list for JSON, with infinities as text."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value
