"""Open Inference Protocol v2: encode arrays as JSON or binary, and decode them.

Client and server share it. Incoming data is validated and never executed.
"""

import base64
import json
import math
import struct

import numpy as np

JSON_LENGTH = "inference-header-content-length"
MOST_DIMENSIONS = 8
DTYPES = {
    "BOOL": np.dtype(bool),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
DATATYPES = {dtype: name for name, dtype in DTYPES.items()}
BYTES, BASE64 = "BYTES", "base64"
FITTING_KINDS = {"b": "b", "u": "iub", "i": "iub", "f": "iuf"}


def encode(tensors, side, *, binary, **fields):
    """Encode named arrays as a message.

    Parameters
    ----------
    tensors : dict of str to ndarray
        Arrays of numbers, booleans, text or bytes.
    side : {"inputs", "outputs"}
    binary : bool
        Whether values follow the JSON as raw bytes.
    **fields
        Further fields of the message.

    Returns
    -------
    headers : dict of str to str
    body : bytes

    Raises
    ------
    ValueError
        If an array holds anything else, or JSON would have to contain NaN.
    """
    described, parts = [], []
    for name, array in tensors.items():
        array = np.asarray(array)
        tensor = {"name": name, "shape": list(array.shape), "datatype": _name_of(array)}
        if binary:
            parts.append(_raw(array, tensor["datatype"]))
            tensor["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            _put_json(array, tensor)
        described.append(tensor)
    text = json.dumps({**fields, side: described}, allow_nan=False).encode()
    if not binary:
        return {"content-type": "application/json"}, text
    headers = {"content-type": "application/octet-stream", JSON_LENGTH: str(len(text))}
    return headers, b"".join([text, *parts])


def decode(headers, body, side, *, finite=False):
    """Decode a message and its arrays.

    Parameters
    ----------
    headers : mapping of str to str
        With names in lower case.
    body : bytes
    side : {"inputs", "outputs"}
    finite : bool, default=False
        Whether NaN and infinities are refused.

    Returns
    -------
    message : dict
    tensors : dict of str to ndarray

    Raises
    ------
    ValueError
        If it is not a valid message of the protocol.
    """
    length = headers.get(JSON_LENGTH)
    split = len(body) if length is None else _split_at(length, body)
    message = parsed(body[:split], finite)
    described = message.get(side)
    if not isinstance(described, list) or not described:
        raise ValueError(f"{side} must be a list of at least one tensor.")
    tensors, rest = {}, memoryview(body)[split:]
    for tensor in described:
        name, array, rest = _array(tensor, rest)
        if finite and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name!r:.60} must hold finite numbers only.")
        if name in tensors:
            raise ValueError(f"{name!r:.60} is there twice.")
        tensors[name] = array
    if len(rest):
        raise ValueError(f"{len(rest)} bytes follow that no tensor accounts for.")
    return message, tensors


def _name_of(array):
    if array.dtype.kind in "UOST":
        return BYTES
    datatype = DATATYPES.get(array.dtype.newbyteorder("<"))
    if datatype is None:
        raise ValueError(
            f"Arrays must hold numbers, truth values, text or bytes. Got {array.dtype}."
        )
    return datatype


def _as_bytes(item):
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, bytes):
        return item
    raise ValueError(
        f"Entries must be all text or all bytes. Got {type(item).__name__}."
    )


def _raw(array, datatype):
    if datatype != BYTES:
        return array.astype(DTYPES[datatype], copy=False).tobytes()
    items = [_as_bytes(item) for item in array.ravel().tolist()]
    return b"".join(struct.pack("<I", len(item)) + item for item in items)


def _put_json(array, tensor):
    if tensor["datatype"] != BYTES:
        tensor["data"] = array.ravel().tolist()
        return
    items = array.ravel().tolist()
    if all(isinstance(item, str) for item in items):
        tensor["data"] = items
        return
    tensor["parameters"] = {"content_type": BASE64}
    tensor["data"] = [base64.b64encode(_as_bytes(item)).decode() for item in items]


def _split_at(length, body):
    if not (length.isascii() and length.isdigit() and len(length) < 12):
        raise ValueError(f"{JSON_LENGTH} must be a whole number.")
    if int(length) > len(body):
        raise ValueError(f"{JSON_LENGTH} is more than the {len(body)} bytes there are.")
    return int(length)


def _refuse_constant(name):
    raise ValueError(f"Numbers must be finite. Got {name}.")


def parsed(text, finite=False):
    """Parse a JSON object.

    Raises
    ------
    ValueError
    """
    try:
        message = json.loads(text, parse_constant=_refuse_constant if finite else None)
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None
    except UnicodeDecodeError:
        raise ValueError("The JSON is not UTF-8 text.") from None
    if not isinstance(message, dict):
        raise ValueError("The JSON must be an object.")
    return message


