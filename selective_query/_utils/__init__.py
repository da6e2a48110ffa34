"""Shared helpers: checks of input, labels, numbers and columns."""

from selective_query._utils.homes import missing


def publish(folder):
    """Set a folder's name as the module of its exports, in messages, pickles and files.

    Access to a name that it does not export raises an error with the right import.

    Parameters
    ----------
    folder : dict
        The ``globals()`` of its ``__init__``.
    """
    for name in folder["__all__"]:
        exported = folder[name]
        if getattr(exported, "__qualname__", None) == name:
            exported.__module__ = folder["__name__"]

    def refuse(name):
        raise missing(folder["__name__"], name)

    folder.setdefault("__getattr__", refuse)
