"""Shared helpers: checks of input, labels, numbers and columns."""


def publish(folder):
    """Set a folder's name as the module of its exports, in messages, pickles and files.

    Parameters
    ----------
    folder : dict
        The ``globals()`` of its ``__init__``.
    """
    for name in folder["__all__"]:
        exported = folder[name]
        if getattr(exported, "__qualname__", None) == name:
            exported.__module__ = folder["__name__"]
