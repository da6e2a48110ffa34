"""The packages behind ONNX files, each imported when it is first needed."""

from importlib import import_module


def package(name, who="export_onnx"):
    """A package of the extra ``onnx``, or a module in it.

    Raises
    ------
    ImportError
        When it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{who} needs {name.partition('.')[0]}: pip install 'selective-query[onnx]'"
            f". ({error})"
        ) from error
