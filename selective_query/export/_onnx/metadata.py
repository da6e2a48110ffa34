"""What an ONNX file says of itself, and how it is read back."""

import json
import math

PREFIX = "selective_query."
# Raised whenever a reader of an older release would misread a file.
FORMAT = 1


def plain(value):
    """A number, or a list of them, in JSON: infinity by name."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def written(model, facts):
    """Put facts in place of those that the model holds."""
    kept = [(p.key, p.value) for p in model.metadata_props]
    texts = {f"{PREFIX}{key}": json.dumps(value) for key, value in facts.items()}
    del model.metadata_props[:]
    for key, value in {**dict(kept), **texts}.items():
        model.metadata_props.add(key=key, value=value)


def facts_of(properties, name):
    """Facts of a dict of metadata.

    Raises
    ------
    ValueError
        When there are none, or they are of another format.
    """
    facts = {
        key.removeprefix(PREFIX): json.loads(value)
        for key, value in properties.items()
        if key.startswith(PREFIX)
    }
    if facts.get("format") != FORMAT:
        raise ValueError(
            f"{name} must be an ONNX file that export_onnx wrote, of format {FORMAT}. "
            f"Got format {facts.get('format')}. Export it anew."
        )
    return facts
