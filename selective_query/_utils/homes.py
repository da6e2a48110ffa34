"""Find the public folder that exports a name, for imports from another folder."""

import ast
import sys
from dis import opmap
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def missing(module, name):
    """Create the error for a name that a public folder does not export.

    Called by a module's ``__getattr__``.

    Parameters
    ----------
    module : str
        Module that the name was requested from.
    name : str

    Returns
    -------
    ImportError or AttributeError
        With the right import if another folder exports the name. An ImportError in
        ``from ... import``, since Python replaces the message of any other error there;
        ``hasattr`` and ``getattr`` need an AttributeError.
    """
    home = None if name.startswith("_") else _homes().get(name)
    if home is None or find_spec(f"{module}.{name}") is not None:
        return AttributeError(f"module {module!r} has no attribute {name!r}.")
    message = (
        f"{module} has no {name}. Import it from where it is: from {home} import "
        f"{name}."
    )
    if _is_import(sys._getframe(2)):
        return ImportError(message, name=module)
    return AttributeError(message)


def _is_import(frame):
    """Whether a frame is executing ``from ... import``."""
    return frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]


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
