"""Reader of skops' format: builds objects from a tree of nodes.

It builds objects only of known names, and calls nothing else. skops writes the files
and can read them too, but its reader lets a file call any trusted name anywhere.
"""

import collections
import functools
import io
import json
import operator
from importlib import import_module

import numpy as np

from selective_query._files import compiled, contents
from selective_query._files.known_types import (
    DICTS,
    EUCLIDEAN,
    KD_TREE,
    LOSSES,
    SPARSE,
    TREE,
    TREE_PREDICTOR,
    array_types,
    element_functions,
    object_types,
    value_types,
)
from selective_query.outcomes._archives import opened, read_member, usual_size

# Pipelines in nested models reach a depth of about thirty.
MAX_DEPTH = 150
BIT_GENERATORS = ("PCG64", "PCG64DXSM", "SFC64")


def names_in(schema):
    """Return kinds and names of all nodes, {(loader, name), ...}.

    Raises
    ------
    ValueError
        If there is a node of unknown kind.
    """
    found, open_ = set(), [schema]
    while open_:
        part = open_.pop()
        if isinstance(part, dict):
            kind = part.get("__loader__")
            if isinstance(kind, str):
                found.add((kind, _name(part)))
                if kind == "MethodNode":
                    found.add((kind, f"{_name(part)}.{part['content']['func']}"))
            open_ += part.values()
        elif isinstance(part, list):
            open_ += part
    strange = {kind for kind, _ in found} - _READERS.keys()
    if strange:
        raise ValueError(f"it has parts of unknown kind: {', '.join(sorted(strange))}")
    return found


def is_known(kind, name):
    """Whether a node of this kind may have this name without being trusted."""
    known, _ = _READERS[kind]
    return name in (known() if callable(known) else known)


class Reader:
    """Builds the objects of one file.

    Parameters
    ----------
    archive : zipfile.ZipFile
    trusted : set of str
        Additional names that are allowed.
    n_bytes : int
        Size of the file.
    """

    def __init__(self, archive, trusted, n_bytes):
        self.archive, self.trusted = archive, trusted
        self.left = usual_size(n_bytes)
        self.made, self.being_made, self.arrays = {}, set(), {}

    def make(self, node):
        """Return the object of a node; nodes with the same id share one object.

        Raises
        ------
        ValueError
            If a name is unknown, a node contains itself, or a content is damaged.
        """
        key = node.get("__id__", id(node))
        if key in self.made:
            return self.made[key]
        if key in self.being_made or len(self.being_made) > MAX_DEPTH:
            raise ValueError("its parts lie in one another without end")
        kind, name = node["__loader__"], _name(node)
        if name not in self.trusted and not is_known(kind, name):
            raise ValueError(f"{name} is no {kind} that may be made")
        self.being_made.add(key)
        made = self.made[key] = _READERS[kind][1](self, node)
        self.being_made.discard(key)
        return made

    def all(self, nodes):
        """Return the objects of several nodes."""
        return [self.make(node) for node in nodes]

    def array(self, name):
        """Return the array in a member of the archive, read once."""
        if name not in self.arrays:
            self.arrays[name] = read_member(self.archive, name)
        return self.arrays[name]

    def bytes(self, name):
        """Return the bytes of a member of the archive."""
        self.spend(self.archive.getinfo(name).file_size)
        return self.archive.read(name)

    def spend(self, n_bytes):
        """Charge bytes to the memory budget, which a small file might exceed."""
        self.left -= n_bytes
        if self.left < 0:
            raise ValueError("it would take far more memory than its size")


def _name(node):
    module, name = node["__module__"], node["__class__"]
    if not (isinstance(module, str) and isinstance(name, str)):
        raise ValueError("a part of it has no name")
    return f"{module}.{name}"


def _named(node):
    return getattr(import_module(node["__module__"]), node["__class__"])


def _class(node, base=object):
    return _subclass(_named(node), base)


