"""A function as a global: limits, deadlines, and reported errors."""

import asyncio
import contextlib
import gc
import socket
import sys
import threading
import time
import weakref
from http.client import IncompleteRead
from urllib.error import URLError

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
from selective_query.serving import CallableClassifier

TEXTS = ["win a car", "see you at noon", "win", "hello"]
LABELS = ["spam", "ham", "spam", "ham"]


def read(texts):
    return ["spam" if "win" in text else "ham" for text in texts]


async def read_later(texts):
    await asyncio.sleep(0.001)
    return read(texts)


class ReadLater:
    async def __call__(self, texts):
        return read(texts)


@pytest.mark.parametrize(
    ("method", "answer", "other"),
    [
        ("predict", [[0.5, 0.5]] * 4, "predict_proba"),
        ("predict", [["ham"], ["spam"]], "predict_proba"),
        ("predict_proba", LABELS, "predict"),
        ("predict_proba", [[0.5, 0.2, 0.3]] * 4, "predict"),
    ],
)
def test_an_answer_of_the_wrong_shape_names_the_parameter(method, answer, other):
    model = CallableClassifier(
        lambda rows: answer, classes=["ham", "spam"], batch_rows=4, method=method
    ).fit()
    with pytest.raises(BadAnswerError, match="Got shape") as caught:
        getattr(model, method)(TEXTS)
    assert f"method={method!r} expects" in str(caught.value)
    assert f"set method={other!r}" in str(caught.value)


@pytest.mark.parametrize("function", [read, read_later, ReadLater()])
@pytest.mark.parametrize("batch_rows", [1, 3])
def test_functions_and_coroutines(function, batch_rows):
    model = CallableClassifier(
        function, classes=["ham", "spam"], batch_rows=batch_rows
    ).fit()
    assert model.predict(TEXTS).tolist() == LABELS
    assert asyncio.run(model.predict_async(TEXTS)).tolist() == LABELS


def raising(error):
    def function(rows):
        raise error

    return function


def raising_later(error):
    async def function(rows):
        raise error

    return function


class SdkError(Exception):
    """An exception class of a library, unrelated to Python's own."""


class RateLimitError(SdkError):
    pass


class Unreadable:
    """Like a tensor that requires grad."""

    def __array__(self, *args, **kwargs):
        raise RuntimeError


class Unhashable:
    def __hash__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    "function, expected",
    [
        (raising(SdkError("key=secret")), RefusedError),
        (raising(RateLimitError("key=secret")), RefusedError),
        (raising_later(SdkError("key=secret")), RefusedError),
        (raising_later(asyncio.CancelledError()), RefusedError),
        (raising(IncompleteRead(b"key=secret")), RefusedError),
        (raising(ConnectionResetError()), UnreachableError),
        (raising(socket.gaierror("key=secret")), UnreachableError),
        (raising(URLError("key=secret")), UnreachableError),
        (raising(TimeoutError()), TooLateError),
        (lambda rows: time.sleep(0.3), TooLateError),
        (lambda rows: None, BadAnswerError),
        (lambda rows: [[np.nan, 1.0]] * len(rows), BadAnswerError),
        (lambda rows: [[0.7, 0.7]] * len(rows), BadAnswerError),
        (lambda rows: [[0.5, 0.5]] * (len(rows) + 1), BadAnswerError),
        (lambda rows: [[0.5, 0.5], [1.0]], BadAnswerError),
        (lambda rows: [["a", "b"]] * len(rows), BadAnswerError),
        (lambda rows: [[10**400, 1]] * len(rows), BadAnswerError),
        (lambda rows: np.full((len(rows), 2), 0.5 + 1j), BadAnswerError),
        (lambda rows: np.ma.array([[0.5, 0.5]], mask=True), BadAnswerError),
        (lambda rows: Unreadable(), BadAnswerError),
    ],
)
def test_failures_are_reported_and_not_raised(function, expected):
    model = CallableClassifier(
        function,
        classes=[0, 1],
        method="predict_proba",
        unavailable=SdkError,
        deadline_ms=100,
        failures_to_open=None,
    )
    found = model.ask_rows(np.zeros((3, 1)))
    assert [type(error) for error in found.failure] == [expected] * 3
    assert "secret" not in str(found.failure[0])
    with pytest.raises(GlobalUnavailableError):
        model.predict(np.zeros((3, 1)))


@pytest.mark.parametrize("raises", [raising, raising_later])
@pytest.mark.parametrize(
    "error",
    [
        KeyError("choices"),
        NameError("x"),
        TypeError("x"),
        ValueError("x"),
        AssertionError("x"),
        FileNotFoundError("model.bin"),
        SdkError("x"),
    ],
)
def test_a_fault_of_the_function_is_raised_and_says_how_to_list_it(raises, error):
    model = CallableClassifier(
        raises(error), classes=[0, 1], unavailable=ArithmeticError
    )
    for call in (model.ask_rows, model.predict):
        with pytest.raises(type(error)) as raised:
            call(np.zeros(3))
    if sys.version_info >= (3, 11):
        (note,) = raised.value.__notes__
        assert f"unavailable={type(error).__name__}" in note


