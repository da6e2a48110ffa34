"""What every room uses: checks of input, labels, numbers, columns."""


def publish(folder):
    """Make a folder the home of what it exports, in messages, pickles and saved files.

    Parameters
    ----------
    folder : dict
        The ``globals()`` of its ``__init__``.
    """
    for name in folder["__all__"]:
        exported = folder[name]
        if getattr(exported, "__qualname__", None) == name:
            exported.__module__ = folder["__name__"]
