"""A model behind a server answers as it does locally, and fails by a typed error."""

import asyncio
import logging
import multiprocessing
import os
import pickle
import threading
import time

import numpy as np
import pytest
from sklearn.base import clone

from selective_query.exceptions import (
    BadAnswerError,
    GlobalUnavailableError,
    NotAskedError,
    RefusedError,
    TooLateError,
    UnreachableError,
)
from selective_query.serving import RemoteClassifier, Secret
from tests.serving.servers import FAULTS, LOOPBACK, FaultyServer, free_port

pytest.importorskip("httpx2")
CLASSES = range(10)
ERRORS = {
    "hang": TooLateError,
    "trickle": TooLateError,
    "drop": UnreachableError,
    "reset": UnreachableError,
    "truncate": UnreachableError,
    "status 500": RefusedError,
    "status 503": RefusedError,
    "status 404": RefusedError,
    "redirect": RefusedError,
}


@pytest.fixture
def remote(server):
    with RemoteClassifier(
        server.url, classes=CLASSES, input_name="x", deadline_ms=400
    ) as model:
        yield model


@pytest.mark.parametrize("binary", [True, False, None])
@pytest.mark.parametrize("batch_rows", [7, 256])
def test_answers_are_those_of_the_model_bit_for_bit(
    server, digits, frozen_pair, binary, batch_rows
):
    X = digits[0][600:700]
    with RemoteClassifier(
        server.url, classes=CLASSES, binary=binary, batch_rows=batch_rows
    ) as model:
        found, starts = model.predict_proba(X), range(0, len(X), batch_rows)
        expected = np.concatenate(
            [frozen_pair[1].predict_proba(X[s : s + batch_rows]) for s in starts]
        )
        assert np.array_equal(found, expected)
        assert (model.predict(X) == expected.argmax(axis=1)).all()
    assert server.n_metadata == 1  # for the name of the input, once
    assert server.n_requests == 2 * len(starts)


@pytest.mark.parametrize("status", [400, 415, 422, 500])
def test_after_binary_is_refused_json_is_used(server, digits, status):
    server.json_only = status
    with RemoteClassifier(server.url, classes=CLASSES) as model:
        model.predict_proba(digits[0][:5])
        model.predict_proba(digits[0][:5])
    assert server.n_requests == 3
    with (
        RemoteClassifier(server.url, classes=CLASSES, binary=True, attempts=1) as model,
        pytest.raises(RefusedError, match=str(status)),
    ):
        model.predict_proba(digits[0][:5])


def test_labels_in_another_order_than_the_server_tells_are_refused(server, digits):
    server.metadata = {"parameters": {"classes": list(range(10))}}
    with (
        RemoteClassifier(server.url, classes=CLASSES[::-1]) as model,
        pytest.raises(BadAnswerError, match="must be the labels that the server"),
    ):
        model.predict(digits[0][:5])
    with RemoteClassifier(server.url, classes=CLASSES) as model:
        assert len(model.predict(digits[0][:5])) == 5


def test_labels_and_names_come_from_the_metadata(digits, frozen_pair):
    names = np.array([f"digit {i}" for i in range(10)])
    metadata = {"inputs": [{"name": "pixels"}], "parameters": {"classes": list(names)}}

    def answer(X):
        return names[frozen_pair[1].predict(X)]

    with (
        FaultyServer(answer, metadata=metadata) as server,
        RemoteClassifier(server.url, method="predict") as model,
    ):
        assert (model.classes_ == names).all()
        assert (model.predict(digits[0][:9]) == answer(digits[0][:9])).all()
        assert not hasattr(model, "predict_proba")
        assert server.n_metadata == 1


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_no_rows_get_no_answers(remote, server, method):
    assert len(getattr(remote, method)(np.empty((0, 64)))) == 0
    assert server.n_requests == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_error_and_ends_in_time(remote, server, digits, fault):
    server.fault = fault
    start = time.perf_counter()
    found = remote.ask_rows(digits[0][:4])
    assert time.perf_counter() - start < 1.5
    expected = ERRORS.get(fault, BadAnswerError)
    assert [type(error) for error in found.failure] == [expected] * 4
    final = fault in ("status 404", "redirect")
    in_time = expected is not TooLateError
    assert found.attempts.tolist() == [2 if in_time and not final else 1] * 4
    with pytest.raises(GlobalUnavailableError):
        remote.set_params(attempts=1).predict(digits[0][:4])