def _subclass(kind, base):
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise ValueError(f"{kind!r} is no kind of {base.__name__}")
    return kind


def _json(reader, node):
    return json.loads(node["content"])


def _dict(reader, node):
    made = _class(node, dict)()
    kinds = reader.make(node["key_types"])
    for kind, (key, value) in zip(kinds, node["content"].items(), strict=True):
        if kind not in (bool, float, int, str):
            _subclass(kind, np.generic)
        key = json.loads(key.lower()) if kind is bool else kind(key)
        made[key] = reader.make(value)
    return made


def _default_dict(reader, node):
    factory = reader.make(node["content"]["default_factory"])
    if not any(factory is kind for kind in (None, dict, float, int, list, set, str)):
        raise ValueError(f"{factory!r} makes no default")
    return collections.defaultdict(factory, reader.make(node["content"]["main"]))


def _list(reader, node):
    return _class(node, list)(reader.all(node["content"]))


def _set(reader, node):
    return _class(node, set)(reader.all(node["content"]))


def _tuple(reader, node):
    kind, entries = _class(node, tuple), reader.all(node["content"])
    return tuple(entries) if kind is tuple else kind(*entries)


def _bytes(reader, node):
    kind = bytearray if node["__loader__"] == "BytearrayNode" else bytes
    return kind(reader.bytes(node["file"]))


def _slice(reader, node):
    return slice(*(node["content"][name] for name in ("start", "stop", "step")))


def _array(reader, node):
    if node["type"] == "json":
        return _object_array(reader.make(node["shape"]), reader.all(node["content"]))
    array = reader.array(node["file"])
    if _name(node) == "numpy.ndarray":
        return array
    if array.shape or type(array[()]) is not _named(node):
        raise ValueError(f"{node['file']} holds no {node['__class__']}")
    return array[()]


def _object_array(shape, entries):
    for _ in shape[1:]:
        entries = [entry for row in entries for entry in row]
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array.reshape(shape)


def _masked_array(reader, node):
    content = node["content"]
    return np.ma.MaskedArray(reader.make(content["data"]), reader.make(content["mask"]))


def _dtype(reader, node):
    return reader.make(node["content"]).dtype


def _random_state(reader, node):
    state = reader.make(node["content"])
    if state["bit_generator"] != "MT19937" or not 0 <= state["state"]["pos"] <= 624:
        raise ValueError("the state of its random numbers is damaged")
    random = np.random.RandomState()
    random.set_state(state)
    return random


def _generator(reader, node):
    state = reader.make(node["content"]["bit_generator"])
    if state["bit_generator"] not in BIT_GENERATORS:
        raise ValueError("the state of its random numbers is damaged")
    bits = getattr(np.random, state["bit_generator"])()
    bits.state = state
    return np.random.Generator(bits)


def _sparse(reader, node):
    with opened(io.BytesIO(reader.bytes(node["file"])), reader.left) as archive:
        reader.spend(sum(member.file_size for member in archive.infolist()))
        parts = [
            read_member(archive, f"{n}.npy") for n in ("data", "indices", "indptr")
        ]
        shape = tuple(read_member(archive, "shape.npy").tolist())
    matrix = _class(node)(tuple(parts), shape=shape)
    matrix.check_format(full_check=True)
    return matrix


def _reference(reader, node):
    return _named(node)


def _partial(reader, node):
    parts = {name: reader.make(part) for name, part in node["content"].items()}
    made = functools.partial(parts["func"], *parts["args"], **parts["kwds"])
    vars(made).update(parts["namespace"] or {})
    return made


def _method(reader, node):
    content = node["content"]
    if _name(content["obj"]) != _name(node):
        raise ValueError(f"a method of {_name(node)} is bound to something else")
    name = f"{_name(node)}.{content['func']}"
    if name not in reader.trusted:
        raise ValueError(f"{name} is no MethodNode that may be made")
    return getattr(reader.make(content["obj"]), content["func"])


