"""Rows prepared for sending: numbers, text, or compressed pictures."""

import io

import numpy as np

from selective_query._utils.numbers import refuse_masked

NUMBERS = ("float32", "float64", "uint8")
PICTURES = ("jpeg", "png")
TEXT = "text"
PAYLOADS = (*NUMBERS, *PICTURES, TEXT)


def packed(rows, payload):
    """Convert rows to one array of a type that the protocol supports.

    Parameters
    ----------
    rows : array-like of length n_samples
    payload : str or None
        One of PAYLOADS; None sends rows as they are.

    Returns
    -------
    ndarray of length n_samples

    Raises
    ------
    ArithmeticError, OSError, TypeError, ValueError
        When rows are of another kind, masked, or would lose information: values too
        large for float32, or not whole numbers from 0 to 255 for uint8 and pictures.
    """
    if hasattr(rows, "toarray"):
        rows = rows.toarray()
    refuse_masked(rows, "X")
    array = np.asarray(rows)
    if payload is None:
        return _as_it_is(array)
    if payload == TEXT:
        if not all(isinstance(item, str) for item in array.ravel().tolist()):
            raise ValueError("payload='text' needs rows that are text.")
        return array.astype(object)
    if payload in ("float32", "float64"):
        with np.errstate(over="raise"):
            return array.astype(payload)
    pixels = _as_bytes(array, payload)
    return pixels if payload == "uint8" else _compressed(pixels, payload)


def _as_it_is(array):
    if array.dtype.kind != "O":
        return array
    if all(isinstance(item, str) for item in array.ravel().tolist()):
        return array
    raise ValueError(
        "X must hold numbers of one kind, or text. Got objects, such as columns of "
        "several kinds. Encode them first, or give payload='float32'."
    )


def _as_bytes(array, payload):
    if array.dtype == np.uint8:
        return array
    with np.errstate(invalid="ignore"):
        pixels = array.astype(np.uint8)
    if not np.array_equal(pixels, array):
        raise ValueError(
            f"payload={payload!r} needs whole numbers in 0 to 255. Got {array.dtype} "
            "of other values. Scale them, or give payload='float32'."
        )
    return pixels


def _compressed(pixels, payload):
    if pixels.ndim not in (3, 4) or (pixels.ndim == 4 and pixels.shape[3] != 3):
        raise ValueError(
            f"payload={payload!r} needs pictures of shape (n, height, width) or (n, "
            f"height, width, 3). Got {pixels.shape}."
        )
    image = _pillow()
    found = np.empty(len(pixels), dtype=object)
    for number, one in enumerate(pixels):
        file = io.BytesIO()
        image.fromarray(one).save(file, payload)
        found[number] = file.getvalue()
    return found


def _pillow():
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "payload='jpeg' and 'png' need pillow: pip install "
            "'selective-query[remote]'."
        ) from error
    return Image