def test_rows_that_came_are_kept(remote, server, digits):
    server.fault = "some nan"
    found = remote.ask_rows(digits[0][:5])
    assert found.came.tolist() == [False, True, False, True, False]
    assert (found.values[1::2] == server.answer(digits[0][:5])[1::2]).all()
    server.fault = lambda number: "status 500" if number % 2 else None
    found = remote.set_params(batch_rows=2, attempts=1, max_concurrency=1).ask_rows(
        digits[0][:6]
    )
    assert found.came.tolist() in (
        [False, False, True, True, False, False],
        [True, True, False, False, True, True],
    )


def test_a_second_attempt_recovers_from_one_failure(remote, server, digits):
    server.fault = lambda number: "reset" if number == 1 else None
    found = remote.ask_rows(digits[0][:2])
    assert found.came.all() and found.attempts.tolist() == [2, 2]


def test_no_server_is_listening(digits):
    url = f"http://{LOOPBACK}:{free_port()}/v2/models/m"
    with RemoteClassifier(url, classes=CLASSES) as model:
        found = model.ask_rows(digits[0][:3])
    assert {type(error) for error in found.failure} == {UnreachableError}


def test_an_outage_is_paid_for_by_one_probe_a_period(server, digits):
    server.fault = "hang"
    with RemoteClassifier(
        server.url, classes=CLASSES, input_name="x", deadline_ms=100, recovery_ms=600
    ) as model:
        for _ in range(3):
            model.ask_rows(digits[0][:1])
        before, start, kinds = server.n_requests, time.perf_counter(), []
        while time.perf_counter() < start + 1.5:
            kinds.append(type(model.ask_rows(digits[0][:1]).failure[0]))
        n_periods = (time.perf_counter() - start) / 0.6
        assert server.n_requests - before <= n_periods + 1
        assert kinds.count(TooLateError) <= n_periods + 1
        assert kinds.count(NotAskedError) > 20
        server.fault, recovered = None, time.perf_counter()
        while not model.ask_rows(digits[0][:1]).came.all():
            assert time.perf_counter() - recovered < 3
            time.sleep(0.005)
        assert model.ask_rows(digits[0][:1]).came.all()


def test_a_faulty_request_does_not_shut_others_out(remote, server, digits):
    server.fault = "status 422"
    for _ in range(5):
        remote.ask_rows(digits[0][:1])
    server.fault = None
    assert remote.ask_rows(digits[0][:1]).came.all()


def test_threads_share_connections_within_the_limit(server, digits):
    server.delay_s = 0.02
    X = digits[0][:12]
    expected = server.answer(X)
    with RemoteClassifier(
        server.url, classes=CLASSES, max_concurrency=3, batch_rows=2, deadline_ms=5000
    ) as model:
        found = [None] * 6

        def ask(number):
            found[number] = model.predict_proba(X)

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for each in found:
        np.testing.assert_allclose(each, expected, rtol=1e-15)
    assert server.most_active <= 3


def test_another_thread_may_close_the_connections(server, digits):
    server.delay_s = 0.01
    model = RemoteClassifier(
        server.url, classes=CLASSES, batch_rows=1, max_concurrency=1, deadline_ms=5000
    )
    ended = threading.Event()

    def close():
        while not ended.wait(0.03):
            model.close()

    thread = threading.Thread(target=close)
    thread.start()
    found = [model.ask_rows(digits[0][:20]) for _ in range(3)]
    ended.set()
    thread.join()
    for replies in found:
        kinds = {type(error) for error in replies.failure}
        assert kinds <= {type(None), UnreachableError, NotAskedError}
    assert model.ask_rows(digits[0][:2]).came.all()
    model.close()


