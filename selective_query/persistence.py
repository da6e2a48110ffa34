"""save and load: policies and classifiers as files that run no code when opened."""

import sys
from functools import partial
from inspect import isfunction
from pathlib import Path

# Raised whenever a file of an older release can no longer be read as it is; loading
# then names the release that could.
FORMAT = 1

PREFIX = "selective_query."
# Compiled types of scikit-learn that skops leaves to the user to judge.
TRUSTED_TYPES = (
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
)


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

    What is to be written is read back once, so that a file that is there can be loaded.

    Parameters
    ----------
    obj : RoutingPolicy, HybridClassifier, AbstainingClassifier or BaseRouter
    path : str or path-like
        By convention with the suffix ``.skops``.

    Raises
    ------
    ImportError
        When skops is not installed.
    ValueError
        When a part could not be loaded again: a lambda, or a function or class that is
        defined inside another function; or cannot be written, as a torch net.
    """
    io = _skops()
    _refuse_nameless_functions(obj)
    try:
        data = io.dumps({"format": FORMAT, "object": obj})
    except Exception as error:
        raise ValueError(
            f"This {type(obj).__name__} cannot be written ({error}). A torch net is "
            "kept by its state_dict (torch.save): save policy_, the router with its "
            "threshold, beside it. joblib.dump keeps all in one file, which may run "
            "code when it is opened."
        ) from error
    try:
        io.loads(data, trusted=io.get_untrusted_types(data=data))
    except Exception as error:
        raise ValueError(
            f"This {type(obj).__name__} could not be loaded again ({error}). Functions "
            "and classes must be defined at the top of an importable module, and must "
            "not be lambdas."
        ) from error
    Path(path).write_bytes(data)


def _refuse_nameless_functions(obj):
    # A file holds the name of a function only: a local one would come back as another
    # function of that name, if there is one.
    for name, value in obj.get_params().items():
        while isinstance(value, partial):
            value = value.func
        if isfunction(value) and not _is_importable(value):
            kind = "lambda" if value.__name__ == "<lambda>" else "local function"
            raise ValueError(
                f"{name} is a {kind} ({value.__qualname__}), which a file cannot hold. "
                "Define it at the top of an importable module."
            )


def _is_importable(function):
    module = sys.modules.get(function.__module__)
    return getattr(module, function.__name__, None) is function


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
        When the file holds types that are not trusted (they are named) or that cannot
        be found here, or comes from another format.
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
            "know each of them, and where the file comes from, load it with "
            f"trusted={strange!r}."
        )
    try:
        content = io.loads(data, trusted=unknown)
    except Exception as error:
        raise ValueError(
            f"{path} holds something that cannot be loaded here ({error}). Install or "
            "import what it was made with, or save it anew."
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(
            f"{path} is not of format {FORMAT}, which this release of selective_query "
            "reads. Load it with the release that wrote it and save it anew."
        )
    return content["object"]
