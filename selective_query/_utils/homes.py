"""Find the public folder that exports a name, for imports from another folder."""

import ast
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def missing(module, name):
    """Create the error for a name that a public folder does not export.

    Parameters
    ----------
    module : str
        Module that the name was requested from.
    name : str

    Returns
    -------
    ImportError or AttributeError
        An ImportError with the right import if another folder exports the name:
        Python would replace the message of any other error.
    """
    home = None if name.startswith("_") else _homes().get(name)
    if home is None or find_spec(f"{module}.{name}") is not None:
        return AttributeError(f"module {module!r} has no attribute {name!r}.")
    return ImportError(
        f"{module} has no {name}. Import it from where it is: from {home} import "
        f"{name}.",
        name=module,
    )


@cache
def _homes():
    """Public folder of each exported name, without imports; the outermost wins."""
    found = dict.fromkeys(sys.modules[PACKAGE.name].__all__, PACKAGE.name)
    files = sorted(PACKAGE.rglob("__init__.py"), key=lambda path: len(path.parts))
    for path in files:
        parts = path.parent.relative_to(PACKAGE.parent).parts
        if not any(part.startswith("_") for part in parts):
            for name in _exported(path):
                found.setdefault(name, ".".join(parts))
    return found


def _exported(path):
    """Names in ``__all__`` of a file, if they are listed literally."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [
                n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant)
            ]
    return []
