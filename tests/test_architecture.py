"""Imports run one way, and heavy packages stay where they belong."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

import selective_query
from selective_query import HybridClassifier

PACKAGE = Path(selective_query.__file__).parent

# Each folder or file may import from its own line and those above it.
FLOORS = [
    {"exceptions"},
    {"_utils"},
    {"outcomes"},
    {"metrics", "costs"},
    {"footprint"},
    {"budgets"},
    {"routers"},
    {"planning"},
    {"reports"},
    {"rule"},
    {"_calibrating", "_plain_policy"},
    {"policy"},
    {"tiers"},
    {"_files", "persistence"},
    {"evaluation"},
    {"displays"},
    {"_models"},
    {"classifiers"},
    {"scale"},
    {"serving"},
    {"search"},
    {"nets"},
    {"export"},
    {"datasets"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}
TORCH_ROOMS = {
    "_utils/torch_random.py",
    "export/_c/int8_forms.py",
    "export/_c/int8_graph.py",
    "export/_c/int8_source.py",
    "export/_onnx/torch_base.py",
    "footprint/_layer_forms.py",
    "footprint/_liveness.py",
    "footprint/_tracing.py",
    "footprint/exit_profile.py",
    "footprint/net_profile.py",
    "routers/_constrained_net.py",
    "routers/_primal_dual.py",
}
TORCH_FLOORS = {"nets"}
BAKENN_FILES = {"export/_c/nets.py"}
NETWORK = {
    "aiohttp", "asyncio", "ftplib", "http", "httpx", "httpx2", "prometheus_client",
    "requests", "smtplib", "socket", "socketserver", "ssl", "starlette", "telnetlib",
    "urllib", "urllib3", "uvicorn", "websockets", "xmlrpc",
}  # fmt: skip
NETWORK_ROOMS = {"scale/ray/serving.py"}  # an application for Ray Serve
OPTIONAL = {
    "PIL", "httpx2", "matplotlib", "pandas", "prometheus_client", "pyarrow", "skops",
    "starlette", "uvicorn",
}  # fmt: skip
FILES = sorted(
    path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"
)


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path, top_level_only=False):
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    here = FLOOR[room_of(path)]
    for module in imports(path):
        if module.startswith("selective_query."):
            room = module.split(".")[1]
            assert FLOOR[room] <= here, f"{path.name} imports {module} from above"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_packages_stay_in_their_rooms(path):
    room = room_of(path)
    if str(path.relative_to(PACKAGE)) not in TORCH_ROOMS and room not in TORCH_FLOORS:
        assert "torch" not in {m.split(".")[0] for m in imports(path)}
    if str(path.relative_to(PACKAGE)) not in BAKENN_FILES:
        assert "bakenn" not in {m.split(".")[0] for m in imports(path)}
    if "ray" not in path.relative_to(PACKAGE).parts:
        assert "ray" not in {m.split(".")[0] for m in imports(path)}
    top = {m.split(".")[0] for m in imports(path, top_level_only=True)}
    if str(path.relative_to(PACKAGE)) not in NETWORK_ROOMS:
        assert not top & OPTIONAL
        if room != "serving":
            assert not NETWORK & {m.split(".")[0] for m in imports(path)}
    if path != PACKAGE / "_utils" / "validation.py":
        private = [
            m
            for m in imports(path)
            if m.startswith("sklearn.") and any(p[0] == "_" for p in m.split("."))
        ]
        assert not private, f"{path.name} imports private modules {private}"


def test_import_is_light():
    # scikit-learn itself imports pandas where it is installed.
    heavy = (
        "torch",
        "matplotlib",
        "skops",
        "skorch",
        "sklearn.ensemble",
        "ray",
        "httpx2",
    )
    code = (
        "from selective_query import *; import selective_query.serving, sys;"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


# A file of more than 400 lines is listed here with the reason.
LONG = {}


def test_long_files_have_a_reason():
    long = {str(p.relative_to(PACKAGE)) for p in FILES if len(_lines(p)) > 400}
    assert long == set(LONG)


def _lines(path):
    return path.read_text().splitlines()


FOLDERS = sorted(
    path.parent
    for path in PACKAGE.rglob("__init__.py")
    if path.parent != PACKAGE
    and "ray" not in path.parts
    and not any(part[0] == "_" for part in path.parent.relative_to(PACKAGE).parts)
)


def _exported(folder):
    name = ".".join([PACKAGE.name, *folder.relative_to(PACKAGE).parts])
    return importlib.import_module(name)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_is_private_by_name_where_nothing_of_it_is_exported(folder):
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    room = _exported(folder)
    homes = {
        node.module.rpartition(".")[2]
        for node in ast.walk(ast.parse((folder / "__init__.py").read_text()))
        if isinstance(node, ast.ImportFrom)
        and any(alias.name in room.__all__ for alias in node.names)
    }
    documented = PUBLIC_FILES.get(str(folder.relative_to(PACKAGE)), set())
    assert {name for name in files if name[0] != "_"} == (homes & files) | documented


# Imported by their own names: they need torch, or are meant to be used with a prefix.
PUBLIC_FILES = {
    "evaluation": {"scorers"},
    "footprint": {"exit_profile", "net_profile"},
}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_classes_say_that_they_live_where_they_are_imported_from(folder):
    room = _exported(folder)
    for name in room.__all__:
        exported = getattr(room, name)
        if isinstance(exported, type):
            home = importlib.import_module(exported.__module__)
            assert getattr(home, name) is exported
            assert not any(part[0] == "_" for part in exported.__module__.split("."))
            assert name in home.__all__


def test_every_public_folder_is_an_attribute():
    top = {f.name for f in FOLDERS if f.parent == PACKAGE}
    code = (
        f"import selective_query as s; print([getattr(s, n).__name__ for n in {top}])"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert top <= set(dir(selective_query))


def test_a_decision_passes_through_few_files():
    X, y = make_classification(300, random_state=0)
    base, global_ = GaussianNB().fit(X[:100], y[:100]), SVC().fit(X[:100], y[:100])
    hybrid = HybridClassifier(
        FrozenEstimator(base), FrozenEstimator(global_), router="margin"
    )
    assert len(_entered(hybrid.fit, X[100:], y[100:])) <= 35
    assert len(_entered(hybrid.predict, X[100:])) <= 16


def _entered(call, *arguments):
    """Return the files of the package that have a function running during a call."""
    files = set()

    def note(frame, event, _):
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(str(PACKAGE)):
            files.add(name)

    sys.setprofile(note)
    try:
        call(*arguments)
    finally:
        sys.setprofile(None)
    return files
