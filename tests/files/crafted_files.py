"""Files that save() would never write."""

import io
import json
import zipfile

import numpy as np


def node(kind, name, **parts):
    """Return a node of the skops format that refers to a name."""
    module, _, name = name.rpartition(".")
    return {"__loader__": kind, "__module__": module, "__class__": name, **parts}


def plain(value):
    return node("JsonNode", "builtins.str", content=json.dumps(value))


def sequence(*nodes, kind="Tuple"):
    return node(f"{kind}Node", f"builtins.{kind.lower()}", content=list(nodes))


def mapping(*, keys=None, **entries):
    text = node("TypeNode", "builtins.str")
    keys = [text] * len(entries) if keys is None else keys
    kinds = sequence(*keys, kind="List")
    return node("DictNode", "builtins.dict", key_types=kinds, content=entries)


def saved(obj, **rest):
    """Return the schema of a file with the object of a node."""
    schema = mapping(format=plain(1), object=obj)
    return {**schema, "protocol": 2, "_skops_version": "0.16.0", **rest}


def write(path, schema, members=None, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in {
            **(members or {}),
            "schema.json": json.dumps(schema),
        }.items():
            archive.writestr(name, data)
    return path


def read(path):
    """Return the schema and the other members of a file."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(members.pop("schema.json")), members


def nodes_of(schema):
    """Return all nodes of a schema, outer nodes first."""
    if isinstance(schema, dict):
        if isinstance(schema.get("__loader__"), str):
            yield schema
        schema = schema.values()
    if not isinstance(schema, str):
        for part in schema if hasattr(schema, "__iter__") else ():
            yield from nodes_of(part)


def named(schema, name):
    """Return the first node of a class."""
    return next(n for n in nodes_of(schema) if n["__class__"] == name)


def state_of(found):
    """Return the nodes of its attributes, or of its state, by name."""
    return found["content"]["content"]


def array_of(members, found):
    return np.load(io.BytesIO(members[found["file"]]))


def put_array(members, found, array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    members[found["file"]] = buffer.getvalue()
