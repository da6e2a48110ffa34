"""load_dataset: read real data by name, as inputs and labels or saved predictions.

All data except the digits are in a folder given by the environment variable
SELECTIVE_QUERY_DATA or the argument ``data_home``.
"""

import gzip
import io
import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

from selective_query.outcomes._archives import read_npz, usual_size
from selective_query.outcomes.outcomes import Outcomes
from selective_query.outcomes.probabilities import TopKProba

ENVIRONMENT = "SELECTIVE_QUERY_DATA"


def load_dataset(name, *, data_home=None):
    """Read one of the datasets that the benchmarks use.

    Parameters
    ----------
    name : str
        One of ``DATASETS``.
    data_home : path-like, optional
        The data folder; by default the environment variable SELECTIVE_QUERY_DATA. Not
        needed for ``"digits"``.

    Returns
    -------
    Bunch
        ``X`` and ``y``; image datasets with a test split also have ``X_test`` and
        ``y_test``. ``spoken_digits``: log-mel spectrograms of shape (3000, 64, 32),
        with ``speaker`` and ``index`` of each recording. ``imagenet_val_top5``: a
        function ``outcomes(base, global_)`` and ``models``. ``routellm``: ``texts``,
        ``domain``, ``base_utility``, ``global_utility`` (MMLU).

    Raises
    ------
    ValueError
        If the name is unknown, no data folder is given, or a file in it is damaged or
        not the expected one.
    FileNotFoundError
        If the folder lacks the file.

    Examples
    --------
    >>> from selective_query.datasets import load_dataset
    >>> load_dataset("digits").X.shape
    (1797, 64)
    """
    if not isinstance(name, str) or name not in DATASETS:
        raise ValueError(f"name must be one of {', '.join(DATASETS)}. Got {name!r}.")
    reader = DATASETS[name]
    if name == "digits":
        return reader()
    home = _home(data_home)
    try:
        return reader(home)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"The data folder {home} does not contain {name}: there is no "
            f"{error.filename}. Pass data_home=, or set {ENVIRONMENT}, to the folder "
            "that contains it."
        ) from error
    except (ImportError, IsADirectoryError, PermissionError):
        raise
    except Exception as error:  # from zipfile, gzip, json, numpy or Pillow
        raise ValueError(
            f"The files of {name} in {home} are damaged or not the expected ones "
            f"({type(error).__name__}: {error}). Download them again."
        ) from error


def _home(data_home):
    home = data_home or os.environ.get(ENVIRONMENT)
    if not home:
        raise ValueError(
            f"No data folder is given. Pass data_home=, or set {ENVIRONMENT}, to the "
            'folder of the datasets; only "digits" needs none.'
        )
    return Path(home)


def _digits():
    X, y = load_digits(return_X_y=True)
    return Bunch(X=X, y=y)


def _letter(home):
    data = read_npz(home / "tabular" / "letter.npz")
    return Bunch(X=data["X"].astype(np.float32), y=data["y"])


def _covertype(home):
    data = read_npz(home / "tabular" / "covertype_93k.npz")
    columns = [data["num"]]
    for name in ("wilderness", "soil"):
        columns.append(np.equal.outer(data[name], np.unique(data[name])))
    return Bunch(X=np.hstack(columns).astype(np.float32), y=data["y"])


def _fashion_mnist(home):
    def images(part):
        raw = _unpacked(home / "fashion_mnist" / f"{part}-images-idx3-ubyte.gz")
        return np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)

    def labels(part):
        raw = _unpacked(home / "fashion_mnist" / f"{part}-labels-idx1-ubyte.gz")
        return np.frombuffer(raw, np.uint8, offset=8)

    return Bunch(
        X=images("train"),
        y=labels("train"),
        X_test=images("t10k"),
        y_test=labels("t10k"),
    )


def _unpacked(path):
    allowed = usual_size(path.stat().st_size)
    with gzip.open(path) as file:
        content = file.read(allowed + 1)
    if len(content) > allowed:
        raise ValueError(f"{path} holds more than {allowed} bytes")
    return content


def _cifar10(home):
    from PIL import Image

    data = read_npz(home / "cifar10_images" / "cifar10_jpeg.npz")

    def images(part):
        blob, offsets = data[f"{part}_bytes"].tobytes(), data[f"{part}_offsets"]
        decoded = [
            np.asarray(Image.open(io.BytesIO(blob[a:b])).convert("RGB"))
            for a, b in pairwise(offsets)
        ]
        return np.stack(decoded)

    return Bunch(
        X=images("train"),
        y=data["train_label"],
        X_test=images("test"),
        y_test=data["test_label"],
    )


def _spoken_digits(home):
    data = read_npz(home / "fsdd" / "fsdd_logmel.npz")
    return Bunch(
        X=data["logmel"].astype(np.float32),
        y=data["label"].astype(int),
        speaker=data["speaker"],
        index=data["index"],
    )


def _imagenet_val_top5(home):
    data = read_npz(home / "imagenet_val_top5" / "imagenet_val_top5_half.npz")
    models = data["models"].tolist()
    top, nll, label = data["top5"], data["nll"], data["label"]

    def proba(model):
        if model not in models:
            raise ValueError(
                f"base and global_ must be among {', '.join(models)}. Got {model!r}."
            )
        i = models.index(model)
        return TopKProba(top[i], np.exp(-nll[i].astype(np.float32)), 1000)

    def outcomes(base, global_):
        return Outcomes(base_proba=proba(base), global_proba=proba(global_), y=label)

    return Bunch(models=models, outcomes=outcomes)


def _routellm(home):
    data = read_npz(home / "routellm" / "routellm_correct.npz")
    lines = _unpacked(home / "routellm" / "prompts.jsonl.gz")
    texts = [json.loads(line)["prompt"] for line in lines.decode().splitlines()]
    rows = np.flatnonzero(data["benchmark"] == "mmlu")
    return Bunch(
        texts=[texts[i] for i in rows],
        domain=data["domain"][rows],
        base_utility=data["weak_correct"][rows].astype(float),
        global_utility=data["strong_correct"][rows].astype(float),
    )


DATASETS = {
    "digits": _digits,
    "letter": _letter,
    "covertype": _covertype,
    "fashion_mnist": _fashion_mnist,
    "cifar10": _cifar10,
    "spoken_digits": _spoken_digits,
    "imagenet_val_top5": _imagenet_val_top5,
    "routellm": _routellm,
}
