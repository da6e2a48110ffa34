"""Valid files, and seeded damage to their bytes, content and arrays.

``python -m tests.files.fuzzed_files N`` loads N damaged policies and classifiers and
uses the results, in its own process, which may crash.
"""

import copy
import io
import json
import resource
import sys
import tempfile
import warnings
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from selective_query import AbstainingClassifier, RoutingPolicy, load, save
from selective_query.datasets import make_selective_query
from selective_query.routers import make_router
from tests.files.crafted_files import node, nodes_of, put_array, read, write

X, Y = np.random.default_rng(0).normal(size=(90, 4)), np.arange(90) % 3
OUTCOMES = make_selective_query(200, random_state=0).outcomes
ROUTERS = "margin", "benefit", "boosted_benefit", "knn_benefit", "two_stage"
MODELS = (
    DecisionTreeClassifier(max_depth=3),
    RandomForestClassifier(2, max_depth=2),
    HistGradientBoostingClassifier(max_iter=1),
    GradientBoostingClassifier(n_estimators=1),
    KNeighborsClassifier(algorithm="kd_tree"),
    KNeighborsClassifier(algorithm="brute"),
    SVC(),
    make_pipeline(StandardScaler(), LogisticRegression()),
)
NUMBERS = (
    0, 1, -1, 2, 7, 255, 2**31 - 1, 2**31, 2**40, 2**63 - 1, 2**63, -(2**63), 10**400,
    0.5, -0.0, 1e308, float("nan"), float("inf"), None, True, "", "x", [], [1], {},
)  # fmt: skip
NAMES = (
    "os.system", "builtins.eval", "builtins.exec", "builtins.open", "pathlib.Path",
    "subprocess.Popen", "importlib.import_module", "operator.methodcaller",
    "operator.call", "functools.partial", "collections.defaultdict", "numpy.save",
    "numpy.load", "numpy.memmap", "numpy.add", "numpy.void", "numpy.float64",
    "selective_query.persistence.save", "selective_query.cli.main",
    "selective_query.datasets.readers.os", "selective_query.import_module",
    "selective_query.policy.RoutingPolicy", "selective_query.outcomes.Outcomes",
    "selective_query.classifiers.HybridClassifier", "sklearn.dummy.DummyClassifier",
    "sklearn.tree._tree.Tree", "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.datasets._openml.fetch_openml", "joblib.load", "pickle.loads",
)  # fmt: skip
KINDS = (
    "ObjectNode", "TypeNode", "FunctionNode", "MethodNode", "PartialNode",
    "ConstructorFromReduceNode", "ListNode", "TupleNode", "SetNode", "DictNode",
    "JsonNode", "NdArrayNode", "TreeNode", "LossNode", "BytesNode", "DTypeNode",
    "RandomStateNode", "RandomGeneratorNode", "SparseMatrixNode", "OperatorFuncNode",
    "DefaultDictNode", "MaskedArrayNode", "SliceNode", "CachedNode", "Nothing",
)  # fmt: skip


def good_skops(folder):
    """Return files of policies with several routers and of classifiers with models."""
    paths = []
    for router in ROUTERS:
        # As an object; by name it would be plain data.
        policy = RoutingPolicy(make_router(router), random_state=0).fit(OUTCOMES)
        paths.append(folder / f"{router}.skops")
        save(policy, paths[-1])
    for i, model in enumerate(MODELS):
        classifier = AbstainingClassifier(FrozenEstimator(model.fit(X, Y)))
        paths.append(folder / f"model_{i}.skops")
        save(classifier, paths[-1])
    for path in paths:
        load(path)  # now all modules that a valid file needs are loaded
    return paths


