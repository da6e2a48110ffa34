"""What an ONNX file says of itself, and how it is read back."""

import json

from selective_query.export._format import checked_facts

PREFIX = "selective_query."


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
        When there are none, they are of another format, or damaged.
    """

    def read():
        return {
            key.removeprefix(PREFIX): json.loads(value)
            for key, value in properties.items()
            if key.startswith(PREFIX)
        }

    return checked_facts(read, name, "an ONNX file that export_onnx wrote")