@pytest.mark.parametrize("raises", [raising, raising_later])
@pytest.mark.parametrize("error", [SystemExit(), StopIteration(), GeneratorExit()])
def test_exceptions_that_would_end_the_loop_are_faults(raises, error):
    model = CallableClassifier(raises(error), classes=[0, 1], unavailable=Exception)
    if isinstance(error, StopIteration):
        model.set_params(unavailable=())
    for _ in range(2):
        with pytest.raises(RuntimeError, match=type(error).__name__):
            model.predict(np.zeros(1))


def test_a_fault_cancels_the_other_calls():
    seen = []

    async def one_fails(rows):
        seen.append(rows[0])
        if rows[0] == 1:
            raise NameError("typo")
        await asyncio.sleep(0.3)
        return [0]

    model = CallableClassifier(one_fails, classes=[0, 1], max_concurrency=2)
    start = time.perf_counter()
    with pytest.raises(NameError):
        model.predict(np.arange(50))
    assert time.perf_counter() - start < 0.25
    time.sleep(0.4)
    assert seen == [0, 1]


@pytest.mark.parametrize("listed", ["RateLimitError", (SdkError, "x"), SystemExit, 3])
def test_unavailable_must_be_types_of_exceptions(listed):
    with pytest.raises(TypeError, match="unavailable must be"):
        CallableClassifier(read, classes=[0, 1], unavailable=listed).fit()


def test_a_deadline_over_a_whole_call():
    def slow(rows):
        time.sleep(0.06)
        return [0]

    model = CallableClassifier(
        slow, classes=[0, 1], max_concurrency=2, call_deadline_ms=150
    )
    start = time.perf_counter()
    found = model.ask_rows(np.zeros(500_000))
    assert time.perf_counter() - start < 2
    n_came = found.came.sum()
    assert 2 <= n_came <= 4 and found.came[:n_came].all()
    assert {type(e) for e in found.failure[n_came:]} == {TooLateError}
    assert "call_deadline_ms=150" in str(found.failure[-1])
    assert found.attempts.sum() == n_came + 2
    # Rows without their own time do not count as failures of the function.
    assert model.ask_rows(np.zeros(2)).came.all()
    assert model.ask_rows(np.zeros(20), patient=True).came.all()


def test_one_request_that_takes_the_whole_call_counts_against_the_function():
    model = CallableClassifier(
        lambda rows: time.sleep(0.2), classes=[0, 1], call_deadline_ms=50, attempts=1
    )
    kinds = [type(model.ask_rows(np.zeros(1)).failure[0]) for _ in range(12)]
    assert kinds[:3] == [TooLateError] * 3 and kinds[-1] == NotAskedError


class Outage:
    """A function that is unavailable for a while, and counts its calls."""

    def __init__(self, seconds):
        self.end, self.n_calls = time.monotonic() + seconds, 0

    def __call__(self, rows):
        self.n_calls += 1
        if time.monotonic() < self.end:
            raise ConnectionRefusedError
        return [0] * len(rows)


def test_a_patient_call_outlasts_an_outage():
    function = Outage(0.25)
    model = CallableClassifier(
        function, classes=[0, 1], recovery_ms=100, attempts=3, max_concurrency=2
    )
    assert not model.ask_rows(np.zeros(500)).came.any()
    found = model.ask_rows(np.zeros(500), patient=True)
    assert found.came.all()


def test_what_is_spared_of_a_large_batch_takes_no_time():
    model = CallableClassifier(
        raising(ConnectionError()), classes=[0, 1], attempts=1, recovery_ms=1e6
    )
    start = time.perf_counter()
    found = model.ask_rows(np.zeros(200_000))
    assert time.perf_counter() - start < 8
    assert (found.attempts > 0).sum() <= 6 and not found.came.any()


def test_a_patient_call_ends():
    function = Outage(100)
    model = CallableClassifier(function, classes=[0, 1], recovery_ms=50, attempts=2)
    start = time.perf_counter()
    found = model.ask_rows(np.zeros(500), patient=True)
    assert time.perf_counter() - start < 1.5
    assert not found.came.any()
    assert function.n_calls < 20


def test_received_answers_survive_the_failure_of_one_row():
    def read_some(texts):
        if "noon" in texts[0]:
            raise ConnectionResetError
        return read(texts)

    model = CallableClassifier(read_some, classes=["ham", "spam"])
    with pytest.raises(UnreachableError, match="1 of 4 rows") as raised:
        model.predict(TEXTS)
    replies = raised.value.replies
    assert replies.came.tolist() == [True, False, True, True]
    assert replies.values[replies.came].tolist() == ["spam", "spam", "ham"]
    assert isinstance(raised.value.__cause__, ConnectionResetError)