def _operator(reader, node):
    if node["__class__"] not in ("attrgetter", "itemgetter", "methodcaller"):
        raise ValueError(f"{_name(node)} is no operator that may be made")
    return getattr(operator, node["__class__"])(*reader.make(node["attrs"]))


def _called(reader, node):
    return _class(node)(*reader.make(node["content"]))


def _object(reader, node):
    kind, name = _class(node), _name(node)
    state = reader.make(node["content"]) if "content" in node else None
    if name in reader.trusted:
        return _with_state(kind, state)
    if name in _MAKERS:
        with compiled.blamed_on(name):
            return _MAKERS[name](kind, state)
    if state is not None:
        _refuse_hidden_methods(kind, state)
    made = _with_state(kind, state)
    contents.check(made)
    return made


def _with_state(kind, state):
    made = kind.__new__(kind)
    if state is not None:
        if hasattr(made, "__setstate__"):
            made.__setstate__(state)
        else:
            vars(made).update(state)
    return made


_MAKERS = {
    TREE_PREDICTOR: compiled.make_tree_predictor,
    KD_TREE: compiled.make_kd_tree,
    EUCLIDEAN: lambda kind, state: kind(),
}


def _refuse_hidden_methods(kind, state):
    # An attribute would be called in place of a method that checks its input.
    if not isinstance(state, dict):
        raise ValueError(f"a {kind.__name__} must have named attributes")
    hidden = [name for name in state if callable(getattr(kind, name, None))]
    if hidden:
        raise ValueError(f"{kind.__name__}.{hidden[0]} is a method, not an attribute")


def _tree(reader, node):
    if _name(node) in reader.trusted:
        return _reduced(reader, node)
    args, state = _arguments(reader, node)
    with compiled.blamed_on(TREE):
        return compiled.make_tree(_class(node), args, state)


def _loss(reader, node):
    if reader.make(node["content"]) and _name(node) not in reader.trusted:
        raise ValueError(f"{_name(node)} has no state")
    return _reduced(reader, node)


def _reduced(reader, node):
    args, state = _arguments(reader, node)
    made = _class(node)(*args)
    if state:
        made.__setstate__(state)
    return made


def _arguments(reader, node):
    return reader.make(node["__reduce__"]["args"]), reader.make(node["content"])


# Kind of a node -> names allowed without the user's trust, and the function that
# builds its object.
_READERS = {
    "BytearrayNode": ({"builtins.bytearray"}, _bytes),
    "BytesNode": ({"builtins.bytes"}, _bytes),
    "ConstructorFromReduceNode": ({"builtins.frozenset"}, _called),
    "DTypeNode": ({"numpy.dtype"}, _dtype),
    "DefaultDictNode": ({"collections.defaultdict"}, _default_dict),
    "DictNode": (DICTS, _dict),
    "FunctionNode": (element_functions, _reference),
    "JsonNode": ({"builtins.str"}, _json),
    "ListNode": ({"builtins.list"}, _list),
    "LossNode": (LOSSES, _loss),
    "MaskedArrayNode": (
        {"numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"},
        _masked_array,
    ),
    "MethodNode": ((), _method),
    "NdArrayNode": (array_types, _array),
    "ObjectNode": (object_types, _object),
    "OperatorFuncNode": ((), _operator),
    "PartialNode": ((), _partial),
    "RandomGeneratorNode": ({"numpy.random._generator.Generator"}, _generator),
    "RandomStateNode": ({"numpy.random.mtrand.RandomState"}, _random_state),
    "SetNode": ({"builtins.set"}, _set),
    "SliceNode": ({"builtins.slice"}, _slice),
    "SparseMatrixNode": (SPARSE, _sparse),
    "TreeNode": ({TREE}, _tree),
    "TupleNode": ({"builtins.tuple"}, _tuple),
    "TypeNode": (value_types, _reference),
}
