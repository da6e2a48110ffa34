"""Saved predictions: npz file -> Outcomes or Evidence."""

from difflib import get_close_matches

from selective_query.outcomes._archives import read_npz
from selective_query.outcomes.evidence import field_names
from selective_query.outcomes.probabilities import TopKProba


def read_predictions(path, kind, known):
    """The Outcomes in an npz file, or the Evidence among them.

    Parameters
    ----------
    path : str or path-like
    kind : {Outcomes, Evidence}
    known : list of str
        The keys that such a file may have, those of Outcomes.

    Returns
    -------
    Outcomes or Evidence

    Raises
    ------
    ValueError
        When the file is no npz file, has unknown keys or malformed contents.
    """
    try:
        arrays = read_npz(path)
    except ValueError as error:
        raise ValueError(
            f"{error} Write it with numpy.savez(path, base_proba=..., "
            "global_proba=..., y=...)."
        ) from error
    arrays = _joined(arrays, known, path)
    try:
        return kind(**{key: arrays[key] for key in arrays.keys() & field_names(kind)})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _joined(arrays, allowed, path):
    """Arrays by parameter, with top-k triples made into TopKProba."""
    n_classes = _pop_n_classes(arrays, path)
    for side in ("base", "global"):
        _join_topk(arrays, side, n_classes, path)
    for key in arrays:
        if key not in allowed:
            close = get_close_matches(key, allowed, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"{path} has the key {key!r}, which is not one of "
                f"{', '.join(sorted(allowed))}.{hint}"
            )
    return arrays


def _pop_n_classes(arrays, path):
    if "n_classes" not in arrays:
        return None
    if not any("_topk_" in key for key in arrays):
        raise ValueError(
            f"{path}: n_classes belongs to top-k probabilities (base_topk_classes and "
            "base_topk_proba, or the same of the global). Got n_classes without them; "
            "leave it out, or add them."
        )
    n_classes = arrays.pop("n_classes")
    if n_classes.shape or n_classes.dtype.kind not in "iu":
        raise ValueError(
            f"{path}: n_classes must be one whole number. Got {n_classes.tolist()!r}. "
            "Write numpy.savez(path, n_classes=1000, ...)."
        )
    return int(n_classes)


def _join_topk(arrays, side, n_classes, path):
    names = f"{side}_topk_classes", f"{side}_topk_proba"
    present = [name for name in names if name in arrays]
    if not present:
        return
    if len(present) < 2 or n_classes is None:
        raise ValueError(
            f"{path}: top-k probabilities need the three keys {names[0]}, {names[1]} "
            f"and n_classes. Got only {', '.join(present)}"
            + (" and n_classes." if n_classes is not None else ".")
        )
    if f"{side}_proba" in arrays:
        raise ValueError(
            f"{path}: the {side}'s probabilities must be given once. Got {side}_proba "
            f"and {side}_topk_proba; leave one of them out."
        )
    classes, proba = (arrays.pop(name) for name in names)
    try:
        arrays[f"{side}_proba"] = TopKProba(classes, proba, n_classes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
