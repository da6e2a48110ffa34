"""save and load: policies and classifiers as files that run no code when opened."""

from pathlib import Path

# Raised whenever a file of an older release can no longer be read as it is; loading
# then names the release that could.
FORMAT = 1

PREFIX = "selective_query."
# Compiled types of scikit-learn that skops leaves to the user to judge.
TRUSTED_TYPES = ("sklearn.tree._tree.Tree",)


def _skops():
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            "save and load need skops: pip install 'selective-query[io]'."
        ) from error
    return skops.io


def save(obj, path):
    """Write a fitted policy, classifier or router to a file.

    Parameters
    ----------
    obj : RoutingPolicy, HybridClassifier, AbstainingClassifier or BaseRouter
    path : str or path-like
        By convention with the suffix ``.skops``.

    Raises
    ------
    ImportError
        When skops is not installed.
    """
    data = _skops().dumps({"format": FORMAT, "object": obj})
    Path(path).write_bytes(data)


def load(path, trusted=()):
    """Read what :func:`save` wrote.

    Parameters
    ----------
    path : str or path-like
    trusted : sequence of str, default=()
        Full names of further types that may be created, such as those of a model of
        yours. Types of this library, scikit-learn and numpy need not be listed.

    Returns
    -------
    The saved object

    Raises
    ------
    ImportError
        When skops is not installed.
    ValueError
        When the file holds types that are not trusted (they are named), or comes from
        another format.
    """
    io = _skops()
    data = Path(path).read_bytes()
    try:
        unknown = io.get_untrusted_types(data=data)
    except Exception as error:
        raise ValueError(
            f"{path} is not a file that save() wrote ({error})."
        ) from error
    known = (*TRUSTED_TYPES, *trusted)
    strange = [t for t in unknown if not t.startswith(PREFIX) and t not in known]
    if strange:
        raise ValueError(
            f"{path} holds types that are not trusted: {', '.join(strange)}. If you "
            f"know where the file comes from, load it with trusted={strange!r}."
        )
    content = io.loads(data, trusted=unknown)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(
            f"{path} is not of format {FORMAT}, which this release of selective_query "
            "reads. Load it with the release that wrote it and save it anew."
        )
    return content["object"]
