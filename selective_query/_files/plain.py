"""Save plain data as one zip file of JSON and arrays, and load it."""

import io
import json
import math
import zipfile

import numpy as np

from selective_query.outcomes._archives import opened, read_member, usual_size

TEXT = "plain.json"
# Booleans, integers, floats up to double precision, text.
CODES = "?bBhHiIlLqQefdU"
# Parsed JSON can take sixty times the memory of its text; rules are far smaller.
MOST_TEXT = 2**24
# Numbers that JSON cannot represent.
_WORDS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def packed(data):
    """Serialise dicts, lists, numbers, text and arrays to the bytes of a file."""
    arrays = {}
    text = json.dumps(_with_names(data, arrays), allow_nan=False, indent=1)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(TEXT, text)
        for number, array in arrays.values():
            with archive.open(f"{number}.npy", "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return file.getvalue()


def _with_names(data, arrays):
    if isinstance(data, dict):
        return {name: _with_names(part, arrays) for name, part in data.items()}
    if isinstance(data, (list, tuple)):
        return [_with_names(part, arrays) for part in data]
    if isinstance(data, np.ndarray):
        key = data.dtype.str, data.shape, data.tobytes()  # store equal arrays once
        number, _ = arrays.setdefault(key, (len(arrays), data))
        return {"array": number}
    if isinstance(data, float) and not math.isfinite(data):
        return {"float": str(float(data))}
    return data


def is_packed(data):
    """Whether these bytes are a file written by `packed`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return TEXT in archive.namelist()
    except Exception:  # zipfile raises many types; load() reports the problem
        return False


def unpacked(data):
    """Restore the data that :func:`packed` serialised.

    Raises
    ------
    ValueError
        If something is damaged, missing or too large. Errors of zipfile and json
        propagate.
    """
    with opened(io.BytesIO(data), usual_size(len(data))) as archive:
        n_letters = archive.getinfo(TEXT).file_size
        if n_letters > MOST_TEXT:
            raise ValueError(f"{TEXT} may hold {MOST_TEXT} bytes. Got {n_letters}")
        return _with_arrays(json.loads(archive.read(TEXT)), archive, {})


def _with_arrays(data, archive, read):
    if isinstance(data, list):
        return [_with_arrays(part, archive, read) for part in data]
    if not isinstance(data, dict):
        return data
    if data.keys() == {"array"}:
        number = data["array"]
        if type(number) is not int:
            raise ValueError(f"array must be a number. Got {number!r:.60}")
        if number not in read:
            read[number] = read_member(archive, f"{number}.npy")
            if read[number].dtype.char not in CODES:
                raise ValueError(f"an array of {read[number].dtype} is not allowed")
        return read[number]
    if data.keys() == {"float"}:
        return _WORDS[data["float"]]
    return {name: _with_arrays(part, archive, read) for name, part in data.items()}
