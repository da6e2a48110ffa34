"""Imports run one way, and heavy packages stay where they belong."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import selective_query

PACKAGE = Path(selective_query.__file__).parent

# Each room may import from its own line and those above it.
FLOORS = [
    {"exceptions"},
    {"_utils"},
    {"outcomes"},
    {"metrics", "costs"},
    {"footprint"},
    {"budgets"},
    {"routers"},
    {"rule"},
    {"policy"},
    {"_files", "persistence"},
    {"planning"},
    {"evaluation"},
    {"displays"},
    {"_models"},
    {"classifiers"},
    {"scale"},
    {"search"},
    {"nets"},
    {"datasets"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}
TORCH_ROOMS = {
    "_utils/torch_random.py",
    "footprint/_liveness.py",
    "footprint/exit_profile.py",
    "footprint/net_profile.py",
    "routers/_constrained_net.py",
    "routers/_primal_dual.py",
}
TORCH_FLOORS = {"nets"}
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
    if "ray" not in path.relative_to(PACKAGE).parts:
        assert "ray" not in {m.split(".")[0] for m in imports(path)}
    top = {m.split(".")[0] for m in imports(path, top_level_only=True)}
    assert not top & {"matplotlib", "pandas", "skops", "PIL"}
    if path != PACKAGE / "_utils" / "validation.py":
        private = [
            m
            for m in imports(path)
            if m.startswith("sklearn.") and any(p[0] == "_" for p in m.split("."))
        ]
        assert not private, f"{path.name} imports private modules {private}"


def test_import_is_light():
    # scikit-learn itself imports pandas where it is installed.
    heavy = "torch", "matplotlib", "skops", "skorch", "sklearn.ensemble", "ray"
    code = (
        "from selective_query import *; import sys;"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


# A file of more than 400 lines says here why it is one idea.
LONG = {
    "nets/training/net_classifier.py": "one estimator, half of it its parameters",
}


def test_long_files_have_a_reason():
    long = {str(p.relative_to(PACKAGE)) for p in FILES if len(_lines(p)) > 400}
    assert long == set(LONG)


def _lines(path):
    return path.read_text().splitlines()