def test_coroutines_of_any_loop(remote, server, digits):
    async def both():
        return await asyncio.gather(
            remote.predict_async(digits[0][:5]), remote.ask_rows_async(digits[0][:5])
        )

    labels, replies = asyncio.run(both())
    assert (labels == server.answer(digits[0][:5]).argmax(axis=1)).all()
    assert replies.came.all()


def test_pickles_and_clones_open_connections_of_their_own(remote, digits):
    expected = remote.predict_proba(digits[0][:5])
    for other in (pickle.loads(pickle.dumps(remote)), clone(remote)):
        with other:
            assert np.array_equal(other.predict_proba(digits[0][:5]), expected)
            assert str(other.get_params()) == str(remote.get_params())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_connections_of_its_own(remote, digits):
    expected = remote.predict(digits[0][:5]).tolist()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(
        target=lambda: queue.put(remote.predict(digits[0][:5]).tolist())
    )
    child.start()
    assert queue.get(timeout=20) == expected
    child.join(10)
    assert remote.predict(digits[0][:5]).tolist() == expected


@pytest.mark.parametrize(
    "payload, dtype",
    [(None, float), ("float32", np.float32), ("uint8", np.uint8)],
)
def test_payloads_of_numbers(server, digits, payload, dtype):
    X = np.round(16 * digits[0][:3])
    with RemoteClassifier(server.url, classes=CLASSES, payload=payload) as model:
        model.predict_proba(X)
    assert {row.dtype for row in server.rows_seen} == {np.dtype(dtype)}
    assert (np.array(server.rows_seen) == X).all()


@pytest.mark.parametrize("json_only", [None, 422])
def test_payloads_of_pictures_and_text(json_only):
    pil = pytest.importorskip("PIL.Image")
    import io

    seen = []

    def answer(X):
        seen.extend(X)
        return np.tile([0.25, 0.75], (len(X), 1))

    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 9, 3)).astype(np.uint8)
    texts = ["one", "zwei", "трис"]
    with FaultyServer(answer) as server:
        server.json_only = json_only
        for payload, X in (("png", pictures), ("text", texts)):
            with RemoteClassifier(server.url, classes=[0, 1], payload=payload) as model:
                assert model.predict(X).tolist() == [1, 1, 1]
    for sent, picture in zip(seen, pictures, strict=False):
        assert (np.asarray(pil.open(io.BytesIO(sent))) == picture).all()
    assert [t if json_only else t.decode() for t in seen[3:]] == texts


def test_rows_that_cannot_be_sent_are_refused_and_nothing_is_sent(remote, server):
    model = clone(remote).set_params(payload="uint8")
    found = model.ask_rows(np.full((2, 64), 0.5))
    assert {type(error) for error in found.failure} == {RefusedError}
    assert server.n_requests == 0
    model.close()


@pytest.mark.parametrize(
    "payload, rows",
    [
        ("float32", np.array([[None, 1.0], [{}, 2.0]], dtype=object)),
        ("float32", np.full((2, 64), 1e300)),
        ("uint8", np.array([[None, 1.0]] * 2, dtype=object)),
        ("uint8", np.array([[10**30]] * 2, dtype=object)),
        ("png", np.zeros((2, 0, 0), np.uint8)),
        (None, np.ma.masked_greater(np.ones((2, 64)), 0)),
    ],
)
def test_rows_of_any_kind_fail_by_a_typed_error(remote, server, payload, rows):
    if payload == "png":
        pytest.importorskip("PIL")
    model = clone(remote).set_params(payload=payload)
    assert {type(error) for error in model.ask_rows(rows).failure} == {RefusedError}
    assert server.n_requests == 0
    model.close()