def _array(tensor, rest):
    """Return name and values of one tensor, and the remaining bytes."""
    name, shape, dtype, size = _checked(tensor)
    parameters = tensor.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    n_bytes = parameters.get("binary_data_size")
    if n_bytes is None:
        data = _flat_json(tensor.get("data"), name)
        array = _of_json(data, dtype, name, parameters)
    else:
        if not isinstance(n_bytes, int) or not 0 <= n_bytes <= len(rest):
            raise ValueError(f"binary_data_size of {name!r:.60} is not what follows.")
        raw, rest = rest[:n_bytes], rest[n_bytes:]
        array = _of_bytes(raw, name) if dtype is None else _of_raw(raw, dtype, name)
    if array.size != size:
        raise ValueError(
            f"{name!r:.60} must hold {size} values for its shape. Got {array.size}."
        )
    return name, array.reshape(shape), rest


def _checked(tensor):
    if not isinstance(tensor, dict):
        raise ValueError("A tensor must be an object with name, shape and datatype.")
    name, shape, datatype = (tensor.get(k) for k in ("name", "shape", "datatype"))
    if not isinstance(name, str):
        raise ValueError("The name of a tensor must be text.")
    fits = isinstance(shape, list) and 0 < len(shape) <= MOST_DIMENSIONS
    if not fits or not all(type(n) is int and 0 <= n < 2**40 for n in shape):
        raise ValueError(
            f"The shape of {name!r:.60} must be 1 to {MOST_DIMENSIONS} whole numbers."
        )
    if datatype != BYTES and datatype not in tuple(DTYPES):
        raise ValueError(
            f"The datatype of {name!r:.60} must be one of {', '.join(DTYPES)}, {BYTES}."
        )
    return name, shape, DTYPES.get(datatype), math.prod(shape)


def _flat_json(data, name):
    if not isinstance(data, list):
        raise ValueError(f"{name!r:.60} must have data, a list of values.")
    for _ in range(MOST_DIMENSIONS):
        if not data or not all(isinstance(item, list) for item in data):
            return data
        if len({len(item) for item in data}) > 1:
            raise ValueError(f"Rows of {name!r:.60} must be of one length.")
        data = [item for row in data for item in row]
    raise ValueError(f"{name!r:.60} is nested too deeply.")


def _of_json(data, dtype, name, parameters):
    if dtype is None:
        if not all(isinstance(item, str) for item in data):
            raise ValueError(f"{name!r:.60} must hold text.")
        if parameters.get("content_type") == BASE64:
            data = [base64.b64decode(item, validate=True) for item in data]
        return _objects(data)
    if not data:
        return np.empty(0, dtype)
    kinds = {type(item) for item in data}
    if not kinds <= {bool, int, float} or (bool in kinds and len(kinds) > 1):
        raise ValueError(f"{name!r:.60} must hold numbers of one kind.")
    array = np.array(data)
    if array.dtype.kind not in FITTING_KINDS[dtype.kind]:
        raise ValueError(f"Values of {name!r:.60} do not match its datatype.")
    if dtype.kind in "ui":
        range_ = np.iinfo(dtype)
        if array.min() < range_.min or array.max() > range_.max:
            raise ValueError(f"Values of {name!r:.60} are out of its datatype's range.")
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def _of_raw(raw, dtype, name):
    if len(raw) % dtype.itemsize:
        raise ValueError(f"Bytes of {name!r:.60} end in the middle of a value.")
    if dtype.kind == "b" and (np.frombuffer(raw, "u1") > 1).any():
        raise ValueError(f"Truth values of {name!r:.60} must be 0 or 1.")
    # A copy is aligned in memory and writable.
    return np.frombuffer(raw, dtype).copy()


def _of_bytes(raw, name):
    items, place = [], 0
    while place < len(raw):
        if place + 4 > len(raw):
            raise ValueError(f"Bytes of {name!r:.60} end early.")
        (length,) = struct.unpack_from("<I", raw, place)
        place += 4 + length
        if place > len(raw):
            raise ValueError(f"Bytes of {name!r:.60} end early.")
        items.append(bytes(raw[place - length : place]))
    return _objects(items)


def _objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def as_text(array):
    """Return the entries of a BYTES tensor as text, in an array of objects.

    A fixed-width array would need the memory of the longest entry for each, and drop
    trailing zeros.

    Raises
    ------
    ValueError
        If an entry is not UTF-8.
    """
    items = [i if isinstance(i, str) else i.decode() for i in array.ravel().tolist()]
    return _objects(items).reshape(array.shape)