def damaged_skops(good, path, rng):
    """Write a damaged version of a valid file."""
    if rng.random() < 0.15:
        path.write_bytes(_with_bytes(good.read_bytes(), rng))
        return
    schema, members = read(good)
    for _ in range(1 + rng.integers(10) // 7):
        damage = _SKOPS_DAMAGE[rng.integers(len(_SKOPS_DAMAGE))]
        with suppress(LookupError):  # nothing that could be damaged in this way
            damage(list(nodes_of(schema)), members, rng)
    write(path, schema, members)


def _with_bytes(data, rng):
    data = bytearray(data)
    if rng.random() < 0.3:
        return bytes(data[: rng.integers(len(data))])
    for _ in range(rng.integers(1, 9)):
        data[rng.integers(len(data))] = rng.integers(256)
    return bytes(data)


def _one(items, rng, where=lambda item: True):
    items = [item for item in items if where(item)]
    if not items:
        raise LookupError
    return items[rng.integers(len(items))]


def _other_name(nodes, members, rng):
    names = [*NAMES, *(f"{n['__module__']}.{n['__class__']}" for n in nodes)]
    module, _, name = _one(names, rng).rpartition(".")
    _one(nodes, rng).update(__module__=module, __class__=name)


def _other_kind(nodes, members, rng):
    _one(nodes, rng)["__loader__"] = _one(KINDS, rng)


def _other_node(nodes, members, rng):
    replaced = _one(nodes, rng)
    new = copy.deepcopy(_one(nodes, rng))
    replaced.clear()
    replaced.update(new)


def _call(nodes, members, rng):
    module, _, name = _one(NAMES, rng).rpartition(".")
    new = node("ConstructorFromReduceNode", f"{module}.{name}")
    new["content"] = copy.deepcopy(
        _one(nodes, rng, lambda n: n["__loader__"] in ("TupleNode", "ListNode"))
    )
    replaced = _one(nodes[1:], rng)
    replaced.clear()
    replaced.update(new)


def _other_value(nodes, members, rng):
    found = _one(nodes, rng, lambda n: n["__loader__"] == "JsonNode")
    found["content"] = json.dumps(_one(NUMBERS, rng))


def _other_part(nodes, members, rng):
    found = _one(nodes, rng)
    key = _one(found, rng)
    if rng.random() < 0.5:
        found[key] = _one((None, 0, "", "x", [], {}, -1, 10**30), rng)
    else:
        del found[key]
        for name in ("__module__", "__class__"):
            found.setdefault(name, "builtins")


def _same_identity(nodes, members, rng):
    _one(nodes, rng)["__id__"] = _one(nodes, rng).get("__id__")


def _is_array(found):
    return found["__loader__"] == "NdArrayNode" and found.get("file")


def _other_array(nodes, members, rng):
    _one(nodes, rng, _is_array)["file"] = _one([*members, "none"], rng)


def _changed_array(nodes, members, rng):
    found = _one(nodes, rng, _is_array)
    if found["file"] in members:
        array = np.load(io.BytesIO(members[found["file"]]))
        put_array(members, found, changed(array, rng))


def changed(array, rng):
    """Return an array with other values, another shape or another dtype."""
    which = rng.integers(6)
    if which == 0:
        return array[:0] if array.ndim else array.reshape(1)
    if which == 1:
        return np.concatenate([np.atleast_1d(array)] * 2)
    if which == 2:
        return array.reshape(-1, 1)
    if which == 3 and array.dtype.kind in "fiu":
        with np.errstate(all="ignore"):
            return array.astype(
                _one(("i1", "u8", "f4", "c16", "U9", "M8[s]", "?"), rng)
            )
    array = array.copy()
    if not array.size:
        return array
    column = array[_one(array.dtype.names, rng)] if array.dtype.names else array
    flat = column.reshape(-1)
    values = [v for v in NUMBERS if isinstance(v, (int, float))]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            flat[rng.integers(len(flat))] = _one(values, rng)
        except (OverflowError, ValueError):
            flat[0] = 1
    return (array if array.dtype.names else flat.reshape(array.shape)).copy()


_SKOPS_DAMAGE = (
    _other_name, _other_kind, _other_node, _call, _other_value, _other_value,
    _other_part, _same_identity, _other_array, _changed_array, _changed_array,
    _changed_array,
)  # fmt: skip


def good_npz():
    """Return the arrays of three files of predictions."""
    dense = {"base_proba": OUTCOMES.base_proba, "global_pred": OUTCOMES.y}
    order = np.argsort(-OUTCOMES.base_proba, axis=1)[:, :2].astype(np.int16)
    top = {
        "base_topk_classes": order,
        "base_topk_proba": np.take_along_axis(OUTCOMES.base_proba, order, axis=1),
        "n_classes": np.array(OUTCOMES.base_proba.shape[1]),
    }
    y = {"y": OUTCOMES.y}
    graded = {
        "base_utility": OUTCOMES.base_utility,
        "global_utility": OUTCOMES.global_utility,
        "sample_weight": np.ones(OUTCOMES.n_rows),
        "fold": np.arange(OUTCOMES.n_rows) % 3,
        "base_features": OUTCOMES.base_proba,
    }
    return [{**dense, **y}, {**top, **y}, {**graded, **dense, **y}]


def damaged_npz(good, path, rng):
    """Write a damaged version of some arrays."""
    arrays = dict(good)
    for _ in range(rng.integers(0, 3)):
        name = _one(arrays, rng)
        arrays[name] = changed(np.asarray(arrays[name]), rng)
    if rng.random() < 0.2:
        arrays[_one(("n_classes", "group", "X", "classes", "rubbish"), rng)] = changed(
            np.asarray(_one(list(arrays.values()), rng)), rng
        )
    members = {}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array)
        members[f"{name}.npy"] = buffer.getvalue()
        if rng.random() < 0.1:  # with a correct checksum of the contents
            members[f"{name}.npy"] = (
                _with_bytes(members[f"{name}.npy"][:128], rng)
                + (members[f"{name}.npy"][128:])
            )
    method = zipfile.ZIP_DEFLATED if rng.random() < 0.5 else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    if rng.random() < 0.3:
        path.write_bytes(_with_bytes(path.read_bytes(), rng))


WATCHED = False


def _watch(event, args):
    if not WATCHED:
        return
    writes = event == "open" and (args[2] or 0) & 0b11 and "__pycache__" not in args[0]
    starts = event.startswith(("os.", "subprocess.", "socket.", "shutil.", "ctypes."))
    strange = event == "import" and not args[0].startswith(
        ("numpy", "scipy", "sklearn", "selective_query")
    )
    if writes or strange or (starts and event not in ("os.listdir", "os.scandir")):
        SEEN.append((event, args))


SEEN = []
sys.addaudithook(_watch)


@contextmanager
def watched():
    """Record forbidden operations that happen while a data file is opened."""
    global WATCHED
    SEEN.clear()
    WATCHED = True
    try:
        yield SEEN
    finally:
        WATCHED = False


def use(loaded):
    """Decide and predict; nonsense may raise, but nothing may crash."""
    if isinstance(loaded, RoutingPolicy):
        with suppress(Exception):
            loaded.decide(OUTCOMES.evidence)
        return
    for method in ("predict", "predict_proba", "decision_function"):
        with suppress(Exception):
            getattr(loaded.base_estimator, method)(X)


def main(n, first=0):
    """Load and use damaged files; the last number printed is the seed."""
    resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        good, path = good_skops(Path(folder)), Path(folder) / "damaged"
        for seed in range(first, first + n):
            print(seed, flush=True)
            rng = np.random.default_rng(seed)
            damaged_skops(good[seed % len(good)], path, rng)
            with suppress(ValueError):
                use(load(path))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