def test_an_endless_answer_is_refused(remote, server, digits):
    remote.set_params(max_answer_bytes=100)
    assert "max_answer_bytes" in str(remote.ask_rows(digits[0][:9]).failure[0])


def test_a_token_is_sent_and_never_shown(server, digits, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    token = "s3cr3t-token"
    model = RemoteClassifier(server.url, classes=CLASSES, token=Secret(token))
    server.fault = "status 401"
    server.answer = lambda X: np.zeros((len(X), 10))
    failure = model.ask_rows(digits[0][:1]).failure[0]
    assert server.headers_seen[-1]["authorization"] == f"Bearer {token}"
    shown = [repr(model), str(failure), repr(failure), caplog.text, str(vars(model))]
    assert not any(token in text for text in shown)
    monkeypatch.setenv("OF_TEST", token)
    model.set_params(token=Secret(env="OF_TEST"))
    assert token.encode() not in pickle.dumps(model)
    model.ask_rows(digits[0][:1])
    assert server.headers_seen[-1]["authorization"] == f"Bearer {token}"
    monkeypatch.delenv("OF_TEST")
    assert "OF_TEST" in str(model.ask_rows(digits[0][:1]).failure[0])
    model.close()


def test_a_token_that_is_echoed_is_not_shown_in_part(server, digits, monkeypatch):
    def echo(handler, fault, headers, body):
        handler._send(500, b"x" * 190 + headers["authorization"].encode())

    monkeypatch.setattr(server.RequestHandlerClass, "_answer", echo)
    with RemoteClassifier(
        server.url, classes=CLASSES, token=Secret("s3cr3t-token")
    ) as model:
        assert "s3" not in str(model.ask_rows(digits[0][:1]).failure[0])


@pytest.mark.parametrize(
    "token", ["s3cr3t\n", "s3cr3t\r\nx: y", "s3cr\xe9t", " s3cr3t"]
)
def test_a_token_that_no_header_can_hold(server, digits, caplog, monkeypatch, token):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ValueError, match="visible ASCII") as raised:
        Secret(token)
    monkeypatch.setenv("OF_TEST", token)
    with RemoteClassifier(
        server.url, classes=CLASSES, token=Secret(env="OF_TEST")
    ) as model:
        (failure,) = model.ask_rows(digits[0][:1]).failure
    assert isinstance(failure, RefusedError) and "OF_TEST" in str(failure)
    assert "s3cr" not in str(raised.value) + str(failure) + caplog.text


@pytest.mark.parametrize(
    "params, message",
    [
        ({"url": "ftp://a/v2/models/m"}, "url must begin with http"),
        ({"url": "http://a/v1/models/m"}, "v2/models"),
        ({"url": "http://a/v2/models/"}, "v2/models"),
        ({"url": "http://me:pw@a/v2/models/m"}, "without user"),
        ({"url": "http://a/v2/models/m?key=pw"}, "without user"),
        ({"url": "http://a.b/v2/models/m", "token": Secret("t")}, "https"),
        ({"url": "http://127.0.0.1/v2/models/m", "token": "pw"}, "Secret"),
        ({"deadline_ms": 0}, "deadline_ms"),
        ({"attempts": 0}, "attempts"),
        ({"failures_to_open": 0}, "failures_to_open"),
        ({"method": "transform"}, "method"),
        ({"payload": "pickle"}, "payload"),
        ({"classes": []}, "classes"),
    ],
)
def test_parameters_that_do_not_belong_are_refused(params, message):
    model = RemoteClassifier("http://127.0.0.1:9/v2/models/m", classes=CLASSES)
    with pytest.raises((TypeError, ValueError), match=message) as raised:
        model.set_params(**params).fit()
    assert "pw" not in str(raised.value)
