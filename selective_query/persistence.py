"""Save a rule, policy, classifier or router to a file, and load it."""

import io
import json
import sys
from functools import partial
from inspect import isfunction
from pathlib import Path

from selective_query._files.known_types import ROOTS
from selective_query._files.plain import is_packed, packed, unpacked
from selective_query._files.reading import Reader, is_known, names_in
from selective_query.outcomes._archives import opened
from selective_query.policy import RoutingPolicy
from selective_query.rule import Rule
from selective_query.tiers import CascadeRule

# Raised whenever a file of an older release can no longer be read as it is; loading
# then names the format that is required.
FORMAT = 1
SAVED = "a RoutingPolicy, CascadePolicy, rule, classifier or router of this library"
# Types that may be written as plain data.
PLAIN = Rule, CascadeRule, RoutingPolicy


def save(obj, path):
    """Write a fitted rule, policy, classifier or router to a file.

    A rule, or a policy whose router was given by name, is written as plain data: text
    with numbers and names, and arrays. Objects with estimators, functions or classes of
    your own are written with skops. The written data are read back once, so that a file
    on disk can always be loaded.

    Parameters
    ----------
    obj : Rule, CascadeRule, policy, classifier or BaseRouter
        Of this library, or of a derived class.
    path : str or path-like
        By convention with the suffix ``.skops``.

    Raises
    ------
    ImportError
        If skops is needed and not installed.
    TypeError
        If `obj` has another type.
    ValueError
        If a part could not be loaded again, such as a lambda or a function or class
        defined inside another function; or could not be written, such as a torch net.
    """
    if not _may_be_saved(obj):
        raise TypeError(f"obj must be {SAVED}. Got {type(obj).__name__}.")
    plain = _as_plain(obj)
    if plain is not None:
        _of_plain(plain)
        Path(path).write_bytes(plain)
        return
    skops = _skops()
    _refuse_local_functions(obj)
    try:
        data = skops.dumps({"format": FORMAT, "object": obj})
    except Exception as error:
        raise ValueError(
            f"This {type(obj).__name__} cannot be written ({error}). A torch net is "
            "kept by its state_dict (torch.save): save policy_, the router with its "
            "threshold, beside it. joblib.dump keeps all in one file, which may run "
            "code when it is opened."
        ) from error
    try:
        schema, names = _schema(data)
        _made(data, schema, {name for _, name in names})
    except Exception as error:
        raise ValueError(
            f"This {type(obj).__name__} could not be loaded again ({error}). Functions "
            "and classes must be defined at the top of an importable module, and must "
            "not be lambdas."
        ) from error
    Path(path).write_bytes(data)


def _as_plain(obj):
    """A rule or policy as plain data in bytes; None if it has no such form."""
    kind = type(obj)
    if kind not in PLAIN or (kind is RoutingPolicy and not hasattr(obj, "rule_")):
        return None
    try:
        data = obj.to_dict()
    except TypeError:
        return None
    return packed({"kind": kind.__name__, **data})


def _of_plain(data):
    plain = unpacked(data)
    kind = plain.pop("kind", None) if isinstance(plain, dict) else None
    for known in PLAIN:
        if kind == known.__name__:
            return known.from_dict(plain)
    names = ", ".join(known.__name__ for known in PLAIN)
    raise ValueError(f"it holds a {kind!r:.60}, which is none of {names}")


def _skops():
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            "save needs skops: pip install 'selective-query[io]'."
        ) from error
    return skops.io


def _may_be_saved(obj):
    kinds = type(obj).__mro__
    return not ROOTS.isdisjoint(f"{kind.__module__}.{kind.__name__}" for kind in kinds)


def _refuse_local_functions(obj):
    # A file holds only the name of a function, so a local function would come back as
    # another function of that name, if there is one.
    for holder in _holders_of_parameters(obj):
        for name, value in holder.get_params().items():
            while isinstance(value, partial):
                value = value.func
            if isfunction(value) and not _is_importable(value):
                kind = "lambda" if value.__name__ == "<lambda>" else "local function"
                raise ValueError(
                    f"{name} is a {kind} ({value.__qualname__}), which a file cannot "
                    "hold. Define it at the top of an importable module."
                )


def _holders_of_parameters(obj):
    if isinstance(obj, Rule):
        return (obj.router,)
    if isinstance(obj, CascadeRule):
        return tuple(rule.router for rule in obj.rules + obj.doubts)
    return (obj,)


def _is_importable(function):
    module = sys.modules.get(function.__module__)
    return getattr(module, function.__name__, None) is function


def load(path, trusted=()):
    """Read what :func:`save` wrote.

    A file can create only objects of known classes: those of this library, numpy
    arrays, and the estimators of scikit-learn (except clusterings and outlier
    detectors). All names in the file are checked before anything is created, and so are
    arrays that compiled code would index unchecked, such as those of trees. No function
    is called, and the only known functions are elementwise ones of numpy and scipy.

    Parameters
    ----------
    path : str or path-like
    trusted : sequence of str, default=()
        Full names of further classes and functions that the file may use, such as those
        of your own model. The file may call the listed classes, and their contents are
        not checked.

    Returns
    -------
    What was saved
        The router of a policy or rule from plain data is a
        :class:`~selective_query.routers.ProgramRouter` with the program of the fitted
        one.

    Raises
    ------
    ValueError
        If the file holds types that are not trusted (the message names them) or cannot
        be found here, is damaged, holds an object that `save` does not accept, or has
        another format.

    See Also
    --------
    save : Writes it.
    """
    data = Path(path).read_bytes()
    if is_packed(data):
        return _loaded_plain(path, data)
    trusted = {trusted} if isinstance(trusted, str) else set(trusted)
    try:
        schema, names = _schema(data)
    except Exception as error:
        raise ValueError(
            f"{path} is not a file that save() wrote ({error})."
        ) from error
    strange = {name for kind, name in names if not is_known(kind, name)}
    unknown = sorted(strange - trusted)
    if unknown:
        raise ValueError(
            f"{path} holds types that are not trusted: {', '.join(unknown)}. If you "
            "know each of them, and where the file comes from, load it with "
            f"trusted={unknown!r}."
        )
    try:
        content = _made(data, schema, trusted)
    except Exception as error:
        raise ValueError(
            f"{path} holds something that cannot be loaded here ({error}). Install or "
            "import what it was made with, or save it again."
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(
            f"{path} is not of format {FORMAT}, which this release of selective_query "
            "reads. Load it with the release that wrote it and save it again."
        )
    loaded = content.get("object")
    if not _may_be_saved(loaded):
        raise ValueError(
            f"{path} must hold {SAVED}, as save() writes it. Got "
            f"{type(loaded).__name__}; do not trust the file."
        )
    return loaded


def _loaded_plain(path, data):
    try:
        return _of_plain(data)
    except Exception as error:
        # zipfile, zlib, JSON and numpy report damage with different errors.
        raise ValueError(
            f"{path} is damaged, or from another release ({error}). Save it again."
        ) from error


def _schema(data):
    """The declared content of the file, and the kinds and names in it."""
    with _archive(data) as archive:
        schema = json.loads(archive.read("schema.json"))
    return schema, names_in(schema)


def _made(data, schema, trusted):
    with _archive(data) as archive:
        return Reader(archive, trusted, len(data)).make(schema)


def _archive(data):
    # save() does not compress, so members are never larger than the file.
    return opened(io.BytesIO(data), len(data))
