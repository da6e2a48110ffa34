"""Lazy imports of the packages for ONNX."""

from importlib import import_module


def package(name, who="export_onnx"):
    """Import a package from the extra ``onnx``, or one of its modules.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{who} needs {name.partition('.')[0]}: pip install 'selective-query[onnx]'"
            f". ({error})"
        ) from error
