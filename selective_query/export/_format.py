"""What every artefact says of itself, checked before it is believed."""

import json
import math

from selective_query.export._inputs import Inputs

# Raised whenever a reader of an older release would misread an artefact.
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
    """Facts of an artefact.

    Parameters
    ----------
    read : callable
        Returns them as plain data, or raises a ValueError.
    name : str or path-like
        Of the artefact.
    kind : str
        What it must be.
    own : dict of str to type, optional
        Of each fact that only such artefacts tell.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        When there are none, they are of another format, or damaged.
    """
    try:
        facts = read()
    except ValueError as error:
        raise ValueError(f"{name} must be {kind}, and is damaged ({error}).") from None
    found = facts.get("format") if isinstance(facts, dict) else None
    if found != FORMAT:
        raise ValueError(
            f"{name} must be {kind}, of format {FORMAT}. Got format {found}. Export it "
            "anew."
        )
    for key, types in (KINDS | (own or {})).items():
        if not isinstance(facts.get(key, ...), types):
            raise ValueError(
                f"{name} must be {kind}, and is damaged: it says {key}="
                f"{json.dumps(facts.get(key))[:60]}. Export it anew."
            )
    if facts["inputs"] is not None:
        Inputs.from_dict(facts["inputs"])
    return facts


def check_classes(facts, name, n_columns):
    """Raise a ValueError where an artefact does not name all that it answers.

    Parameters
    ----------
    facts : dict
    name : str or path-like
    n_columns : int
        Of its probabilities.
    """
    n_named = len(facts["classes"] or ())
    if n_named != n_columns:
        raise ValueError(
            f"{name} is damaged: it names {n_named} classes and has {n_columns}. "
            "Export it anew."
        )


def plain(value):
    """A number, or a list of them, in JSON: infinity by name."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value
