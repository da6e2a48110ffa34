"""Invalid requests are refused with a 4xx status, and the server keeps running."""

import io
import socket
import time

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from selective_query.serving import Limits, RemoteClassifier, Secret, application
from selective_query.serving._protocol import JSON_LENGTH, decode, encode
from selective_query.serving._served import Served, TooManyRowsError
from tests.serving.messages import BAD, binary_request, infer, mutated, tensor
from tests.serving.running import Running

pytest.importorskip("starlette")
pytest.importorskip("prometheus_client")
pytest.importorskip("uvicorn")
httpx2 = pytest.importorskip("httpx2")


@pytest.fixture(scope="module")
def model(digits):
    return LogisticRegression(max_iter=50).fit(digits[0][:300], digits[1][:300])


@pytest.fixture(scope="module")
def post(model):
    limits = Limits(max_rows=500, max_body_bytes=400_000)
    with (
        Running(application(model, limits=limits)) as running,
        httpx2.Client(trust_env=False) as client,
    ):
        yield lambda body, headers=None: client.post(
            running.url + "/infer", content=body, headers=headers
        )


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_invalid_messages(post, body):
    found = post(body)
    assert found.status_code == 400, found.text
    assert found.json()["error"]


@pytest.mark.parametrize(
    "values, length",
    [
        (np.full(64, np.nan), None),
        (np.zeros(64), 10),
        (np.zeros(64), 10**6),
        (np.zeros(64), "x"),
        (np.zeros(64), "-1"),
        (np.zeros(63), None),
        (np.zeros(65), None),
    ],
)
def test_invalid_binary_messages(post, values, length):
    assert post(*binary_request(values, length)).status_code == 400


def test_requests_beyond_the_limits(post):
    assert post(b"x" * 400_001).status_code == 413
    assert post(b"x" * 100_000 for _ in range(5)).status_code == 413
    rows = np.zeros((501, 64), np.uint8)
    body, headers = binary_request(rows, shape=[501, 64], datatype="UINT8")
    assert post(body, headers).status_code == 413
    assert post(b"", {"content-encoding": "gzip"}).status_code == 415


def test_a_client_that_leaves_is_no_failure_of_the_model(model, caplog):
    with Running(application(model)) as running, httpx2.Client(trust_env=False) as http:
        with socket.create_connection(running.socket.getsockname()) as one:
            one.sendall(
                b"POST /v2/models/model/infer HTTP/1.1\r\nhost: a\r\n"
                b"content-length: 900\r\n\r\nonly a part"
            )
            time.sleep(0.1)
        end, counted = time.monotonic() + 5, ""
        while "requests_total" not in counted or "status=" not in counted:
            assert time.monotonic() < end
            counted = http.get(running.root + "/metrics").text
            time.sleep(0.02)
    assert 'status="400"' in counted and 'status="500"' not in counted
    assert "failed" not in caplog.text


def test_thousands_of_requests_that_were_tampered_with(post):
    rng, statuses = np.random.default_rng(0), set()
    good = infer(tensor(data=[0.25] * 64), outputs=[{"name": "predict"}])
    binary, headers = binary_request(np.full(64, 0.5))
    for number in range(3000):
        body = mutated(binary if number % 2 else good, rng)
        found = post(body, headers if number % 2 else None)
        assert found.status_code in (200, 400, 413), (found.text, body)
        statuses.add(found.status_code)
    assert {200, 400} <= statuses
    assert post(good).status_code == post(binary, headers).status_code == 200


def test_a_token_is_required_where_one_is_set(model, digits):
    app = application(model, token=Secret("t0p"))
    with Running(app) as running, httpx2.Client(trust_env=False) as client:
        for headers in ({}, {"authorization": "Bearer no"}, {"authorization": "t0p"}):
            found = client.post(
                running.url + "/infer", content=infer(tensor()), headers=headers
            )
            assert found.status_code == 401
        with RemoteClassifier(running.url, token=Secret("t0p")) as remote:
            assert len(remote.predict(digits[0][:3])) == 3


def test_more_pictures_than_allowed_are_not_unpacked(model, monkeypatch):
    served = Served(model, "model", "pictures")
    monkeypatch.setattr("selective_query.serving._served._pictures", None)
    with pytest.raises(TooManyRowsError, match="3"):
        served.rows_of({"x": np.array([b"a", b"b", b"c"], dtype=object)}, most=2)


@pytest.mark.parametrize("mode", ["P", "1", "RGBA", "LA", "I;16"])
def test_pictures_whose_pixels_are_no_brightness(model, mode):
    image = pytest.importorskip("PIL.Image")
    file, rows = io.BytesIO(), np.empty(1, dtype=object)
    image.new(mode, (4, 4)).save(file, "png")
    rows[0] = file.getvalue()
    with pytest.raises(ValueError, match="grey or RGB"):
        Served(model, "model", "pictures").rows_of({"x": rows}, most=2)


def test_one_long_text_does_not_make_all_take_its_room(model):
    rows = np.array(["long" * 10_000] + ["short\0"] * 100, dtype=object)
    found = Served(model, "model", "text").rows_of({"x": rows}, most=200)
    assert found.nbytes < 10_000 and found.tolist() == rows.tolist()


def test_values_in_binary_stand_aligned_and_may_be_changed():
    headers, body = encode({"x": np.ones((2, 3))}, "inputs", binary=True)
    for filler in range(8):
        length = str(int(headers[JSON_LENGTH]) + filler)
        text = body[: -6 * 8] + b" " * filler + body[-6 * 8 :]
        values = decode({JSON_LENGTH: length}, text, "inputs")[1]["x"]
        assert values.flags.aligned and values.flags.writeable


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda m: Limits(max_rows=0), "max_rows"),
        (lambda m: Limits(batch_wait_ms=-1), "batch_wait_ms"),
        (lambda m: application(m, "a/b"), "name"),
        (lambda m: application(m, takes="pickles"), "takes"),
        (lambda m: application(m, limits=5), "limits"),
        (lambda m: application(m, token="t"), "token"),
        (lambda m: application(m, token=Secret(env="NOT_SET")), "NOT_SET"),
        (lambda m: Limits(max_connections=0), "max_connections"),
    ],
)
def test_parameters_that_do_not_belong(model, call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(model)
