"""CallableClassifier: any function as a global, with deadlines and retries."""

import asyncio
import inspect
import threading
from http.client import HTTPException

import numpy as np

from selective_query._utils.numbers import refuse_masked
from selective_query.exceptions import (
    BadAnswerError,
    GlobalUnavailableError,
    RefusedError,
    TooLateError,
    UnreachableError,
)
from selective_query.serving._elsewhere import METHODS, AnsweringElsewhere

ABOUT_FILES = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
ALWAYS_UNAVAILABLE = HTTPException, asyncio.CancelledError


class CallableClassifier(AnsweringElsewhere):
    """A function as a global, such as a call of an SDK or of a large language model.

    It is always frozen: a hybrid queries it and never fits it.

    Parameters
    ----------
    function : callable
        Takes rows, in the same container type as the input, and returns their answers.
        Either a coroutine function, or a blocking one, which runs in a thread. A
        blocking call that exceeds its deadline cannot be stopped: its thread continues,
        and counts towards `max_concurrency` until it ends.
    classes : array-like of shape (n_classes,)
        Labels, in the order of the columns.
    method : {"predict_proba", "predict"}, default="predict"
        What the function returns for each row: class probabilities, or a label.
    unavailable : exception type or tuple of them, default=()
        Exceptions that mean "no answer", such as the errors of an SDK; these count as
        refusals. ``http.client.HTTPException`` and an ``OSError`` that is not about a
        file (a broken connection, a timeout) always count as failures too. Any other
        exception is a fault of the function and is raised, whatever the hybrid's
        `on_unavailable`; ``unavailable=Exception`` hides such faults.
    batch_rows : int, default=1
        Maximum rows per call.
    max_concurrency : int, default=4
        Maximum simultaneous calls, across all threads.
    deadline_ms : float, default=1000
        Time limit for a call of the function, including all attempts and the wait for a
        free slot.
    call_deadline_ms : float or None, default=None
        Time limit for ``predict`` and similar methods, including all calls of the
        function; rows not answered by then are late. None sets no limit.
    timeout_ms : float or None, default=None
        Time limit for an attempt; None allows the remaining time of the deadline.
    attempts : int, default=2
        Maximum attempts per call of the function.
    failures_to_open : int or None, default=3
        Consecutive failed calls after which the function is no longer called, except
        for one probe every `recovery_ms`. The number grows if calls fail occasionally
        in normal operation. None never stops calling.
    recovery_ms : float, default=5000
        Interval between probes.

    Examples
    --------
    >>> from selective_query.serving import CallableClassifier
    >>> def read(texts):
    ...     return ["spam" if "win" in text else "ham" for text in texts]
    >>> model = CallableClassifier(read, classes=["ham", "spam"])
    >>> model.predict(["win a car", "see you at noon"]).tolist()
    ['spam', 'ham']
    """

    def __init__(
        self,
        function,
        *,
        classes,
        method=METHODS[1],
        unavailable=(),
        batch_rows=1,
        max_concurrency=4,
        deadline_ms=1000.0,
        call_deadline_ms=None,
        timeout_ms=None,
        attempts=2,
        failures_to_open=3,
        recovery_ms=5000.0,
    ):
        self.function = function
        self.classes = classes
        self.method = method
        self.unavailable = unavailable
        self.batch_rows = batch_rows
        self.max_concurrency = max_concurrency
        self.deadline_ms = deadline_ms
        self.call_deadline_ms = call_deadline_ms
        self.timeout_ms = timeout_ms
        self.attempts = attempts
        self.failures_to_open = failures_to_open
        self.recovery_ms = recovery_ms

    def _check(self):
        super()._check()
        if self.classes is None:
            raise ValueError(
                "classes must be the labels that the function answers with. Got None."
            )
        if not callable(self.function):
            raise TypeError(
                "function must take rows and return their answers. Got "
                f"{self.function!r:.60}."
            )

        listed = self._listed()
        if not all(isinstance(k, type) and issubclass(k, Exception) for k in listed):
            raise TypeError(
                "unavailable must be a type of exception, or a tuple of them, such as "
                f"(openai.APIError,). Got {self.unavailable!r:.60}."
            )

    def _listed(self):
        of_one = not isinstance(self.unavailable, (tuple, list))
        return (self.unavailable,) if of_one else tuple(self.unavailable)

    def _open(self, asker):
        return _Function(asker, self.function, self.classes_, self._listed())


class _Function:
    """Calls one function, with a limited number of simultaneous calls."""

    def __init__(self, asker, function, classes, unavailable):
        self.asker, self._function, self._classes = asker, function, classes
        self._unavailable = unavailable
        self._awaits = any(
            map(inspect.iscoroutinefunction, (function, type(function).__call__))
        )

    async def known(self):
        return self._classes

    async def send(self, rows):
        await self.asker.slots.acquire()
        ended = self._in_task(rows) if self._awaits else self._in_thread(rows)
        ended.add_done_callback(lambda _: self.asker.slots.release())
        try:
            await asyncio.wait({ended})  # the deadline ends this wait in any case
        finally:
            if self._awaits:
                ended.cancel()
        found, error = ended.result()
        if error is not None:
            raise self._as_raised(error)
        if hasattr(found, "iloc"):  # a frame carries its own row and column labels
            return found, self._classes
        try:
            refuse_masked(found, "The function's answer")
            return np.asarray(found), self._classes
        except Exception as error:  # raised by the answer itself, such as a tensor
            raise BadAnswerError(
                f"The function's answers cannot be read: {error}"
            ) from error

    def _in_task(self, rows):
        """Return a task with a coroutine's result or its error, even a fatal one."""

        async def run():
            try:
                return await self._function(rows), None
            except BaseException as error:
                return None, error

        return self.asker.loop.create_task(run())

    def _in_thread(self, rows):
        """Return a future with a blocking function's result or its error."""
        ended = self.asker.loop.create_future()

        def run():
            try:
                outcome = self._function(rows), None
            except BaseException as error:
                outcome = None, error
            self.asker.loop.call_soon_threadsafe(ended.set_result, outcome)

        try:
            threading.Thread(target=run, daemon=True).start()
        except RuntimeError as error:  # too many threads
            ended.set_result((None, error))
        return ended

    def _as_raised(self, error):
        """Translate an exception that means "unavailable" to the matching failure."""
        kind = RefusedError
        if isinstance(error, GlobalUnavailableError):
            return error
        if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
            kind = TooLateError
        elif isinstance(error, OSError) and not isinstance(error, ABOUT_FILES):
            kind = UnreachableError
        elif not isinstance(error, (*self._unavailable, *ALWAYS_UNAVAILABLE)):
            return _fault(error)
        # Its message may contain what was sent, such as a key.
        found = kind(f"The function raised {type(error).__name__}.")
        found.__cause__ = error
        return found

    def close(self):
        """Do nothing: there are no connections."""


def _fault(error):
    """Return an error that does not mean "unavailable", ready to be raised."""
    if not isinstance(error, Exception) or isinstance(error, StopIteration):
        # These would end the loop or coroutine that carries them.
        fault = RuntimeError(f"The function raised {type(error).__name__}.")
        fault.__cause__ = error
        return fault
    note = (
        "Raised by the function of a CallableClassifier. If it means that there is no "
        f"answer, list its type: unavailable={type(error).__name__}."
    )
    if hasattr(error, "add_note") and note not in getattr(error, "__notes__", ()):
        error.add_note(note)
    return error
