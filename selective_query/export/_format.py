"""What every artefact says of itself, checked before it is believed."""

import json

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


def checked_facts(read, name, kind):
    """Facts of an artefact.

    Parameters
    ----------
    read : callable
        Returns them as plain data, or raises a ValueError.
    name : str or path-like
        Of the artefact.
    kind : str
        What it must be.

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
    for key, types in KINDS.items():
        if not isinstance(facts.get(key, ...), types):
            raise ValueError(
                f"{name} must be {kind}, and is damaged: it says {key}="
                f"{json.dumps(facts.get(key))[:60]}. Export it anew."
            )
    return facts
