"""Untrusted files: none of their code runs, and nothing is read out of bounds."""

import inspect
import io
import os
import pkgutil
import sys
import zipfile
from importlib import import_module

import numpy as np
import pytest
from scipy.sparse import csr_array, save_npz
from sklearn.base import BaseEstimator
from sklearn.naive_bayes import GaussianNB

import selective_query
from selective_query import RoutingPolicy, load, save
from selective_query._files.known_types import OWN
from selective_query.budgets import Budget
from selective_query.cli import main
from selective_query.datasets import make_selective_query
from selective_query.routers import MarginRouter, ProgramRouter
from tests.files.crafted_files import (
    mapping,
    named,
    node,
    plain,
    read,
    saved,
    sequence,
    state_of,
    write,
)

READERS = "selective_query.datasets.readers"  # imports os and Path


def calling(function, argument):
    """Return a dict whose only key is created by a call."""
    return mapping(keys=[function], **{argument: plain(0)})


def method(owner, name):
    return node(
        "MethodNode",
        f"{owner['__module__']}.{owner['__class__']}",
        content={"func": name, "obj": owner},
    )


def called(name, *args):
    return node("ConstructorFromReduceNode", name, content=sequence(*args))


def function(name):
    return node("FunctionNode", name)


def partial(func):
    return node(
        "PartialNode",
        "functools.partial",
        content={
            "func": func,
            "args": sequence(plain(["--help"])),
            "kwds": mapping(),
            "namespace": plain(None),
        },
    )


def policy_with(**attributes):
    return node(
        "ObjectNode",
        "selective_query.policy.RoutingPolicy",
        content=mapping(**attributes),
    )


RUN_CODE = {
    "shell": lambda target: calling(
        method(node("TypeNode", f"{READERS}.os"), "system"), f"touch {target}"
    ),
    "shell_of_persistence": lambda target: calling(
        function("selective_query.persistence.os.system"), f"touch {target}"
    ),
    "write": lambda target: calling(
        method(called(f"{READERS}.Path", plain(str(target))), "write_text"), "x"
    ),
    "write_by_operator": lambda target: node(
        "OperatorFuncNode",
        "operator.call",
        attrs=sequence(function("pathlib.Path.touch"), plain(str(target))),
    ),
    "import": lambda target: called(
        "selective_query.import_module", plain("written_module")
    ),
    "import_by_loss": lambda target: node(
        "LossNode",
        "selective_query.import_module",
        __reduce__={"args": sequence(plain("written_module"))},
        content=mapping(),
    ),
    "own_function": lambda target: called(
        "selective_query.cli.main", sequence(plain("demo"), kind="List")
    ),
    "save": lambda target: called(
        "selective_query.persistence.save", plain(1), plain(str(target))
    ),
}