def test_errors_with_answers_do_not_pile_up():
    model = CallableClassifier(
        raising(ConnectionResetError()),
        classes=[0, 1],
        failures_to_open=None,
        attempts=1,
    )
    watched = []
    for _ in range(3):
        with pytest.raises(UnreachableError) as raised:
            model.predict(np.zeros(2))
        watched.append(weakref.ref(raised.value.replies))
    del raised
    gc.collect()
    assert [ref() for ref in watched[:2]] == [None] * 2


@pytest.mark.parametrize("strange", [None, "c", np.nan, ["a"], 1])
def test_an_unknown_label_fails_only_its_own_row(strange):
    model = CallableClassifier(
        lambda rows: np.array([*LABELS[:3], strange], dtype=object),
        classes=["ham", "spam"],
        batch_rows=9,
    )
    found = model.ask_rows(TEXTS)
    assert found.came.tolist() == [True, True, True, False]
    assert found.values[:3].tolist() == LABELS[:3]


def test_unhashable_labels_are_unknown():
    model = CallableClassifier(lambda rows: [Unhashable()], classes=["ham", "spam"])
    assert {type(error) for error in model.ask_rows(TEXTS).failure} == {BadAnswerError}


def test_a_coroutine_that_will_not_be_stopped_ends_in_time_and_keeps_its_place():
    async def stubborn(rows):
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.2)
        return [0] * len(rows)

    model = CallableClassifier(
        stubborn, classes=[0, 1], deadline_ms=50, max_concurrency=1, attempts=1
    )
    start = time.perf_counter()
    assert isinstance(model.ask_rows(np.zeros(1)).failure[0], TooLateError)
    assert time.perf_counter() - start < 0.2
    assert isinstance(model.ask_rows(np.zeros(1)).failure[0], TooLateError)
    time.sleep(0.7)
    model.set_params(function=lambda rows: [1] * len(rows), deadline_ms=2000)
    assert model.predict(np.zeros(2)).tolist() == [1, 1]


class Kit:
    """An API client with an attribute that cannot be copied."""

    def __init__(self):
        self.lock = threading.Lock()

    def read(self, texts):
        return read(texts)


def test_a_clone_has_the_same_function():
    model = CallableClassifier(Kit().read, classes=["ham", "spam"], attempts=3)
    cloned = clone(model)
    assert cloned is not model
    assert cloned.get_params() == model.get_params()
    assert cloned.function.__self__ is model.function.__self__
    assert cloned.predict(TEXTS).tolist() == LABELS


def test_abandoned_calls_count_until_they_end():
    most, active, lock = 0, 0, threading.Lock()

    def slow(rows):
        nonlocal most, active
        with lock:
            active += 1
            most = max(most, active)
        time.sleep(0.15)
        with lock:
            active -= 1
        return [0] * len(rows)

    model = CallableClassifier(
        slow,
        classes=[0, 1],
        deadline_ms=30,
        max_concurrency=2,
        failures_to_open=None,
    )
    for _ in range(3):
        assert not model.ask_rows(np.zeros(4)).came.any()
    assert most == 2
    time.sleep(0.3)
    assert model.set_params(deadline_ms=2000).ask_rows(np.zeros(4)).came.all()


def test_the_breaker_spares_a_function_that_fails():
    calls = []

    def failing(rows):
        calls.append(len(rows))
        raise ConnectionError

    model = CallableClassifier(failing, classes=[0, 1], max_concurrency=1, attempts=1)
    found = model.ask_rows(np.zeros(50))
    assert len(calls) == 3
    assert [type(e) for e in found.failure[3:]] == [NotAskedError] * 47
    assert found.attempts.tolist() == [1] * 3 + [0] * 47
    assert "ConnectionError" in str(found.failure[-1])


def test_pauses_between_attempts_only_where_nothing_else_can_answer():
    model = CallableClassifier(
        raising(ConnectionError()), classes=[0, 1], failures_to_open=None
    )
    start = time.perf_counter()
    model.ask_rows(np.zeros(1))
    middle = time.perf_counter()
    with pytest.raises(UnreachableError):
        model.predict(np.zeros(1))
    assert middle - start < 0.04 < time.perf_counter() - middle


def test_a_function_that_waits_for_another_is_told_how():
    inner = CallableClassifier(read, classes=["ham", "spam"])

    async def outer(texts):
        return inner.predict(texts)

    model = CallableClassifier(outer, classes=["ham", "spam"], attempts=1)
    with pytest.raises(RuntimeError, match="predict_async"):
        model.predict(TEXTS)
