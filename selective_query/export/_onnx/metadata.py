"""Write and read the metadata of an ONNX file."""

import json

from selective_query.export._format import checked_facts

PREFIX = "selective_query."


def written(model, facts):
    """Update the metadata of a model in place."""
    kept = [(p.key, p.value) for p in model.metadata_props]
    texts = {f"{PREFIX}{key}": json.dumps(value) for key, value in facts.items()}
    del model.metadata_props[:]
    for key, value in {**dict(kept), **texts}.items():
        model.metadata_props.add(key=key, value=value)


def facts_of(properties, name):
    """Return validated facts from the metadata of a file.

    Raises
    ------
    ValueError
        If the metadata are missing, damaged, or in another format.
    """

    def read():
        return {
            key.removeprefix(PREFIX): json.loads(value)
            for key, value in properties.items()
            if key.startswith(PREFIX)
        }

    return checked_facts(read, name, "an ONNX file that export_onnx wrote")