@pytest.mark.parametrize("attack", RUN_CODE)
@pytest.mark.parametrize("where", ["object", "attribute"])
def test_no_code_runs(attack, where, tmp_path, monkeypatch):
    target = tmp_path / "target"
    (tmp_path / "written_module.py").write_text(f"open({str(target)!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    calls = []
    monkeypatch.setattr(os, "system", calls.append)
    evil = RUN_CODE[attack](target)
    if where == "attribute":
        evil = policy_with(router=evil)
    path = write(tmp_path / "evil.skops", saved(evil))
    with pytest.raises(ValueError, match="evil.skops holds types that are not trusted"):
        load(path)
    assert main(["decide", str(path), "nowhere.npz"]) == 2
    assert main(["plan", "nowhere.npz", "--policy", str(path), "--base-ms", "1"]) == 2
    assert not calls
    assert not target.exists()
    assert "written_module" not in sys.modules


@pytest.mark.parametrize(
    "name",
    [
        "selective_query.cli.main",
        "selective_query.persistence.save",
        "selective_query.policy.os",
        "selective_query.policy",
        "selective_query.routers.benefit",
        "selective_query.routers.benefit.BenefitRouter.fit",
        "selective_query.routers.benefit.Stranger",
        "selective_query.nets.training.net_classifier.NetClassifier",
        "numpy.save",
        "numpy.load",
        "sklearn.tree._tree.Tree.predict",
        "sklearn.cluster._kmeans.KMeans",
        "scipy.sparse.load_npz",
        "builtins.eval",
        "builtins.map",
        "operator.methodcaller",
    ],
)
@pytest.mark.parametrize("kind", ["FunctionNode", "TypeNode", "ObjectNode"])
def test_the_names_are_an_exact_list(name, kind, tmp_path):
    evil = policy_with(router=node(kind, name))
    with pytest.raises(ValueError, match=f"not trusted: {name}"):
        load(write(tmp_path / "evil.skops", saved(evil)))


@pytest.mark.parametrize(
    "name",
    [
        "selective_query.policy.RoutingPolicy",
        "sklearn.dummy.DummyClassifier",
        "numpy.add",
    ],
)
@pytest.mark.parametrize(
    "kind", ["ConstructorFromReduceNode", "ListNode", "SetNode", "TupleNode"]
)
def test_a_known_name_is_not_called(name, kind, tmp_path):
    parts = sequence(plain("x")) if kind.startswith("Con") else [plain("x")]
    evil = policy_with(router=node(kind, name, content=parts))
    with pytest.raises(ValueError, match=f"not trusted: {name}"):
        load(write(tmp_path / "evil.skops", saved(evil)))


CALLS = []


def features(*args):
    CALLS.append(args)


FEATURES = f"{__name__}.features"


@pytest.mark.parametrize(
    "evil",
    [
        called(FEATURES, plain(1), plain(2)),
        calling(function(FEATURES), "x"),
        node("ObjectNode", FEATURES),
        node(
            "DefaultDictNode",
            "collections.defaultdict",
            content={"main": mapping(), "default_factory": function(FEATURES)},
        ),
    ],
)
def test_a_function_that_is_trusted_is_kept_and_not_called(evil, tmp_path):
    path = write(tmp_path / "evil.skops", saved(policy_with(router=evil)))
    with pytest.raises(ValueError, match="cannot be loaded here"):
        load(path, trusted=[FEATURES])
    assert not CALLS


def test_a_partial_of_a_trusted_function_comes_back(tmp_path):
    path = write(
        tmp_path / "x.skops", saved(policy_with(router=partial(function(FEATURES))))
    )
    loaded = load(path, trusted=[FEATURES, "functools.partial"])
    assert loaded.router.func is features


@pytest.mark.parametrize(
    "schema",
    [
        saved(plain("text")),
        saved(mapping()),
        saved(node("ObjectNode", "sklearn.naive_bayes.GaussianNB")),
        saved(node("ObjectNode", "selective_query.outcomes.Outcomes")),
        mapping(format=plain(1)),
    ],
    ids=["text", "dict", "model", "outcomes", "none"],
)
def test_only_what_save_takes_is_loaded(schema, tmp_path):
    with pytest.raises(ValueError, match="must hold a RoutingPolicy, .* Got"):
        load(write(tmp_path / "other.skops", schema))


@pytest.mark.parametrize("obj", [None, "text", {}, GaussianNB(), RoutingPolicy])
def test_only_policies_classifiers_and_routers_are_saved(obj, tmp_path):
    with pytest.raises(TypeError, match="obj must be a RoutingPolicy, .* Got"):
        save(obj, tmp_path / "x.skops")


@pytest.mark.parametrize("router", [plain(3), plain(None), policy_with()])
def test_a_command_says_that_the_policy_is_damaged(router, tmp_path, capsys):
    outcomes = make_selective_query(100, random_state=0).outcomes
    save(RoutingPolicy(MarginRouter()).fit(outcomes), tmp_path / "good.skops")
    np.savez(tmp_path / "new.npz", base_proba=outcomes.base_proba, y=outcomes.y)
    schema, members = read(tmp_path / "good.skops")
    state_of(named(schema, "Rule"))["router"] = router
    path = str(write(tmp_path / "evil.skops", schema, members))
    new = str(tmp_path / "new.npz")
    assert main(["decide", path, new]) == 2
    assert "evil.skops" in capsys.readouterr().err
    asked = ["--policy", path, "--base-ms", "1", "--min-coverage", ".5"]
    assert main(["plan", new, *asked]) == 2
    assert "evil.skops" in capsys.readouterr().err


def nested(depth):
    deep = plain(0)
    for _ in range(depth):
        deep = sequence(deep)
    return deep


CIRCLE = {**sequence(), "__id__": 7}
CIRCLE["content"].append({**plain(0), "__id__": 7})


@pytest.mark.parametrize(
    "evil",
    [
        CIRCLE,
        nested(400),
        node("NewNode", "builtins.str"),
        node("ObjectNode", "selective_query.policy.RoutingPolicy", content=plain([1])),
        node("NdArrayNode", "numpy.ndarray", type="numpy", file="none.npy"),
        node("NdArrayNode", "numpy.ndarray", type="numpy", file="../schema.json"),
        node("BytesNode", "builtins.bytes", file="/etc/passwd"),
        node("CachedNode", "builtins.str", __id__=3),
        {"__loader__": "JsonNode", "__module__": 3, "__class__": None},
        {"__loader__": "JsonNode"},
        mapping(keys=[], router=plain(1)),
        plain(1) | {"content": "1" * 5000},
        plain(1) | {"content": "[" * 100_000},
        plain(1) | {"content": 1},
    ],
    ids=range(14),
)
def test_damage_is_reported(evil, tmp_path):
    path = write(tmp_path / "evil.skops", saved(policy_with(router=evil)))
    with pytest.raises(
        ValueError, match=r"evil\.skops (is not a file|holds something)"
    ):
        load(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    schema = saved(policy_with(router=plain("x")))
    bomb = {"large.npy": bytes(2**26)}
    path = tmp_path / "bomb.skops"
    write(path, schema, bomb, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="unpacked it would take 67"):
        load(path)


def test_a_member_that_is_read_again_and_again(tmp_path):
    blob = node("BytesNode", "builtins.bytes", file="blob")
    evil = policy_with(router=sequence(*[blob] * 3000))
    path = write(tmp_path / "evil.skops", saved(evil), {"blob": bytes(10**6)})
    with pytest.raises(ValueError, match="far more memory than its size"):
        load(path)


def test_a_sparse_matrix_is_checked_whole(tmp_path):
    buffer = io.BytesIO()
    matrix = csr_array(np.eye(3))
    matrix.indices[1] = 2**30
    save_npz(buffer, matrix)
    sparse = node(
        "SparseMatrixNode", "scipy.sparse._csr.csr_array", type="scipy", file="m.npz"
    )
    path = write(
        tmp_path / "evil.skops",
        saved(policy_with(router=sparse)),
        {"m.npz": buffer.getvalue()},
    )
    with pytest.raises(ValueError, match="cannot be loaded here"):
        load(path)


def test_the_list_names_classes_and_every_estimator_and_budget():
    rooms = "budgets classifiers policy routers rule"
    for found in pkgutil.walk_packages(selective_query.__path__, "selective_query."):
        if found.name.split(".")[1] in rooms.split():
            for name, kind in vars(import_module(found.name)).items():
                if (
                    inspect.isclass(kind)
                    and kind.__module__ == found.name
                    and issubclass(kind, (BaseEstimator, Budget))
                    and not kind.__subclasses__()
                    and kind is not ProgramRouter  # stored as plain data
                ):
                    assert f"{found.name}.{name}" in OWN
    for full_name in OWN:
        module, _, name = full_name.rpartition(".")
        kind = getattr(import_module(module), name)
        assert inspect.isclass(kind)
        assert kind.__module__ == module
