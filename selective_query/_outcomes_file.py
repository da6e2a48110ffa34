"""Saved predictions: npz file -> the arguments of Outcomes or Evidence."""

import zipfile
from difflib import get_close_matches

import numpy as np

from selective_query.probabilities import TopKProba


def read_arrays(path, allowed):
    """Return {name: array} of an npz file, with top-k triples made into TopKProba."""
    try:
        with open(path, "rb") as file:
            if file.read(2) not in (b"PK", b"\x93N"):
                raise ValueError("neither npz nor npy")
            file.seek(0)
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("a single array, not an archive of named ones")
            arrays = {key: archive[key] for key in archive.files}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is not a readable npz file of plain arrays ({error}). Write it "
            "with numpy.savez(path, base_proba=..., global_proba=..., y=...)."
        ) from error
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
    arrays[f"{side}_proba"] = TopKProba(classes, proba, n_classes)
