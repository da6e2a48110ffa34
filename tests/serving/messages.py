"""Hand-written requests of the protocol, valid and invalid."""

import json


def tensor(**changes):
    """Return a tensor of one row with 64 features."""
    usual = {"name": "x", "datatype": "FP64", "shape": [1, 64], "data": [0.5] * 64}
    return usual | changes


def infer(*tensors, **fields):
    return json.dumps({"inputs": list(tensors), **fields}).encode()


def data_only(data, datatype=b"FP64"):
    head = b'{"inputs":[{"name":"x","datatype":"' + datatype
    return head + b'","shape":[1,64],"data":' + data + b"}]}"


BAD = {
    "empty": b"",
    "no json": b"{",
    "no object": b"[]",
    "no text": b"\xff\xfe{}",
    "deep": b"[" * 100_000,
    "deep data": data_only(b"[" * 900 + b"]" * 900),
    "long number": data_only(b"[" + b"9" * 5000 + b"]", b"INT64"),
    "overflow": data_only(b"[" + b"1e999," * 63 + b"1]"),
    "nothing": infer(),
    "two": infer(tensor(), tensor(name="y")),
    "twice": infer(tensor(), tensor()),
    "text": infer(tensor(data=["a"] * 64)),
    "truth": infer(tensor(data=[True] + [0.5] * 63)),
    "none": infer(tensor(data=[None] * 64)),
    "objects": infer(tensor(data=[{}] * 64)),
    "ragged": infer(tensor(data=[[1, 2], [3]])),
    "short": infer(tensor(data=[0.5] * 63)),
    "wide": infer(tensor(shape=[1, 65], data=[0.5] * 65)),
    "no rows": infer(tensor(shape=[0, 64], data=[])),
    "flat": infer(tensor(shape=[64])),
    "negative": infer(tensor(shape=[-1, 64])),
    "huge shape": infer(tensor(shape=[2**39, 2**39])),
    "shape of text": infer(tensor(shape="1,64")),
    "shape of truth": infer(tensor(shape=[True, 64])),
    "datatype": infer(tensor(datatype="FP65")),
    "datatype of list": infer(tensor(datatype=["FP64"])),
    "bytes": infer(tensor(datatype="BYTES", data=["a"] * 64)),
    "fraction": infer(tensor(datatype="INT8")),
    "range": infer(tensor(datatype="INT8", data=[300] * 64)),
    "nan": infer(tensor(data=[float("nan")] * 64)),
    "infinity": infer(tensor(data=[float("inf")] * 64)),
    "single overflow": infer(tensor(datatype="FP32", data=[1e300] * 64)),
    "output": infer(tensor(), outputs=[{"name": "secrets"}]),
    "outputs": infer(tensor(), outputs="predict"),
    "output twice": infer(tensor(), outputs=[{"name": "predict"}] * 2),
    "binary size": infer(tensor(parameters={"binary_data_size": 512})),
    "binary negative": infer(tensor(parameters={"binary_data_size": -1})),
    "trailing": infer(tensor()) + b"more",
}


def binary_request(values, length=None, **changes):
    """Return body and headers with the values of one tensor after the JSON."""
    parameters = {"binary_data_size": values.nbytes}
    text = infer(tensor(data=None, parameters=parameters, **changes))
    headers = {"inference-header-content-length": str(length or len(text))}
    return text + values.tobytes(), headers


def mutated(body, rng):
    """Return the bytes with one to five changes."""
    body, pieces = bytearray(body), [b"[", b"]", b"{", b'"', b"-", b"1e9", b"null"]
    for _ in range(rng.integers(1, 6)):
        place, kind = rng.integers(len(body)), rng.integers(4)
        if kind == 0:
            body[place] = rng.integers(256)
        elif kind == 1:
            del body[place : place + rng.integers(1, 20)]
        elif kind == 2:
            body[place:place] = body[place : place + rng.integers(1, 40)]
        else:
            body[place:place] = pieces[rng.integers(len(pieces))]
    return bytes(body)
